"""numpy's basic indexing, spelled out axis by axis for arrays that are read lazily."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.loading.array_shape import ArrayShape

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

__all__ = ["AxisPick", "DuckArray", "spell_out"]


@dataclass(frozen=True, slots=True)
class AxisPick:
    """What is picked along one axis: `count` indices from `start` by `step`.

    `drops` says that an integer picked it, so that the axis vanishes.
    """

    start: int
    step: int
    count: int
    drops: bool

    @property
    def ascending(self) -> slice:
        """The same indices as a slice with a positive step."""
        if self.count == 0:
            return slice(0, 0, 1)
        first, last = self.start, self.start + (self.count - 1) * self.step
        low, high = min(first, last), max(first, last)
        return slice(low, high + 1, abs(self.step))

    def mirrored(self, length: int) -> AxisPick:
        """Return the pick that finds the same elements when the axis is flipped."""
        return AxisPick(length - 1 - self.start, -self.step, self.count, self.drops)

    @property
    def indices(self) -> range:
        """The picked indices, in order."""
        return range(self.start, self.start + self.count * self.step, self.step)


def spell_out(key: Any, shape: tuple[int, ...]) -> tuple[list[AxisPick], list[int]] | None:
    """Spell out a basic index.

    Parameters
    ----------
    key : int, slice, None, Ellipsis or tuple of these
    shape : tuple of int

    Returns
    -------
    picks : list of AxisPick
        One for each axis of `shape`.
    new_axes : list of int
        Positions in the result where ``None`` asked for an axis of length 1.
    None
        Instead of both, when `key` is not a basic index (lists, masks).

    Raises
    ------
    IndexError
        For too many indices, or an integer out of range.

    Examples
    --------
    >>> picks, new = spell_out((1, ..., None, slice(None, None, -1)), (3, 4, 5))
    >>> [list(p.indices) for p in picks], new
    ([[1], [0, 1, 2, 3], [4, 3, 2, 1, 0]], [1])
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    if any(not (p is None or p is Ellipsis or isinstance(p, slice) or _is_int(p)) for p in parts):
        return None
    taken = sum(p is not None and p is not Ellipsis for p in parts)
    ellipses = sum(p is Ellipsis for p in parts)
    if taken > len(shape) or ellipses > 1:
        raise IndexError(f"index {key!r} does not fit an array of {len(shape)} dimensions")
    filler = [slice(None)] * (len(shape) - taken)
    where = next((i for i, p in enumerate(parts) if p is Ellipsis), len(parts))
    parts = parts[:where] + filler + parts[where + 1 :]

    picks: list[AxisPick] = []
    new_axes: list[int] = []
    axis = position = 0
    for part in parts:
        if part is None:
            new_axes.append(position)
            position += 1
            continue
        pick = _pick(part, shape[axis], axis)
        picks.append(pick)
        axis += 1
        position += not pick.drops
    return picks, new_axes


def _is_int(part: Any) -> bool:
    # A 0-d boolean is a mask to numpy, not an index.
    return hasattr(part, "__index__") and not isinstance(part, (bool, np.bool_, np.ndarray))


def _pick(part: Any, length: int, axis: int) -> AxisPick:
    if isinstance(part, slice):
        start, stop, step = part.indices(length)
        return AxisPick(start, step, len(range(start, stop, step)), drops=False)
    index = operator.index(part)
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of bounds for axis {axis} with size {length}")
    return AxisPick(index % length, 1, 1, drops=True)


class DuckArray(ArrayShape, ABC):
    """Base of read-only arrays that compute what is asked of them.

    A subclass sets `shape` and `dtype` and gives `_read`. Safe to use from
    several threads when `_read` is.
    """

    def __getitem__(self, key: Any) -> NDArray[Any]:
        spelled = spell_out(key, self.shape)
        if spelled is None:
            # Lists and masks: rare (profile plots); read everything, let numpy pick.
            return np.asarray(np.asarray(self)[key])
        picks, new_axes = spelled
        found = self._read(picks)
        kept = tuple(p.count for p in picks if not p.drops)
        result = found.reshape(kept)
        for position in new_axes:
            result = np.expand_dims(result, position)
        return result

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Read everything."""
        if copy is False:
            raise ValueError("a lazily read array cannot be given without a copy")
        return np.asarray(self[...], dtype=dtype)

    @abstractmethod
    def _read(self, picks: list[AxisPick]) -> NDArray[Any]:
        """Return what is picked; picked axes all kept, in the order of `picks`."""
