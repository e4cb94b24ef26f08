"""How an image becomes a small picture: which one, which window, which proportions."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from napari_dicomdb.errors import LoadError, PixelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord, SeriesRecord

__all__ = [
    "LARGEST_SIDE",
    "PICTURES_VERSION",
    "Picture",
    "Source",
    "as_png",
    "hot_iron",
    "middle_instance",
    "paint",
    "picture",
    "reduced",
    "render",
    "shown_pixels",
    "size_of",
]

LARGEST_SIDE = 256
"""Pixels of a thumbnail's longer side."""

PICTURES_VERSION = "2"
"""Raise it when pictures are drawn otherwise: those there are made anew."""

_WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"

_MOST_PIXELS = 1 << 28
"""Pixels of an image that is still decoded for a thumbnail."""

_PET_TOP = 99.8  # percentile of a slice that is shown white
_SUV_TOP = 6.0  # SUV that is shown white (reference/pixels.md PX-5)


@dataclass(frozen=True, slots=True)
class Picture:
    """A small picture of a series.

    Parameters
    ----------
    png : bytes
        A PNG file, its longer side `LARGEST_SIDE` pixels.
    note : str
        What is amiss with it, in plain words; "" when nothing is.
    shows : InstanceRecord or None
        Image of another series on which it is drawn.
    """

    png: bytes
    note: str = ""
    shows: InstanceRecord | None = None


class Source(Protocol):
    """What painting asks of a database."""

    def series(self, study: Any = None, *, patient: Any = None) -> list[SeriesRecord]:
        """List series of a study or a patient."""

    def instances(self, series: Any = None, *, uid: str | None = None) -> list[InstanceRecord]:
        """List instances of a series, or those with a SOPInstanceUID."""

    def refresh_instance(self, record: InstanceRecord) -> InstanceRecord:
        """Return a record as its file is now."""


def paint(series: SeriesRecord, source: Source) -> Picture:
    """Return the picture of a series of images: the middle one, windowed.

    Raises
    ------
    DicomDbError
        With the reason why there is none.
    OSError
        If a file cannot be read.
    """
    middle = middle_instance(source.instances(series))
    if middle is None:
        raise LoadError("no instance of this series has pixels", reason="no-image")
    return Picture(render(source.refresh_instance(middle)))


def middle_instance(instances: Sequence[InstanceRecord]) -> InstanceRecord | None:
    """Return the image in the middle of a series, None when it has no image.

    Of a slide: the one that shows most of it in one frame, as a tile shows nothing.
    """
    images = [i for i in instances if i.pixel_keyword and i.rows > 0 and i.columns > 0]
    if images and images[0].sop_class_uid == _WHOLE_SLIDE:
        return max(images, key=_shows_the_slide)
    return images[len(images) // 2] if images else None


def _shows_the_slide(record: InstanceRecord) -> tuple[int, int, int]:
    kinds = str(record.get("ImageType", "")).split("\\")
    flavour = kinds[2] if len(kinds) > 2 else ""
    liking = {"THUMBNAIL": 3, "VOLUME": 2, "OVERVIEW": 1}.get(flavour, 0)
    whole = record.frame_count == 1 and liking > 0
    return (liking if whole else 0, -record.frame_count, record.rows * record.columns)


def render(record: InstanceRecord) -> bytes:
    """Return the PNG of an instance's middle frame.

    Raises
    ------
    PixelError
        If there is nothing to show, or it cannot be decoded.
    OSError
        If the file cannot be read.
    """
    frame = record.frame_count // 2
    return picture(stored_frame(record, frame), record, frame)


def stored_frame(record: InstanceRecord, frame: int) -> NDArray[Any]:
    """Return stored values of a frame (RGB of a colour image), unless it is too large.

    Raises
    ------
    PixelError
        "too-large", or what reading it says.
    OSError
        If the file cannot be read.
    """
    from napari_dicomdb.dicom.pixels import PixelDescription, read_frame

    if record.rows * record.columns * max(record.samples, 1) > _MOST_PIXELS:
        raise PixelError(
            f"{record.path}: {record.columns} x {record.rows} pixels are too many for a thumbnail",
            reason="too-large",
        )
    return read_frame(record.path, PixelDescription.from_record(record), frame)


def picture(stored: NDArray[Any], record: InstanceRecord, frame: int = 0) -> bytes:
    """Return stored values as a small PNG: reduced, windowed, in the right proportions."""
    shown = shown_pixels(reduced(stored), record, frame)
    rows, columns = stored.shape[:2]
    return as_png(shown, size_of(rows, columns, _aspect(record, frame)))


def reduced(stored: NDArray[Any]) -> NDArray[Any]:
    """Return no more than a few source pixels for each of the thumbnail.

    Windowing a mammogram of 60 million would take seconds.
    """
    step = max(1, min(stored.shape[:2]) // (4 * LARGEST_SIDE))
    return stored[::step, ::step]


def size_of(rows: int, columns: int, aspect: float = 1.0) -> tuple[int, int]:
    """Return width and height of the thumbnail of an image.

    Parameters
    ----------
    rows, columns : int
        Of the image.
    aspect : float
        Height of a pixel over its width.
    """
    height, width = rows * aspect, float(columns)
    scale = LARGEST_SIDE / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def as_png(pixels: NDArray[np.uint8], size: tuple[int, int] | None = None) -> bytes:
    """Return (rows, columns) grey or (rows, columns, 3) colours as a PNG of this size."""
    from PIL import Image

    image = Image.fromarray(pixels)
    if size is not None and size != image.size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=False)
    return buffer.getvalue()


def _aspect(record: InstanceRecord, frame: int) -> float:
    """Height of a pixel over its width."""
    from napari_dicomdb.dicom.spacing import choose_spacing

    spacing = choose_spacing({**record.values, **_of_frame(record, frame, "PixelSpacing")})
    aspect = spacing.row / spacing.column
    return min(max(aspect, 0.05), 20.0)


def _of_frame(record: InstanceRecord, frame: int, *keywords: str) -> dict[str, Any]:
    """Return what the functional groups of an enhanced object say of one frame."""
    from napari_dicomdb.dicom.functional_groups import FrameTable

    if record.frames_json is None:
        return {}
    table = FrameTable.from_bytes(record.frames_json)
    if frame >= table.count:
        return {}
    found = {keyword: table.get(keyword, frame) for keyword in keywords}
    return {
        keyword: "\\".join(map(str, value)) if isinstance(value, list) else value
        for keyword, value in found.items()
        if value is not None
    }


def shown_pixels(
    stored: NDArray[Any], record: InstanceRecord, frame: int = 0
) -> NDArray[np.uint8]:
    """Return stored values as they should first be seen: grey, colours, PET in hot iron."""
    if stored.ndim == 3:
        return _colour(stored)
    grey = _grey(stored, record, frame)
    return hot_iron()[grey] if record.get("Modality") == "PT" else grey


def _grey(stored: NDArray[Any], record: InstanceRecord, frame: int) -> NDArray[np.uint8]:
    import numpy as np

    from napari_dicomdb.dicom.description import PixelDescription
    from napari_dicomdb.dicom.modality import padding_range

    own = _of_frame(
        *(record, frame, "WindowCenter", "WindowWidth", "VOILUTFunction"),
        *("RescaleSlope", "RescaleIntercept"),
    )
    slope = float(own.get("RescaleSlope", 1.0 if record.slope is None else record.slope))
    intercept = float(
        own.get("RescaleIntercept", 0.0 if record.intercept is None else record.intercept)
    )
    values = stored.astype(np.float32) * slope + intercept
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    padding = padding_range(record.values, PixelDescription.from_record(record))
    low, high = _limits(
        values,
        {**record.values, **own},
        None if padding is None else padding.rescaled(slope, intercept),
    )
    scaled = np.clip((values - low) / (high - low), 0.0, 1.0)
    inverted = (record.photometric == "MONOCHROME1") != (
        record.get("PresentationLUTShape") == "INVERSE" and record.photometric != "MONOCHROME1"
    )
    if inverted and record.get("Modality") != "PT":
        scaled = 1.0 - scaled
    shown: NDArray[np.uint8] = (scaled * 255.0 + 0.5).astype(np.uint8)
    return shown


def _limits(values: NDArray[Any], header: dict[str, Any], padding: Any) -> tuple[float, float]:
    import numpy as np

    from napari_dicomdb.dicom.pet import is_suv
    from napari_dicomdb.dicom.voi import choose_limits, windows_of

    modality = str(header.get("Modality", ""))
    if modality == "PT":
        # Windows of PET headers are those of one slice, or of the whole body's bladder.
        if is_suv(str(header.get("Units") or "")):
            return 0.0, _SUV_TOP
        top = float(np.percentile(values, _PET_TOP)) if values.size else 0.0
        if top > 0:
            return 0.0, top
    return choose_limits(windows_of(header), values, padding, modality)


def hot_iron() -> NDArray[np.uint8]:
    """Return the standard's palette "Hot Iron" (PS3.6 Section B.1.1) as (256, 3).

    Black is nothing, as in the rest of a list; activity glows.
    """
    import numpy as np

    place = np.arange(256)
    red = np.minimum(2 * place, 255)
    green = np.clip(2 * (place - 128), 0, 255)
    blue = np.clip(4 * (place - 192), 0, 255)
    palette: NDArray[np.uint8] = np.stack([red, green, blue], axis=1).astype(np.uint8)
    return palette


def _colour(stored: NDArray[Any]) -> NDArray[np.uint8]:
    import numpy as np

    if stored.dtype == np.uint8:
        return np.ascontiguousarray(stored)
    scaled = stored.astype(np.float32)
    top = float(scaled.max()) or 1.0
    shown: NDArray[np.uint8] = (np.clip(scaled / top, 0.0, 1.0) * 255.0).astype(np.uint8)
    return shown
