"""Arrays with their axes permuted and flipped, as views, also when they are lazy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.viewer.indexing import AxisPick, DuckArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["TransposedArray", "reoriented"]


def reoriented(array: Any, axes: Sequence[int], flips: Sequence[bool]) -> Any:
    """Return `array` with its axes permuted, then flipped, without copying.

    Parameters
    ----------
    array : array_like
        numpy or lazy.
    axes : sequence of int
        For each axis of the result, the axis of `array` that it is, as for
        `numpy.transpose`.
    flips : sequence of bool
        For each axis of the result, whether it runs backwards.

    Returns
    -------
    ndarray or TransposedArray
        A view of a numpy array; a `TransposedArray` of a lazy one; `array`
        itself when there is nothing to do.
    """
    if list(axes) == list(range(len(axes))) and not any(flips):
        return array
    if isinstance(array, np.ndarray):
        return array.transpose(axes)[tuple(slice(None, None, -1 if f else 1) for f in flips)]
    return TransposedArray(array, axes, flips)


class TransposedArray(DuckArray):
    """A lazy array with its axes permuted and flipped.

    Whatever is asked, the source gets one request with slices of positive
    step, and integers where an integer was given: a slice is read once, as one.

    Parameters
    ----------
    source : array_like
        Has ``shape, dtype, __getitem__``; must itself be thread-safe.
    axes, flips : sequence
        As for `reoriented`.
    """

    def __init__(self, source: Any, axes: Sequence[int], flips: Sequence[bool]) -> None:
        if sorted(axes) != list(range(len(source.shape))) or len(flips) != len(axes):
            raise ValueError(f"axes {axes!r} are no permutation of {len(source.shape)} axes")
        self.source = source
        self.axes = tuple(int(a) for a in axes)
        self.flips = tuple(bool(f) for f in flips)
        self.shape = tuple(int(source.shape[a]) for a in self.axes)
        self.dtype = np.dtype(source.dtype)

    def _read(self, picks: list[AxisPick]) -> NDArray[Any]:
        of_source: dict[int, AxisPick] = {}
        for axis, flip, pick, length in zip(self.axes, self.flips, picks, self.shape, strict=True):
            of_source[axis] = pick.mirrored(length) if flip else pick
        ordered = [of_source[a] for a in range(len(self.axes))]
        key = tuple(p.start if p.drops else p.ascending for p in ordered)
        block = np.asarray(self.source[key]).reshape([p.count for p in ordered])
        backwards = tuple(slice(None, None, -1 if p.step < 0 else 1) for p in ordered)
        return block[backwards].transpose(self.axes)
