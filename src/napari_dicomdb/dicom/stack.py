"""Examine many image planes as a stack: order, affine, and everything that is wrong."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_dicomdb.dicom import _stack_findings as words
from napari_dicomdb.dicom._stack_measures import (
    measure_gaps,
    measure_line,
    reference_row,
    same_position_tolerance,
)
from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.plane import affine_from_plane, check_orientation, slice_normal
from napari_dicomdb.errors import GeometryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["Stack", "examine_stack"]

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

FARTHEST = 1e7
"""mm. A position 10 km away is junk and would only overflow what is computed of it."""

SMALLEST, LARGEST = 1e-7, 1e5
"""mm. Pixels and slices of 0.1 nm, or of 100 m, are junk as well."""

# What the affine already expresses, or what was put right, does not make a stack irregular.
_HARMLESS = frozenset(
    {
        FindingCode.GANTRY_TILT,
        FindingCode.DUPLICATE_SLICES,
        FindingCode.BAD_ORIENTATION,
        FindingCode.NO_SPACING,
        FindingCode.SINGLE_SLICE,
    }
)


@dataclass(frozen=True, eq=False)
class Stack:
    """What `examine_stack` found; indices refer to its input.

    Parameters
    ----------
    order : tuple of int
        The images sorted along the normal, increasing; of several at one
        position only the first. Without any geometry: the input order.
    duplicates : tuple of tuple of int
        Images that share a position, one tuple per such position; its first
        is the one in `order`.
    distances : (N,) ndarray
        Where each image of `order` is along the normal, mm from the origin of
        the patient coordinates (axial: z).
    affine : (4, 4) ndarray
        Maps (k, row, column, 1) to LPS mm: slice 0 of `order`, then one step
        per slice; sheared when the gantry was tilted. With missing slices k
        counts them too; `indices` says where each image of `order` belongs.
    step : (3,) ndarray
        From one slice to the next, LPS mm.
    is_regular : bool
        Whether image i of `order` is at `affine` k = i within tolerance.
    tilt_degrees : float
        Angle between `step` and the normal.
    missing : tuple of float
        Where slices are missing: mm along the normal, as in `distances`.
    findings : tuple of Finding
        Gravest first.
    unplaced : tuple of int
        Images without position or orientation, in input order; not in `order`
        unless no image has any.
    positions : (N, 3) ndarray
        ImagePositionPatient of `order`.
    indices : (N,) ndarray of int
        Slice number of each image of `order` on the grid of `affine`.
    orientation : tuple of 6 float
        ImageOrientationPatient that most images share, made perpendicular.
    spacing : tuple of 2 float
        PixelSpacing of the same; 1, 1 when unknown (see findings).
    rows, columns : int
    deviation : float
        Greatest distance in mm of an image's corner pixel from where `affine`
        with `indices` puts it.
    """

    order: tuple[int, ...]
    duplicates: tuple[tuple[int, ...], ...]
    distances: Floats
    affine: Floats
    step: Floats
    is_regular: bool
    tilt_degrees: float
    missing: tuple[float, ...]
    findings: tuple[Finding, ...]
    unplaced: tuple[int, ...] = ()
    positions: Floats = field(default_factory=lambda: np.zeros((0, 3)))
    indices: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    orientation: tuple[float, ...] = AXIAL
    spacing: tuple[float, float] = (1.0, 1.0)
    rows: int = 0
    columns: int = 0
    deviation: float = 0.0

    @property
    def normal(self) -> Floats:
        """Unit normal of the planes."""
        return slice_normal(self.orientation)

    @property
    def has_geometry(self) -> bool:
        """Whether the images of `order` have a place in the patient."""
        return bool(np.isfinite(self.positions).all())

    @property
    def stacked_affine(self) -> Floats:
        """Affine for stacking `order` as it is: first and last slice are in their places.

        The same as `affine` for a regular stack; between the ends of an
        irregular one the slices are wrong by as much as the findings say.
        """
        affine = self.affine.copy()
        if len(self.order) > 1 and not self.is_regular and self.has_geometry:
            affine[:3, 0] = (self.positions[-1] - self.positions[0]) / (len(self.order) - 1)
            affine[:3, 3] = self.positions[0]
        return affine


def examine_stack(
    positions: ArrayLike,
    orientations: ArrayLike,
    pixel_spacings: ArrayLike,
    rows: ArrayLike,
    columns: ArrayLike,
    *,
    slice_thickness: ArrayLike | None = None,
    spacing_between_slices: ArrayLike | None = None,
    labels: Sequence[str] | None = None,
) -> Stack:
    """Sort images along their normal and find what keeps them from being a volume.

    Parameters
    ----------
    positions : (N, 3) array_like of float
        ImagePositionPatient, LPS mm; NaN where a header has none.
    orientations : (N, 6) array_like of float
        ImageOrientationPatient; NaN where a header has none.
    pixel_spacings : (N, 2) array_like of float
        PixelSpacing: between rows, between columns, mm; NaN where none.
    rows, columns : int or (N,) array_like of int
        Size of the images.
    slice_thickness, spacing_between_slices : float or (N,) array_like, optional
        What the headers claim. Only compared with the measured spacing, never
        used for the affine (but that of a single slice, which has no other).
    labels : sequence of str, optional
        How to name the images in findings; their number along the stack
        otherwise.

    Returns
    -------
    Stack

    Raises
    ------
    GeometryError
        If there is no image, or the arguments disagree in length.

    Examples
    --------
    Five slices, 2 mm apart, of which the third is lost:

    >>> z = [0, 2, 6, 8]
    >>> stack = examine_stack(
    ...     [[0, 0, at] for at in z], [[1, 0, 0, 0, 1, 0]] * 4, [[1, 1]] * 4, 64, 64
    ... )
    >>> stack.is_regular, stack.missing
    (False, (4.0,))
    >>> print(stack.findings[0].text)
    1 slice is missing: 1 after slice 2 (at 4 mm)
    """
    positions = where = _sane(positions, 3, 0.0, FARTHEST)
    cosines = _sane(orientations, 6, 0.0, FARTHEST)
    spacings = _sane(pixel_spacings, 2, SMALLEST, LARGEST)
    count = len(where)
    if count == 0:
        raise GeometryError("no image to examine")
    if len(cosines) != count or len(spacings) != count:
        raise GeometryError(
            f"{count} positions, {len(cosines)} orientations and {len(spacings)} spacings"
        )
    matrix = np.column_stack(
        [np.broadcast_to(np.asarray(size, dtype=np.int64), (count,)) for size in (rows, columns)]
    )
    thickness, claimed = _typical(slice_thickness), _typical(spacing_between_slices)

    finite = np.isfinite(where).all(axis=1) & _spans_plane(cosines)
    placed, unplaced = np.flatnonzero(finite), tuple(np.flatnonzero(~finite).tolist())
    if len(placed) == 0:
        return _without_geometry(count, cosines, spacings, matrix, thickness)
    findings: list[Finding | None] = [words.no_geometry(unplaced, count, labels)]

    where, cosines = where[placed], cosines[placed]
    spacings, matrix = spacings[placed], matrix[placed]
    reference = reference_row(cosines)
    problem = check_orientation(cosines[reference])
    orientation = _perpendicular(cosines[reference])
    findings.append(words.bad_orientation(problem))
    spacing = _usable_spacing(spacings[reference], spacings)
    shape = (int(matrix[reference, 0]), int(matrix[reference, 1]))
    findings += [
        words.no_spacing(spacing),
        words.mixed_matrix(matrix, shape),
        words.mixed_pixel_spacing(spacings, spacing, shape),
        words.mixed_orientation(cosines, cosines[reference], spacing, shape),
    ]
    spacing = spacing or (1.0, 1.0)

    normal = slice_normal(orientation)
    along = where @ normal
    sort = np.argsort(along, kind="stable")
    fresh = np.diff(along[sort]) > same_position_tolerance(along[sort])
    groups = [np.sort(group) for group in np.split(sort, np.flatnonzero(fresh) + 1)]
    kept = np.array([group[0] for group in groups])
    duplicates = tuple(tuple(placed[group].tolist()) for group in groups if len(group) > 1)
    where, distances = where[kept], along[kept]
    order = tuple(placed[kept].tolist())
    names = words.Names(labels, order)

    aside = _aside(groups, kept, placed, positions)
    if len(order) == 1:
        findings.append(
            words.single_position(len(placed), float(distances[0]), aside)
            if duplicates
            else words.single_slice(thickness)
        )
        step = normal * (thickness or 1.0)
        return Stack(
            order,
            duplicates,
            distances,
            affine_from_plane(where[0], orientation, spacing, step),
            step,
            _is_regular(findings),
            0.0,
            (),
            words.sort(findings),
            unplaced,
            where,
            np.zeros(1, dtype=np.int64),
            tuple(orientation.tolist()),
            spacing,
            *shape,
        )

    gaps = measure_gaps(distances)
    line = measure_line(where, distances, normal)
    step = gaps.step * (normal + line.slope)
    affine = affine_from_plane(where[0] + line.origin, orientation, spacing, step)
    missing = words.missing_positions(distances, gaps)
    findings += [
        words.missing_slices(missing, gaps, names),
        words.duplicate_slices(duplicates, names),
        words.uneven_spacing(gaps, names),
        words.drift(gaps, names),
        words.gantry_tilt(line, gaps, spacing),
        words.in_plane_shift(line, aside, spacing, names),
        words.few_slices(len(order)),
        words.slice_overlap(gaps.step, thickness),
        words.spacing_contradicted(gaps.step, float(np.linalg.norm(step)), claimed, thickness),
    ]
    grid = affine[:3, 3] + gaps.indices[:, None] * step
    corner = np.abs(cosines[kept] - orientation).reshape(-1, 2, 3)
    reach = np.array([(shape[1] - 1) * spacing[1], (shape[0] - 1) * spacing[0]])
    bend = (corner * reach[None, :, None]).sum(axis=1)
    deviation = float(np.linalg.norm(np.abs(where - grid) + bend, axis=1).max())
    return Stack(
        order,
        duplicates,
        distances,
        affine,
        step,
        _is_regular(findings),
        line.tilt_degrees,
        missing,
        words.sort(findings),
        unplaced,
        where,
        gaps.indices,
        tuple(orientation.tolist()),
        spacing,
        *shape,
        deviation,
    )


def _without_geometry(
    count: int, cosines: Floats, spacings: Floats, matrix: NDArray[np.int64], thickness: float
) -> Stack:
    """Images that nobody can place: the input order, with their spacing if there is one."""
    spacing = _usable_spacing(spacings[0], spacings)
    shape = (int(matrix[0, 0]), int(matrix[0, 1]))
    readable = cosines[np.isfinite(cosines).all(axis=1)]
    findings = [
        words.no_geometry(tuple(range(count)), count, None),
        words.bad_orientation(check_orientation(readable[0]) if len(readable) else "", False),
        words.no_spacing(spacing),
        words.mixed_matrix(matrix, shape),
        words.mixed_pixel_spacing(spacings, spacing, shape),
    ]
    step = np.array([0.0, 0.0, thickness or 1.0])
    return Stack(
        order=tuple(range(count)),
        duplicates=(),
        distances=np.arange(count) * step[2],
        affine=affine_from_plane(np.zeros(3), AXIAL, spacing or (1.0, 1.0), step),
        step=step,
        is_regular=False,
        tilt_degrees=0.0,
        missing=(),
        findings=words.sort(findings),
        unplaced=tuple(range(count)),
        positions=np.full((count, 3), np.nan),
        indices=np.arange(count),
        spacing=spacing or (1.0, 1.0),
        rows=shape[0],
        columns=shape[1],
    )


def _sane(values: ArrayLike, width: int, low: float, high: float) -> Floats:
    """Return the values as (N, width), NaN where their size is not between the limits."""
    array = np.array(values, dtype=np.float64).reshape(-1, width)
    size = np.abs(array)
    array[~((size >= low) & (size <= high))] = np.nan
    return array


def _typical(values: ArrayLike | None) -> float:
    """Median of what headers claim; 0 when they claim nothing."""
    if values is None:
        return 0.0
    # NM writes SpacingBetweenSlices with the sign of the table's movement.
    claims = np.abs(np.atleast_1d(np.asarray(values, dtype=np.float64)))
    claims = claims[(claims > SMALLEST) & (claims < LARGEST)]
    # Of plain numbers: numpy's median imports masked arrays first, 10 ms.
    return statistics.median(claims.tolist()) if len(claims) else 0.0


def _spans_plane(cosines: Floats) -> NDArray[np.bool_]:
    row, column = cosines[:, :3], cosines[:, 3:]
    lengths = np.linalg.norm(row, axis=1) * np.linalg.norm(column, axis=1)
    areas = np.linalg.norm(np.cross(row, column), axis=1)
    spans: NDArray[np.bool_] = np.greater(areas, np.maximum(1e-3, 0.1 * lengths))
    return spans & np.isfinite(cosines).all(axis=1)


def _perpendicular(cosines: Floats) -> Floats:
    """Two perpendicular unit vectors nearest to `cosines`; good ones stay as they are."""
    if not check_orientation(cosines):
        return cosines.copy()
    u, _, v = np.linalg.svd(
        np.stack([row / np.linalg.norm(row) for row in cosines.reshape(2, 3)]),
        full_matrices=False,
    )
    nearest: Floats = (u @ v).reshape(6)
    return nearest


def _usable_spacing(first: Floats, every: Floats) -> tuple[float, float] | None:
    usable = np.vstack([first, every])
    usable = usable[(usable > 0).all(axis=1)]
    return (float(usable[0, 0]), float(usable[0, 1])) if len(usable) else None


def _aside(
    groups: list[NDArray[np.int64]],
    kept: NDArray[np.int64],
    placed: NDArray[np.int64],
    positions: Floats,
) -> float:
    """Greatest distance in mm between images that share a place along the normal."""
    if len(groups) == len(placed):
        return 0.0
    sizes = [len(group) for group in groups]
    here = positions[placed][np.concatenate(groups)]
    first = positions[placed][np.repeat(kept, sizes)]
    return float(np.linalg.norm(here - first, axis=1).max())


def _is_regular(findings: Sequence[Finding | None]) -> bool:
    return not any(
        f is not None and f.severity is not Severity.INFO and f.code not in _HARMLESS
        for f in findings
    )
