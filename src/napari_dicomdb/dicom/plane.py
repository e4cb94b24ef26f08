"""Where one image plane lies in the patient: its normal, its affine, its corners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_dicomdb.errors import GeometryError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "COSINE_TOLERANCE",
    "PlaneGeometry",
    "affine_from_plane",
    "check_orientation",
    "patient_direction",
    "slice_normal",
]

COSINE_TOLERANCE = 1e-3
"""How far direction cosines may be from unit length and from perpendicular.

PS3.3 C.7.6.2.1.1 gives no number. Headers write three to six digits; 1e-3 bends
a 500 mm image by half a pixel, and nothing that rounds is beyond it.
"""


def check_orientation(orientation: ArrayLike) -> str:
    """Say what is wrong with direction cosines, or "" when nothing is.

    Parameters
    ----------
    orientation : (6,) array_like of float
        ImageOrientationPatient.

    Examples
    --------
    >>> check_orientation([1, 0, 0, 0, 1, 0])
    ''
    >>> check_orientation([1, 0, 0, 0.5, 0.8660254, 0])
    'row and column directions are 60.0 degrees apart instead of 90'
    """
    cosines = np.asarray(orientation, dtype=np.float64)
    if cosines.shape != (6,):
        return f"ImageOrientationPatient has {cosines.size} values instead of 6"
    if not np.isfinite(cosines).all():
        return "ImageOrientationPatient holds values that are not numbers"
    row, column = cosines[:3], cosines[3:]
    lengths = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    for name, length in zip(("row", "column"), lengths, strict=True):
        if abs(length - 1) > COSINE_TOLERANCE:
            return f"the {name} direction has length {length:.4g} instead of 1"
    dot = float(row @ column) / (lengths[0] * lengths[1])
    if abs(dot) > COSINE_TOLERANCE:
        angle = np.degrees(np.arccos(np.clip(dot, -1, 1)))
        return f"row and column directions are {angle:.1f} degrees apart instead of 90"
    return ""


def slice_normal(orientation: ArrayLike) -> NDArray[np.float64]:
    """Return the unit normal of a plane: row direction x column direction.

    Parameters
    ----------
    orientation : (6,) array_like of float
        ImageOrientationPatient: direction of increasing column index, then of
        increasing row index.

    Returns
    -------
    (3,) ndarray
        For axial images of a supine patient it points to the head.

    Raises
    ------
    GeometryError
        If the two directions span no plane.

    Examples
    --------
    >>> slice_normal([1, 0, 0, 0, 1, 0]).tolist()
    [0.0, 0.0, 1.0]
    """
    cosines = np.asarray(orientation, dtype=np.float64)
    if cosines.shape != (6,):
        raise GeometryError(f"ImageOrientationPatient needs 6 values, not {cosines.shape}")
    (a, b, c), (d, e, f) = cosines[:3].tolist(), cosines[3:].tolist()
    normal = np.array([b * f - c * e, c * d - a * f, a * e - b * d])
    length = float(np.linalg.norm(normal))
    if not length > 1e-6:
        raise GeometryError(
            f"ImageOrientationPatient {cosines.tolist()} spans no plane: "
            "row and column directions are parallel, zero or not numbers"
        )
    return normal / length + 0.0  # no negative zeros


def affine_from_plane(
    position: ArrayLike, orientation: ArrayLike, spacing: ArrayLike, step: ArrayLike
) -> NDArray[np.float64]:
    """Affine from voxel (slice, row, column) to LPS millimetres.

    Parameters
    ----------
    position : (3,) array_like of float
        ImagePositionPatient of slice 0: centre of its first pixel, LPS mm.
    orientation : (6,) array_like of float
        ImageOrientationPatient: direction of increasing column index, then of
        increasing row index; unit vectors.
    spacing : (2,) array_like of float
        PixelSpacing: between rows (vertical), between columns, mm.
    step : (3,) array_like of float
        From one slice's position to the next, LPS mm, as measured.

    Returns
    -------
    (4, 4) ndarray
        Maps ``(k, r, c, 1)`` to ``(x, y, z, 1)``.

    Raises
    ------
    GeometryError
        If the two directions are not unit vectors, perpendicular within 1e-3,
        or a spacing is not positive.

    Notes
    -----
    PS3.3 Section C.7.6.2.1.1, equation C.7.6.2.1-1.

    Examples
    --------
    An axial CT, 0.5 mm between rows, 0.7 mm between columns, slices 2 mm apart:

    >>> affine_from_plane([-100, -80, 30], [1, 0, 0, 0, 1, 0], [0.5, 0.7], [0, 0, 2])
    array([[   0. ,    0. ,    0.7, -100. ],
           [   0. ,    0.5,    0. ,  -80. ],
           [   2. ,    0. ,    0. ,   30. ],
           [   0. ,    0. ,    0. ,    1. ]])
    """
    problem = check_orientation(orientation)
    if problem:
        raise GeometryError(f"bad ImageOrientationPatient: {problem}")
    cosines = np.asarray(orientation, dtype=np.float64)
    between = np.asarray(spacing, dtype=np.float64)
    if between.shape != (2,) or not np.all(between > 0) or not np.isfinite(between).all():
        raise GeometryError(f"PixelSpacing must be two positive numbers, not {spacing!r}")
    affine = np.zeros((4, 4))
    affine[:3, 0] = step
    # Their length is 1 up to the rounding of the header: a longer vector is no larger pixel.
    affine[:3, 1] = cosines[3:] / np.linalg.norm(cosines[3:]) * between[0]
    affine[:3, 2] = cosines[:3] / np.linalg.norm(cosines[:3]) * between[1]
    affine[:3, 3] = position
    affine[3, 3] = 1
    if not np.isfinite(affine).all():
        raise GeometryError(f"ImagePositionPatient {position!r} and step {step!r} must be numbers")
    return affine


def patient_direction(vector: ArrayLike) -> str:
    """Name the patient direction an LPS vector is closest to.

    Examples
    --------
    >>> patient_direction([0.1, -2, 0.3])
    'anterior'
    """
    v = np.asarray(vector, dtype=np.float64)
    axis = int(np.argmax(np.abs(v)))
    names = (("left", "right"), ("posterior", "anterior"), ("superior", "inferior"))
    return names[axis][0 if v[axis] >= 0 else 1]


@dataclass(frozen=True, slots=True)
class PlaneGeometry:
    """One image plane as its header describes it.

    Parameters
    ----------
    position : tuple of 3 float
        ImagePositionPatient: centre of the first pixel, LPS mm.
    orientation : tuple of 6 float
        ImageOrientationPatient.
    spacing : tuple of 2 float
        PixelSpacing: between rows (vertical), between columns, mm.
    rows, columns : int

    Examples
    --------
    >>> plane = PlaneGeometry((0, 0, 10), (1, 0, 0, 0, 1, 0), (2, 1), 3, 5)
    >>> plane.corners().tolist()
    [[0.0, 0.0, 10.0], [4.0, 0.0, 10.0], [4.0, 4.0, 10.0], [0.0, 4.0, 10.0]]
    """

    position: tuple[float, float, float]
    orientation: tuple[float, float, float, float, float, float]
    spacing: tuple[float, float]
    rows: int
    columns: int

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit normal, row direction x column direction."""
        return slice_normal(self.orientation)

    @property
    def affine(self) -> NDArray[np.float64]:
        """Affine of (slice, row, column); the slice axis is the unit normal."""
        return affine_from_plane(self.position, self.orientation, self.spacing, self.normal)

    @property
    def distance(self) -> float:
        """Where the plane is along its normal, mm from the origin."""
        return float(self.normal @ np.asarray(self.position, dtype=np.float64))

    def corners(self, *, outer: bool = False) -> NDArray[np.float64]:
        """Return the four corners, clockwise on the screen from the first pixel.

        Parameters
        ----------
        outer : bool
            Whether to give the outer edges of the corner pixels; otherwise
            their centres.

        Returns
        -------
        (4, 3) ndarray
            LPS mm.
        """
        low, bottom, right = (
            (-0.5, self.rows - 0.5, self.columns - 0.5)
            if outer
            else (0.0, self.rows - 1.0, self.columns - 1.0)
        )
        pixels = np.array(
            [[0, low, low, 1], [0, low, right, 1], [0, bottom, right, 1], [0, bottom, low, 1]]
        )
        corners: NDArray[np.float64] = (pixels @ self.affine.T)[:, :3]
        return corners
