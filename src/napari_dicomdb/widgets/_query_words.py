"""From what is typed into the query form to keys of a query, and words of its outcome."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING

from napari_dicomdb.widgets._text import count, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.network.query import NodeOutcome

__all__ = [
    "PRESETS",
    "fragment_key",
    "list_key",
    "listed",
    "name_key",
    "preset_range",
    "range_key",
    "remarks_of",
]

PRESETS = (
    ("any", "Any date"),
    ("today", "Today"),
    ("yesterday", "Yesterday"),
    ("week", "Last 7 days"),
    ("month", "Last 30 days"),
    ("year", "Last 12 months"),
    ("range", "From … to …"),
)
_DAYS_BACK = {"week": 6, "month": 29, "year": 365}
_WILD = re.compile(r"[*?\\]").search


def name_key(text: str) -> str:
    """Return what finds all names that begin as `text`; with a wildcard it is left as it is.

    Examples
    --------
    >>> name_key("doe"), name_key("Doe, Jane"), name_key("*smith"), name_key("Doe^Jane")
    ('doe*', 'Doe*^Jane*', '*smith', 'Doe^Jane*')
    """
    words = " ".join(text.split())
    if not words or _WILD(words):
        return words
    family, comma, given = (part.strip() for part in words.partition(","))
    if comma and given:
        return f"{family}*^{given}*"
    return f"{family}*"


def fragment_key(text: str) -> str:
    """Return what finds all descriptions that have `text` in them.

    Examples
    --------
    >>> fragment_key("chest"), fragment_key("CT*")
    ('*chest*', 'CT*')
    """
    words = " ".join(text.split())
    return words if not words or _WILD(words) else f"*{words}*"


def list_key(text: str) -> str:
    r"""Return a list of values as DICOM writes it; modalities are in capitals.

    Examples
    --------
    >>> list_key("ct, mr")
    'CT\\MR'
    """
    parts = re.split(r"[\s,;\\]+", text.upper())
    return "\\".join(dict.fromkeys(part for part in parts if part))


def preset_range(preset: str, today: datetime.date) -> str:
    """Return the dates of a preset, "" for any.

    Examples
    --------
    >>> preset_range("week", datetime.date(2020, 3, 3))
    '20200226-20200303'
    """
    if preset == "today":
        return f"{today:%Y%m%d}"
    if preset == "yesterday":
        return f"{today - datetime.timedelta(days=1):%Y%m%d}"
    if preset in _DAYS_BACK:
        first = today - datetime.timedelta(days=_DAYS_BACK[preset])
        return f"{first:%Y%m%d}-{today:%Y%m%d}"
    return ""


def range_key(first: str, last: str) -> str:
    """Return a range of dates, open where nothing is typed, "" where both are empty.

    Examples
    --------
    >>> range_key("2020-01-31", ""), range_key("", "2020")
    ('2020-01-31..', '..2020')
    """
    first, last = first.strip(), last.strip()
    return f"{first}..{last}" if first or last else ""


def listed(names: Sequence[str]) -> str:
    """Return names as one says them: "a, b and c"."""
    shown = [one_line(name) for name in names]
    return ", ".join(shown[:-1]) + f" and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def remarks_of(outcomes: Sequence[NodeOutcome]) -> list[str]:
    """Return what is to be said of nodes that did not tell all, a line each."""
    told = []
    for one in outcomes:
        name = one_line(one.node) or "This database"
        if one.state == "failed":
            told.append(f"{name}: {one.text or one.reason}")
        elif one.cut:
            words = one.text or f"there is more than the {count(one.count, 'row')} shown"
            told.append(f"{name}: {words}")
        elif one.state == "cancelled":
            told.append(f"{name}: cancelled; there may be more.")
    return told
