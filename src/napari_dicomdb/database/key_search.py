"""Studies, series and instances that match the keys of a query, answered by the index alone."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.identities import HOME
from napari_dicomdb.database.key_matching import FUNCTION, matcher, register
from napari_dicomdb.dicom.keywords import INSTANCE_KEYWORDS, SERIES_KEYWORDS, VR_OF
from napari_dicomdb.errors import DicomDbError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dicomdb.database.connection import Connections

__all__ = ["COMPUTED", "LEVELS", "Found", "KeySearch", "level_of", "search_keys", "vr_of"]

LEVELS = ("study", "series", "instance")

COMPUTED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "ModalitiesInStudy": ("study", "CS"),
        "SOPClassesInStudy": ("study", "UI"),
        "NumberOfStudyRelatedSeries": ("study", "IS"),
        "NumberOfStudyRelatedInstances": ("study", "IS"),
        "NumberOfSeriesRelatedInstances": ("series", "IS"),
        "AvailableTransferSyntaxUID": ("instance", "UI"),
    }
)
"""Level and VR of the keywords that no file has, or not in this form."""

_LONGEST_SECONDS = 20.0
_STEPS = 50_000  # of SQLite's machine between two looks at the clock

# Of patient and study, as columns; every other kept value is of the series or the instance.
_COLUMNS = {
    "PatientName": "patient.name",
    "PatientID": "patient.patient_id",
    "IssuerOfPatientID": "patient.issuer",
    "PatientBirthDate": "patient.birth_date",
    "PatientSex": "patient.sex",
    "StudyInstanceUID": "study.uid",
    "StudyDate": "study.date",
    "StudyTime": "study.time",
    "StudyID": "study.study_id",
    "StudyDescription": "study.description",
    "AccessionNumber": "study.accession_number",
    "ReferringPhysicianName": "study.referring_physician",
    "InstitutionName": "study.institution",
    "ModalitiesInStudy": "study.modalities",
    "NumberOfStudyRelatedSeries": "study.series_count",
    "NumberOfStudyRelatedInstances": "study.instance_count",
    "SeriesInstanceUID": "series.uid",
    "Modality": "series.modality",
    "NumberOfSeriesRelatedInstances": "series.instance_count",
    "SOPInstanceUID": "instance.uid",
    "SOPClassUID": "instance.sop_class_uid",
    "InstanceNumber": "instance.number",
    "AvailableTransferSyntaxUID": "instance.transfer_syntax_uid",
}
_OF_IMAGES = frozenset({"Rows", "Columns", "BitsAllocated", "NumberOfFrames", "SOPClassUID"})
_STUDIES = f"study JOIN patient ON patient.id = {HOME}"
_TABLES = {
    "study": _STUDIES,
    "series": f"series JOIN study ON study.id = series.study JOIN patient ON patient.id = {HOME}",
    "instance": (
        "instance JOIN series ON series.id = instance.series"
        f" JOIN study ON study.id = series.study JOIN patient ON patient.id = {HOME}"
    ),
}
_ORDER = {
    "study": "study.date DESC, study.time DESC, study.id DESC",
    "series": "series.study DESC, series.number, series.id",
    "instance": "instance.series, instance.number, instance.uid",
}
_STUDY_VALUES = (
    "study.uid, study.modalities, study.series_count, study.instance_count, patient.name,"
    " patient.patient_id, patient.issuer"
)


@dataclass(frozen=True, slots=True)
class KeySearch:
    """What to look for in the index.

    Parameters
    ----------
    level : str
        "study", "series" or "instance".
    keys : mapping of str to str
        Wanted values by keyword, as of `key_matching.matcher`; also of lower levels: then
        one series or instance that matches suffices.
    study_uid, series_uid : str
        Only below these; "": everywhere.
    fuzzy : bool
        Names by words, see `key_matching.matcher`.
    limit, offset : int
        Which page of the list.
    """

    level: str = "study"
    keys: Mapping[str, str] = field(default_factory=dict)
    study_uid: str = ""
    series_uid: str = ""
    fuzzy: bool = False
    limit: int = 1000
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what was found.

    Parameters
    ----------
    values : list of dict
        Kept values by keyword: text (several with a backslash between), numbers, lists.
    remaining : int
        How many there are behind this page.
    """

    values: list[dict[str, Any]]
    remaining: int = 0


def vr_of(keyword: str) -> str:
    """Return the VR of a keyword that can be asked for; "" when it cannot."""
    if keyword in COMPUTED:
        return COMPUTED[keyword][1]
    vr = VR_OF.get(keyword, "")
    return "" if vr in {"SQ", "OB", "OW", "AT"} else "US" if vr == "US or SS" else vr


def level_of(keyword: str) -> str:
    """Return the level that a keyword describes: "study" (or its patient), "series" ..."""
    if keyword in COMPUTED:
        return COMPUTED[keyword][0]
    if keyword in _OF_IMAGES or keyword in INSTANCE_KEYWORDS:
        return "instance"
    return "study" if _COLUMNS.get(keyword, "series").split(".")[0] != "series" else "series"


def search_keys(connections: Connections, search: KeySearch) -> Found:
    """Return what matches, a page of it.

    Raises
    ------
    DicomDbError
        "unknown-key": the index has no such attribute; "bad-key": a wanted value that
        cannot be one; "too-slow": the whole index would have to be read for too long.
    """
    where, parameters = _conditions(search)
    table = search.level
    page = (
        f"SELECT {table}.id FROM {_TABLES[table]}{where} ORDER BY {_ORDER[table]} LIMIT ? OFFSET ?"
    )
    count = f"SELECT count(*) FROM {_TABLES[table]}{where}"
    with connections.borrow() as connection:
        register(connection)
        deadline = time.monotonic() + _LONGEST_SECONDS
        connection.set_progress_handler(lambda: int(time.monotonic() > deadline), _STEPS)
        try:
            keys = [
                int(row[0])
                for row in connection.execute(page, (*parameters, search.limit, search.offset))
            ]
            total = search.offset + len(keys)
            if len(keys) == search.limit:
                total = int(connection.execute(count, parameters).fetchone()[0])
            values = _values(connection, table, keys)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            raise DicomDbError(
                "the search takes too long: ask within a study or a series", reason="too-slow"
            ) from error
        finally:
            connection.set_progress_handler(None, 0)
    return Found(values, max(0, total - search.offset - len(keys)))


def _conditions(search: KeySearch) -> tuple[str, list[Any]]:
    parts: list[str] = []
    parameters: list[Any] = []
    for column, uid in (("study.uid", search.study_uid), ("series.uid", search.series_uid)):
        if uid:
            parts.append(f"{column} = ?")
            parameters.append(uid)
    for keyword, wanted in search.keys.items():
        sql, more = _condition(search, keyword, wanted)
        if sql:
            parts.append(sql)
            parameters += more
    return (f" WHERE {' AND '.join(parts)}" if parts else ""), parameters


def _condition(search: KeySearch, keyword: str, wanted: str) -> tuple[str, Sequence[Any]]:
    vr = vr_of(keyword)
    if not wanted.strip("* \0"):
        return "", ()
    if not vr:
        raise DicomDbError(f"{keyword} cannot be searched for here", reason="unknown-key")
    matcher(vr, wanted, fuzzy=search.fuzzy)  # before any row is looked at
    level = level_of(keyword)
    if keyword == "SOPClassesInStudy":
        keyword, level = "SOPClassUID", "instance"
    at = max(level, search.level, key=LEVELS.index)
    expression, of_expression = _expression(keyword, at)
    if vr == "UI" and wanted != '""':
        uids = [part.strip() for part in wanted.replace(",", "\\").split("\\")]
        sql = f"{expression} IN (SELECT value FROM json_each(?))"
        values: list[Any] = [*of_expression, json.dumps(uids)]
    else:
        sql = f"{FUNCTION}({expression}, ?, ?, ?)"
        values = [*of_expression, vr, wanted, int(search.fuzzy)]
    if at == search.level:
        return sql, values
    # A key of a lower level: one below suffices.
    key = {"study": "series.study", "series": "instance.series"}[search.level]
    tables = "series" if at == "series" else "instance JOIN series ON series.id = instance.series"
    return f"{search.level}.id IN (SELECT {key} FROM {tables} WHERE {sql})", values


def _expression(keyword: str, at: str) -> tuple[str, Sequence[Any]]:
    """Return SQL for a value of one row of level `at`, and its parameters."""
    if keyword in _COLUMNS:
        return _COLUMNS[keyword], ()
    of_series = (
        "(SELECT value FROM series_value WHERE keyword = ? AND series_value.series = series.id)"
    )
    if at != "instance":
        return of_series, (keyword,)
    place = f"$.{keyword}"
    own = "CASE WHEN json_valid(instance.overrides) THEN instance.overrides ELSE '{}' END"
    return (
        f"CASE WHEN instance.overrides <> '' AND json_type({own}, ?) IS NOT NULL"
        f" THEN json_extract({own}, ?) ELSE {of_series} END",
        (place, place, keyword),
    )


def _values(connection: sqlite3.Connection, table: str, keys: list[int]) -> list[dict[str, Any]]:
    wanted = json.dumps(keys)
    first = "(SELECT id FROM series AS s WHERE s.study = study.id ORDER BY s.id LIMIT 1)"
    columns = {
        "study": f"study.id, {_STUDY_VALUES}, {first}",
        "series": f"series.id, {_STUDY_VALUES}, series.id, series.uid, series.instance_count",
        "instance": (
            f"instance.id, {_STUDY_VALUES}, series.id, series.uid, series.instance_count,"
            " instance.uid, instance.sop_class_uid, instance.overrides,"
            " instance.transfer_syntax_uid"
        ),
    }[table]
    rows = {
        int(row[0]): row[1:]
        for row in connection.execute(
            f"SELECT {columns} FROM {_TABLES[table]}"
            f" WHERE {table}.id IN (SELECT value FROM json_each(?))",
            (wanted,),
        )
    }
    defaults: dict[int, dict[str, Any]] = {}
    found: list[dict[str, Any]] = []
    for key in keys:
        row = rows.get(key)
        if row is None:
            continue
        if row[7] not in defaults:
            defaults[row[7]] = _defaults(connection, row[7])
        found.append(_told(table, row, defaults[row[7]]))
    return found


def _defaults(connection: sqlite3.Connection, series: int) -> dict[str, Any]:
    row = connection.execute("SELECT defaults FROM series WHERE id = ?", (series,)).fetchone()
    return dict(json.loads(row[0])) if row is not None else {}


def _told(table: str, row: tuple[Any, ...], defaults: Mapping[str, Any]) -> dict[str, Any]:
    kept = {"study": _AT_STUDY, "series": _AT_SERIES}.get(table)
    values = {k: v for k, v in defaults.items() if kept is None or k in kept}
    if table == "instance" and row[12]:
        values.update(json.loads(row[12]))
        values = {k: v for k, v in values.items() if v is not None}
    values |= {
        "StudyInstanceUID": row[0],
        "ModalitiesInStudy": row[1],
        "NumberOfStudyRelatedSeries": row[2],
        "NumberOfStudyRelatedInstances": row[3],
        "PatientName": values.get("PatientName", row[4]),
        "PatientID": values.get("PatientID", row[5]),
    }
    if row[6]:
        values["IssuerOfPatientID"] = row[6]
    if table != "study":
        values |= {"SeriesInstanceUID": row[8], "NumberOfSeriesRelatedInstances": row[9]}
    if table == "instance":
        values |= {
            "SOPInstanceUID": row[10],
            "SOPClassUID": row[11],
            "AvailableTransferSyntaxUID": row[13],
        }
    return values


_AT_STUDY = frozenset(
    {keyword for keyword in _COLUMNS if level_of(keyword) == "study"}
    | {"PatientAge", "PatientSize", "PatientWeight", "TimezoneOffsetFromUTC"}
    | {"SpecificCharacterSet", "PatientIdentityRemoved"}
)
_AT_SERIES = _AT_STUDY | frozenset(SERIES_KEYWORDS) - _OF_IMAGES
