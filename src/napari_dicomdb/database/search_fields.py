"""The fields of the search language, each made into SQL over patient, study and series."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import search_values
from napari_dicomdb.database.search_syntax import Range, bounds_of, ranges_of
from napari_dicomdb.database.series_notes import PASSED_OVER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ALIASES", "FIELDS", "TEXT_COLUMNS", "Field", "condition_of_field"]

Sql = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Field:
    """What to tell of a field.

    Parameters
    ----------
    help : str
        A few words.
    example : str
        As it may be typed.
    values : tuple of str
        What may stand behind it, where that is a short list.
    """

    help: str
    example: str
    values: tuple[str, ...] = ()


TEXT_COLUMNS: dict[str, str] = {
    "name": "{name}",
    "patient": "{name patient_id}",
    "desc": "{study_description series_description}",
    "study": "{study_description}",
    "series": "{series_description}",
    "body": "{body_part}",
    "protocol": "{protocol}",
    "institution": "{institution}",
    "physician": "{physician}",
    "equipment": "{equipment}",
}
"""Fields of words, with their columns of `series_text`."""

_NUMBERS: dict[str, str] = {
    "slices": "frame_count",
    "instances": "instance_count",
    "rows": "rows",
    "columns": "columns",
    "size": "size",
    "number": "number",
    # The coarsest edge of a voxel, of those that are known.
    "spacing": (
        "nullif(max(coalesce(spacing_rows, 0), coalesce(spacing_columns, 0),"
        " coalesce(slice_spacing, 0)), 0)"
    ),
    "pixel": "max(spacing_rows, spacing_columns)",
    "gap": "slice_spacing",
    "missing": "missing_count",
}

_IS: dict[str, str] = {
    "copied": "storage IN ('copied', 'mixed')",
    "linked": "storage IN ('linked', 'mixed')",
    "missing": "missing_count > 0",
    "volume": "slice_spacing IS NOT NULL AND spacing_rows IS NOT NULL",
}
_FINDINGS: dict[str, str] = {
    "findings": "('info', 'warning', 'error')",
    "warnings": "('warning', 'error')",
    "errors": "('error')",
}

FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "name": Field("words of the patient's name", "name:doe"),
        "id": Field("PatientID, from its beginning on", "id:PAT01"),
        "patient": Field("words of the patient's name or ID", "patient:doe"),
        "birth": Field("birth date", "birth:1950..1959"),
        "sex": Field("sex", "sex:F", ("F", "M", "O")),
        "date": Field("study date", "date:2019-03..2020"),
        "time": Field("time of day of the series", "time:08:00..12:00"),
        "added": Field("when it came into the database", "added:7d", ("today", "7d", "1m")),
        "accession": Field("accession number, from its beginning on", "accession:A17"),
        "modality": Field("modality", "modality:CT,MR", ("CT", "MR", "PT", "US", "SEG")),
        "desc": Field("words of the descriptions of study and series", 'desc:"low dose"'),
        "study": Field("words of the study's description", "study:thorax"),
        "series": Field("words of the series' description", "series:t1"),
        "body": Field("words of the body part", "body:head"),
        "protocol": Field("words of the protocol", "protocol:routine"),
        "institution": Field("words of the institution", "institution:general"),
        "physician": Field("words of the referring physician's name", "physician:smith"),
        "equipment": Field("words of manufacturer, model, station", "equipment:siemens"),
        "slices": Field("number of images (frames)", "slices:>100"),
        "instances": Field("number of instances (files)", "instances:1"),
        "rows": Field("rows of the matrix", "rows:512"),
        "columns": Field("columns of the matrix", "columns:>=256"),
        "spacing": Field("coarsest edge of the voxels, mm", "spacing:<1"),
        "pixel": Field("spacing of pixels in the slice, mm", "pixel:<0.5"),
        "gap": Field("distance of neighbouring slices, mm", "gap:1..3"),
        "thickness": Field("SliceThickness, mm", "thickness:<=2"),
        "size": Field("bytes of the files", "size:>100MB"),
        "number": Field("series number", "number:3"),
        "missing": Field("number of files that are gone", "missing:>0"),
        "uid": Field("UID of a study, series or instance", "uid:1.2.840.1"),
        "is": Field("what holds of it", "is:missing", tuple(_IS)),
        "has": Field("what it has: findings, or any attribute", "has:findings", tuple(_FINDINGS)),
        "filter": Field("a filter that was saved", "filter:NAME"),
    }
)
"""Words that may stand before a colon, beside the DICOM keywords that are kept."""

ALIASES: dict[str, str] = {
    "mod": "modality",
    "description": "desc",
    "acc": "accession",
    "patientid": "id",
    "bodypart": "body",
    "birthdate": "birth",
    "born": "birth",
    "images": "slices",
    "frames": "slices",
    "files": "instances",
    "cols": "columns",
    "referring": "physician",
    "hospital": "institution",
    "site": "institution",
    "scanner": "equipment",
    "no": "number",
}


def condition_of_field(name: str, value: str, *, quoted: bool) -> Sql | str:
    """Return the SQL of a field other than those of words; text says why there is none.

    Parameters
    ----------
    name : str
        Of `FIELDS`, no alias, or a kept DICOM keyword in lower case.
    value : str
        Not empty.
    quoted : bool
        Whether it was in quotes.
    """
    adder = _ADDERS.get(name)
    if adder is not None:
        return adder(value)
    if name in _NUMBERS:
        return _number(name, value)
    return _keyword(search_values.KEYWORDS[name], value, quoted)


def _keyword(keyword: str, value: str, quoted: bool) -> Sql | str:
    if keyword == "SOPInstanceUID":
        return _uid(value)
    if not search_values.understood(keyword, value):
        if keyword in PASSED_OVER:
            return f"{keyword} differs in every image: only has:{keyword} can be asked"
        return f"{keyword} is compared with numbers, dates or times: {keyword}:1..2"
    return search_values.condition(keyword, value, quoted=quoted)


def _number(name: str, value: str) -> Sql | str:
    ranges = ranges_of(value, sizes=name == "size")
    if ranges is None:
        return f"{name} is compared with numbers: {FIELDS[name].example}"
    parts: list[str] = []
    parameters: list[float] = []
    for one in ranges:
        sql, values = _within(_NUMBERS[name], one)
        parts.append(sql)
        parameters += values
    where = " OR ".join(parts[:500])
    if len(parts) > 500:
        return f"{name} is compared with fewer numbers at a time"
    # A list of its own, so that SQLite reads the index series_facts alone.
    return f"series.id IN (SELECT id FROM series WHERE {where})", parameters


def _within(column: str, one: Range) -> tuple[str, list[float]]:
    low, with_low, high, with_high = one
    parts: list[str] = [f"{column} IS NOT NULL"]
    parameters: list[float] = []
    if low != float("-inf"):
        parts.append(f"{column} {'>=' if with_low else '>'} ?")
        parameters.append(low)
    if high != float("inf"):
        parts.append(f"{column} {'<=' if with_high else '<'} ?")
        parameters.append(high)
    return f"({' AND '.join(parts)})", parameters


def _listed(column: str) -> Callable[[str], Sql | str]:
    def add(value: str) -> Sql | str:
        values = [one.upper() for one in value.removeprefix("=").split(",") if one]
        return (f"{column} IN ({', '.join('?' * len(values))})" if values else "1"), values

    return add


def _begins(column: str, value: str) -> Sql:
    if value.startswith("="):
        return f"lower({column}) = lower(?)", [value[1:]]
    return f"lower(substr({column}, 1, ?)) = lower(?)", [len(value), value]


def _accession(value: str) -> Sql:
    sql, parameters = _begins("accession_number", value)
    return f"series.study IN (SELECT id FROM study WHERE {sql})", parameters


def _id(value: str) -> Sql:
    # Of the patient it is shown with, and of the one that its files name.
    sql, parameters = _begins("patient_id", value)
    keys = f"(SELECT id FROM patient WHERE {sql})"
    return f"(study.patient IN {keys} OR study.home_patient IN {keys})", [*parameters, *parameters]


def _of_patient(condition: Sql | str) -> Sql | str:
    """Ask it of the patient that a study is shown with, and of the one that its files name."""
    if isinstance(condition, str):
        return condition
    sql, values = condition
    home = f"SELECT 1 FROM patient WHERE patient.id = study.home_patient AND ({sql})"
    return (
        f"(({sql}) OR (study.home_patient IS NOT NULL AND EXISTS ({home})))",
        [*values, *values],
    )


def _sex(value: str) -> Sql | str:
    return _of_patient(_listed("patient.sex")(value))


def _birth(value: str) -> Sql | str:
    return _of_patient(_dates("patient.birth_date")(value))


def _dates(column: str) -> Callable[[str], Sql | str]:
    def add(value: str) -> Sql | str:
        if not value.strip("."):
            return "1", []
        span = _span(value, _date)
        if span is None:
            return "a date is 2019, 2019-03, 2019-03-31, 2018..2020, >2019, today or 7d"
        return _between(column, *span)

    return add


def _times(value: str) -> Sql | str:
    span = _span(value, _time)
    if span is None:
        return "a time is 08, 08:30 or 08:30..12:00"
    return _between("coalesce(nullif(series.time, ''), study.time)", *span)


def _added(value: str) -> Sql | str:
    span = _span(value, _date)
    if span is None:
        return "a date is 2019, 2019-03, 2019-03-31, 2018..2020, >2019, today or 7d"
    low, high = span
    parts: list[str] = []
    parameters: list[float] = []
    if low:
        after = low.endswith("~")
        parts.append("series.added >= ?")
        parameters.append(_midnight(low.rstrip("~"), after=after))
    if high:
        after = high.endswith("~")
        parts.append("series.added < ?")
        parameters.append(_midnight(high.rstrip("~"), after=after))
    return f"series.id IN (SELECT id FROM series WHERE {' AND '.join(parts)})", parameters


def _between(column: str, low: str, high: str) -> Sql:
    parts, parameters = [f"{column} <> ''"], []
    if low:
        parts.append(f"{column} >= ?")
        parameters.append(low)
    if high:
        parts.append(f"{column} < ?")
        parameters.append(high)
    return " AND ".join(parts), parameters


def _span(value: str, read: Callable[[str], tuple[str, str]]) -> tuple[str, str] | None:
    """Return the first text and the one behind the last; "" where open.

    "2019" ends with its last day: 2019-12-31 < "2019~".
    """
    operator, first, last = bounds_of(value)
    (start, end), (_, last_end) = read(first), read(last)
    if (first and not start) or (last and not last_end) or not (start or last_end):
        return None
    if operator == "..":
        if start and last_end and start > f"{last_end}~":
            return None
        return start, last_end + "~" if last_end else ""
    if operator in (">", ">="):
        return (start if operator == ">=" else f"{end}~"), ""
    if operator in ("<", "<="):
        return "", (start if operator == "<" else f"{end}~")
    return start, f"{end}~"


_AGO = re.compile(r"(\d{1,5})([dwmy])")
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


def _date(text: str) -> tuple[str, str]:
    """Return the first and last day that a text names, or their beginnings; "" if none."""
    today = datetime.datetime.now().astimezone().date()
    word = text.lower()
    if word in ("today", "yesterday"):
        day = today if word == "today" else today - datetime.timedelta(days=1)
        return day.isoformat(), day.isoformat()
    ago = _AGO.fullmatch(word)
    if ago:
        days = min(int(ago[1]) * _DAYS[ago[2]], today.toordinal() - 1)
        return (today - datetime.timedelta(days=days)).isoformat(), today.isoformat()
    digits = re.sub(r"[^0-9]", "", text)
    if len(digits) not in (4, 6, 8) or re.search(r"[^0-9./\-]", text):
        return "", ""
    day_text = "-".join(part for part in (digits[:4], digits[4:6], digits[6:8]) if part)
    try:
        datetime.date.fromisoformat(f"{day_text}-01-01"[:10])
    except ValueError:
        return "", ""  # no calendar has it
    return day_text, day_text


def _time(text: str) -> tuple[str, str]:
    digits = re.sub(r"[^0-9]", "", text)
    if len(digits) not in (2, 4, 6) or re.search(r"[^0-9:]", text):
        return "", ""
    time = ":".join(part for part in (digits[:2], digits[2:4], digits[4:6]) if part)
    return time, time


def _midnight(text: str, *, after: bool) -> float:
    """Return seconds since the epoch of the beginning of a day, month or year, or of the next."""
    numbers = [
        min(max(int(part), 1), 9998 if n == 0 else 99) for n, part in enumerate(text.split("-"))
    ]
    year, month, day = (*numbers, 1, 1)[:3]
    month = min(month, 12)
    if len(numbers) == 1 and after:
        year += 1
    elif len(numbers) == 2 and after:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    first = datetime.date(year, month, 1) + datetime.timedelta(days=min(day, 31) - 1)
    if len(numbers) == 3 and after:
        first += datetime.timedelta(days=1)
    begin = datetime.datetime.combine(first, datetime.time())
    if not 1970 < first.year < 3000:  # beyond that, some platforms know no local time
        return begin.replace(tzinfo=datetime.UTC).timestamp()
    return begin.timestamp()


def _uid(value: str) -> Sql:
    return (
        "series.id IN (SELECT id FROM series WHERE uid = ? UNION SELECT id FROM series"
        " WHERE study = (SELECT id FROM study WHERE uid = ?)"
        " UNION SELECT series FROM instance WHERE uid = ?)",
        [value] * 3,
    )


def _is(value: str) -> Sql | str:
    known = [_IS[one] for one in value.lower().split(",") if one in _IS]
    if len(known) != len([one for one in value.split(",") if one]) or not known:
        return f"is: knows {', '.join(_IS)}"
    return f"series.id IN (SELECT id FROM series WHERE {' OR '.join(dict.fromkeys(known))})", []


def _has(value: str) -> Sql | str:
    severities = _FINDINGS.get(value.lower())
    if severities is not None:
        return (
            "series.id IN (SELECT known.id FROM examination JOIN series AS known"
            " ON known.id = examination.series AND known.revision = examination.revision"
            " WHERE EXISTS (SELECT 1 FROM json_each(examination.summaries, '$[0].findings')"
            f" WHERE json_extract(value, '$[1]') IN {severities}))",
            [],
        )
    keyword = search_values.KEYWORDS.get(value.lower())
    if keyword is None:
        return f"has: knows {', '.join(_FINDINGS)} and DICOM keywords"
    return search_values.condition(keyword, search_values.PRESENT)


def _thickness(value: str) -> Sql | str:
    if ranges_of(value) is None:
        return f"thickness is compared with numbers: {FIELDS['thickness'].example}"
    return search_values.condition("SliceThickness", value)


_ADDERS: dict[str, Callable[[str], Sql | str]] = {
    "modality": _listed("series.modality"),
    "sex": _sex,
    "id": _id,
    "accession": _accession,
    "date": _dates("study.date"),
    "birth": _birth,
    "time": _times,
    "added": _added,
    "uid": _uid,
    "is": _is,
    "has": _has,
    "thickness": _thickness,
}
