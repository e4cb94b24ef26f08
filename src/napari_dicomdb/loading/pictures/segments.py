"""Segmentations, in the colours that their segments recommend, on their image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.database.thumbnail_pictures import Picture, stored_frame
from napari_dicomdb.dicom.display_colours import CYCLE
from napari_dicomdb.dicom.functional_groups import FrameTable
from napari_dicomdb.dicom.pixels import PixelDescription, read_frame
from napari_dicomdb.errors import PixelError
from napari_dicomdb.loading.pictures.headers import items, read_header, referenced_uids, values_of
from napari_dicomdb.loading.pictures.planes import (
    NOT_THERE,
    Canvas,
    ImagePlane,
    find_planes,
    nearest,
    planes_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord, SeriesRecord
    from napari_dicomdb.database.thumbnail_pictures import Source
    from napari_dicomdb.dicom.photometric import Palette

__all__ = ["SEGMENTATIONS", "paint"]

SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Segmentation Storage, Label Map Segmentation Storage."""

_AFTER_SEGMENTS = 0x00700000  # everything about segments, and palettes, has a smaller tag
_SEGMENT = "ReferencedSegmentNumber"
_LOOKED_AT = 5  # places whose frames are decoded to choose the fullest
_MOST_FRAMES = 64  # of one place
_MOST_PIXELS = 1 << 26  # of all frames of one place together


@dataclass(frozen=True, slots=True)
class _Looks:
    """How the values of frames are shown."""

    kind: str
    colours: dict[int, tuple[int, int, int]]
    top: float
    background: int
    palette: Palette | None
    series_uids: tuple[str, ...]
    instance_uids: tuple[str, ...]


def paint(series: SeriesRecord, source: Source) -> Picture:
    """Return the picture of a segmentation; see `painting.paint`."""
    record = _middle(source.instances(series))
    record = source.refresh_instance(record)
    looks = _looks_of(record)
    planes = planes_of([record])
    if not planes:
        return _without_place(record, looks)
    place = _fullest(planes, record, looks)
    images = find_planes(
        series,
        source,
        series_uids=looks.series_uids,
        frame_uids=[str(record.get("FrameOfReferenceUID") or "")],
        instance_uids=looks.instance_uids,
    )
    below = nearest(images, place[0].geometry)
    canvas = Canvas(place[0].geometry if below is None else below.geometry)
    note = NOT_THERE if below is None else canvas.show(below, source)
    for plane in place[:_MOST_FRAMES]:
        _draw(canvas, plane, looks)
    return Picture(canvas.png(), note, None if below is None else below.record)


def _middle(records: list[InstanceRecord]) -> InstanceRecord:
    """Return the object in the middle; of a concatenation, a part."""
    images = [r for r in records if r.pixel_keyword and r.rows > 0 and r.columns > 0]
    if not images:
        raise PixelError("no instance of this series has pixels", reason="no-image")
    record = images[len(images) // 2]
    if record.rows * record.columns > _MOST_PIXELS:
        raise PixelError(
            f"{record.path}: {record.columns} x {record.rows} pixels are too many for a thumbnail",
            reason="too-large",
        )
    return record


def _looks_of(record: InstanceRecord) -> _Looks:
    # Late: it reads headers by this package.
    from napari_dicomdb.loading.segments.segment_list import segment_list_of

    header = read_header(record.path, lambda tag: tag >= _AFTER_SEGMENTS)
    told = segment_list_of(header, record)
    series_uids = {
        str(uid)
        for one in items(header, "ReferencedSeriesSequence")
        for uid in values_of(one, "SeriesInstanceUID")
    }
    return _Looks(
        kind=told.kind,
        colours={segment.number: segment.colour for segment in told.segments},
        top=told.maximum,
        background=told.background,
        palette=told.palette,
        series_uids=tuple(sorted(series_uids)),
        instance_uids=tuple(referenced_uids(header)),
    )


def _number(values: list[Any], default: int) -> int:
    try:
        return int(values[0])
    except (IndexError, TypeError, ValueError):
        return default


def _fullest(planes: list[ImagePlane], record: InstanceRecord, looks: _Looks) -> list[ImagePlane]:
    """Return the frames of one place: of a few in the middle, where most is segmented."""
    normal = planes[0].geometry.normal
    places: dict[float, list[ImagePlane]] = {}
    for plane in planes:
        along = round(float(normal @ np.asarray(plane.geometry.position)), 2)
        places.setdefault(along, []).append(plane)
    ordered = [places[along] for along in sorted(places)]
    # Where most segments are, then towards the middle.
    most = max(len(frames) for frames in ordered)
    rich = [frames for frames in ordered if len(frames) == most]
    steps = np.linspace(0, len(rich) - 1, min(_LOOKED_AT + 2, len(rich)))
    inner = steps[1:-1] if len(steps) > 2 else steps
    chosen = [rich[round(float(step))] for step in inner]
    chosen.sort(key=lambda frames: abs(rich.index(frames) - (len(rich) - 1) / 2))
    if len(chosen) == 1:
        return chosen[0]
    return max(chosen, key=lambda frames: _filled(frames, record, looks))


def _filled(frames: list[ImagePlane], record: InstanceRecord, looks: _Looks) -> int:
    budget = max(1, _MOST_PIXELS // (record.rows * record.columns))
    return sum(
        int(np.count_nonzero(_values(plane, looks) != looks.background))
        for plane in frames[: min(_MOST_FRAMES, budget)]
    )


def _values(plane: ImagePlane, looks: _Looks) -> NDArray[Any]:
    """Return stored values; a palette's indices are not yet colours."""
    if looks.palette is None:
        return stored_frame(plane.record, plane.frame)
    description = PixelDescription.from_record(plane.record)
    return read_frame(plane.record.path, description, plane.frame, rgb=False)


def _draw(canvas: Canvas, plane: ImagePlane, looks: _Looks) -> None:
    """Draw one frame where it lies: each pixel of the canvas takes the nearest of the frame."""
    inverse = np.linalg.inv(plane.geometry.affine)
    indices = canvas.points() @ inverse[:3, :3].T + inverse[:3, 3]
    rows = np.rint(indices[..., 1]).astype(int)
    columns = np.rint(indices[..., 2]).astype(int)
    inside = (rows >= 0) & (rows < plane.geometry.rows)
    inside &= (columns >= 0) & (columns < plane.geometry.columns)
    values = _values(plane, looks)
    seen = np.full(rows.shape, looks.background, values.dtype)
    seen[inside] = values[rows[inside], columns[inside]]
    _show(canvas, seen, looks, _segment_of(plane))


def _segment_of(plane: ImagePlane) -> int:
    data = plane.record.frames_json
    return 1 if data is None else _segments_in(data)[plane.frame]


@lru_cache(maxsize=4)
def _segments_in(data: bytes) -> list[int]:
    """Return the segment of each frame; the table may be of thousands."""
    return [_number([one], 1) for one in FrameTable.from_bytes(data).column(_SEGMENT)]


def _show(canvas: Canvas, seen: NDArray[Any], looks: _Looks, segment: int) -> None:
    if looks.kind == "LABELMAP":
        for number in np.unique(seen).tolist():
            if number == looks.background:
                continue
            if looks.palette is not None:
                colour = looks.palette.apply(np.array([number], seen.dtype))[0]
            else:
                colour = looks.colours.get(number, CYCLE[number % len(CYCLE)])
            canvas.tint(seen == number, colour)
        return
    colour = looks.colours.get(segment, CYCLE[segment % len(CYCLE)])
    if looks.kind == "FRACTIONAL":
        canvas.blend(colour, np.clip(seen.astype(np.float32) / looks.top, 0, 1) * 0.8)
    else:
        canvas.tint(seen != 0, colour)


def _without_place(record: InstanceRecord, looks: _Looks) -> Picture:
    """Draw the middle frame alone: tiles of a slide, or a broken header."""
    from napari_dicomdb.dicom.plane import PlaneGeometry

    geometry = PlaneGeometry(
        (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (1.0, 1.0), record.rows, record.columns
    )
    canvas = Canvas(geometry)
    _draw(canvas, ImagePlane(record, record.frame_count // 2, geometry), looks)
    note = "Where it lies on an image is not said, or not in patient coordinates"
    return Picture(canvas.png(), note)
