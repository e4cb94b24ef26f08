"""Doses: a colour wash with isodoses on the image of the same frame of reference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_dicomdb.database.thumbnail_pictures import Picture, stored_frame
from napari_dicomdb.errors import PixelError
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

__all__ = ["LEVELS", "paint"]

LEVELS: tuple[tuple[float, tuple[int, int, int]], ...] = (
    (0.10, (40, 60, 220)),
    (0.30, (0, 150, 230)),
    (0.50, (0, 200, 90)),
    (0.70, (240, 220, 0)),
    (0.90, (255, 130, 0)),
    (0.95, (235, 20, 20)),
)
"""Isodoses: share of the largest dose seen, and colour from there upwards."""

_WASH = 0.4  # how much of the colour lies over the image
_LOOKED_AT = 5  # planes that are read to find where the dose is high
_MOST_PLANES = 64  # that a slice may cut


def paint(series: SeriesRecord, source: Source) -> Picture:
    """Return the picture of a dose; see `painting.paint`."""
    records = source.instances(series)
    with_pixels = [r for r in records if r.pixel_keyword and r.rows > 0 and r.columns > 0]
    if not with_pixels:
        raise PixelError("no dose of this series has a grid", reason="no-image")
    grid = _grid_of(with_pixels, source)
    if not grid:
        raise PixelError(
            f"{with_pixels[0].path}: where the planes of the dose are is not said",
            reason="bad-geometry",
        )
    high, top = _highest(grid)
    frames = [str(grid[0].record.get("FrameOfReferenceUID") or "")]
    images = find_planes(series, source, frame_uids=frames)
    below = nearest(images, high.geometry)
    if below is None and images:
        # A few slices of an image: one that the dose reaches does as well.
        other = nearest(images, high.geometry, within=math.inf)
        if other is not None and _reaches(grid, other, top):
            below = other
    canvas = Canvas(high.geometry if below is None else below.geometry)
    note = NOT_THERE if below is None else canvas.show(below, source)
    dose = _sampled(grid, canvas.points())
    _wash(canvas, dose, max(top, float(dose.max())))
    return Picture(canvas.png(), note, None if below is None else below.record)


def _reaches(grid: list[ImagePlane], image: ImagePlane, top: float) -> bool:
    seen = _sampled(grid, Canvas(image.geometry).points())
    return float(seen.max()) >= LEVELS[0][0] * top > 0


def _grid_of(records: list[InstanceRecord], source: Source) -> list[ImagePlane]:
    """Return the planes of one dose in order along their normal.

    That of the largest object, or, one file a plane, of all.
    """
    largest = max(records, key=lambda record: record.frame_count)
    if largest.frame_count > 1:
        records = [largest]
    planes = planes_of([source.refresh_instance(record) for record in records])
    if not planes:
        return []
    normal = planes[0].geometry.normal
    alike = [p for p in planes if float(p.geometry.normal @ normal) > 0.999]
    alike.sort(key=lambda plane: float(normal @ np.asarray(plane.geometry.position)))
    return alike


def _highest(grid: list[ImagePlane]) -> tuple[ImagePlane, float]:
    """Return the plane with the highest dose of a few, and that stored value."""
    inner = np.linspace(0, len(grid) - 1, min(_LOOKED_AT + 2, len(grid)))
    chosen = sorted({round(float(place)) for place in (inner[1:-1] if len(inner) > 2 else inner)})
    tops = {place: float(_values(grid[place]).max()) for place in chosen}
    best = max(tops, key=lambda place: (tops[place], -abs(place - len(grid) / 2)))
    return grid[best], tops[best]


def _values(plane: ImagePlane) -> NDArray[np.float32]:
    return stored_frame(plane.record, plane.frame).astype(np.float32)


def _sampled(grid: list[ImagePlane], points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return stored doses at points (height, width, 3), linear between samples, 0 outside.

    Planes may be unevenly spaced, and lie at any angle to the image.
    """
    first = grid[0].geometry
    normal = first.normal
    along = np.array([float(normal @ np.asarray(p.geometry.position)) for p in grid])
    offsets = points @ normal
    if len(grid) == 1:
        depth = np.where(np.abs(offsets - along[0]) <= first.spacing[0], 0.0, np.nan)
    else:
        tolerance = 1e-3 + np.diff(along).max() * 1e-3
        depth = np.interp(offsets, along, np.arange(len(along)))
        depth[(offsets < along[0] - tolerance) | (offsets > along[-1] + tolerance)] = np.nan
    dose = np.zeros(points.shape[:2], np.float32)
    known = np.isfinite(depth)
    if not known.any():
        return dose
    lower = np.floor(np.where(known, depth, 0)).astype(int)
    share = np.where(known, depth - lower, 0)
    needed = np.unique(np.concatenate([lower[known], lower[known & (share > 1e-6)] + 1]))
    if len(needed) > _MOST_PLANES:  # cut steeply: the nearest of some planes
        kept = needed[np.linspace(0, len(needed) - 1, _MOST_PLANES).round().astype(int)]
        lower = kept[np.clip(np.searchsorted(kept, lower), 0, len(kept) - 1)]
        share, needed = np.zeros_like(share), kept
    for place in needed.tolist():
        if place >= len(grid):
            continue
        weight = np.where(lower == place, 1 - share, 0) + np.where(lower + 1 == place, share, 0)
        weight = np.where(known, weight, 0)
        if weight.any():
            dose += (weight * _in_plane(grid[place], points)).astype(np.float32)
    return dose


def _in_plane(plane: ImagePlane, points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return stored values of a plane below points, bilinear; 0 beyond its outer samples."""
    inverse = np.linalg.inv(plane.geometry.affine)
    indices = points @ inverse[:3, :3].T + inverse[:3, 3]
    rows, columns = indices[..., 1], indices[..., 2]
    height, width = plane.geometry.rows, plane.geometry.columns
    inside = (rows >= -0.5) & (rows <= height - 0.5)
    inside &= (columns >= -0.5) & (columns <= width - 0.5)
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    below, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    dy, dx = (rows - top).astype(np.float32), (columns - left).astype(np.float32)
    values = _values(plane)
    upper = values[top, left] * (1 - dx) + values[top, right] * dx
    lower = values[below, left] * (1 - dx) + values[below, right] * dx
    found: NDArray[np.float32] = np.where(inside, upper * (1 - dy) + lower * dy, 0)
    return found


def _wash(canvas: Canvas, dose: NDArray[np.float32], top: float) -> None:
    if not top > 0:
        return
    bands = np.searchsorted([share * top for share, _ in LEVELS], dose, side="right")
    colours = np.array([(0, 0, 0), *(colour for _, colour in LEVELS)], np.float32)
    line = np.zeros(bands.shape, bool)
    line[:-1] |= bands[:-1] > bands[1:]
    line[1:] |= bands[1:] > bands[:-1]
    line[:, :-1] |= bands[:, :-1] > bands[:, 1:]
    line[:, 1:] |= bands[:, 1:] > bands[:, :-1]
    canvas.blend(colours[bands], np.where(line, 1.0, np.where(bands > 0, _WASH, 0.0)))
