"""Takes a search text apart: terms, which of them are alternatives, ranges of numbers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

__all__ = ["Range", "Term", "bounds_of", "ranges_of", "terms_of"]

_TERM = re.compile(
    r"(?P<negative>-?)(?:(?P<field>[A-Za-z_]+)(?::|(?=[<>=])))?(?P<at>@?)"
    r'(?:"(?P<quoted>[^"]*)"?|(?P<plain>[^\s"]+))'
)
_SIZES = {
    "": 1,
    "b": 1,
    **{f"{k}b": 1000**n for n, k in enumerate("kmgt", 1)},
    **{k: 1000**n for n, k in enumerate("kmgt", 1)},
    **{f"{k}ib": 1024**n for n, k in enumerate("kmgt", 1)},
}
_NUMBER = re.compile(r"(?P<number>[+-]?(?:\d+(?:\.(?P<digits>\d*))?|\.(?P<more>\d+)))(?P<unit>.*)")

Range = tuple[float, bool, float, bool]
"""Lowest, whether it is included, highest, whether it is included."""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition as it was typed.

    Parameters
    ----------
    field : str
        What stood before the colon, as typed; "" when there was none.
    value : str
        The rest, without quotes.
    quoted, negative, filter : bool
        Whether it was in quotes, followed a ``-``, an ``@``.
    """

    field: str
    value: str
    quoted: bool = False
    negative: bool = False
    filter: bool = False

    def __str__(self) -> str:
        """Return it as it may be typed."""
        return f"{self.field}:{self.value}" if self.field else self.value


def terms_of(text: str) -> list[list[Term]]:
    """Split a text into terms; those of an inner list are alternatives of each other.

    Examples
    --------
    >>> [[str(term) for term in one] for one in terms_of('ct OR mr date:2019 "a b"')]
    [['ct', 'mr'], ['date:2019'], ['a b']]
    """
    found: list[list[Term]] = []
    alternative = False
    # What SQLite could not take as text is a blank.
    text = text.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")
    for match in _TERM.finditer(text):
        quoted = match["quoted"] is not None
        value = match["quoted"] if quoted else match["plain"]
        field = match["field"] or ""
        if value == "OR" and not (quoted or field or match["negative"] or match["at"]):
            alternative = bool(found)
            continue
        if not quoted and not field and value.endswith(":") and value[:-1].isalpha():
            field, value = value[:-1], ""
        term = Term(field, value, quoted, bool(match["negative"]), bool(match["at"]))
        if alternative:
            found[-1].append(term)
        else:
            found.append([term])
        alternative = False
    return found


def bounds_of(value: str) -> tuple[str, str, str]:
    """Return operator, lower and upper text: ``>``, ``>=``, ``<``, ``<=``, ``=``, ``..`` or "".

    Examples
    --------
    >>> bounds_of(">=5"), bounds_of("1..2"), bounds_of("7")
    (('>=', '5', ''), ('..', '1', '2'), ('', '7', ''))
    """
    for sign in (">=", "<=", "=>", "=<", ">", "<", "="):
        if value.startswith(sign):
            operator = {"=>": ">=", "=<": "<="}.get(sign, sign)
            return operator, value.removeprefix(sign).strip(), ""
    first, dots, last = value.partition("..")
    return ("..", first.strip(), last.strip()) if dots else ("", value.strip(), "")


def ranges_of(value: str, *, sizes: bool = False) -> list[Range] | None:
    """Return the ranges that a text like ``1..2,>5`` names; None when it names no numbers.

    A plain number is met by what rounds to it: ``0.49`` by 0.48828. After ``=``
    it is not rounded.
    """
    found: list[Range] = []
    for part in value.split(","):
        if not part.strip():
            continue
        operator, first, last = bounds_of(part)
        low, slack = _number(first, sizes)
        if operator == "..":
            high, _ = _number(last, sizes)
            if (first and low is None) or (last and high is None) or not (first or last):
                return None
            found.append(
                (-math.inf if low is None else low, True, math.inf if high is None else high, True)
            )
        elif low is None:
            return None
        elif operator in (">", ">="):
            found.append((low, operator == ">=", math.inf, True))
        elif operator in ("<", "<="):
            found.append((-math.inf, True, low, operator == "<="))
        else:
            slack = slack if operator == "" else 0.0
            slack = max(slack, abs(low) * 1e-6)
            found.append((low - slack, True, low + slack, True))
    return found or None


def _number(text: str, sizes: bool) -> tuple[float | None, float]:
    """Return a number and half the weight of its last decimal."""
    match = _NUMBER.fullmatch(text)
    if match is None or len(match["number"]) > 40:
        return None, 0.0
    unit = match["unit"].strip().lower()
    factor = _SIZES.get(unit) if sizes else (1 if unit in ("", "mm", "ms") else None)
    if factor is None:
        return None, 0.0
    digits = len(match["digits"] or match["more"] or "")
    return float(match["number"]) * factor, (0.5 * 10.0**-digits * factor if digits else 0.0)
