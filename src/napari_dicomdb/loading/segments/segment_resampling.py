"""Labels taken on the voxels of another image: the nearest of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_dicomdb.progress import Progress

__all__ = ["resampled_labels"]

_STRAIGHT = 1e-6  # of a voxel by which an index may lean over all of the other axis


def resampled_labels(
    labels: NDArray[Any],
    affine: NDArray[np.float64],
    target: NDArray[np.float64],
    shape: tuple[int, int, int],
    *,
    levels: NDArray[np.float64] | None = None,
    progress: Progress,
) -> NDArray[Any]:
    """Return labels on another grid; 0 where there are none.

    Parameters
    ----------
    labels : (..., S, R, C) ndarray of int
    affine, target : (4, 4) ndarray
        LPS mm from (k, row, column), of `labels` and of the grid wanted.
    shape : tuple of 3 int
        Of the grid wanted.
    levels : (S,) ndarray of float, optional
        Where the slices are along the normal of their plane, mm, when `affine` does
        not say it; ascending.
    progress : Progress
    """
    mapping = np.linalg.inv(affine) @ target
    volumes = labels.reshape(-1, *labels.shape[-3:])
    result = np.zeros((len(volumes), *shape), labels.dtype)
    for done, (volume, out) in enumerate(zip(volumes, result, strict=True)):
        progress(done, len(volumes), "Resampling labels")
        if volume.any():
            _resample(volume, mapping, out, _Slices(affine, target, levels))
    progress(len(volumes), len(volumes), "Resampling labels")
    return result.reshape(*labels.shape[:-3], *shape)


class _Slices:
    """Finds the nearest slice where slices are not evenly spaced."""

    def __init__(
        self,
        affine: NDArray[np.float64],
        target: NDArray[np.float64],
        levels: NDArray[np.float64] | None,
    ) -> None:
        self.levels = levels
        if levels is not None:
            normal = np.cross(affine[:3, 2], affine[:3, 1])
            normal /= np.linalg.norm(normal)
            if normal @ affine[:3, 0] < 0:
                normal = -normal
            self.row = np.append(normal @ target[:3, :3], normal @ target[:3, 3])
            gaps = np.diff(levels)
            # Half-way to the neighbour; beyond the ends as far as on the other side.
            self.edges = levels[:-1] + gaps / 2
            self.low = levels[0] - gaps[0] / 2
            self.high = levels[-1] + gaps[-1] / 2

    def nearest(self, along: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the slice at each distance along the normal, -1 for none."""
        found = np.searchsorted(self.edges, along, side="right")
        outside = (along < self.low) | (along >= self.high)
        return np.where(outside, -1, found).astype(np.intp)


def _resample(
    volume: NDArray[Any], mapping: NDArray[np.float64], out: NDArray[Any], slices: _Slices
) -> None:
    linear, start = mapping[:3, :3].copy(), mapping[:3, 3].copy()
    if slices.levels is not None:
        linear[0], start[0] = slices.row[:3], slices.row[3]
    extent = np.abs(linear) * (np.array(out.shape) - 1)
    axis_of = np.argmax(np.abs(linear), axis=1)
    rest = extent.copy()
    rest[np.arange(3), axis_of] = 0
    if rest.max() < _STRAIGHT and len(set(axis_of.tolist())) == 3:
        _resample_straight(volume, linear, start, axis_of, out, slices)
        return
    rows = np.arange(out.shape[1], dtype=np.float64)[:, None]
    columns = np.arange(out.shape[2], dtype=np.float64)[None, :]
    plane = [linear[a, 1] * rows + linear[a, 2] * columns for a in range(3)]
    for k in range(out.shape[0]):
        found = [
            _index(plane[a] + (linear[a, 0] * k + start[a]), a, volume.shape, slices)
            for a in range(3)
        ]
        inside = (found[0] >= 0) & (found[1] >= 0) & (found[2] >= 0)
        if inside.any():
            out[k][inside] = volume[tuple(one[inside] for one in found)]


def _resample_straight(
    volume: NDArray[Any],
    linear: NDArray[np.float64],
    start: NDArray[np.float64],
    axis_of: NDArray[np.intp],
    out: NDArray[Any],
    slices: _Slices,
) -> None:
    """Axes run along each other: an index of one depends on an index of the other alone."""
    found: dict[int, tuple[int, NDArray[np.intp]]] = {}
    for a in range(3):
        b = int(axis_of[a])
        exact = linear[a, b] * np.arange(out.shape[b]) + start[a]
        found[b] = (a, _index(exact, a, volume.shape, slices))
    source = volume.transpose([found[b][0] for b in range(3)])
    there = [np.flatnonzero(found[b][1] >= 0) for b in range(3)]
    if all(len(one) for one in there):
        taken = source[np.ix_(*(found[b][1][there[b]] for b in range(3)))]
        out[np.ix_(*there)] = taken


def _index(
    exact: NDArray[np.float64], axis: int, shape: tuple[int, ...], slices: _Slices
) -> NDArray[np.intp]:
    """Return the nearest index along an axis, -1 outside; half-way belongs to the next."""
    if axis == 0 and slices.levels is not None:
        return slices.nearest(exact)
    # A grid that shares its planes with another must not fall on either side by rounding.
    index = np.floor(exact + 0.5 + 1e-9)
    outside = (index < 0) | (index >= shape[axis])
    return np.where(outside, -1, index).astype(np.intp)
