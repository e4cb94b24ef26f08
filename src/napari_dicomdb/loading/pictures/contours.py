"""Structure sets: contours in the colours of their ROIs, on the slice that has most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.database.thumbnail_pictures import Picture
from napari_dicomdb.dicom.display_colours import CYCLE
from napari_dicomdb.dicom.plane import PlaneGeometry
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.errors import LoadError, PixelError
from napari_dicomdb.loading.pictures.headers import items, read_header, values_of
from napari_dicomdb.loading.pictures.planes import NOT_THERE, Canvas, ImagePlane, find_planes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pydicom import Dataset

    from napari_dicomdb.database.records import InstanceRecord, SeriesRecord
    from napari_dicomdb.database.thumbnail_pictures import Source

__all__ = ["STRUCTURE_SET", "paint"]

STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
"""RT Structure Set Storage."""

_AFTER_CONTOURS = 0x30060040  # ROIContourSequence is (3006,0039)
_LARGEST_FILE = 256 << 20  # bytes; reading takes about a second per 40 MB
_MOST_CONTOURS = 200_000
_MOST_POINTS = 200_000  # of one contour that is drawn
_FINER = 3  # drawn so many times larger, then reduced: smooth lines
_MARGIN = 10.0  # mm around contours without an image


@dataclass(frozen=True, slots=True)
class _Contour:
    """One contour; its points are read only when it is drawn."""

    roi: int
    colour: tuple[int, int, int]
    kind: str
    first: tuple[float, float, float]
    item: Dataset

    def points(self) -> NDArray[np.float64]:
        """Return (N, 3) points, LPS mm; none when they are broken."""
        raw = self.item.get_item("ContourData")
        value: Any = getattr(raw, "value", None)
        try:
            if isinstance(value, bytes):
                numbers = [float(part) for part in value.rstrip(b"\0 ").split(b"\\")]
            else:
                numbers = [float(part) for part in value or ()]
        except (TypeError, ValueError):
            return np.zeros((0, 3))
        count = min(len(numbers) // 3, _MOST_POINTS)
        points = np.array(numbers[: 3 * count], dtype=np.float64).reshape(-1, 3)
        return points if np.isfinite(points).all() else np.zeros((0, 3))


def paint(series: SeriesRecord, source: Source) -> Picture:
    """Return the picture of a structure set; see `painting.paint`."""
    records = source.instances(series)
    if not records:
        raise LoadError("this series has no instance", reason="no-image")
    record = source.refresh_instance(records[-1])  # the latest
    if record.file_size > _LARGEST_FILE:
        raise PixelError(
            f"{record.path}: {record.file_size >> 20} MB of contours are too much for a thumbnail",
            reason="too-large",
        )
    header = read_header(record.path, lambda tag: tag >= _AFTER_CONTOURS)
    try:
        contours = _contours_of(header)
    except unreadable(OSError) as error:
        text = f"{record.path}: its contours cannot be read: {error}"
        raise PixelError(text, reason="bad-header") from error
    if not contours:
        raise LoadError("this structure set has no contours", reason="no-image")
    images = find_planes(
        series,
        source,
        series_uids=_series_uids(header),
        frame_uids=_frame_uids(header, record),
        instance_uids=_instance_uids(contours),
    )
    found = _best_plane(images, contours)
    if found is None:
        geometry, chosen = _plane_of_contours(contours)
        canvas, note, below = Canvas(geometry), NOT_THERE, None
    else:
        below, chosen = found
        canvas = Canvas(below.geometry)
        note = canvas.show(below, source)
    _draw(canvas, chosen)
    return Picture(canvas.png(), note, None if below is None else below.record)


def _contours_of(header: Dataset) -> list[_Contour]:
    found: list[_Contour] = []
    for place, roi in enumerate(items(header, "ROIContourSequence")):
        number = _integer(values_of(roi, "ReferencedROINumber"), place)
        colour = _colour(values_of(roi, "ROIDisplayColor"), number)
        for item in items(roi, "ContourSequence"):
            first = _first_point(item)
            if first is None:
                continue
            kind = str(next(iter(values_of(item, "ContourGeometricType")), "")).strip().upper()
            found.append(_Contour(number, colour, kind, first, item))
            if len(found) >= _MOST_CONTOURS:
                return found
    return found


def _first_point(item: Dataset) -> tuple[float, float, float] | None:
    # Without pydicom's conversion of thousands of numbers: the first three tell the slice.
    raw = item.get_item("ContourData") if "ContourData" in item else None
    if raw is None or not raw.value:
        return None
    value: Any = raw.value
    parts = value[:200].split(b"\\")[:3] if isinstance(value, bytes) else list(value)[:3]
    try:
        x, y, z = (float(part) for part in parts)
    except (TypeError, ValueError):
        return None
    return (x, y, z) if np.isfinite((x, y, z)).all() else None


def _integer(values: list[Any], default: int) -> int:
    try:
        return int(values[0])
    except (IndexError, TypeError, ValueError):
        return default


def _colour(stored: list[Any], number: int) -> tuple[int, int, int]:
    try:
        red, green, blue = (min(max(int(one), 0), 255) for one in stored)
    except (TypeError, ValueError):
        return CYCLE[number % len(CYCLE)]
    return red, green, blue


def _series_uids(header: Dataset) -> list[str]:
    return [
        str(uid)
        for frame in items(header, "ReferencedFrameOfReferenceSequence")
        for study in items(frame, "RTReferencedStudySequence")
        for one in items(study, "RTReferencedSeriesSequence")
        for uid in values_of(one, "SeriesInstanceUID")
    ]


def _frame_uids(header: Dataset, record: InstanceRecord) -> list[str]:
    found = [
        str(uid)
        for keyword in ("ReferencedFrameOfReferenceSequence", "StructureSetROISequence")
        for item in items(header, keyword)
        for name in ("FrameOfReferenceUID", "ReferencedFrameOfReferenceUID")
        for uid in values_of(item, name)
    ]
    return [*found, str(record.get("FrameOfReferenceUID") or "")]


def _instance_uids(contours: Sequence[_Contour]) -> list[str]:
    return [
        str(uid)
        for contour in contours[:: max(1, len(contours) // 10)]
        for image in items(contour.item, "ContourImageSequence")[:1]
        for uid in values_of(image, "ReferencedSOPInstanceUID")
    ]


def _best_plane(
    images: list[ImagePlane], contours: list[_Contour]
) -> tuple[ImagePlane, list[_Contour]] | None:
    """Return the slice with contours of most ROIs, of those the one in the middle."""
    if not images:
        return None
    normal = images[0].geometry.normal
    planes = [p for p in images if float(p.geometry.normal @ normal) > 0.99]
    along = np.array([float(normal @ np.asarray(p.geometry.position)) for p in planes])
    order = np.argsort(along, kind="stable")
    along, planes = along[order], [planes[k] for k in order]
    gaps = np.diff(np.unique(np.round(along, 3)))
    reach = max(0.5, float(np.median(gaps)) / 2 if len(gaps) else 1.0) + 1e-3
    firsts = np.array([contour.first for contour in contours]) @ normal
    right = np.clip(np.searchsorted(along, firsts), 0, len(along) - 1)
    left = np.maximum(right - 1, 0)
    near = np.where(np.abs(along[left] - firsts) <= np.abs(along[right] - firsts), left, right)
    held: dict[int, list[_Contour]] = {}
    for contour, place, first in zip(contours, near.tolist(), firsts, strict=True):
        if abs(along[place] - first) <= reach:
            held.setdefault(place, []).append(contour)
    if not held:
        return None
    middle = (min(held) + max(held)) / 2
    best = max(
        held,
        key=lambda place: (len({c.roi for c in held[place]}), -abs(place - middle)),
    )
    chosen = [c for c in held[best] if _lies_in(c, normal, along[best], reach)]
    return (planes[best], chosen) if chosen else None


def _lies_in(contour: _Contour, normal: NDArray[np.float64], along: float, reach: float) -> bool:
    distances = np.abs(contour.points() @ normal - along)
    return bool(len(distances)) and float(distances.max()) <= 2 * reach


def _plane_of_contours(contours: list[_Contour]) -> tuple[PlaneGeometry, list[_Contour]]:
    """Return a plane made for the contours, where their image is not there."""
    sample = contours[:: max(1, len(contours) // 50)]
    spans = np.array(
        [np.ptp(p, axis=0) for c in sample if len(p := c.points()) > 1] or [[1, 1, 0]]
    )
    axis = int(np.argmin(spans.mean(axis=0)))
    held: dict[float, list[_Contour]] = {}
    for contour in contours:
        held.setdefault(round(contour.first[axis], 1), []).append(contour)
    middle = (min(held) + max(held)) / 2
    best = max(held, key=lambda z: (len({c.roi for c in held[z]}), -abs(z - middle)))
    chosen = held[best]
    points = np.concatenate([c.points() for c in chosen] or [np.zeros((1, 3))])
    if not len(points):
        raise LoadError("the contours of this structure set cannot be read", reason="no-image")
    low, high = points.min(axis=0) - _MARGIN, points.max(axis=0) + _MARGIN
    # Row and column directions of a sagittal, coronal, axial image.
    row, column = (((0, 1, 0), (0, 0, -1)), ((1, 0, 0), (0, 0, -1)), ((1, 0, 0), (0, 1, 0)))[axis]
    corner = np.where(np.array(row) + np.array(column) < 0, high, low)
    corner[axis] = best
    columns = float(np.abs(row) @ (high - low))
    rows = float(np.abs(column) @ (high - low))
    pixel = max(rows, columns, 1.0) / 256
    x, y, z = corner.tolist()
    geometry = PlaneGeometry(
        (x, y, z),
        (*map(float, row), *map(float, column)),  # type: ignore[arg-type]
        (pixel, pixel),
        max(1, round(rows / pixel)),
        max(1, round(columns / pixel)),
    )
    return geometry, chosen


def _draw(canvas: Canvas, contours: list[_Contour]) -> None:
    from PIL import Image, ImageDraw

    for colour in dict.fromkeys(contour.colour for contour in contours):
        size = (canvas.width * _FINER, canvas.height * _FINER)
        mask = Image.new("L", size)
        pen = ImageDraw.Draw(mask)
        for contour in contours:
            if contour.colour != colour:
                continue
            drawn = np.clip(canvas.places(contour.points()) * _FINER, -1e5, 1e5)
            line = [(x, y) for x, y in drawn.tolist()]
            if len(line) == 1:
                x, y = line[0]
                r = 2 * _FINER
                pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
            elif line:
                closed = line if contour.kind.startswith("OPEN") else [*line, line[0]]
                pen.line(closed, fill=255, width=round(1.6 * _FINER), joint="curve")
        small = mask.resize((canvas.width, canvas.height), Image.Resampling.BOX)
        canvas.blend(colour, np.asarray(small, np.float32) / 255)
