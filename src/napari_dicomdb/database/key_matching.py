"""Compares kept values with the keys of a query, as DICOM means them (PS3.4 C.2.2.2)."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.folding import spellings, words_of
from napari_dicomdb.dicom.values import PersonName, parse_date, parse_datetime, parse_time
from napari_dicomdb.errors import DicomDbError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

__all__ = ["EMPTY", "FUNCTION", "matcher", "register"]

FUNCTION = "dicomdb_key"
"""SQL: ``dicomdb_key(value, keyword, vr, wanted, fuzzy)``."""

EMPTY = '""'
"""Asks for an attribute that has no value (PS3.18 Section 8.3.4.7)."""

_LONGEST = 4096
_NUMBERS = frozenset({"IS", "DS", "US", "SS", "UL", "SL", "FL", "FD", "UV", "SV"})
_TIMES = frozenset({"DA", "TM", "DT"})
# In these a comma can be no part of a value, so that it may separate several.
_BY_COMMA = _NUMBERS | _TIMES | {"UI", "CS", "AS"}
_FIRST_TIME, _LAST_TIME = "000000.000000", "235959.999999"
_DT_RANGE = re.compile(
    r"(?P<low>\d{4,14}(?:\.\d{1,6})?(?:[+-]\d{4})?)?-(?P<high>\d{4,14}(?:\.\d{1,6})?(?:[+-]\d{4})?)?"
)

Value = Any


def register(connection: sqlite3.Connection) -> None:
    """Make `FUNCTION` known to a connection."""
    connection.create_function(FUNCTION, 4, _met, deterministic=True)


def _met(value: Value, vr: str, wanted: str, fuzzy: int) -> bool:
    if isinstance(value, bytes):  # a list, see table series_value
        value = json.loads(value)
    return matcher(vr, wanted, fuzzy=bool(fuzzy))(value)


@lru_cache(maxsize=256)
def matcher(vr: str, wanted: str, *, fuzzy: bool = False) -> Callable[[Value], bool]:
    r"""Return what tells whether a kept value matches.

    Parameters
    ----------
    vr : str
        Value representation of the attribute.
    wanted : str
        A value; ``*`` and ``?`` as wildcards in text; ``low-high`` of dates and times, either
        end open; several with a backslash or, where no value can hold one, a comma
        between; ``""`` for no value; nothing, or ``*``, for any.
    fuzzy : bool
        Of names: words that begin so, in any order, without case and accents.

    Returns
    -------
    callable
        Of a kept value (text, number, list, None), whether it matches. Of several values one
        that does suffices.

    Raises
    ------
    DicomDbError
        "bad-key": this can be no value of such an attribute.

    Examples
    --------
    >>> matcher("DA", "20200101-")("20200229"), matcher("PN", "doe^j*")("Doe^Jane")
    (True, True)
    """
    wanted = wanted.strip(" \0")
    if len(wanted) > _LONGEST:
        raise DicomDbError("a key of a query is too long", reason="bad-key")
    if not wanted.strip("*"):
        return lambda value: True
    if wanted == EMPTY:
        return lambda value: not _texts(value)
    separator = r"[\\,]" if vr in _BY_COMMA else r"\\"
    one_of = [
        _test(vr, part.strip(), fuzzy) for part in re.split(separator, wanted) if part.strip()
    ]
    if not one_of:
        raise DicomDbError("a key of a query names no value", reason="bad-key")
    return lambda value: any(test(text) for text in _texts(value) for test in one_of)


def _texts(value: Value) -> list[str]:
    if value is None:
        return []
    parts = value if isinstance(value, list) else str(value).split("\\")
    return [text for part in parts if (text := str(part).strip(" \0"))]


def _test(vr: str, wanted: str, fuzzy: bool) -> Callable[[str], bool]:
    if vr in _TIMES:
        return _within(*_ends(vr, wanted), vr)
    if vr in _NUMBERS:
        return _equal_number(wanted)
    if vr == "UI":
        return lambda text: text == wanted
    if vr == "PN":
        return _alike(wanted) if fuzzy else _named(wanted)
    if vr == "AS":
        return lambda text: text == wanted
    return _pattern(wanted)


def _pattern(wanted: str) -> Callable[[str], bool]:
    """Match the whole of a text; piece by piece, so that no pattern takes long."""
    pieces = [
        re.compile("".join("(?s:.)" if c == "?" else re.escape(c) for c in piece))
        for piece in wanted.split("*")
    ]
    if len(pieces) == 1:
        return lambda text: pieces[0].fullmatch(text) is not None
    first, *between, last = pieces
    # Without * in them, pieces have a fixed length.
    room = len(wanted.rpartition("*")[2])

    def test(text: str) -> bool:
        begun = first.match(text)
        if begun is None:
            return False
        place = begun.end()
        for piece in between:
            found = piece.search(text, place)  # the leftmost leaves most to the others
            if found is None:
                return False
            place = found.end()
        return len(text) - room >= place and last.fullmatch(text, len(text) - room) is not None

    return test


def _named(wanted: str) -> Callable[[str], bool]:
    """Match a name in any of its groups, or all, without case (PS3.4 C.2.2.2.1)."""
    found = _pattern(_bare(wanted).casefold())

    def test(text: str) -> bool:
        whole = _bare(text).casefold()
        return any(found(_bare(group)) for group in (whole, *whole.split("=")))

    return test


def _bare(name: str) -> str:
    """Leave out empty parts at the end of a name's groups: "Doe^Jane^^" is "Doe^Jane"."""
    return "=".join(group.strip().rstrip("^ ") for group in name.split("=")).rstrip("=")


def _alike(wanted: str) -> Callable[[str], bool]:
    plain = re.sub(r"[*?^=,]+", " ", wanted)
    beginnings = words_of(plain)

    def test(text: str) -> bool:
        words: set[str] = set()
        for group in PersonName.groups(text):
            for word in group.words:
                for way in spellings(word):
                    words.update(way)
        return bool(beginnings) and all(
            any(word.startswith(begins) for word in words) for begins in beginnings
        )

    return test


def _equal_number(wanted: str) -> Callable[[str], bool]:
    try:
        number = float(wanted)
    except ValueError:
        raise DicomDbError("a key of a query is no number", reason="bad-key") from None

    def test(text: str) -> bool:
        try:
            return float(text) == number
        except ValueError:
            return False

    return test


def _ends(vr: str, wanted: str) -> tuple[str, str]:
    """Return the ISO texts between which (inclusive) a value lies; "" is open."""
    if vr == "DT":
        found = _DT_RANGE.fullmatch(wanted)
        # "20200101-0500" is a value with its zone unless the second part is a year's end.
        is_range = found is not None and (
            not found["high"] or not found["low"] or len(found["high"]) > 4
        )
        low, high = (
            (found["low"] or "", found["high"] or "") if found and is_range else (wanted,) * 2
        )
        ends = (_iso_datetime(low), _iso_datetime(high, last=True))
    else:
        low, dash, high = wanted.partition("-")
        if not dash:
            high = low
        low, high = low.strip(), high.strip()
        parse = parse_date if vr == "DA" else parse_time
        if vr == "TM":
            low, high = low.replace(":", ""), high.replace(":", "")
            high = high and high + _LAST_TIME[len(high) :]
        ends = (low and parse(low), high and parse(high))
    if (low and not ends[0]) or (high and not ends[1]) or not (low or high):
        raise DicomDbError(
            "a key of a query is no date or time, or range of them: "
            "20200131, 20200101-20200131, 0800-1730",
            reason="bad-key",
        )
    return ends


def _iso_datetime(text: str, *, last: bool = False) -> str:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([+-]\d{4})?", text)
    if not found:
        return ""
    whole = found[1]
    if last:
        whole += ("99991231235959.999999" if len(whole) >= 6 else "00001231235959.999999")[
            len(whole) :
        ]
    return parse_datetime(whole)[:26]


def _within(low: str, high: str, vr: str) -> Callable[[str], bool]:
    parse: Callable[[str], str] = {"DA": parse_date, "TM": parse_time, "DT": parse_datetime}[vr]

    def test(text: str) -> bool:
        iso = parse(text)[:26]
        if not iso:
            return False
        if vr != "DA" and len(iso) in (8, 19):
            iso += ".000000"
        return (not low or _padded(low, vr) <= iso) and (not high or iso <= _padded(high, vr))

    return test


def _padded(iso: str, vr: str) -> str:
    return iso + ".000000" if vr != "DA" and len(iso) in (8, 19) else iso
