"""Which values the instances of a series differ in: noted per series, for the search.

A note is a mapping from keyword to the values in use, distinct and sorted: numbers
of numeric attributes, text of others. Where there are too many, dates, times and
numbers have only the lowest and the highest, text the first ones; then the last
entry is None. Many numbers that are evenly spaced have lowest, highest, None, and then
their step and its slack (`even_numbers`). Of the UIDs of what images were made from
(`dicom.keywords.SOURCES`) a few are noted, spread evenly.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.even_numbers import Even, even_numbers, joined
from napari_dicomdb.dicom.keywords import KEPT_KEYWORDS, SOURCES, VR_OF
from napari_dicomdb.dicom.values import parse_ds

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from napari_dicomdb.dicom.functional_groups import FrameTable

__all__ = [
    "MOST",
    "NUMERIC",
    "ORDERED",
    "PASSED_OVER",
    "WHOLE",
    "Note",
    "NoteBook",
    "Notes",
    "even_of",
    "merged",
    "note_of",
    "noted",
    "notes_of_frames",
    "recount",
    "shortened",
]

MOST = 24
"""Distinct values of one attribute that are kept."""

WHOLE = 4096
"""Distinct numbers that are kept while a note grows, to see whether they are evenly spaced."""

NUMERIC = frozenset(
    keyword
    for keyword in KEPT_KEYWORDS
    if VR_OF[keyword] in {"DS", "IS", "US", "SS", "UL", "SL", "FL", "FD", "US or SS", "SQ"}
)
"""Keywords whose values are numbers (of a sequence: of its items)."""

ORDERED = NUMERIC | {k for k in KEPT_KEYWORDS if VR_OF[k] in {"DA", "TM", "DT"}}
"""Keywords of which a range can be asked."""

_LONGEST = 128
_EVEN_LENGTH = 5
_REMEMBERED = 64  # series
# They differ in every slice.
PASSED_OVER = frozenset({"ImagePositionPatient", "SOPInstanceUID"})
"""Keywords without notes."""

Note = list[float | str | None]
Notes = dict[str, Note]


def note_of(keyword: str, values: Sequence[Any], *, most: int = MOST) -> Note:
    """Return the note of the values of one attribute, None among them left out.

    Parameters
    ----------
    keyword : str
    values : sequence
        As the headers have them.
    most : int
        How many numbers are noted one by one; `WHOLE` for a note that is to be `merged`.

    Examples
    --------
    >>> note_of("EchoTime", ["80", "20", "80.0"])
    [20.0, 80.0]
    """
    if keyword in SOURCES:
        return _spread({uid for value in values if value for uid in _each(value)})
    try:
        given = set(values)
    except TypeError:  # lists among them
        given = set(map(_hashable, values))
    given.discard(None)
    if keyword in NUMERIC:
        return _shortened(keyword, _as_numbers(given), most=most)
    texts = {str(value) for value in given}
    return _shortened(keyword, {text[:_LONGEST] for text in texts}, _cut(texts))


def merged(keyword: str, one: Note, other: Note, *, most: int = MOST) -> Note:
    """Return the note of all values of two notes; `most` as in `note_of`."""
    if one == other:
        return one
    if keyword in SOURCES:
        return _spread({str(uid) for uid in (*one, *other)})
    even, more_even = even_of(one), even_of(other)
    if even is not None or more_even is not None:
        return _merged_even(one, even, other, more_even)
    kept = {value for value in (*one, *other) if value is not None}
    most = most if keyword in NUMERIC else MOST
    return _shortened(keyword, kept, None in one or None in other, most=most)


def shortened(notes: Notes) -> Notes:
    """Return notes as they are stored."""
    return {
        keyword: note if len(note) <= MOST or note[-1] is None else _shortened(keyword, set(note))
        for keyword, note in notes.items()
    }


def even_of(note: Note) -> Even | None:
    """Return the evenly spaced numbers that a note stands for, if it does."""
    if len(note) != _EVEN_LENGTH or note[2] is not None:
        return None
    low, high, _, step, slack = note
    return Even(low, high, step, slack) if low < high and step > 0 else None  # type: ignore[operator, arg-type]


def _merged_even(one: Note, even: Even | None, other: Note, more_even: Even | None) -> Note:
    if even is not None and more_even is not None:
        return _even_note(joined(even, more_even)) or _ends(one, other)
    known, rest = (even, other) if even is not None else (more_even, one)
    if known is None or None in rest:
        return _ends(one, other)
    numbers = [*known.numbers(), *(float(value) for value in rest if value is not None)]
    return _even_note(even_numbers(numbers, known.slack)) or _ends(one, other)


def _even_note(even: Even | None) -> Note:
    return [] if even is None else [even.low, even.high, None, even.step, even.slack]


def _ends(one: Note, other: Note) -> Note:
    """Return the lowest and the highest of two notes of numbers."""
    values = [
        float(value)
        for note in (one, other)
        for value in (note if even_of(note) is None else note[:2])
        if value is not None
    ]
    return [min(values), max(values), None]


def notes_of_frames(table: FrameTable) -> Notes:
    """Return notes of what the frames of an enhanced object say."""
    found: Notes = {}
    for keyword in (table.shared.keys() | table.per_frame.keys()) & VR_OF.keys():
        if keyword not in PASSED_OVER:
            note = note_of(keyword, [*table.per_frame.get(keyword, ()), table.shared.get(keyword)])
            if note:
                found[keyword] = note
    return found


def noted(keywords: Iterable[str]) -> list[str]:
    """Return those of `keywords` that are noted."""
    return [
        keyword
        for keyword in keywords
        if (keyword in VR_OF and keyword not in PASSED_OVER) or keyword in SOURCES
    ]


def _stored(connection: sqlite3.Connection, series: int) -> Notes:
    row = connection.execute(
        "SELECT notes FROM series_note WHERE series = ?", (series,)
    ).fetchone()
    found: Notes = {} if row is None else json.loads(row[0])
    return found


class NoteBook:
    """Collects the notes of an import, batch by batch.

    Notes of the series that were last added to are kept from one batch to the next: files
    come in any order, and only all numbers together are evenly spaced.
    """

    def __init__(self) -> None:
        self._notes: OrderedDict[int, Notes] = OrderedDict()
        self._touched: dict[int, None] = {}

    def begin(self, connection: sqlite3.Connection) -> None:
        """Start a batch."""
        self._connection = connection
        self._touched.clear()
        while len(self._notes) > _REMEMBERED:
            self._notes.popitem(last=False)

    def forget(self) -> None:
        """Drop what is remembered: the index was changed, or a batch rolled back."""
        self._notes.clear()
        self._touched.clear()

    def add(
        self, series: int, defaults: Mapping[str, Any], shared: Mapping[str, Any], notes: Notes
    ) -> None:
        """Add what instances differ in.

        Parameters
        ----------
        series : int
            Row id.
        defaults : mapping
            What the series' instances have that say nothing else.
        shared : mapping
            What these instances have in common, other than `defaults`.
        notes : mapping
            Of what they differ in among each other.
        """
        if not shared and not notes:
            return
        kept = self._notes.get(series)
        if kept is None:
            kept = self._notes[series] = _stored(self._connection, series)
        else:
            self._notes.move_to_end(series)
        self._touched[series] = None
        own = {keyword: note_of(keyword, [shared[keyword]]) for keyword in noted(shared)}
        for keyword, note in (*own.items(), *notes.items()):
            before = kept.get(keyword)
            if before is None and keyword in defaults:
                before = note_of(keyword, [defaults[keyword]])
            kept[keyword] = note if before is None else merged(keyword, before, note, most=WHOLE)

    def end(self) -> None:
        """Write the notes of the batch."""
        _write(self._connection, {key: shortened(self._notes[key]) for key in self._touched})


def _write(connection: sqlite3.Connection, notes: Mapping[int, Notes]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO series_note (series, notes) VALUES (?, ?)",
        [(series, json.dumps(of, separators=(",", ":"))) for series, of in notes.items() if of],
    )


def recount(connection: sqlite3.Connection, series: int) -> None:
    """Note anew the values that differ in a series, from all of its instances."""
    from napari_dicomdb.dicom.functional_groups import FrameTable

    row = connection.execute(
        "SELECT defaults, (SELECT count(*) FROM instance WHERE series = ?1) FROM series"
        " WHERE id = ?1",
        (series,),
    ).fetchone()
    if row is None:
        return
    values: dict[str, dict[Any, None]] = {}
    told: dict[str, int] = {}
    for (overrides,) in connection.execute(
        "SELECT overrides FROM instance WHERE series = ? AND overrides <> ''", (series,)
    ):
        for keyword, value in json.loads(overrides).items():
            values.setdefault(keyword, {})[_hashable(value)] = None
            told[keyword] = told.get(keyword, 0) + 1
    notes: Notes = {}
    if values:
        defaults = json.loads(row[0])
        for keyword in noted(values):
            # An instance that does not say otherwise has the series' value.
            rest = (defaults.get(keyword),) if told[keyword] < row[1] else ()
            notes[keyword] = note_of(keyword, (*values[keyword], *rest))
    for (data,) in connection.execute(
        "SELECT data FROM frames JOIN instance ON instance.id = frames.instance WHERE series = ?",
        (series,),
    ):
        for keyword, note in notes_of_frames(FrameTable.from_bytes(data)).items():
            notes[keyword] = merged(keyword, notes.get(keyword, []), note)
    connection.execute("DELETE FROM series_note WHERE series = ?", (series,))
    _write(connection, {series: notes})


def _hashable(value: Any) -> Any:
    return "\\".join(str(part) for part in value) if isinstance(value, list) else value


def _each(value: Any) -> list[str]:
    return value.split("\\") if isinstance(value, str) else value


def _spread(uids: set[str]) -> Note:
    """Return the first, the last and some between them: of every series that is named."""
    found = sorted(uids)
    if len(found) > MOST:
        found = [found[k * (len(found) - 1) // (MOST - 1)] for k in range(MOST)]
    return list(found)


def _as_numbers(values: set[Any]) -> set[float]:
    try:
        # Nearly always one number each.
        numbers = set(map(float, values))
    except (TypeError, ValueError, OverflowError):
        numbers = {number for value in values for number in parse_ds(value, lenient=True)}
    return {number for number in numbers if math.isfinite(number)}


def _cut(texts: set[str]) -> bool:
    return max(map(len, texts), default=0) > _LONGEST


def _shortened(keyword: str, kept: set[Any], more: bool = False, *, most: int = MOST) -> Note:
    if len(kept) > most or (more and keyword in ORDERED and len(kept) > 2):
        even = even_numbers(kept) if keyword in NUMERIC and not more else None
        if even is not None:
            return _even_note(even)
        if keyword in ORDERED:
            return [min(kept), max(kept), None]
        return [*sorted(kept)[:MOST], None]
    return [*sorted(kept), None] if more else sorted(kept)
