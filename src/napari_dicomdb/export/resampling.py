"""Any affine grid resampled on a right-angled one: only when it was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import ExportError
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_dicomdb.export.source import ExportSource

__all__ = [
    "can_be_resampled",
    "resampled_at_right_angles",
    "resampled_planes",
    "right_angled_grid",
]

_MOST_VOXELS = 2**31
_GROWTH = 8


def resampled_at_right_angles(
    source: ExportSource,
    *,
    fill: float = 0.0,
    positions: NDArray[np.float64] | None = None,
    progress: Progress = no_progress,
) -> ExportSource:
    """Return `source` on the right-angled grid that holds all of it, in its own planes.

    Linear for images, nearest for labels; columns keep their direction and all axes
    their spacing.

    Parameters
    ----------
    source : ExportSource
        In the patient.
    fill : float
        Value where there is nothing.
    positions : (K, 3) ndarray, optional
        Where the slices really are, LPS mm, when they are not where the affine says.
    progress : Progress
        May raise `Cancelled`.

    Raises
    ------
    ExportError
        "too-large": the grid would have eight times the voxels or more.
    """
    grid, shape = right_angled_grid(source, positions)
    geometry = source.geometry
    assert geometry is not None
    affine = np.asarray(geometry.affine, dtype=np.float64)
    slices = None if positions is None else _slice_indices(affine, positions)
    array = resampled_planes(
        source,
        np.linalg.solve(affine, grid).astype(np.float64),
        shape,
        nearest=source.role == "labels",
        fill=fill,
        slices=slices,
        progress=progress,
    )
    return source.with_array(array, replace(geometry, affine=grid, shape=shape, is_regular=True))


def right_angled_grid(
    source: ExportSource, positions: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], tuple[int, int, int]]:
    """Return the grid of `resampled_at_right_angles`, without reading a voxel.

    Parameters
    ----------
    source : ExportSource
    positions : (K, 3) ndarray, optional

    Returns
    -------
    affine : (4, 4) ndarray
    shape : tuple of 3 int

    Raises
    ------
    ExportError
        "too-large", "no-geometry", "bad-geometry": slices are not in the order of their places.
    """
    geometry = source.geometry
    if geometry is None:
        raise ExportError("what has no geometry cannot be resampled", reason="no-geometry")
    affine = np.asarray(geometry.affine, dtype=np.float64)
    along = affine[:3, 2] / np.linalg.norm(affine[:3, 2])
    down = affine[:3, 1] - along * (along @ affine[:3, 1])
    down /= np.linalg.norm(down)
    normal = np.cross(along, down)
    if normal @ affine[:3, 0] < 0:
        normal = -normal
    axes = np.stack([normal, down, along], axis=1)
    spacing = np.abs(np.sum(axes * affine[:3, :3], axis=0))
    slices = None if positions is None else _slice_indices(affine, positions)
    ends = [[0.0, n - 1.0] for n in source.grid]
    if slices is not None:
        ends[0] = [float(slices[0]), float(slices[-1])]
    corners = np.array(np.meshgrid(*ends, indexing="ij"))
    places = (affine[:3, :3] @ corners.reshape(3, -1)).T @ axes / spacing
    low, high = np.floor(places.min(axis=0) + 1e-6), np.ceil(places.max(axis=0) - 1e-6)
    slabs, rows, columns = (int(n) for n in (high - low + 1))
    shape = (slabs, rows, columns)
    if np.prod(shape, dtype=float) > min(
        _GROWTH * np.prod(source.grid, dtype=float), _MOST_VOXELS
    ):
        raise ExportError(
            "it is too oblique to be resampled: the grid would be eight times as large",
            reason="too-large",
        )
    grid = np.eye(4)
    grid[:3, :3] = axes * spacing
    grid[:3, 3] = affine[:3, 3] + grid[:3, :3] @ low
    return grid, shape


def can_be_resampled(source: ExportSource) -> bool:
    """Return whether `resampled_at_right_angles` does it, as far as the affine says."""
    try:
        right_angled_grid(source)
    except ExportError:
        return False
    return True


def resampled_planes(
    source: ExportSource,
    source_from_grid: NDArray[np.float64],
    shape: tuple[int, int, int],
    *,
    nearest: bool,
    fill: float = 0.0,
    slices: NDArray[np.float64] | None = None,
    progress: Progress = no_progress,
) -> NDArray[Any]:
    """Return the values of `source` at the voxels of another grid.

    Parameters
    ----------
    source : ExportSource
    source_from_grid : (4, 4) ndarray
        Indices (k, row, column) of `source` from those of the grid.
    shape : tuple of 3 int
        Of the grid.
    nearest : bool
        False interpolates linearly; integers are rounded.
    fill : float
        Value outside; of integers the nearest that they can hold.
    slices : (K,) ndarray, optional
        Of uneven slices: the index that the affine would give each; rising.
    """
    tail = source.shape[len(source.dims) :]
    result = np.empty((*source.leading, *shape, *tail), source.dtype)
    row, column = np.meshgrid(
        np.arange(shape[1], dtype=np.float64), np.arange(shape[2], dtype=np.float64), indexing="ij"
    )
    values, fill = source.numpy(), _held(fill, source.dtype)
    count = int(np.prod(source.leading, dtype=int)) * shape[0]
    for done, where in enumerate(np.ndindex(*source.leading, shape[0])):
        progress(done, count, "Resampling")
        at = [
            axis[0] * where[-1] + axis[1] * row + axis[2] * column + axis[3]
            for axis in source_from_grid[:3]
        ]
        if slices is not None:
            at[0] = _between(at[0], slices)
        result[where] = _at(values[where[:-1]], at, nearest, fill)
    return result


def _held(fill: float, dtype: np.dtype[Any]) -> float:
    """Return the nearest value of a type: the air of a CT may be none of unsigned numbers."""
    if dtype.kind == "b":
        return float(fill > 0)
    if dtype.kind not in "iu":
        return fill
    limits = np.iinfo(dtype)
    return min(max(fill, limits.min), limits.max)


def _slice_indices(
    affine: NDArray[np.float64], positions: NDArray[np.float64]
) -> NDArray[np.float64]:
    homogeneous = np.vstack([positions.T, np.ones(len(positions))])
    found: NDArray[np.float64] = np.linalg.solve(affine, homogeneous)[0]
    if (np.diff(found) <= 0).any():
        raise ExportError(
            "its slices are not in the order of their places: it cannot be resampled",
            reason="bad-geometry",
        )
    return found


def _between(index: NDArray[np.float64], slices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the fractional number of slices at an index of the affine, beyond the ends too."""
    found: NDArray[np.float64] = np.interp(index, slices, np.arange(len(slices), dtype=np.float64))
    found += np.minimum(index - slices[0], 0) + np.maximum(index - slices[-1], 0)
    return found


def _at(
    volume: NDArray[Any], at: list[NDArray[np.float64]], nearest: bool, fill: float
) -> NDArray[Any]:
    inside = np.ones(at[0].shape, dtype=bool)
    for axis, length in zip(at, volume.shape, strict=False):
        inside &= (axis >= -0.5 - 1e-6) & (axis <= length - 0.5 + 1e-6)
    colour = volume.ndim == 4
    chosen = inside[..., None] if colour else inside
    # Half a voxel beyond the outermost centres is still the outermost voxel.
    clipped = [np.clip(a, 0, n - 1) for a, n in zip(at, volume.shape, strict=False)]
    index: list[NDArray[np.intp]]
    if nearest:
        index = [np.rint(a).astype(np.intp) for a in clipped]
        return np.where(chosen, volume[tuple(index)], np.asarray(fill, volume.dtype))
    low = [
        np.minimum(np.floor(a).astype(np.intp), max(n - 2, 0))
        for a, n in zip(clipped, volume.shape, strict=False)
    ]
    share = [a - b for a, b in zip(clipped, low, strict=True)]
    total = np.zeros((*at[0].shape, *volume.shape[3:]), dtype=np.float64)
    for corner in np.ndindex(2, 2, 2):
        weight = np.ones(at[0].shape)
        index = []
        for k, step in enumerate(corner):
            weight = weight * (share[k] if step else 1 - share[k])
            index.append(np.minimum(low[k] + step, volume.shape[k] - 1))
        if weight.any():
            # Infinity times a weight of 0 is no number, and quietly so.
            with np.errstate(invalid="ignore"):
                total += volume[tuple(index)] * (weight[..., None] if colour else weight)
    if volume.dtype.kind in "iu":
        limits = np.iinfo(volume.dtype)
        total = np.clip(np.rint(total), limits.min, limits.max)
    return np.where(chosen, total, fill).astype(volume.dtype)
