"""Compares kept header values of series and instances, as a function within SQL."""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.folding import filed_text, spellings
from napari_dicomdb.database.search_syntax import Range, bounds_of, ranges_of
from napari_dicomdb.database.series_notes import NUMERIC, ORDERED, PASSED_OVER, even_of
from napari_dicomdb.dicom.keywords import KEPT_KEYWORDS, VR_OF
from napari_dicomdb.dicom.values import parse_ds

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from napari_dicomdb.database.even_numbers import Even
    from napari_dicomdb.database.series_notes import Note

__all__ = ["KEYWORDS", "PRESENT", "condition", "register", "understood"]

KEYWORDS: dict[str, str] = {keyword.lower(): keyword for keyword in KEPT_KEYWORDS}
"""Lower case to DICOM keyword: what may stand before a colon beside the fields."""

PRESENT = "*"
"""As a value: anything."""

_NO, _YES, _PERHAPS = range(3)
_FUNCTION = "dicomdb_value"
_VALUE = "dicomdb_value_of"
_PASSED_OVER_PRESENT = {
    "SOPInstanceUID": "1",
    "ImagePositionPatient": (
        "EXISTS (SELECT 1 FROM instance WHERE instance.series = series.id"
        " AND instance.position_x IS NOT NULL)"
    ),
}
_decode = json.JSONDecoder().raw_decode
_MOST_KNOWN = 20_000  # answers kept of one question


def register(connection: sqlite3.Connection) -> None:
    """Make the function known to a connection."""
    connection.create_function(_FUNCTION, 3, _compared, deterministic=True)
    connection.create_function(_VALUE, 3, _value_compared, deterministic=True)


def condition(keyword: str, value: str, *, quoted: bool = False) -> tuple[str, list[Any]]:
    """Return SQL that is true of series with an instance whose attribute is met by `value`.

    Parameters
    ----------
    keyword : str
        Of `dicom.keywords.KEPT_KEYWORDS`.
    value : str
        Words, the last as a beginning; numbers or ranges of numbers, dates, times;
        or `PRESENT`.
    quoted : bool
        Only whole words.
    """
    if keyword == "InstanceNumber" and (ranges := None if value == PRESENT else ranges_of(value)):
        return _numbered(ranges)
    if value == PRESENT and keyword in PASSED_OVER:
        return _PASSED_OVER_PRESENT[keyword], []
    asked = json.dumps([keyword, value, quoted])
    # A note tells what the instances of a series differ in; with too many values it
    # leaves doubt, and the instances are asked. What is read is small: one value and the
    # note of each series, not its row.
    doubt = (
        "EXISTS (SELECT 1 FROM instance WHERE instance.series = s.id"
        f" AND {_FUNCTION}(instance.overrides, '', ?) = {_YES})"
    )
    sql = (
        "series.id IN (SELECT s.id FROM series AS s"
        " LEFT JOIN series_value AS v ON v.keyword = ? AND v.series = s.id"
        " LEFT JOIN series_note AS n ON n.series = s.id AND instr(n.notes, ?)"
        " WHERE (v.value IS NOT NULL OR n.notes IS NOT NULL)"
        f" AND CASE {_VALUE}(v.value, n.notes, ?) WHEN {_YES} THEN 1 WHEN {_PERHAPS} THEN {doubt}"
        " ELSE 0 END"
        # Those whose values SQLite cannot read as JSON.
        " UNION ALL SELECT s.id FROM series_value AS v JOIN series AS s ON s.id = v.series"
        f" LEFT JOIN series_note AS n ON n.series = s.id WHERE v.keyword = '' AND"
        f" CASE {_FUNCTION}(s.defaults, n.notes, ?) WHEN {_YES} THEN 1 WHEN {_PERHAPS} THEN"
        f" {doubt} ELSE 0 END)"
    )
    return sql, [keyword, f'"{keyword}":', asked, asked, asked, asked]


def _numbered(ranges: Sequence[Range]) -> tuple[str, list[Any]]:
    parts: list[str] = []
    parameters: list[float] = []
    for low, with_low, high, with_high in ranges[:200]:
        lowest, highest = max(low, -(2.0**62)), min(high, 2.0**62)
        parts.append(f"number {'>=' if with_low else '>'} ? AND number {_below(with_high)} ?")
        parameters += [lowest, highest]
    # Each part seeks in an index of series and number.
    tests = " OR ".join(
        f"EXISTS (SELECT 1 FROM instance WHERE instance.series = s.id AND {part})"
        for part in parts
    )
    return f"series.id IN (SELECT s.id FROM series AS s WHERE {tests})", parameters


def _below(included: bool) -> str:
    return "<=" if included else "<"


def understood(keyword: str, value: str) -> bool:
    """Tell whether `value` is one that this attribute can have."""
    if value == PRESENT:
        return True
    if keyword in PASSED_OVER:
        return False  # another value in every instance: that is not noted
    if keyword in NUMERIC:
        return ranges_of(value) is not None
    return keyword not in ORDERED or _digit_ranges(value) is not None


class _Asked:
    """What is asked of one attribute."""

    def __init__(self, keyword: str, value: str, quoted: bool) -> None:
        self.needle = f'"{keyword}":'
        self.passed_over = keyword in PASSED_OVER
        self.ordered = keyword in ORDERED
        self.ranges = ranges_of(value) if keyword in NUMERIC else None
        self.meets = _test(keyword, value, quoted)
        self.known: dict[Any, bool] = {}
        self.known_notes: dict[str, int] = {}

    def met_by(self, value: Any) -> bool:
        if value is None:
            return False
        key = value if isinstance(value, str | int | float) else repr(value)
        found = self.known.get(key)
        if found is None:
            if len(self.known) > _MOST_KNOWN:
                self.known.clear()
            found = self.known[key] = self.meets(value)
        return found

    def met_by_note_at(self, notes: str, at: int) -> int:
        if self.ranges is None:
            return self.met_by_note(_decode(notes, at)[0])
        # Numbers alone: the note ends with the first bracket, and many series share it.
        text = notes[at : notes.find("]", at) + 1]
        found = self.known_notes.get(text)
        if found is None:
            if len(self.known_notes) > _MOST_KNOWN:
                self.known_notes.clear()
            found = self.known_notes[text] = self.met_by_note(_decode(text)[0])
        return found

    def met_by_note(self, note: Note) -> int:
        even = even_of(note)
        if even is not None:
            return self.met_by_even(even)
        more = bool(note) and note[-1] is None
        if self.ranges is not None and not more:
            return _YES if any(_has_one_within(note, *one) for one in self.ranges) else _NO
        if any(self.met_by(value) for value in note if value is not None):
            return _YES
        if more and len(note) == 3 and self.ordered:
            # The lowest and the highest: what is asked must meet what lies between.
            more = self.reaches(note[0], note[1])
        return _PERHAPS if more else _NO

    def met_by_even(self, even: Even) -> int:
        if self.ranges is None:  # whether there is a value at all
            return _YES
        told = [even.meets(*one) for one in self.ranges]
        return _YES if True in told else _PERHAPS if None in told else _NO

    def reaches(self, low: Any, high: Any) -> bool:
        if not self.ranges:
            return True
        return any(first < high and low < last for first, _, last, _ in self.ranges)


@lru_cache(maxsize=64)
def _asked(text: str) -> _Asked:
    return _Asked(*json.loads(text))


def _compared(values: str | None, notes: str | None, text: str) -> int:
    try:
        return _found(values, notes, _asked(text))
    except (ValueError, TypeError):
        return _NO  # one damaged row must not keep the others from being found


def _found(values: str | None, notes: str | None, asked: _Asked) -> int:
    needle = asked.needle
    if notes:
        at = notes.find(needle)
        if at >= 0:
            found = asked.met_by_note(_decode(notes, at + len(needle))[0])
            if found != _PERHAPS or not values or values.find(needle) < 0:
                return found
            # Those that say nothing else have the value of the series.
            at = values.find(needle)
            return _YES if asked.met_by(_decode(values, at + len(needle))[0]) else found
    at = values.find(needle) if values else -1
    if values is None or at < 0:
        return _PERHAPS if asked.passed_over and notes != "" else _NO
    return _YES if asked.met_by(_decode(values, at + len(needle))[0]) else _NO


def _value_compared(value: Any, notes: str | None, text: str) -> int:
    """Compare as `_compared`, given one value of the series instead of all as JSON."""
    try:
        return _value_found(value, notes, _asked(text))
    except (ValueError, TypeError):
        return _NO


def _value_found(value: Any, notes: str | None, asked: _Asked) -> int:
    if type(value) is bytes:
        value = json.loads(value)
    if notes:
        found = asked.met_by_note_at(notes, notes.find(asked.needle) + len(asked.needle))
        if found != _PERHAPS:
            return found
        return _YES if asked.met_by(value) else found
    return _YES if asked.met_by(value) else _NO


def _test(keyword: str, value: str, quoted: bool) -> Callable[[Any], bool]:
    if value == PRESENT:
        return lambda found: found not in ("", [])
    if keyword in NUMERIC:
        return _number_test(value)
    if keyword in ORDERED:
        return _digits_test(value)
    if VR_OF[keyword] == "UI":
        wanted = tuple(one for one in value.split(",") if one)
        return lambda found: any(str(uid).startswith(wanted) for uid in str(found).split("\\"))
    return _words_test(value, quoted)


def _has_one_within(
    numbers: list[Any], low: float, with_low: bool, high: float, with_high: bool
) -> bool:
    """Tell whether one of sorted numbers lies in a range."""
    at = bisect_left(numbers, low) if with_low else bisect_right(numbers, low)
    return at < len(numbers) and (numbers[at] < high or bool(with_high and numbers[at] == high))


def _number_test(value: str) -> Callable[[Any], bool]:
    ranges = ranges_of(value) or []

    def meets(found: Any) -> bool:
        return any(
            (low <= x if with_low else low < x) and (x <= high if with_high else x < high)
            for x in parse_ds(found, lenient=True)
            for low, with_low, high, with_high in ranges
        )

    return meets


def _words_test(value: str, quoted: bool) -> Callable[[Any], bool]:
    ends = " " if quoted else ""
    wanted = [f" {' '.join(words)}{ends}" for one in value.split(",") for words in spellings(one)]

    def meets(found: Any) -> bool:
        text = str(found) if not isinstance(found, list) else " ".join(map(str, found))
        filed = f" {filed_text(text.split(chr(92)))} "
        return any(one in filed for one in wanted)

    return meets


def _digits_test(value: str) -> Callable[[Any], bool]:
    ranges = _digit_ranges(value) or []

    def meets(found: Any) -> bool:
        text = re.sub(r"[^0-9]", "", str(found).partition("+")[0])
        return bool(text) and any(
            (not low or (text[: len(low)] >= low if with_low else text[: len(low)] > low))
            and (
                not high or (text[: len(high)] <= high if with_high else text[: len(high)] < high)
            )
            for low, with_low, high, with_high in ranges
        )

    return meets


def _digit_ranges(value: str) -> list[tuple[str, bool, str, bool]] | None:
    """Return ranges of dates or times as digits: ``2019-03..2020``, ``>=08:30``."""
    found: list[tuple[str, bool, str, bool]] = []
    for part in value.split(","):
        if not part.strip():
            continue
        operator, first, last = bounds_of(part)
        if re.search(r"[^0-9:.\-/]", first + last) or not re.search("[0-9]", first + last):
            return None
        low, high = re.sub("[^0-9]", "", first), re.sub("[^0-9]", "", last)
        if operator in (">", ">="):
            found.append((low, operator == ">=", "", True))
        elif operator in ("<", "<="):
            found.append(("", True, low, operator == "<="))
        else:
            found.append((low, True, high if operator == ".." else low, True))
    return found or None
