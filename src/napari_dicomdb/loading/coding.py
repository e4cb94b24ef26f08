"""Values as small numbers: which frames say the same, alone and in combination."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["codes_of", "combined_codes", "first_come", "mapped", "members_of"]


def codes_of(values: Sequence[Any]) -> NDArray[np.intp]:
    """Give values numbers in the order of their first appearance.

    Examples
    --------
    >>> codes_of(["b", "a", "b"]).tolist()
    [0, 1, 0]
    """
    known: dict[Any, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in values], dtype=np.intp)


def combined_codes(codes: Sequence[NDArray[np.intp]]) -> NDArray[np.intp]:
    """Give every combination of several codes one, in the order of their first appearance."""
    combined = codes[0]
    for code in codes[1:]:
        combined = combined * (int(code.max()) + 1) + code
    return first_come(combined) if len(codes) > 1 else combined


def first_come(codes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return codes numbered anew, in the order of their first appearance."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def mapped(function: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    """Apply `function` to each value, once for equal ones."""
    of = {value: function(value) for value in set(values)}
    return [of[value] for value in values]


def members_of(codes: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Return the indices of each code, in their order."""
    turn = np.argsort(codes, kind="stable")
    return np.split(turn, np.flatnonzero(np.diff(codes[turn])) + 1)
