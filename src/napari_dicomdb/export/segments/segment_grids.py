"""Labels on the planes of the images they refer to, or on their own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.planes import Planes
from napari_dicomdb.export.resampling import resampled_at_right_angles
from napari_dicomdb.export.segments.image_planes import ImagePlanes, SourceFrame, image_planes
from napari_dicomdb.loading.sorting import is_segmentation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.export.source import ExportSource
    from napari_dicomdb.export.study import StudyTarget
    from napari_dicomdb.progress import Progress

    Floats = NDArray[np.float64]

__all__ = ["Gridded", "check_frame_of_reference", "nearest_images", "on_grid"]

_SAME = 0.02  # voxels by which corners may differ in what is one grid
_SAME_PLACE = 0.01  # mm
_SQUARE = 1e-4
_LEANING = 1e-2  # mm a plane
_MOST_SOURCES = 64  # frames that one plane refers to


@dataclass(frozen=True, eq=False)
class Gridded:
    """Labels, or fractions, on the planes in which they are written.

    Parameters
    ----------
    readers : list of callable
        One for each source: from (leading index, plane) to a (R, C) ndarray.
    planes : Planes
    shape : tuple of 3 int
        Planes, rows, columns.
    sources : list of (frames, preserved)
        For each plane, and each volume of the images, the frame that it was drawn on;
        and whether voxels of both are the same.
    times : int
        How many volumes the images make (time points, echoes); 0 without images.
    resampled : bool
        Whether the nearest voxels are taken.
    outside : bool
        Whether sources reach beyond the planes.
    uneven : bool
        Whether planes are shifted against each other, or not evenly apart.
    """

    readers: list[Callable[[tuple[int, ...], int], NDArray[Any]]]
    planes: Planes
    shape: tuple[int, int, int]
    sources: list[tuple[list[SourceFrame], bool]] = field(repr=False)
    times: int = 0
    resampled: bool = False
    outside: bool = False
    uneven: bool = False

    def sources_of(self, plane: int, time: int | None) -> tuple[list[SourceFrame], bool]:
        """Return the frames that a plane was drawn on: of one volume, or of all."""
        frames, preserved = self.sources[plane]
        if time is not None and time < len(frames):
            return [frames[time]], preserved
        return (frames if len(frames) <= _MOST_SOURCES else frames[:1]), preserved

    def numpy(self, source: int = 0, lead: tuple[int, ...] = ()) -> NDArray[Any]:
        """Return all planes of a source in memory."""
        return np.stack([self.readers[source](lead, k) for k in range(self.shape[0])])


def check_frame_of_reference(source: ExportSource, target: StudyTarget, *, confirmed: bool) -> str:
    """Return the FrameOfReferenceUID to write, "" when nobody knows one.

    Raises
    ------
    ExportError
        "other-frame-of-reference": the images to refer to are in another space, and
        nobody confirmed that it is the same place all the same.
    """
    own = "" if source.geometry is None else source.geometry.frame_of_reference_uid
    theirs = target.frame_of_reference_uids
    if own and theirs and own not in theirs and not confirmed:
        raise ExportError(
            "the labels are in another frame of reference than the images to refer to: "
            "register them first, or confirm that both are the same space",
            reason="other-frame-of-reference",
        )
    return own if own in theirs or not theirs else theirs[0]


def nearest_images(source: ExportSource, target: StudyTarget) -> ImagePlanes | None:
    """Return the planes of `target` that are nearest to `source`, None when it has none."""
    geometry = source.geometry
    if geometry is None or not geometry.in_patient:
        return None
    space = geometry.frame_of_reference_uid
    images = [i for i in target.instances.values() if not is_segmentation(i)]
    same = [i for i in images if str(i.get("FrameOfReferenceUID") or "") in (space, "")]
    stacks = image_planes(same if space and same else images)
    if not stacks:
        return None
    own = _ends(np.asarray(geometry.affine, dtype=np.float64), source.grid)
    return min(stacks, key=lambda one: float(np.linalg.norm(own - one.ends())))


def on_grid(
    sources: list[ExportSource],
    target: StudyTarget,
    *,
    own: bool,
    upright: bool = False,
    progress: Progress,
) -> Gridded:
    """Return sources on the planes of the images of `target`; on their own where there are none.

    Parameters
    ----------
    sources : list of ExportSource
        In the patient.
    target : StudyTarget
    own : bool
        Whether the grid of the first source is kept.
    upright : bool
        Whether its slices are put straight, one above the other, where they are not.
    progress : Progress

    Raises
    ------
    ExportError
        "no-geometry"; "too-large", if a sheared grid cannot be made right-angled.
    """
    first = sources[0]
    geometry = first.geometry
    if geometry is None or not geometry.in_patient:
        raise ExportError(
            "labels need a place in the patient to be written as a segmentation: draw them on "
            "an image that has one",
            reason="no-geometry",
        )
    images = nearest_images(first, target)
    if images is not None and not own and not upright and not _fills_gaps_of(first, images):
        planes = _planes_of(images)
        shape, by_index = images.grid, _is_as_shown(first, images)
        sources_of = [([time[k] for time in images.times], True) for k in range(shape[0])]
    else:
        squared = _right_angled(first, upright, progress)
        sources = [squared, *sources[1:]]
        made, shape, by_index = Planes.of(squared), squared.grid, False
        assert made is not None
        planes, sources_of = made, _matched(made, shape, images)
    readers, resampled, outside = [], sources[0] is not first, False
    for one in sources:
        read, changed, beyond = _reader(one, planes, shape, by_index=by_index and one is first)
        readers.append(read)
        resampled |= changed
        outside |= beyond
    times = 0 if images is None else len(images.times)
    uneven = not planes.is_even or _lean(planes) > _LEANING
    return Gridded(readers, planes, shape, sources_of, times, resampled, outside, uneven)


def _lean(planes: Planes) -> float:
    """Return by how much the last plane is shifted against the first, mm a plane."""
    if len(planes) < 2:
        return 0.0
    way = planes.positions[-1] - planes.positions[0]
    shifted = way - planes.normal * (way @ planes.normal)
    return float(np.linalg.norm(shifted)) / (len(planes) - 1)


def _planes_of(images: ImagePlanes) -> Planes:
    steps = np.diff(images.positions @ images.normal)
    thickness = float(np.abs(steps).mean()) if len(steps) else _thickness(images)
    return Planes(
        images.positions, images.orientation, images.spacing, thickness, images.is_regular
    )


def _thickness(images: ImagePlanes) -> float:
    for keyword in ("SliceThickness", "SpacingBetweenSlices"):
        try:
            value = float(str(images.times[0][0].record.get(keyword)))
        except ValueError:
            continue
        if np.isfinite(value) and value > 0:
            return value
    return 1.0


def _is_as_shown(source: ExportSource, images: ImagePlanes) -> bool:
    """Return whether slices are those of the images, though not where the affine says."""
    geometry = source.geometry
    if geometry is None or geometry.is_regular or images.is_regular or source.grid != images.grid:
        return False
    steps = np.asarray(geometry.affine)[:3, 1:3]
    return bool(np.abs(steps - images.steps).max() * max(images.shape) < _SAME_PLACE)


def _fills_gaps_of(source: ExportSource, images: ImagePlanes) -> bool:
    """Return whether all planes of uneven images are among the slices of an even source."""
    assert source.geometry is not None
    if images.is_regular or not source.geometry.is_regular:
        return False
    affine = np.asarray(source.geometry.affine, dtype=np.float64)
    if source.grid[1:] != images.shape or np.abs(affine[:3, 1:3] - images.steps).max() > _SQUARE:
        return False
    at = np.linalg.solve(affine[:3, :3], (images.positions - affine[:3, 3]).T)
    return bool(np.abs(at - np.rint(at)).max() < _SAME and np.abs(np.rint(at[1:])).max() == 0)


def _matched(
    planes: Planes, shape: tuple[int, int, int], images: ImagePlanes | None
) -> list[tuple[list[SourceFrame], bool]]:
    """Return for each plane the frames of the images at its place, or in its plane."""
    if images is None or abs(float(planes.normal @ images.normal)) < 1 - _SQUARE:
        return [([], False)] * len(planes)
    same = (
        shape[1:] == images.shape
        and np.abs(planes.orientation - images.orientation).max() < _SQUARE
        and np.abs(np.subtract(planes.spacing, images.spacing)).max() < _SQUARE
    )
    found: list[tuple[list[SourceFrame], bool]] = []
    heights = images.positions @ images.normal
    for position in planes.positions:
        away = np.abs(heights - position @ images.normal)
        k = int(np.argmin(away))
        if away[k] > _SAME_PLACE:
            found.append(([], False))
            continue
        preserved = same and float(np.abs(images.positions[k] - position).max()) < _SAME_PLACE
        found.append(([time[k] for time in images.times], bool(preserved)))
    return found


def _right_angled(source: ExportSource, upright: bool, progress: Progress) -> ExportSource:
    geometry = source.geometry
    assert geometry is not None
    axes = np.asarray(geometry.affine, dtype=np.float64)[:3, :3]
    axes = axes / np.linalg.norm(axes, axis=0)
    straight = not upright or float(np.abs(axes[:, 0] @ axes[:, 1:]).max()) < _SQUARE
    if abs(float(axes[:, 1] @ axes[:, 2])) < _SQUARE and straight:
        return source  # slices may be shifted: each has its own position
    return resampled_at_right_angles(source, progress=progress)


def _reader(
    source: ExportSource, planes: Planes, shape: tuple[int, int, int], *, by_index: bool
) -> tuple[Callable[[tuple[int, ...], int], NDArray[Any]], bool, bool]:
    """Return what reads planes of a source, whether it resamples, whether there is more of it."""
    assert source.geometry is not None
    own = np.asarray(source.geometry.affine, dtype=np.float64)
    if by_index:
        step = planes.positions[-1] - planes.positions[0]
        last = shape[0] - 1 if float(step @ own[:3, 0]) < 0 else 0
        return (lambda lead, k: source.plane(lead, abs(last - k))), False, False
    into = np.linalg.inv(own)
    along, down = planes.orientation[:3], planes.orientation[3:]
    in_plane = np.stack([down * planes.spacing[0], along * planes.spacing[1]], axis=1)
    steps = (into[:3, :3] @ in_plane).astype(np.float64)
    starts = planes.positions @ into[:3, :3].T + into[:3, 3]
    last_of = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) * (np.array(shape[1:]) - 1)
    far = starts[:, None, :] + last_of @ steps.T
    whole = np.rint(starts)[:, None, :] + last_of @ np.rint(steps).T
    resampled = bool(np.abs(far - whole).max() >= _SAME)
    if not resampled:
        steps, starts, far = np.rint(steps), np.rint(starts), whole
    low, high = far.min(axis=(0, 1)), far.max(axis=(0, 1))
    outside = bool(((low > 0.5) | (high < np.array(source.grid) - 1.5)).any())

    held: dict[tuple[int, ...], ExportSource] = {}
    turned = bool(np.abs(steps[0]).max() > 0)

    def read(lead: tuple[int, ...], k: int) -> NDArray[Any]:
        if turned and lead not in held:  # every plane needs all slices: read them once
            held.clear()
            held[lead] = _in_memory(source, lead)
        one, place = (held[lead], ()) if turned else (source, lead)
        return _plane_at(one, place, starts[k], steps, shape[1:])

    return read, resampled, outside


def _in_memory(source: ExportSource, lead: tuple[int, ...]) -> ExportSource:
    array = np.asarray(source.array[lead] if lead else source.array)
    return replace(source, array=array, dims=source.dims[-3:], coords={})


def _plane_at(
    source: ExportSource,
    lead: tuple[int, ...],
    start: Floats,
    steps: Floats,
    shape: tuple[int, int],
) -> NDArray[Any]:
    """Return the nearest values of a source on one plane; 0 outside of it.

    Parameters
    ----------
    start : (3,) ndarray
        Index (k, row, column) in the source of the first voxel of the plane.
    steps : (3, 2) ndarray
        By how much it grows from row to row, from column to column.
    shape : tuple of 2 int
        Rows, columns of the plane.
    """
    if np.array_equal(steps, [[0, 0], [1, 0], [0, 1]]) and not start[1:].any():
        inside = 0 <= start[0] < source.grid[0]
        if inside and source.grid[1:] == shape:
            return source.plane(lead, int(start[0]))
    row, column = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    index, valid = [], np.ones((1, 1), dtype=bool)
    for i, length in enumerate(source.grid):
        # An axis that depends on one of both only stays a line.
        at = np.full((1, 1), start[i])
        if abs(steps[i, 0]) * shape[0] > 1e-9:
            at = at + steps[i, 0] * row
        if abs(steps[i, 1]) * shape[1] > 1e-9:
            at = at + steps[i, 1] * column
        valid = valid & (at >= -0.5 - 1e-6) & (at <= length - 0.5 + 1e-6)
        index.append(np.rint(np.clip(at, 0, length - 1)).astype(np.intp))
    if not valid.any():
        return np.zeros(shape, source.dtype)
    if index[0].size == 1:
        flat = source.plane(lead, int(index[0].reshape(-1)[0]))
        values = flat[index[1], index[2]]
    else:
        values = np.asarray(source.array[lead] if lead else source.array)[tuple(index)]
    found = np.where(valid, values, np.zeros((), source.dtype))
    return np.ascontiguousarray(np.broadcast_to(found, shape))


def _ends(affine: Floats, shape: Sequence[int]) -> Floats:
    corners = np.array(np.meshgrid(*([0, n - 1] for n in shape), indexing="ij")).reshape(3, -1)
    world = (affine[:3, :3] @ corners).T + affine[:3, 3]
    return np.concatenate([world.min(axis=0), world.max(axis=0)])
