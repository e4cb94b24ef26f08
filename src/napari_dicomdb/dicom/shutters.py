"""Display shutters: what of an image is not to be shown (PS3.3 Sections C.7.6.11, C.7.6.15)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.overlays import overlays_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

    from napari_dicomdb.dicom.bits import Array

__all__ = ["shutter_mask"]


def shutter_mask(dataset: Dataset, rows: int, columns: int) -> Array | None:
    r"""Return where a shutter covers the image; None when there is no usable one.

    Parameters
    ----------
    dataset : pydicom.Dataset
        With ShutterShape: RECTANGULAR, CIRCULAR, POLYGONAL or BITMAP, or several.
    rows, columns : int
        Of the image.

    Returns
    -------
    (rows, columns) ndarray of bool, or None
        True where nothing is to be seen. Of several shapes, what any covers.

    Notes
    -----
    Edges, centres and vertices are pixels counted from 1, and themselves shown.
    """
    value = dataset.get("ShutterShape")
    shapes = [value] if isinstance(value, str) else list(value or [])
    row, column = np.ogrid[1 : rows + 1, 1 : columns + 1]
    covered = np.zeros((rows, columns), np.bool_)
    used = False
    for shape in shapes:
        shown = _shown(str(shape).strip(), dataset, row, column)
        if shown is not None:
            covered |= ~shown
            used = True
    return covered if used else None


def _shown(shape: str, dataset: Dataset, row: Array, column: Array) -> Array | None:
    if shape == "RECTANGULAR":
        keywords = ("LeftVertical", "RightVertical", "UpperHorizontal", "LowerHorizontal")
        edges = [_numbers(dataset.get(f"Shutter{keyword}Edge")) for keyword in keywords]
        if any(len(edge) != 1 for edge in edges):
            return None
        left, right, upper, lower = (edge[0] for edge in edges)
        return (column >= left) & (column <= right) & (row >= upper) & (row <= lower)
    if shape == "CIRCULAR":
        centre = _numbers(dataset.get("CenterOfCircularShutter"))
        radius = _numbers(dataset.get("RadiusOfCircularShutter"))
        if len(centre) != 2 or len(radius) != 1:
            return None
        return (row - centre[0]) ** 2 + (column - centre[1]) ** 2 <= radius[0] ** 2
    if shape == "POLYGONAL":
        numbers = _numbers(dataset.get("VerticesOfThePolygonalShutter"))
        vertices = list(zip(numbers[::2], numbers[1::2], strict=False))
        return _inside(vertices, row, column) if len(vertices) >= 3 else None
    if shape == "BITMAP":
        group = dataset.get("ShutterOverlayGroup")
        for plane in overlays_of(dataset):
            if plane.group == group and not plane.embedded:
                return ~plane.bits(0, row.shape[0], column.shape[1])
    return None


def _inside(vertices: list[tuple[float, float]], row: Array, column: Array) -> Array:
    """Even-odd rule; the edges themselves are shown."""
    inside = np.zeros((row.shape[0], column.shape[1]), np.bool_)
    on_edge = np.zeros_like(inside)
    for (r0, c0), (r1, c1) in _edges(vertices):
        cross = (r1 - r0) * (column - c0) - (c1 - c0) * (row - r0)
        within = (
            (row >= min(r0, r1)) & (row <= max(r0, r1))
            & (column >= min(c0, c1)) & (column <= max(c0, c1))
        )  # fmt: skip
        on_edge |= (cross == 0) & within
        if r0 != r1:
            between = (row >= min(r0, r1)) & (row < max(r0, r1))
            crossing = c0 + (row - r0) * (c1 - c0) / (r1 - r0)
            inside ^= between & (column < crossing)
    return inside | on_edge


def _edges(
    vertices: list[tuple[float, float]],
) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    return zip(vertices, [*vertices[1:], vertices[0]], strict=True)


def _numbers(value: Any) -> list[float]:
    if value is None:
        return []
    parts = value if not isinstance(value, (str, int, float)) else [value]
    try:
        return [float(part) for part in parts]
    except (TypeError, ValueError):
        return []
