"""Slices put on a regular grid: missing ones filled, uneven or tilted ones resampled.

Both readers look like any other reader of frames, so that what is resampled can
be lazy too: a slice of the grid needs two images at most.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.loading.lazy import LazyArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_dicomdb.dicom.geometry import RegularGrid, Stack
    from napari_dicomdb.loading.reading import Frames

__all__ = ["FilledReader", "GridReader", "fill_plan"]


def fill_plan(stack: Stack) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """For each slice of the grid of `stack.affine`: the image below, and the share of the next.

    Parameters
    ----------
    stack : Stack
        Evenly spaced but for missing slices.

    Returns
    -------
    lower : (K,) ndarray of int
        Index into `stack.order`.
    weights : (K,) ndarray of float
        0 where the slice exists.
    """
    indices = stack.indices.astype(np.intp)
    grid = np.arange(int(indices[-1]) + 1)
    lower = np.searchsorted(indices, grid, side="right") - 1
    upper = np.minimum(lower + 1, len(indices) - 1)
    gap = np.maximum(indices[upper] - indices[lower], 1)
    return lower, (grid - indices[lower]) / gap


class _OverReader:
    """What both readers share: they read through a cache, as neighbours need the same images."""

    def __init__(self, source: Frames) -> None:
        self._source = LazyArray(source)
        self.dtype = source.dtype
        self.fill = source.fill
        self.problems = source.problems
        self.frame_shape = source.frame_shape

    def _stored(self, values: NDArray[Any], out: NDArray[Any] | None) -> NDArray[Any]:
        if self.dtype.kind in "iu":
            limits = np.iinfo(self.dtype)
            values = np.clip(np.rint(values), limits.min, limits.max)
        if out is None:
            return values.astype(self.dtype)
        out[...] = values
        return out


class FilledReader(_OverReader):
    """Reads slices of an even grid; those that are missing are interpolated linearly.

    Parameters
    ----------
    source : Frames
        The images that exist, in stack order.
    lower, weights : (K,) ndarray
        From `fill_plan`.
    """

    def __init__(
        self, source: Frames, lower: NDArray[np.intp], weights: NDArray[np.float64]
    ) -> None:
        super().__init__(source)
        self._lower, self._weights = lower, weights

    def __len__(self) -> int:
        return len(self._lower)

    def read(self, index: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Read slice `index` of the grid (into `out`)."""
        lower, weight = int(self._lower[index]), float(self._weights[index])
        below = self._source.frame(lower)
        if weight == 0:
            if out is None:
                return below.copy()
            out[...] = below
            return out
        above = self._source.frame(lower + 1)
        mixed = below.astype(np.float32) * (1 - weight) + above.astype(np.float32) * weight
        return self._stored(mixed, out)


class GridReader(_OverReader):
    """Reads slices of a right-angled grid over an uneven, tilted or shifted stack.

    Parameters
    ----------
    source : Frames
        The images, in stack order.
    grid : RegularGrid
    """

    def __init__(self, source: Frames, grid: RegularGrid) -> None:
        super().__init__(source)
        self._grid = grid
        self.frame_shape = (*grid.shape[1:], *source.frame_shape[2:])

    def __len__(self) -> int:
        return self._grid.shape[0]

    def read(self, index: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Interpolate slice `index` of the grid (into `out`)."""
        if len(self.frame_shape) == 2:
            return self._stored(self._grid.slice(index, self._source.frame, self.fill), out)

        def sample(of: int, k: int) -> NDArray[Any]:
            return self._source.frame(k)[..., of]

        samples = [
            self._grid.slice(index, partial(sample, of), self.fill)
            for of in range(self.frame_shape[2])
        ]
        return self._stored(np.stack(samples, axis=-1), out)
