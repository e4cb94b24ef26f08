"""The axes beside space: which attributes sort repeated images into a full grid.

Up to three attributes are looked for whose combinations occur once at every
position (`reference/multivolume.md` MV-1, MV-2); of what they leave together,
the order of acquisition makes a time axis. Where no attribute tells repeats
apart, the order of InstanceNumber does, and says so (MV-3).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, combinations
from typing import TYPE_CHECKING

import numpy as np

from napari_dicomdb.loading.axes import Axis, columns_of, pointer_columns
from napari_dicomdb.loading.clocks import clocks_of, time_axis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.loading.axes import Column
    from napari_dicomdb.loading.clocks import Clock
    from napari_dicomdb.loading.frames import FrameSet

__all__ = ["LEAST_FILLED", "MOST_AXES", "Factorisation", "factorise"]

MOST_AXES = 3
"""Axes beside space (MV-2)."""

LEAST_FILLED = 0.75
"""Share of the grid that must be there: below, the images are not one grid with holes."""

_MOST_CANDIDATES = 6
_LAST = ("component", "image_type")


@dataclass(frozen=True, eq=False)
class Factorisation:
    """Frames sorted into a grid of volumes.

    Parameters
    ----------
    axes : tuple of Axis
        Slowest first: time, then the others, components last.
    index : (..., P) ndarray of int
        Which frame is at each combination and position; -1 where none is.
    keywords : tuple of str
        What made each axis.
    by_order : bool
        Whether nothing but the order of InstanceNumber tells repeats apart.
    """

    axes: tuple[Axis, ...]
    index: NDArray[np.intp]
    keywords: tuple[str, ...]
    by_order: bool

    @property
    def missing(self) -> int:
        """How many places of the grid have no frame."""
        return int(np.count_nonzero(self.index < 0))

    @property
    def incomplete(self) -> list[tuple[int, ...]]:
        """The volumes, by their place along the axes, that lack slices."""
        lacking = (self.index < 0).any(axis=-1)
        return [tuple(int(k) for k in place) for place in np.argwhere(lacking)]

    def complete_steps(self) -> Factorisation | None:
        """Return the grid without the steps of the first axis that lack slices.

        None when nothing is left to be an axis.
        """
        lacking = (self.index < 0).reshape(len(self.index), -1).any(axis=1)
        whole = np.flatnonzero(~lacking)
        if len(whole) < 2:
            return None
        first = self.axes[0]
        kept = Axis(first.name, first.unit, tuple(first.values[k] for k in whole))
        axes = (kept, *self.axes[1:])
        return Factorisation(axes, self.index[whole], self.keywords, self.by_order)


def factorise(
    frames: FrameSet, place: NDArray[np.intp], *, more: Iterable[Column] = ()
) -> Factorisation | None:
    """Sort frames that repeat positions into a grid.

    Parameters
    ----------
    frames : FrameSet
        Of one stack geometry and one quantity.
    place : (N,) ndarray of int
        For each frame its position along the stack, 0 ... P - 1.
    more : iterable of Column
        Attributes to try before those of the headers (e.g. the series).

    Returns
    -------
    Factorisation or None
        None when no position repeats, or the images are no grid.
    """
    repeats = int(np.bincount(place).max())
    if repeats < 2:
        return None
    columns = _candidates([*more, *columns_of(frames)], place, repeats)
    known = [column.partition for column in columns]
    for column in _candidates(pointer_columns(frames), place, repeats):
        if column.keyword != "TemporalPositionIndex" and not any(
            np.array_equal(column.partition, other) for other in known
        ):
            columns.append(column)
    grids = _Grids(place, repeats, columns, clocks_of(frames))
    best = next(chain(grids.full(), grids.nearly_full()), None)
    return None if best is None else _named(frames, *best)


def _candidates(columns: Iterable[Column], place: NDArray[np.intp], repeats: int) -> list[Column]:
    """Return the columns that may be an axis; of those that divide alike, the first."""
    found: list[Column] = []
    partitions: list[NDArray[np.intp]] = []
    for column in columns:
        if len(column) > repeats or not _differs_within(place, column.codes):
            continue
        partition = column.partition
        if any(np.array_equal(partition, other) for other in partitions):
            continue
        found.append(column)
        partitions.append(partition)
    return found[:_MOST_CANDIDATES]


def _differs_within(place: NDArray[np.intp], codes: NDArray[np.intp]) -> bool:
    """Return whether `codes` differ at some position: else they only vary along the stack."""
    count = int(codes.max()) + 1
    return len(np.unique(place * count + codes)) > int(place.max()) + 1


class _Grids:
    """Tries attributes, alone and together, with and without a clock."""

    def __init__(
        self,
        place: NDArray[np.intp],
        repeats: int,
        columns: Sequence[Column],
        clocks: Iterator[Clock],
    ) -> None:
        self._place = place
        self._places = int(place.max()) + 1
        self._repeats = repeats
        self._columns = columns
        self._read_clocks: list[Clock] = []
        self._more_clocks = clocks

    def full(self) -> Iterator[tuple[tuple[Column, ...], Clock | None, NDArray[np.intp]]]:
        """Yield grids without a hole: the fewest attributes that need no clock first."""
        if len(self._place) != self._places * self._repeats:
            return
        for chosen in self._choices():
            count = _product(chosen)
            if count == self._repeats:
                index = self._by_columns(chosen)
                if index is not None and (index >= 0).all():
                    yield chosen, None, index
        for chosen in self._choices_with_clock():
            if self._repeats % _product(chosen):
                continue
            for clock in self._clocks():
                index = self._by_clock(chosen, clock)
                if index is not None and (index >= 0).all():
                    yield chosen, clock, index

    def nearly_full(self) -> Iterator[tuple[tuple[Column, ...], Clock | None, NDArray[np.intp]]]:
        """Yield grids with a few holes, the fullest first."""
        found: list[tuple[tuple[Column, ...], Clock | None, NDArray[np.intp]]] = []
        for chosen in self._choices():
            index = self._by_columns(chosen)
            if index is not None:
                found.append((chosen, None, index))
        for chosen in self._choices_with_clock():
            for clock in self._clocks():
                index = self._by_clock(chosen, clock)
                if index is not None:
                    found.append((chosen, clock, index))
                    break
        filled = [float((index >= 0).mean()) for _, _, index in found]
        for k in sorted(range(len(found)), key=lambda k: -filled[k]):
            if filled[k] >= LEAST_FILLED:
                yield found[k]

    def _clocks(self) -> Iterator[Clock]:
        """Yield the clocks; each is read when the ones before it have failed."""
        yield from self._read_clocks
        for clock in self._more_clocks:
            self._read_clocks.append(clock)
            yield clock

    def _choices(self) -> Iterator[tuple[Column, ...]]:
        for size in range(1, MOST_AXES + 1):
            yield from combinations(self._columns, size)

    def _choices_with_clock(self) -> Iterator[tuple[Column, ...]]:
        # What differs must show: the more attributes have an axis of their own, the better.
        for size in range(MOST_AXES - 1, -1, -1):
            yield from combinations(self._columns, size)

    def _by_columns(self, chosen: tuple[Column, ...]) -> NDArray[np.intp] | None:
        shape = (*map(len, chosen), self._places)
        if int(np.prod(shape)) * LEAST_FILLED > len(self._place):
            return None
        flat = np.ravel_multi_index((*(c.codes for c in chosen), self._place), shape)
        return _filled(flat, shape)

    def _by_clock(self, chosen: tuple[Column, ...], clock: Clock) -> NDArray[np.intp] | None:
        sizes = tuple(map(len, chosen))
        group = np.ravel_multi_index(
            (*(c.codes for c in chosen), self._place), (*sizes, self._places)
        )
        turn = _turns(group, clock.ticks)
        if turn is None:
            return None
        count = int(turn.max()) + 1
        group_count = int(np.prod(sizes, dtype=int)) * self._places
        if count < 2 or count * group_count * LEAST_FILLED > len(turn):
            return None
        shape = (count, *sizes, self._places)
        index = _filled(turn * group_count + group, shape)
        if index is None or (index >= 0).all():
            return index
        # A hole need not be at the end of its position.
        for aligned in _alignments(turn, group, group_count, clock):
            better = _filled(aligned * group_count + group, shape)
            if better is not None:
                return better
        return index


def _product(chosen: tuple[Column, ...]) -> int:
    return int(np.prod([len(column) for column in chosen], dtype=int))


def _filled(flat: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.intp] | None:
    """Put frame numbers at their places; None when two claim one."""
    index = np.full(int(np.prod(shape)), -1, dtype=np.intp)
    index[flat] = np.arange(len(flat))
    return index.reshape(shape) if np.count_nonzero(index >= 0) == len(flat) else None


def _turns(group: NDArray[np.intp], ticks: NDArray[np.float64]) -> NDArray[np.intp] | None:
    """Return the rank of each frame within its group; None when ticks are equal in one."""
    order = np.lexsort((ticks, group))
    sorted_group, sorted_ticks = group[order], ticks[order]
    same = sorted_group[1:] == sorted_group[:-1]
    if (same & (sorted_ticks[1:] == sorted_ticks[:-1])).any():
        return None
    starts = np.searchsorted(sorted_group, sorted_group)
    turn = np.empty(len(group), dtype=np.intp)
    turn[order] = np.arange(len(group)) - starts
    return turn


def _alignments(
    turn: NDArray[np.intp], group: NDArray[np.intp], group_count: int, clock: Clock
) -> Iterator[NDArray[np.intp]]:
    """Yield other repeats that frames may belong to than the count within their group says."""
    count = int(turn.max()) + 1
    if clock.by_order:
        for first in (1, int(clock.ticks.min())):  # numbers that count volume by volume
            counted = ((clock.ticks - first) // group_count).astype(np.intp)
            if counted.min() >= 0 and counted.max() < count:
                yield counted
        return
    whole = (np.bincount(group, minlength=group_count) == count)[group]
    if whole.any():  # the repeat whose time is nearest
        of = [clock.ticks[whole & (turn == k)] for k in range(count)]
        middles = np.array([np.median(ticks) for ticks in of])
        if (np.diff(middles) > 0).all():
            yield np.searchsorted((middles[1:] + middles[:-1]) / 2, clock.ticks)


def _named(
    frames: FrameSet,
    chosen: tuple[Column, ...],
    clock: Clock | None,
    index: NDArray[np.intp],
) -> Factorisation:
    axes = [column.axis() for column in chosen]
    keywords = [column.keyword for column in chosen]
    if clock is not None:
        turn = np.empty(len(frames), dtype=np.intp)
        known = index >= 0
        turn[index[known]] = np.nonzero(known)[0]
        axes.insert(0, time_axis(frames, turn, clock))
        keywords.insert(0, clock.keyword)
    last = sorted(range(len(axes)), key=lambda k: axes[k].name in _LAST)
    return Factorisation(
        tuple(axes[k] for k in last),
        np.transpose(index, (*last, index.ndim - 1)),
        tuple(keywords[k] for k in last),
        clock is not None and clock.by_order,
    )
