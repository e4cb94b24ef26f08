"""Small pictures of series: the middle image, windowed as it should first be seen."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.refresh import refreshed
from napari_dicomdb.errors import DicomDbError, PixelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_dicomdb.database.connection import Connections
    from napari_dicomdb.database.records import InstanceRecord, SeriesRecord

__all__ = [
    "LARGEST_SIDE",
    "middle_instance",
    "picture",
    "render",
    "thumbnail_name",
    "thumbnail_of",
    "write",
]

LARGEST_SIDE = 128
"""Pixels of a thumbnail's longer side."""

_PASSING = ("file-missing", "missing-decoder", "other-object")
"""Reasons that may be gone next time."""

_WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"

_MOST_PIXELS = 1 << 28
"""Pixels of an image that is still decoded for a thumbnail."""


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


def thumbnail_name(series_uid: str) -> str:
    """Return the file name of a series' thumbnail: a hash, the UID may be hostile."""
    digest = hashlib.sha256(series_uid.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{digest[:40]}.png"


def render(record: InstanceRecord) -> bytes:
    """Return the PNG of an instance's middle frame.

    Raises
    ------
    PixelError
        If there is nothing to show, or it cannot be decoded.
    OSError
        If the file cannot be read.
    """
    from napari_dicomdb.dicom.pixels import PixelDescription, read_frame

    if record.rows * record.columns * max(record.samples, 1) > _MOST_PIXELS:
        raise PixelError(
            f"{record.path}: {record.columns} x {record.rows} pixels are too many for a thumbnail",
            reason="too-large",
        )
    description = PixelDescription.from_record(record)
    stored = read_frame(record.path, description, record.frame_count // 2)
    return picture(stored, record)


def picture(stored: NDArray[Any], record: InstanceRecord) -> bytes:
    """Return stored values as a small PNG: reduced, windowed, in the right proportions."""
    from PIL import Image

    grey = stored.ndim == 2
    shown = _grey(_reduced(stored), record) if grey else _colour(_reduced(stored))
    rows, columns = stored.shape[:2]
    height, width = rows * _aspect(record), float(columns)
    scale = LARGEST_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(shown).resize(size, Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=False)
    return buffer.getvalue()


def _reduced(stored: NDArray[Any]) -> NDArray[Any]:
    # No more than a few source pixels per pixel of the thumbnail: windowing a
    # mammogram of 60 million would take seconds.
    step = max(1, min(stored.shape[:2]) // (4 * LARGEST_SIDE))
    return stored[::step, ::step]


def _aspect(record: InstanceRecord) -> float:
    """Height of a pixel over its width."""
    from napari_dicomdb.dicom.spacing import choose_spacing

    spacing = choose_spacing(record.values)
    aspect = spacing.row / spacing.column
    return min(max(aspect, 0.05), 20.0)


def _grey(stored: NDArray[Any], record: InstanceRecord) -> NDArray[np.uint8]:
    import numpy as np

    from napari_dicomdb.dicom.description import PixelDescription
    from napari_dicomdb.dicom.modality import padding_range
    from napari_dicomdb.dicom.voi import choose_limits, windows_of

    slope = 1.0 if record.slope is None else record.slope
    intercept = 0.0 if record.intercept is None else record.intercept
    values = stored.astype(np.float32) * slope + intercept
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    padding = padding_range(record.values, PixelDescription.from_record(record))
    low, high = choose_limits(
        windows_of(record.values),
        values,
        None if padding is None else padding.rescaled(slope, intercept),
        str(record.get("Modality", "")),
    )
    scaled = np.clip((values - low) / (high - low), 0.0, 1.0)
    inverted = (record.photometric == "MONOCHROME1") != (
        record.get("PresentationLUTShape") == "INVERSE" and record.photometric != "MONOCHROME1"
    )
    if inverted:
        scaled = 1.0 - scaled
    shown: NDArray[np.uint8] = (scaled * 255.0 + 0.5).astype(np.uint8)
    return shown


def _colour(stored: NDArray[Any]) -> NDArray[np.uint8]:
    import numpy as np

    if stored.dtype == np.uint8:
        return np.ascontiguousarray(stored)
    scaled = stored.astype(np.float32)
    top = float(scaled.max()) or 1.0
    shown: NDArray[np.uint8] = (np.clip(scaled / top, 0.0, 1.0) * 255.0).astype(np.uint8)
    return shown


def write(folder: Path, name: str, png: bytes) -> Path:
    """Write a thumbnail, completely or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(png)
        os.replace(temporary, folder / name)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return folder / name


def thumbnail_of(
    connections: Connections,
    root: Path,
    series: SeriesRecord,
    instances: Callable[[], list[InstanceRecord]],
) -> Path | None:
    """Return the picture of a series; make it, or remember why there is none.

    Where nothing may be written, only pictures that are there already.

    Parameters
    ----------
    connections : Connections
        Of the index.
    root : Path
        The database directory.
    series : SeriesRecord
        The series.
    instances : callable
        Lists its instances.
    """
    folder = root / "thumbnails"
    with connections.borrow() as connection:
        known = connection.execute(
            "SELECT name, reason FROM thumbnail WHERE series = ?", (series.key,)
        ).fetchone()
    if known is not None and known[0] is None:
        return None
    if known is not None and (folder / known[0]).is_file():
        return folder / str(known[0])
    if connections.read_only:
        return None  # a picture that the index does not know would outlive its series
    name, reason = thumbnail_name(series.uid), None
    middle = middle_instance(instances())
    if middle is None:
        reason = "no-image: no instance of this series has pixels"
    else:
        try:
            write(folder, name, render(refreshed(connections, root, middle)))
        except (DicomDbError, MemoryError) as error:
            if getattr(error, "reason", "") in _PASSING:
                return None
            reason = f"{getattr(error, 'reason', 'too-large')}: {error}"
        except OSError:
            return None  # tried again when the file is readable
    with connections.transaction() as connection:
        kept = connection.execute(
            "INSERT OR REPLACE INTO thumbnail (series, name, reason, made)"
            " SELECT id, ?, ?, ? FROM series WHERE id = ?",
            (None if reason else name, reason, time.time(), series.key),
        ).rowcount
    if not kept:  # the series was removed meanwhile: nobody would delete the picture
        (folder / name).unlink(missing_ok=True)
    return folder / name if kept and not reason else None
