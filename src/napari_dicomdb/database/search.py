"""The search box's language, made into a condition on series."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dicomdb.database.listing import Condition

__all__ = ["FIELDS", "condition_of"]

_WORD = re.compile(
    r'(?P<negative>-?)(?:(?P<field>[A-Za-z_]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>[^\s"]+))'
)

_TEXT_FIELDS = {
    "name": "{name}",
    "patient": "{name patient_id}",
    "desc": "{study_description series_description}",
    "study": "{study_description}",
    "series": "{series_description}",
    "body": "{body_part}",
    "protocol": "{protocol}",
}
_EXACT_FIELDS = {
    "modality": ("series.modality", str.upper),
    "sex": ("patient.sex", str.upper),
}
_PREFIX_FIELDS = {
    "id": "patient.patient_id",
    "accession": "study.accession_number",
}
_DATE_FIELDS = {
    "date": "study.date",
    "birth": "patient.birth_date",
}
_ALIASES = {
    "mod": "modality",
    "description": "desc",
    "acc": "accession",
    "patientid": "id",
    "bodypart": "body",
    "studydate": "date",
    "birthdate": "birth",
}

FIELDS: tuple[str, ...] = (*_TEXT_FIELDS, *_EXACT_FIELDS, *_PREFIX_FIELDS, *_DATE_FIELDS, "uid")
"""Words that may stand before a colon."""


@dataclass(slots=True)
class _Parts:
    match: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    parameters: list[Any] = field(default_factory=list)


def condition_of(text: str) -> Condition:
    """Make a search text into SQL over patient, study and series.

    Parameters
    ----------
    text : str
        Words, all of which must begin a word of the series' or its patient's
        and study's text; accents and case do not matter. ``"in quotes"``: these
        words in this order. ``-word``: not this word. ``field:value``, see
        `FIELDS`: ``modality:CT,MR``, ``date:2019``, ``date:2019-01-01..``,
        ``date:..2019-06``, ``id:123`` (from its beginning on), ``uid:1.2.3``
        (of study, series or instance). Anything else, also an unknown field,
        is words: no text is an error.

    Returns
    -------
    Condition
        SQL with parameters; what the user typed is only ever a parameter.

    Examples
    --------
    >>> condition_of("modality:ct")
    ('series.modality IN (?)', ['CT'])
    """
    parts = _Parts()
    for found in _WORD.finditer(text.replace("\0", " ")):
        value = found["quoted"] if found["quoted"] is not None else found["plain"]
        name = (found["field"] or "").lower()
        name = _ALIASES.get(name, name)
        if not (name and _add_field(parts, name, value, bool(found["negative"]))):
            plain = f"{found['field']} {value}" if found["field"] else value
            _add_words(parts, "", plain, found["quoted"] is not None, bool(found["negative"]))
    return _as_condition(parts)


def _as_condition(parts: _Parts) -> Condition:
    where, parameters = list(parts.where), list(parts.parameters)
    if parts.match:
        where.append("series.id IN (SELECT rowid FROM series_text WHERE series_text MATCH ?)")
        parameters.append(" AND ".join(parts.match))
    for query in parts.exclude:
        where.append("series.id NOT IN (SELECT rowid FROM series_text WHERE series_text MATCH ?)")
        parameters.append(query)
    return _all_of(where), parameters


def _all_of(conditions: list[str]) -> str:
    # SQLite refuses expressions deeper than 1000: of many, a tree instead of a chain.
    if len(conditions) <= 100:
        return " AND ".join(conditions)
    half = len(conditions) // 2
    return f"({_all_of(conditions[:half])}) AND ({_all_of(conditions[half:])})"


def _add_words(parts: _Parts, column: str, value: str, quoted: bool, negative: bool) -> None:
    words = _tokens(value)
    if not words:
        return
    # Quoted for FTS5, where a string has no operators; nothing but letters and
    # digits is left of it.
    query = f'"{" ".join(words)}"' + ("" if quoted else " *")
    if column:
        query = f"{column} : ({query})"
    (parts.exclude if negative else parts.match).append(query)


def _tokens(value: str) -> list[str]:
    # As the tokenizer unicode61 splits: letters, numbers, private use.
    kept = "".join(
        c if (k := unicodedata.category(c))[0] in "LN" or k in ("Co", "Mn", "Mc") else " "
        for c in value
    )
    return kept.split()


def _add_field(parts: _Parts, name: str, value: str, negative: bool) -> bool:
    if name in _TEXT_FIELDS:
        _add_words(parts, _TEXT_FIELDS[name], value, False, negative)
        return True
    add = _adders.get(name)
    if add is None:
        return False
    sql, parameters = add(value)
    if sql:
        parts.where.append(f"NOT ({sql})" if negative else sql)
        parts.parameters += parameters
    return True


def _exact(column: str, change: Callable[[str], str]) -> Callable[[str], tuple[str, list[str]]]:
    def add(value: str) -> tuple[str, list[str]]:
        values = [change(one) for one in value.split(",") if one]
        return (f"{column} IN ({', '.join('?' * len(values))})" if values else ""), values

    return add


def _prefix(column: str) -> Callable[[str], tuple[str, list[str]]]:
    def add(value: str) -> tuple[str, list[str]]:
        if not value:
            return "", []
        return f"substr({column}, 1, ?) = ?", [len(value), value]  # type: ignore[list-item]

    return add


def _dates(column: str) -> Callable[[str], tuple[str, list[str]]]:
    def add(value: str) -> tuple[str, list[str]]:
        first, dots, last = value.partition("..")
        start, end = _date(first), _date(last if dots else first)
        sql, parameters = [f"{column} <> ''"], []
        if start:
            sql.append(f"{column} >= ?")
            parameters.append(start)
        if end:
            # "2019" ends with its last day: 2019-12-31 < "2019~".
            sql.append(f"{column} < ?")
            parameters.append(end + "~")
        if not parameters:
            # Not a date: nothing has it.
            return ("0", []) if value.strip(".") else ("", [])
        return " AND ".join(sql), parameters

    return add


def _date(text: str) -> str:
    digits = re.sub(r"[^0-9]", "", text)
    if len(digits) not in (4, 6, 8) or re.search(r"[^0-9./\-]", text):
        return ""
    return "-".join(part for part in (digits[:4], digits[4:6], digits[6:8]) if part)


def _uid(value: str) -> tuple[str, list[str]]:
    return (
        "(series.uid = ? OR study.uid = ?"
        " OR series.id IN (SELECT series FROM instance WHERE uid = ?))",
        [value] * 3,
    )


_adders: dict[str, Callable[[str], tuple[str, list[str]]]] = {
    **{name: _exact(*how) for name, how in _EXACT_FIELDS.items()},
    **{name: _prefix(column) for name, column in _PREFIX_FIELDS.items()},
    **{name: _dates(column) for name, column in _DATE_FIELDS.items()},
    "uid": _uid,
}
