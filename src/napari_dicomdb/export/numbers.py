"""Numbers as decimal strings of 16 characters, with as many digits as fit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["decimal_string", "decimal_strings", "window_strings"]

_LONGEST = 16  # PS3.5 Table 6.2-1: DS
_DIGITS = 17  # of a double
_WIDEST = 1e15  # window: some programs read it as a whole number


def decimal_string(value: float) -> str:
    """Return a number as DS, at most 16 characters, as precise as these allow.

    Parameters
    ----------
    value : float
        Finite.

    Raises
    ------
    ValueError
        If it is not finite: DS has no such thing.

    Examples
    --------
    >>> decimal_string(0.1), decimal_string(-123.456789012345678), decimal_string(-1 / 3e7)
    ('0.1', '-123.45678901235', '-3.333333333e-08')
    >>> decimal_string(512.0)
    '512'
    """
    value = float(value)
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written as a decimal string")
    if value == 0:
        return "0"
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    best = repr(value)
    if len(best) <= _LONGEST:
        return best
    for digits in range(_DIGITS, 0, -1):
        text = f"{value:.{digits}g}"
        if len(text) <= _LONGEST:
            return text
    raise AssertionError("one digit, sign and exponent always fit")


def decimal_strings(values: Iterable[float]) -> list[str]:
    """Return numbers as DS values, as `decimal_string` does each."""
    return [decimal_string(value) for value in values]


def window_strings(low: float, high: float) -> tuple[str, str] | None:
    """Return centre and width of a LINEAR window from `low` to `high`.

    None where no window of use can be written.

    Examples
    --------
    >>> window_strings(0, 255)
    ('128', '256')
    """
    # PS3.3 Section C.11.2.1.2: LINEAR ends half a unit within.
    width = high - low + 1
    if not (math.isfinite(width) and 1 <= width < _WIDEST):
        return None
    return decimal_string(low / 2 + high / 2 + 0.5), decimal_string(width)
