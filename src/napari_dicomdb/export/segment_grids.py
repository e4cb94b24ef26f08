"""Labels on the grid of the images they refer to, or on their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.planes import Planes
from napari_dicomdb.export.resampling import resampled_at_right_angles, resampled_planes
from napari_dicomdb.loading.segments.segment_grid import image_grids
from napari_dicomdb.loading.sorting import is_segmentation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_dicomdb.export.source import ExportSource
    from napari_dicomdb.export.study import StudyTarget
    from napari_dicomdb.progress import Progress

__all__ = ["Gridded", "check_frame_of_reference", "on_grid"]

_SAME = 0.02  # voxels by which corners may differ in what is one grid
_SQUARE = 1e-4


@dataclass(frozen=True, eq=False)
class Gridded:
    """Labels, or fractions, on the grid in which they are written.

    Parameters
    ----------
    arrays : list of (S, R, C) ndarray
        One for each source.
    planes : Planes
    references : tuple of str
        SOP Instance UIDs of the images of that grid.
    resampled : bool
    """

    arrays: list[NDArray[Any]]
    planes: Planes
    references: tuple[str, ...]
    resampled: bool


def check_frame_of_reference(source: ExportSource, target: StudyTarget, *, confirmed: bool) -> str:
    """Return the FrameOfReferenceUID to write.

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


def on_grid(
    sources: list[ExportSource], target: StudyTarget, *, own: bool, progress: Progress
) -> Gridded:
    """Return sources on the grid of the images of `target`; on their own where there are none.

    Parameters
    ----------
    sources : list of ExportSource
        In the patient.
    target : StudyTarget
    own : bool
        Whether the grid of the first source is kept.
    progress : Progress

    Raises
    ------
    ExportError
        "too-large", if a sheared grid cannot be made right-angled.
    """
    first = sources[0]
    if first.geometry is None or not first.geometry.in_patient:
        raise ExportError(
            "labels need a place in the patient to be written as a segmentation: draw them on "
            "an image that has one",
            reason="no-geometry",
        )
    images = [i for i in target.instances.values() if not is_segmentation(i)]
    grids = image_grids(images) if images else []
    if grids and not own:
        best = min(grids, key=lambda g: _distance(first, g.affine, g.shape))
        affine, shape, references = best.affine, best.shape, best.instance_uids
    else:
        first = _right_angled(first, progress)
        assert first.geometry is not None
        affine, shape = np.asarray(first.geometry.affine, dtype=np.float64), first.grid
        references = tuple(i.uid for i in images)
    arrays, resampled = [], first is not sources[0]
    for one in sources:
        array, changed = _placed(one, affine, shape, progress)
        arrays.append(array)
        resampled |= changed
    assert first.geometry is not None
    grid = replace(first.geometry, affine=affine, shape=shape)
    planes = Planes.of(first.with_array(arrays[0], grid))
    assert planes is not None
    return Gridded(arrays, planes, references, resampled)


def _right_angled(source: ExportSource, progress: Progress) -> ExportSource:
    geometry = source.geometry
    assert geometry is not None
    axes = np.asarray(geometry.affine, dtype=np.float64)[:3, :3]
    axes = axes / np.linalg.norm(axes, axis=0)
    if abs(float(axes[:, 1] @ axes[:, 2])) < _SQUARE:
        return source  # slices may be shifted: each has its own position
    return resampled_at_right_angles(source, progress=progress)


def _placed(
    source: ExportSource,
    affine: NDArray[np.float64],
    shape: tuple[int, int, int],
    progress: Progress,
) -> tuple[NDArray[Any], bool]:
    """Return voxels on another grid: as they are, turned and flipped, or the nearest."""
    assert source.geometry is not None
    own = np.asarray(source.geometry.affine, dtype=np.float64)
    source_from_grid = np.linalg.solve(own, affine).astype(np.float64)
    rounded = np.rint(source_from_grid)
    corners = np.array(np.meshgrid(*([0, n - 1] for n in shape), indexing="ij")).reshape(3, -1)
    off = (source_from_grid - rounded)[:3]
    error = np.abs(off[:, :3] @ corners + off[:, 3:]).max()
    if error < _SAME:
        source_from_grid = rounded
        if np.array_equal(rounded, np.eye(4)) and source.grid == shape:
            return source.numpy(), False
    array = resampled_planes(
        source, source_from_grid, shape, nearest=source.role == "labels", progress=progress
    )
    return array, bool(error >= _SAME)


def _distance(
    source: ExportSource, affine: NDArray[np.float64], shape: tuple[int, int, int]
) -> float:
    """Return how far the corners of two grids are apart, mm: which images are meant."""
    assert source.geometry is not None
    own = _ends(np.asarray(source.geometry.affine, dtype=np.float64), source.grid)
    theirs = _ends(affine, shape)
    return float(np.linalg.norm(own - theirs))


def _ends(affine: NDArray[np.float64], shape: tuple[int, int, int]) -> NDArray[np.float64]:
    corners = np.array(np.meshgrid(*([0, n - 1] for n in shape), indexing="ij")).reshape(3, -1)
    world = (affine[:3, :3] @ corners).T + affine[:3, 3]
    return np.concatenate([world.min(axis=0), world.max(axis=0)])
