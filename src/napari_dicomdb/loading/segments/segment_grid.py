"""The grid of a segmentation: that of the image it was made on, else that of its frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.plane import affine_from_plane, slice_normal
from napari_dicomdb.errors import GeometryError
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.grouping import split_apart, stack_of
from napari_dicomdb.loading.segments.segment_times import SegmentTimes, times_of
from napari_dicomdb.loading.sorting import is_placed
from napari_dicomdb.loading.stacking import Remedy, plan_for, plans_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.dicom.stack import Stack
    from napari_dicomdb.loading.stacking import StackPlan

__all__ = [
    "SegmentGrid",
    "even_grids",
    "grid_of",
    "image_grids",
    "on_image",
    "orientations_apart",
    "own_grid",
    "placed_parts",
]

_SAME_PLACE = 0.01  # mm by which any corner of a frame may miss the voxel of the image
_SAME_POSITION = 1e-3  # mm between slices that are one
_WHOLE = 0.05  # of a step by which a slice may miss its place
_MOST_SLICES = 1 << 16
_FINER = 4  # how much finer than the smallest gap the true step may be
_STEEPEST = 2.0  # steps that a slice may be away from the last: no gantry leans by 60 degrees
_FARTHEST = 1e5  # mm between frames of one patient
_MOST_VOXELS = 1 << 31  # of a grid; frames further apart are stacked


@dataclass(frozen=True, eq=False)
class SegmentGrid:
    """Where the frames of a segmentation lie in one volume.

    Parameters
    ----------
    affine : (4, 4) ndarray
        LPS mm from (k, row, column).
    shape : tuple of 3 int
        Slices, rows, columns.
    places : (N, 3) ndarray of int
        Slice, first row, first column of each frame.
    in_patient : bool
        False where nothing says where the frames are.
    is_regular : bool
        Whether each frame is where `affine` says.
    spacing_label : str
        "mm" or "pixel".
    of_series : str
        SeriesInstanceUID of the image whose grid it is, "" for one of its own.
    instance_uids : tuple of str
        SOP Instance UIDs of that image, in slice order.
    findings : tuple of Finding
    levels : (S,) ndarray or None
        Where uneven slices really are along the normal of their plane, mm.
    times : SegmentTimes or None
        Axis beside space, where frames of one segment and place differ by it.
    frame_of_reference_uid : str
        Of the image whose grid it is.
    """

    affine: NDArray[np.float64]
    shape: tuple[int, int, int]
    places: NDArray[np.intp]
    in_patient: bool = True
    is_regular: bool = True
    spacing_label: str = "mm"
    of_series: str = ""
    instance_uids: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    levels: NDArray[np.float64] | None = None
    times: SegmentTimes | None = None
    frame_of_reference_uid: str = ""

    @property
    def all_shape(self) -> tuple[int, int, int]:
        """Shape of the volumes of all times one behind the other."""
        return (self.shape[0] * (1 if self.times is None else len(self.times)), *self.shape[1:])

    @property
    def all_places(self) -> NDArray[np.intp]:
        """Places of the frames in `all_shape`."""
        if self.times is None:
            return self.places
        places = self.places.copy()
        places[:, 0] += self.times.turns * self.shape[0]
        return places


def grid_of(frames: FrameSet, images: Iterable[InstanceRecord] = ()) -> SegmentGrid:
    """Return the grid of a segmentation.

    Parameters
    ----------
    frames : FrameSet
        Of one orientation (see `orientations_apart`).
    images : iterable of InstanceRecord
        Of the series it refers to, as far as they are there.
    """
    if not bool(np.all(is_placed(frames))):
        return _without_place(frames)
    apart = float(np.ptp(frames.positions, axis=0).max())
    if not apart < _FARTHEST:
        return _without_place(frames, f": they would be {apart:.3g} mm apart")
    if not _sane_spacing(frames):
        return _without_place(frames, f": the pixel spacing {frames.spacings[0]} mm cannot be")
    try:
        own = own_grid(frames)
    except GeometryError as error:
        return _without_place(frames, f": {error}")
    space = frames.frame_of_reference_uid
    same = (i for i in images if i.get("FrameOfReferenceUID", space) in (space, ""))
    for grid in image_grids(same if space else images):
        found = on_image(frames, grid)
        if found is not None:
            return _in_time(frames, found)
    return _in_time(frames, own)


def _in_time(frames: FrameSet, grid: SegmentGrid) -> SegmentGrid:
    times, findings = times_of(frames, grid.places)
    return replace(grid, times=times, findings=(*grid.findings, *findings))


def orientations_apart(frames: FrameSet) -> list[NDArray[np.intp]]:
    """Return the indices of the frames of each orientation and pixel spacing."""
    facts = np.round(np.concatenate([frames.orientations, frames.spacings], axis=1), 4)
    facts = np.nan_to_num(facts, nan=-2.0)
    _, code = np.unique(facts, axis=0, return_inverse=True)
    code = code.reshape(-1)
    first = {int(c): k for k, c in reversed(list(enumerate(code.tolist())))}
    return [np.flatnonzero(code == c) for c in sorted(first, key=lambda c: first[c])]


def image_grids(images: Iterable[InstanceRecord]) -> list[SegmentGrid]:
    """Return the grids of the regular volumes that images make, without places."""
    found = []
    for uid, group, stack in _volumes(images):
        # Where slices are missing the others stay as they are.
        plan = plan_for(stack, Remedy.NONE) if stack.is_regular else plans_for(stack)[0][0]
        if plan.remedy in (Remedy.NONE, Remedy.FILL):
            found.append(_image_grid(uid, group, stack, plan))
    return found


def even_grids(images: Iterable[InstanceRecord]) -> list[SegmentGrid]:
    """Return the grids on which images are shown: the even one, where they are uneven."""
    found = []
    for uid, group, stack in _volumes(images):
        plan = plans_for(stack)[0][0]
        if plan.is_regular:
            found.append(_image_grid(uid, group, stack, plan))
    return found


def placed_parts(images: Iterable[InstanceRecord]) -> Iterator[tuple[str, FrameSet]]:
    """Yield SeriesInstanceUID and frames of what can share an array and a geometry.

    What has no place in the patient is left out.
    """
    by_series: dict[str, list[InstanceRecord]] = {}
    for record in images:
        by_series.setdefault(record.series_uid, []).append(record)
    for uid, records in by_series.items():
        frames = FrameSet.of(records)
        placed = np.flatnonzero(is_placed(frames))
        if not len(placed):
            continue
        frames = frames.take(placed)
        for part in split_apart(frames):
            yield uid, frames.take(part.indices)


def _volumes(images: Iterable[InstanceRecord]) -> Iterator[tuple[str, FrameSet, Stack]]:
    """Yield series, frames and stack of what can be a volume, each place once."""
    for uid, part in placed_parts(images):
        # Of a series over time every place is there again and again.
        where = np.round(part.positions / _SAME_POSITION).astype(np.int64)
        _, first = np.unique(where, axis=0, return_index=True)
        group = part.take(np.sort(first))
        # An image of nonsense has no grid; labels stay on their own.
        try:
            stack = stack_of(group)
        except GeometryError:
            continue
        yield uid, group, stack


def _image_grid(uid: str, group: FrameSet, stack: Stack, plan: StackPlan) -> SegmentGrid:
    ordered = group.take(stack.order)
    return SegmentGrid(
        plan.affine,
        plan.shape,
        np.zeros((0, 3), np.intp),
        of_series=uid,
        instance_uids=tuple(dict.fromkeys(ordered.instance(k).uid for k in range(len(ordered)))),
        frame_of_reference_uid=group.frame_of_reference_uid,
    )


def on_image(frames: FrameSet, grid: SegmentGrid) -> SegmentGrid | None:
    """Return `grid` with the places of `frames`, None when they are not voxel on voxel in it."""
    matrix = (int(frames.fields("rows")[0]), int(frames.fields("columns")[0]))
    far = np.array([[0, 0], [matrix[0] - 1, 0], [0, matrix[1] - 1]], dtype=np.float64)
    rows = frames.orientations[:, 3:] * frames.spacings[:, :1]
    columns = frames.orientations[:, :3] * frames.spacings[:, 1:]
    inverse = np.linalg.inv(grid.affine)
    exact = frames.positions @ inverse[:3, :3].T + inverse[:3, 3]
    places = np.rint(exact)
    for row, column in far:
        world = frames.positions + row * rows + column * columns
        voxel = places + np.array([0, row, column])
        there = voxel @ grid.affine[:3, :3].T + grid.affine[:3, 3]
        if float(np.abs(world - there).max()) > _SAME_PLACE:
            return None
    last = places + np.array([0, matrix[0] - 1, matrix[1] - 1])
    if places.min() < 0 or (last >= np.array(grid.shape)).any():
        return None  # nothing of a segmentation is cut off
    return replace(grid, places=places.astype(np.intp))


def own_grid(frames: FrameSet) -> SegmentGrid:
    """Return the smallest regular grid that has all frames, missing ones between them."""
    orientation, spacing = frames.orientations[0], frames.spacings[0]
    normal = slice_normal(orientation)
    distances = frames.positions @ normal
    # Of a microscope's volume, slices may be nanometres apart.
    same = min(_SAME_POSITION, 0.1 * float(np.min(spacing)))
    levels, level_of = _levels(distances, same)
    step, at = _step(levels, *_hint(frames, same))
    matrix = np.array([1, int(frames.fields("rows")[0]), int(frames.fields("columns")[0])])
    if at is not None and (int(at[-1]) + 1) * int(matrix.prod()) > _MOST_VOXELS:
        step, at = float(np.diff(levels).mean()), None
    first = frames.positions[int(np.argmin(distances))]
    findings: tuple[Finding, ...] = ()
    uneven = at is None
    if at is None:
        at = np.arange(len(levels))
        findings = (_uneven(levels),)
    slices = at[level_of]
    exact = np.zeros((len(frames), 3))
    for direction in (normal * step, _leaning(frames, distances, step, same)):
        affine = affine_from_plane(first, orientation, spacing, direction)
        inverse = np.linalg.inv(affine)
        exact = frames.positions @ inverse[:3, :3].T + inverse[:3, 3]
        if np.abs(exact[:, 1:] - np.rint(exact[:, 1:])).max() < _WHOLE:
            break
    else:
        findings += (_shifted(),)
    places = np.column_stack([slices, np.rint(exact[:, 1:])]).astype(np.intp)
    low = places.min(axis=0)
    places -= low
    shape = (places + matrix).max(axis=0)
    if float(np.prod(shape.astype(np.float64))) > _MOST_VOXELS:
        return _without_place(frames, ": together they would fill more than the memory")
    affine = affine.copy()
    affine[:3, 3] += affine[:3, :3] @ low
    return SegmentGrid(
        affine,
        (int(shape[0]), int(shape[1]), int(shape[2])),
        places,
        is_regular=not findings,
        findings=findings,
        levels=levels if uneven else None,
    )


def _levels(
    distances: NDArray[np.float64], same: float
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the different distances, ascending, and which is that of each frame."""
    order = np.argsort(distances, kind="stable")
    apart = np.diff(distances[order]) > same
    number = np.concatenate([[0], np.cumsum(apart)]).astype(np.intp)
    level_of = np.empty(len(distances), np.intp)
    level_of[order] = number
    starts = np.flatnonzero(np.concatenate([[True], apart]))
    return distances[order][starts], level_of


def _step(
    levels: NDArray[np.float64], hint: float, is_step: bool
) -> tuple[float, NDArray[np.intp] | None]:
    """Return the distance of slices, and which slice each level is; None when uneven."""
    if len(levels) < 2:
        return hint or 1.0, np.zeros(len(levels), np.intp)
    gaps = np.diff(levels)
    smallest = float(gaps.min())
    # What is even already is not cut finer because its slices are thin.
    even = len(gaps) > 1 and float(np.ptp(gaps)) < _WHOLE * smallest
    candidates = [hint] if hint and not (even and not is_step) else []
    candidates += [smallest / n for n in range(1, _FINER + 1)]
    extent = float(levels[-1] - levels[0])
    for candidate in candidates:
        count = round(extent / candidate)
        if not 0 < count < _MOST_SLICES or candidate > smallest * (1 + _WHOLE):
            continue
        step = extent / count  # headers round
        at = (levels - levels[0]) / step
        if np.abs(at - np.rint(at)).max() < _WHOLE:
            return step, np.rint(at).astype(np.intp)
    return float(gaps.mean()), None


def _hint(frames: FrameSet, same: float) -> tuple[float, bool]:
    """Return what the header says of the step, 0 for nothing, and whether it means the step."""
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        value = frames.value(keyword, 0)
        try:
            number = abs(float(value))
        except (TypeError, ValueError):
            continue
        if np.isfinite(number) and number > same:
            return number, keyword == "SpacingBetweenSlices"
    return 0.0, False


def _leaning(
    frames: FrameSet, distances: NDArray[np.float64], step: float, same: float
) -> NDArray[np.float64]:
    """Return the step from slice to slice where a tilted gantry shifts them."""
    low, high = int(np.argmin(distances)), int(np.argmax(distances))
    extent = float(distances[high] - distances[low])
    if extent <= same:
        return slice_normal(frames.orientations[0]) * step
    leaning: NDArray[np.float64] = (frames.positions[high] - frames.positions[low]) * (
        step / extent
    )
    steep = float(np.linalg.norm(leaning)) > _STEEPEST * step
    return slice_normal(frames.orientations[0]) * step if steep else leaning


def _sane_spacing(frames: FrameSet) -> bool:
    # NaN compares as False.
    return bool(((frames.spacings > 1 / _FARTHEST) & (frames.spacings < _FARTHEST)).all())


def _without_place(frames: FrameSet, why: str = "") -> SegmentGrid:
    """Lay frames without a place one behind the other, those of one segment apart."""
    seen: dict[object, int] = {}
    slices = []
    for segment in frames.values("ReferencedSegmentNumber"):
        slices.append(seen.get(segment, 0))
        seen[segment] = slices[-1] + 1
    spacing = frames.spacings[0]
    known = _sane_spacing(frames)
    affine = np.diag([1.0, *(spacing if known else (1.0, 1.0)), 1.0])
    places = np.zeros((len(frames), 3), np.intp)
    places[:, 0] = slices
    finding = Finding(
        FindingCode.NO_GEOMETRY,
        Severity.WARNING,
        "Where the frames lie in the patient is not said, or cannot be: they are shown in "
        f"their order{why}",
    )
    return SegmentGrid(
        affine,
        (
            max(slices) + 1,
            int(frames.fields("rows")[0]),
            int(frames.fields("columns")[0]),
        ),
        places,
        in_patient=False,
        is_regular=False,
        spacing_label="mm" if known else "pixel",
        findings=(finding,),
    )


def _uneven(levels: Sequence[float] | NDArray[np.float64]) -> Finding:
    gaps = np.diff(levels)
    return Finding(
        FindingCode.UNEVEN_SPACING,
        Severity.WARNING,
        f"Frames are {gaps.min():.4g} to {gaps.max():.4g} mm apart: they are shown as if evenly "
        "spaced; resampled to their image they are in their places",
        {"smallest": float(gaps.min()), "largest": float(gaps.max())},
    )


def _shifted() -> Finding:
    return Finding(
        FindingCode.IN_PLANE_SHIFT,
        Severity.WARNING,
        "Frames are shifted against each other by parts of a pixel: they are shown on the "
        "nearest whole pixel",
    )
