"""An analytic head in LPS space, and real DICOM studies that sample it.

The head tells its sides apart: one ball is Left, a cube is Right, two balls (the eyes)
and a nose are Anterior, three balls are Superior. Because its value is known at any
point, every pixel on a canvas can be compared with the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float32]

__all__ = ["CENTRE", "Contrast", "PhantomSeries", "phantom_value", "write_phantom_study"]

Contrast = Literal["ct", "mr"]

CENTRE = (6.0, -24.0, 85.0)
"""Middle of the head in LPS mm: away from the origin, where mistakes cancel out."""

EDGE = 1.5
"""mm over which one tissue turns into the next: edges without staircases."""

# What each tissue shows: Hounsfield units in CT, arbitrary signal in T1-weighted MR.
_SIGNAL: dict[str, tuple[float, float]] = {
    "air": (-1000, 0),
    "skin": (-20, 620),
    "fat": (-90, 760),
    "muscle": (55, 340),
    "bone": (900, 70),
    "fluid": (6, 150),
    "grey": (40, 430),
    "white": (28, 560),
    "marker": (170, 900),
}


@dataclass(frozen=True, slots=True)
class _Shape:
    """A part of the head: `kind` with its middle and half sizes, mm from `CENTRE`."""

    kind: Literal["ellipsoid", "box", "column", "folded"]
    tissue: str
    middle: tuple[float, float, float]
    half: tuple[float, float, float]

    def outside(self, x: Floats, y: Floats, z: Floats) -> Floats:
        """Distance in mm from the surface, negative inside (near it; rougher far away)."""
        a, b, c = self.half
        x, y, z = x - self.middle[0], y - self.middle[1], z - self.middle[2]
        if self.kind == "box":
            return np.maximum(np.maximum(np.abs(x) - a, np.abs(y) - b), np.abs(z) - c)
        if self.kind == "column":
            round_ = (np.sqrt((x / a) ** 2 + (y / b) ** 2) - 1) * min(a, b)
            return np.maximum(round_, np.abs(z) - c)
        size = min(self.half)
        distance: Floats = (np.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2) - 1) * size
        if self.kind == "folded":  # gyri
            distance += 3.2 * np.sin(x * 0.31 + 0.6) * np.sin(y * 0.27) + 2.6 * np.sin(z * 0.33)
        return distance


_HEAD = (
    # tissue painted later covers what was painted before
    _Shape("column", "skin", (0, 14, -92), (54, 60, 62)),
    _Shape("column", "muscle", (0, 14, -92), (49, 55, 62)),
    _Shape("ellipsoid", "skin", (0, -42, -52), (54, 54, 50)),
    _Shape("ellipsoid", "skin", (0, 0, 0), (76, 95, 82)),
    _Shape("ellipsoid", "skin", (0, -97, -22), (11, 17, 17)),  # nose: anterior
    _Shape("ellipsoid", "skin", (79, 8, -14), (6, 13, 21)),  # ears
    _Shape("ellipsoid", "skin", (-79, 8, -14), (6, 13, 21)),
    _Shape("ellipsoid", "muscle", (0, -42, -52), (48, 48, 44)),
    _Shape("ellipsoid", "bone", (0, 2, 4), (70, 88, 74)),
    _Shape("ellipsoid", "fluid", (0, 2, 4), (63, 81, 67)),
    _Shape("ellipsoid", "grey", (0, 2, 4), (61, 79, 65)),
    _Shape("folded", "white", (0, 2, 4), (51, 68, 54)),
    _Shape("ellipsoid", "fluid", (0, 2, 12), (1.6, 68, 52)),  # between the hemispheres
    _Shape("ellipsoid", "fluid", (12, 6, 12), (6, 29, 11)),  # ventricles
    _Shape("ellipsoid", "fluid", (-12, 6, 12), (6, 29, 11)),
    _Shape("ellipsoid", "air", (0, -68, -26), (13, 11, 14)),  # sinus
    _Shape("ellipsoid", "air", (0, -26, -62), (9, 13, 28)),  # throat
    _Shape("column", "air", (0, -8, -117), (8, 9, 37)),
    _Shape("column", "bone", (0, 44, -110), (23, 20, 44)),  # spine and its canal
    _Shape("column", "fluid", (0, 40, -98), (10, 10, 56)),
    _Shape("column", "white", (0, 40, -98), (7, 7, 56)),
    _Shape("ellipsoid", "fat", (31, -70, -6), (17, 17, 16)),  # orbits
    _Shape("ellipsoid", "fat", (-31, -70, -6), (17, 17, 16)),
    _Shape("ellipsoid", "marker", (31, -72, -6), (12, 12, 12)),  # two balls: anterior
    _Shape("ellipsoid", "marker", (-31, -72, -6), (12, 12, 12)),
    _Shape("ellipsoid", "marker", (39, 14, 12), (13, 13, 13)),  # one ball: left
    _Shape("box", "marker", (-39, 14, 12), (11, 11, 11)),  # a cube: right
    _Shape("ellipsoid", "marker", (19, 14, 46), (8, 8, 8)),  # three balls: superior
    _Shape("ellipsoid", "marker", (-19, 14, 46), (8, 8, 8)),
    _Shape("ellipsoid", "marker", (0, -22, 46), (8, 8, 8)),
)


def phantom_value(points_lps: ArrayLike, contrast: Contrast = "ct") -> Floats:
    """Return what a scanner measures at points of the head.

    Parameters
    ----------
    points_lps : (..., 3) array_like of float
        LPS millimetres.
    contrast : "ct" or "mr"
        Hounsfield units, or the signal of a T1-weighted MR (0 to 900).

    Returns
    -------
    (...) ndarray of float32

    Examples
    --------
    A ball marks the left, 39 mm from the middle; in front of the nose is air:

    >>> x, y, z = CENTRE
    >>> phantom_value([[x + 39, y + 14, z + 12], [x, y - 150, z]]).tolist()
    [170.0, -1000.0]
    """
    points = np.asarray(points_lps, dtype=np.float64)
    if points.shape[-1:] != (3,):
        raise ValueError(f"points need a last axis of length 3, not shape {points.shape}")
    x, y, z = (np.ascontiguousarray(points[..., axis]) for axis in range(3))
    return paint(x.ravel(), y.ravel(), z.ravel(), contrast).reshape(points.shape[:-1])


def paint(
    x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64], contrast: Contrast
) -> Floats:
    """Return what `phantom_value` does, for (N,) coordinates that are apart already."""
    which = 0 if contrast == "ct" else 1
    values = np.full(len(x), _SIGNAL["air"][which], dtype=np.float32)
    axes = [(a - middle).astype(np.float32) for a, middle in zip((x, y, z), CENTRE, strict=True)]
    inside = _within(axes, (0, 0, -30), (90, 120, 130))
    axes = [a[inside] for a in axes]
    head = values[inside]
    if not len(head):
        return values
    low, high = [a.min() for a in axes], [a.max() for a in axes]
    for shape in _HEAD:
        reach = [half * 1.15 + EDGE for half in shape.half]
        if any(
            low[i] > shape.middle[i] + reach[i] or high[i] < shape.middle[i] - reach[i]
            for i in range(3)
        ):
            continue
        # Most shapes touch few of the points: the others need no square root.
        near = _within(axes, shape.middle, reach)
        share = shape.outside(*(a[near] for a in axes))
        share = np.clip(np.float32(0.5) - share / np.float32(EDGE), 0, 1)
        here = head[near]
        head[near] = here + share * (np.float32(_SIGNAL[shape.tissue][which]) - here)
    values[inside] = head
    return values


def _within(
    axes: Sequence[Floats], middle: Sequence[float], reach: Sequence[float]
) -> NDArray[np.intp]:
    """Return the indices of the points in a box."""
    near = np.abs(axes[0] - np.float32(middle[0])) <= reach[0]
    near &= np.abs(axes[1] - np.float32(middle[1])) <= reach[1]
    near &= np.abs(axes[2] - np.float32(middle[2])) <= reach[2]
    return np.flatnonzero(near)


@dataclass(frozen=True, eq=False)
class PhantomSeries:
    """One series of a phantom study, and the truth about it.

    Parameters
    ----------
    name : str
        Which of `SERIES` it is.
    modality : str
    contrast : "ct" or "mr"
        What to ask `phantom_value` for.
    study_uid, series_uid, frame_of_reference_uid : str
        The last is "" for a projection.
    paths : tuple of Path
        Files, in slice order; a defect may have taken or added some.
    instance_uids : tuple of str
        SOP Instance UIDs of `paths`.
    affine : (4, 4) ndarray
        Maps (slice, row, column, 1) of the series without its defect to LPS mm.
    shape : tuple of 3 int
        Slices, rows, columns without the defect.
    positions : (N, 3) ndarray
        ImagePositionPatient of each file; NaN for a projection.
    """

    name: str
    modality: str
    contrast: Contrast
    study_uid: str
    series_uid: str
    frame_of_reference_uid: str
    paths: tuple[Path, ...]
    instance_uids: tuple[str, ...]
    affine: NDArray[np.float64]
    shape: tuple[int, int, int]
    positions: NDArray[np.float64]

    def truth(self) -> Floats:
        """Return the values at all voxel centres of the series without its defect."""
        from napari_dicomdb.viewer._phantom_study import sample

        return np.stack(
            [sample(self.affine, k, self.shape, self.contrast) for k in range(self.shape[0])]
        )


def write_phantom_study(
    folder: str | Path,
    series: Sequence[str] = ("axial-ct", "oblique-mr", "sagittal-mr", "tilted-ct"),
    *,
    seed: int = 0,
    matrix: int | None = None,
    slices: int | None = None,
) -> list[PhantomSeries]:
    """Write DICOM series of the head: one patient, study and frame of reference.

    Parameters
    ----------
    folder : path
        Made when absent; each series gets a folder in it.
    series : sequence of str
        Of ``axial-ct``, ``oblique-mr`` (turned by 20 and 10 degrees),
        ``sagittal-mr``, ``coronal-mr``, ``tilted-ct`` (gantry at 15 degrees),
        and with faults ``missing-slice``, ``duplicate-slice``,
        ``uneven-spacing``, ``localizer`` (one mixed into an axial CT), and
        ``projection`` (a radiograph without a place in the patient).
    seed : int
        Makes the UIDs; the same seed gives the same files.
    matrix : int, optional
        Rows and columns, instead of those of each series; the field of view
        stays.
    slices : int, optional
        Slices, likewise; at least 4.

    Returns
    -------
    list of PhantomSeries
        In the order of `series`.

    Raises
    ------
    ValueError
        If a name is unknown; the message lists all.
    """
    from napari_dicomdb.viewer import _phantom_study

    return _phantom_study.write(folder, series, seed=seed, matrix=matrix, slices=slices)
