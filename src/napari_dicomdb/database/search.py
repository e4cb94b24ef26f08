"""The search box's language, made into a condition on series."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import search_values
from napari_dicomdb.database.folding import spellings
from napari_dicomdb.database.search_fields import (
    ALIASES,
    FIELDS,
    TEXT_COLUMNS,
    Field,
    condition_of_field,
)
from napari_dicomdb.database.search_syntax import Term, terms_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dicomdb.database.listing import Condition

__all__ = ["FIELDS", "KEYWORDS", "Field", "condition_of", "remarks"]

KEYWORDS: tuple[str, ...] = tuple(search_values.KEYWORDS.values())
"""DICOM keywords that may stand before a colon, beside `FIELDS`."""

_MOST_PARAMETERS = 30_000  # SQLite takes 32 766
_MOST_TESTS = 2_000  # of its 1000 levels of an expression a tree of them takes few
_DEEPEST = 8
_TEXT = "SELECT rowid FROM series_text WHERE series_text MATCH ?"


def condition_of(text: str, filters: Mapping[str, str] | None = None) -> Condition:
    """Make a search text into SQL over patient, study and series.

    Parameters
    ----------
    text : str
        Words, all of which must begin a word of the series' or its patient's
        and study's text; accents and case do not matter, and of scripts without
        blanks any part of a word is found. ``"in quotes"``: these words in this
        order. ``-word``: not this word. ``one OR other``: either. ``field:value``,
        see `FIELDS` and `KEYWORDS`: ``modality:CT,MR``, ``date:2019-01-01..``,
        ``slices:>100``, ``SliceThickness:1..2``. ``@name``, ``filter:name``: what
        was saved under that name. Anything else, also an unknown field, is words:
        no text is an error.
    filters : mapping of str to str, optional
        Saved filters by name; those of the settings when None.

    Returns
    -------
    Condition
        SQL with parameters; what the user typed is only ever a parameter.

    Examples
    --------
    >>> condition_of("modality:ct")
    ('series.modality IN (?)', ['CT'])
    """
    return _Compiler(filters).condition(text)


def remarks(text: str, filters: Mapping[str, str] | None = None) -> list[str]:
    """Say in plain words what of a search text is not understood as it may be meant.

    Parameters
    ----------
    text, filters
        As for `condition_of`.

    Examples
    --------
    >>> remarks("modalty:CT")
    ['"modalty" is no field: looked for as words']
    """
    compiler = _Compiler(filters)
    compiler.condition(text)
    return list(dict.fromkeys(compiler.remarks))


@dataclass(slots=True)
class _Compiled:
    """One term: a query of words, or SQL; neither when it says nothing."""

    match: str = ""
    sql: str = ""
    parameters: list[Any] = field(default_factory=list)
    negative: bool = False
    costly: bool = False

    def as_sql(self) -> tuple[str, list[Any]]:
        if self.match:
            which = "NOT IN" if self.negative else "IN"
            return f"series.id {which} ({_TEXT})", [self.match]
        # Where a value is unknown the opposite holds.
        sql = f"NOT coalesce(({self.sql}), 0)" if self.negative else self.sql
        return sql, self.parameters


class _Compiler:
    def __init__(self, filters: Mapping[str, str] | None) -> None:
        self._filters = filters
        self._within: list[str] = []
        self.remarks: list[str] = []

    def condition(self, text: str) -> Condition:
        match: dict[str, None] = {}
        exclude: dict[str, None] = {}
        cheap: list[tuple[str, list[Any]]] = []
        costly: list[tuple[str, list[Any]]] = []
        for alternatives in terms_of(text):
            found = [one for term in alternatives if (one := self._compiled(term)) is not None]
            if not found:
                continue
            if all(one.match and not one.negative for one in found):
                queries = dict.fromkeys(one.match for one in found)
                match[
                    " OR ".join(queries) if len(queries) == 1 else f"({' OR '.join(queries)})"
                ] = None
            elif len(found) == 1 and found[0].match:
                exclude[found[0].match] = None
            else:
                parts = [one.as_sql() for one in found]
                whole = (
                    f"({_joined(' OR ', [f'({sql})' for sql, _ in parts])})"
                    if len(parts) > 1
                    else parts[0][0]
                )
                values = [value for _, several in parts for value in several]
                (costly if any(one.costly for one in found) else cheap).append((whole, values))
        if match:
            cheap.insert(0, (f"series.id IN ({_TEXT})", [" AND ".join(match)]))
        if exclude:
            cheap.append((f"series.id NOT IN ({_TEXT})", [" OR ".join(exclude)]))
        unique = {(sql, tuple(values)): None for sql, values in (*cheap, *costly)}
        parameters = [value for _, values in unique for value in values]
        if len(parameters) > _MOST_PARAMETERS or len(unique) > _MOST_TESTS:
            self.remarks.append("this is too much to look for at once: nothing is found")
            return "0", []
        return _joined(" AND ", [sql for sql, _ in unique]), parameters

    def _compiled(self, term: Term) -> _Compiled | None:
        name = ALIASES.get(term.field.lower(), term.field.lower())
        if term.filter and not term.field:
            return self._saved(term)
        if name in TEXT_COLUMNS:
            return self._words(term, TEXT_COLUMNS[name])
        if name in FIELDS or name in search_values.KEYWORDS:
            if name == "filter":
                return self._saved(term)
            if not term.value:
                self.remarks.append(f"{name}: waits for a value")
                return None
            return self._of_field(term, name)
        if name:
            self.remarks.append(f'"{term.field[:40]}" is no field: looked for as words')
        return self._words(term, "")

    def _of_field(self, term: Term, name: str) -> _Compiled:
        told = condition_of_field(name, term.value, quoted=term.quoted)
        if isinstance(told, str):
            self.remarks.append(told)
            told = ("0", [])
        costly = "dicomdb_value" in told[0] or "examination" in told[0]
        return _Compiled("", told[0], told[1], term.negative, costly)

    def _words(self, term: Term, column: str) -> _Compiled | None:
        value = f"{term.field} {term.value}" if term.field and not column else term.value
        # Quoted for FTS5, where a string has no operators; nothing but letters and
        # digits is left in it.
        ends = "" if term.quoted else " *"
        ways = [f'"{" ".join(words)}"{ends}' for words in spellings(value)]
        if not ways:
            return None
        query = ways[0] if len(ways) == 1 else f"({' OR '.join(ways)})"
        return _Compiled(f"{column} : ({query})" if column else query, negative=term.negative)

    def _saved(self, term: Term) -> _Compiled | None:
        name = term.value
        if not name:
            return None
        filters = self._filters
        if filters is None:
            from napari_dicomdb.settings import saved_filters

            filters = self._filters = saved_filters()
        if name not in filters:
            self.remarks.append(f'no filter is saved as "{name[:40]}": looked for as words')
            return self._words(Term("", name, term.quoted, term.negative), "")
        if name in self._within or len(self._within) >= _DEEPEST:
            self.remarks.append(f'the filter "{name[:40]}" names itself: nothing is found')
            return _Compiled(sql="0", negative=term.negative)
        self._within.append(name)
        sql, parameters = self.condition(filters[name])
        self._within.pop()
        if not sql:
            return None
        return _Compiled("", f"({sql})", list(parameters), term.negative, "dicomdb_value" in sql)


def _joined(word: str, conditions: Sequence[str]) -> str:
    # SQLite refuses expressions deeper than 1000: of many, a tree instead of a chain.
    if len(conditions) <= 100:
        return word.join(conditions)
    half = len(conditions) // 2
    return f"({_joined(word, conditions[:half])}){word}({_joined(word, conditions[half:])})"
