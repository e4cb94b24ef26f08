"""Volumes seen on a grid aligned with the world, interpolated when looked at.

Everything that napari cannot slice as it lies (obliques beside another volume,
gantry tilt) goes through `Resliced`; when napari learns to cut obliquely
(napari #9337) this module can go.

`scipy.ndimage.affine_transform` does the interpolation: compiled, free of the
GIL, rounding for integers. A 512 x 512 plane takes 5 to 15 ms; eight gathers
and their weighting in numpy take four times as long. napari itself needs
scipy, so that it costs nobody a library.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.viewer.indexing import AxisPick, DuckArray

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Resliced"]

#: Decoded source volumes kept per array; at least the last one always is.
CACHE_BYTES = 1 << 30
#: From this many voxels on, one request is cut into slabs for several threads.
THREADED_VOXELS = 1 << 21
#: A point this far (in voxels) outside the edge of the border voxels still counts as in.
EDGE = 0.5 + 1e-6


class Resliced(DuckArray):
    """A volume sampled on another grid, plane by plane.

    Parameters
    ----------
    source : (..., S, R, C) or (..., S, R, C, 3) array_like
        numpy array, or a lazy one: then only the slices that a request crosses
        are read, once, and kept.
    source_from_grid : (4, 4) array_like of float
        Maps grid indices to (fractional) source indices ``(k, row, column)``.
    shape : tuple of 3 int
        Of the grid.
    order : int
        1 interpolates linearly, 0 takes the nearest voxel (labels).
    outside : float, optional
        Value of grid points outside the source; the least value of its middle
        slice when None.
    is_rgb : bool
        Whether the last axis holds colour samples.
    """

    def __init__(
        self,
        source: Any,
        source_from_grid: ArrayLike,
        shape: tuple[int, int, int],
        *,
        order: int = 1,
        outside: float | None = None,
        is_rgb: bool = False,
    ) -> None:
        self.source = source
        self.source_from_grid = np.asarray(source_from_grid, dtype=np.float64)
        self.order = order
        self.is_rgb = is_rgb
        whole = tuple(int(n) for n in source.shape)
        spatial_end = len(whole) - is_rgb
        self._lead = whole[: spatial_end - 3]
        self._grid = tuple(int(n) for n in shape)
        self._source_shape = whole[spatial_end - 3 :]
        self.shape = (*self._lead, *self._grid, *whole[spatial_end:])
        self.dtype = np.dtype(source.dtype)
        self._outside = outside
        self._lock = threading.RLock()
        self._volumes: OrderedDict[tuple[int, ...], _Partial] = OrderedDict()

    @property
    def outside(self) -> float:
        """Value of grid points outside the source."""
        with self._lock:
            if self._outside is None:
                lead = tuple(n // 2 for n in self._lead)
                middle = self._source_shape[0] // 2
                self._outside = float(np.min(self._block(lead, middle, middle)))
            return self._outside

    def _read(self, picks: list[AxisPick]) -> NDArray[Any]:
        lead_count = len(self._lead)
        lead, spatial, colour = (
            picks[:lead_count],
            picks[lead_count : lead_count + 3],
            picks[lead_count + 3 :],
        )
        start = np.array([p.start for p in spatial], dtype=np.float64)
        step = np.array([p.step for p in spatial], dtype=np.float64)
        count = tuple(p.count for p in spatial)
        matrix = self.source_from_grid[:3, :3] * step
        offset = self.source_from_grid[:3, :3] @ start + self.source_from_grid[:3, 3]
        samples = self.shape[lead_count + 3 :]

        result = np.empty((*(p.count for p in lead), *count, *samples), dtype=self.dtype)
        if 0 in result.shape:
            return result[(..., _colour_key(colour))] if colour else result
        for place in itertools.product(*(range(p.count) for p in lead)):
            index = tuple(p.indices[i] for p, i in zip(lead, place, strict=True))
            self._sample(index, matrix, offset, result[place])
        return result[(..., _colour_key(colour))] if colour else result

    def _sample(
        self,
        lead: tuple[int, ...],
        matrix: NDArray[np.float64],
        offset: NDArray[np.float64],
        out: NDArray[Any],
    ) -> None:
        """Fill `out` (3 axes, and colour) from the source volume at `lead`."""
        workers = min(os.cpu_count() or 1, out.shape[0])
        if out.size < THREADED_VOXELS or workers < 2:
            self._sample_slab(lead, matrix, offset, out)
            return
        bounds = np.linspace(0, out.shape[0], 2 * workers + 1).astype(int)
        slabs = [(a, b) for a, b in itertools.pairwise(bounds) if b > a]
        with ThreadPoolExecutor(workers) as pool:
            done = [
                pool.submit(self._sample_slab, lead, matrix, offset + matrix[:, 0] * a, out[a:b])
                for a, b in slabs
            ]
            for future in done:
                future.result()

    def _sample_slab(
        self,
        lead: tuple[int, ...],
        matrix: NDArray[np.float64],
        offset: NDArray[np.float64],
        out: NDArray[Any],
    ) -> None:
        from scipy import ndimage

        outside = _outside_mask(matrix, offset, out.shape[:3], self._source_shape[:3])
        if outside.all():
            out[...] = _fill_value(self.outside, self.dtype)
            return
        # Only the slices between those that the request meets first and last.
        reach = matrix[0] * (np.array(out.shape[:3]) - 1)
        last = self._source_shape[0] - 1
        low = int(np.clip(np.floor(offset[0] + np.minimum(reach, 0).sum()), 0, last))
        high = int(np.clip(np.ceil(offset[0] + np.maximum(reach, 0).sum()), low, last))
        block = self._block(lead, low, high)
        local = offset - (low, 0, 0)
        channels = range(out.shape[3]) if self.is_rgb else [...]
        for channel in channels:
            picked = block[..., channel] if self.is_rgb else block
            target = out[..., channel] if self.is_rgb else out
            # affine_transform knows no float16, and wants its own byte order.
            if picked.dtype == np.float16 or not picked.dtype.isnative:
                picked = picked.astype(np.float32 if picked.dtype.kind == "f" else np.float64)
            target[...] = ndimage.affine_transform(
                picked,
                matrix,
                local,
                output_shape=target.shape,
                output=self.dtype if picked.dtype == self.dtype else picked.dtype,
                order=self.order,
                mode="nearest",
                prefilter=False,
            )
        if outside.any():
            out[outside] = _fill_value(self.outside, self.dtype)

    def _block(self, lead: tuple[int, ...], low: int, high: int) -> NDArray[Any]:
        """Return slices `low` to `high` (both included) of the volume at `lead`."""
        if isinstance(self.source, np.ndarray):
            return self.source[lead][low : high + 1]
        with self._lock:
            volume = self._volumes.pop(lead, None)
            if volume is None:
                volume = _Partial(self._source_shape, self.dtype)
                while self._volumes and (
                    (len(self._volumes) + 1) * volume.array.nbytes > CACHE_BYTES
                ):
                    self._volumes.popitem(last=False)
            self._volumes[lead] = volume
            volume.fill(self.source, lead, low, high)
            return volume.array[low : high + 1]


class _Partial:
    """One source volume in memory, filled slice by slice."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        # Pages of np.empty that are never filled take no memory.
        self.array: NDArray[Any] = np.empty(shape, dtype=dtype)
        self.present = np.zeros(shape[0], dtype=bool)

    def fill(self, source: Any, lead: tuple[int, ...], low: int, high: int) -> None:
        """Read those of the slices `low` to `high` that are not here yet, run by run."""
        k = low
        while k <= high:
            if self.present[k]:
                k += 1
                continue
            end = k
            while end <= high and not self.present[end]:
                end += 1
            self.array[k:end] = np.asarray(source[(*lead, slice(k, end))])
            self.present[k:end] = True
            k = end


def _outside_mask(
    matrix: NDArray[np.float64],
    offset: NDArray[np.float64],
    count: tuple[int, ...],
    source_shape: tuple[int, ...],
) -> NDArray[np.bool_]:
    """Tell which of the ``count`` points lie outside the voxels of the source.

    Along the last axis the points inside are one interval, so that only its
    two ends are computed for each line.
    """
    u = np.arange(count[0], dtype=np.float64)[:, None]
    v = np.arange(count[1], dtype=np.float64)[None, :]
    first = np.full(count[:2], -np.inf)
    last = np.full(count[:2], np.inf)
    for axis in range(3):
        at_zero = offset[axis] + matrix[axis, 0] * u + matrix[axis, 1] * v
        below = -EDGE - at_zero
        above = source_shape[axis] - 1 + EDGE - at_zero
        slope = matrix[axis, 2]
        if abs(slope) < 1e-12:
            first[(below > 0) | (above < 0)] = np.inf
            continue
        ends = (below / slope, above / slope) if slope > 0 else (above / slope, below / slope)
        np.maximum(first, ends[0], out=first)
        np.minimum(last, ends[1], out=last)
    w = np.arange(count[2], dtype=np.float64)
    return (w < first[..., None]) | (w > last[..., None])


def _fill_value(value: float, dtype: np.dtype[Any]) -> Any:
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return int(np.clip(round(value), info.min, info.max))
    return value


def _colour_key(colour: list[AxisPick]) -> slice:
    pick = colour[0]
    stop = pick.start + pick.count * pick.step
    return slice(pick.start, stop if stop >= 0 else None, pick.step)
