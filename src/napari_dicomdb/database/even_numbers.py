"""Evenly spaced numbers, kept as the lowest, the highest and the step between them.

The slice locations of a volume, the times of a dynamic series: too many values to note
one by one, yet a search wants to know whether one of them is met, without asking every
instance.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Even", "even_numbers", "joined"]

_FEWEST = 4
_MOST = 65_536
_LARGEST_SLACK = 0.1  # of a step
_EXACT = 1e-9  # of the largest number: what decimal fractions lose as binary ones


@dataclass(frozen=True, slots=True)
class Even:
    """Numbers at ``low + i * step``, each of them there, up to `high`.

    Parameters
    ----------
    low, high, step : float
        In the unit of the attribute.
    slack : float
        How far the numbers are from those places at most; 0: not at all.
    """

    low: float
    high: float
    step: float
    slack: float

    @property
    def count(self) -> int:
        """How many there are."""
        return round((self.high - self.low) / self.step) + 1

    def numbers(self) -> list[float]:
        """Return them all."""
        return [self.low + i * self.step for i in range(self.count)]

    def meets(self, first: float, with_first: bool, last: float, with_last: bool) -> bool | None:
        """Tell whether one of them lies in a range; None when only the numbers can tell."""
        margin = self.slack or max(abs(self.low), abs(self.high)) * _EXACT
        if not self._between(first - margin, last + margin):
            return False
        # What is asked for by its own value: decimal fractions are not exact in binary.
        inside = margin if self.slack or not (with_first and with_last) else -margin
        return True if self._between(first + inside, last - inside) else None

    def _between(self, first: float, last: float) -> bool:
        if first > last or last < self.low or first > self.high:
            return False
        begin = 0 if first <= self.low else math.ceil((first - self.low) / self.step)
        end = math.floor((min(last, self.high) - self.low) / self.step)
        return begin <= end if last < self.high else begin <= self.count - 1


def even_numbers(numbers: Collection[float], slack: float = 0.0) -> Even | None:
    """Return what tells evenly spaced numbers; None if they are not.

    Parameters
    ----------
    numbers : collection of float
        In any order; equal ones count once.
    slack : float
        How far they are from the true ones.
    """
    if not _FEWEST <= len(numbers) <= _MOST:
        return None
    ordered = sorted(numbers)
    low, high = ordered[0], ordered[-1]
    exact = max(abs(low), abs(high)) * _EXACT
    steps = [b - a for a, b in itertools.pairwise(ordered) if b - a > exact]
    if len(steps) < _FEWEST - 1:
        return None
    step = (high - low) / len(steps)
    if max(abs(one - step) for one in steps) > 2 * _LARGEST_SLACK * step:
        return None
    away = max(abs((n - low) / step - round((n - low) / step)) for n in ordered) * step + slack
    if away > _LARGEST_SLACK * step or not math.isfinite(step):
        return None
    return Even(low, high, step, 0.0 if away <= exact else away)


def joined(one: Even, other: Even) -> Even | None:
    """Return both together; None if that is not evenly spaced, or cannot be told."""
    if one.count + other.count > _MOST:
        return None
    first, second = (one, other) if one.low <= other.low else (other, one)
    steps = (second.low - first.low) / first.step
    slack = max(one.slack, other.slack)
    is_exact = first.slack == second.slack == 0
    drift = abs(first.step - second.step) * second.count
    has_one_step = drift <= _EXACT * max(1.0, abs(second.high))
    if is_exact and has_one_step and _is_whole(steps) and round(steps) <= first.count:
        return Even(first.low, max(first.high, second.high), first.step, 0.0)
    return even_numbers([*one.numbers(), *other.numbers()], slack)


def _is_whole(number: float) -> bool:
    return abs(number - round(number)) <= _EXACT * max(1.0, abs(number))
