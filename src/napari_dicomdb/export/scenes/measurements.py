"""Lengths and areas of what is drawn: shapes by their corners in millimetres."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from napari_dicomdb.export.scenes.scene import SceneLayer

__all__ = ["measure_layer", "measure_points", "measure_shape"]

MOST = 10_000
"""Shapes or points of a layer; beyond, it is no list for people."""

_OPEN = frozenset({"line", "path"})


def measure_layer(layer: SceneLayer) -> list[dict[str, Any]]:
    """Return what is drawn in a layer of shapes or points that lies in millimetres.

    Nothing for other layers, and for those of more than `MOST` shapes.
    """
    units, world = layer.state.get("units") or (), layer.world
    if layer.kind not in ("shapes", "points") or world is None or len(layer.data) > MOST:
        return []
    if not units or any(unit != "millimeter" for unit in units[-3:]):
        return []

    def placed(points: Any) -> Any:
        found = np.asarray(points, dtype=np.float64) @ world[:-1, :-1].T + world[:-1, -1]
        return found[:, -3:]

    if layer.kind == "shapes":
        kinds = layer.state.get("shape_type") or ()
        found = [
            measure_shape(str(kind), placed(corners))
            for kind, corners in zip(kinds, layer.data, strict=False)
        ]
    else:
        found = measure_points(placed(layer.data)) if len(layer.data) else []
    return [{"layer": layer.name, "number": k, **one} for k, one in enumerate(found)]


def measure_shape(kind: str, corners: ArrayLike) -> dict[str, Any]:
    """Return what can be said of one shape.

    Parameters
    ----------
    kind : str
        "line", "path", "polygon", "rectangle" or "ellipse" (four corners of its box).
    corners : (N, D) array_like
        In mm, in order.

    Returns
    -------
    dict
        ``length_mm`` of lines and paths; ``area_mm2`` and ``perimeter_mm`` of the others.

    Examples
    --------
    >>> measure_shape("line", [[0, 0], [3, 4]])
    {'kind': 'line', 'length_mm': 5.0}
    """
    points = np.asarray(corners, dtype=np.float64)
    steps = np.diff(points, axis=0)
    length = float(np.linalg.norm(steps, axis=1).sum())
    if kind in _OPEN:
        return {"kind": kind, "length_mm": length}
    closing = float(np.linalg.norm(points[0] - points[-1]))
    area, perimeter = _area(points), length + closing
    if kind == "ellipse" and len(points) == 4:
        a, b = np.linalg.norm(points[1] - points[0]) / 2, np.linalg.norm(points[2] - points[1]) / 2
        area *= np.pi / 4
        # Ramanujan's second formula: exact for a circle, to 1e-4 for a flat ellipse.
        h = ((a - b) / (a + b)) ** 2 if a + b else 0.0
        perimeter = float(np.pi * (a + b) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h))))
    return {"kind": kind, "area_mm2": float(area), "perimeter_mm": perimeter}


def measure_points(points: ArrayLike) -> list[dict[str, Any]]:
    """Return each point with its place in mm, for the list of measurements."""
    return [
        {"kind": "point", "position_mm": [float(x) for x in point]}
        for point in np.asarray(points, dtype=np.float64)
    ]


def _area(points: Any) -> float:
    """Area of a flat polygon in any number of dimensions, by Gram's determinant."""
    first = points - points[0]
    total = np.zeros((points.shape[1],) * 2)
    for p, q in pairwise(first):
        total += np.outer(p, q) - np.outer(q, p)  # the bivector of a triangle, doubled
    return float(np.sqrt((total**2).sum() / 2) / 2)
