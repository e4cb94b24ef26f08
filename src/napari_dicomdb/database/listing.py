"""Queries that list patients, studies, series and instances as records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.identities import SPLIT, merged_identities
from napari_dicomdb.database.known import path_of, to_sql
from napari_dicomdb.database.records import (
    InstanceRecord,
    PatientRecord,
    SeriesRecord,
    StudyRecord,
)
from napari_dicomdb.errors import DicomDbError

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

__all__ = [
    "ORDERS",
    "Condition",
    "instances",
    "instances_of_files",
    "patients",
    "series",
    "studies",
]

Condition = tuple[str, Sequence[Any]]
"""SQL of a WHERE clause over patient, study and series, and its parameters."""

_PATIENT = (
    "patient.id, patient.patient_id, patient.name, patient.birth_date, patient.sex,"
    " patient.issuer, patient.study_count, patient.series_count, patient.instance_count,"
    f" patient.last_study_date, patient.added, patient.apart LIKE '{SPLIT}%'"
)
_STUDY = (
    "study.id, study.patient, study.uid, study.study_id, study.date, study.time,"
    " study.description, study.accession_number, study.referring_physician, study.institution,"
    " study.modalities, study.series_count, study.instance_count, study.added"
)
_SERIES = (
    "series.id, series.study, study.patient, series.uid, study.uid, series.modality,"
    " series.number, series.description, series.date, series.time, series.body_part,"
    " series.protocol, series.manufacturer, series.model, series.sop_class_uid,"
    " series.frame_of_reference_uid, series.rows, series.columns, series.instance_count,"
    " series.frame_count, series.size, series.storage, series.added, series.spacing_rows,"
    " series.spacing_columns, series.slice_spacing, series.missing_count"
)
_INSTANCE = (
    "instance.id, instance.series, instance.uid, series.uid, instance.sop_class_uid,"
    " instance.number, directory.path, file.name, file.size, file.mtime_ns, file.storage,"
    " transfer_syntax_uid, instance.rows, instance.columns, instance.frame_count, samples,"
    " photometric, planar_configuration, bits_allocated, bits_stored, high_bit,"
    " pixel_representation, pixel_keyword, pixel_offset, pixel_length, slope, intercept,"
    " position_x, position_y, position_z, row_x, row_y, row_z, column_x, column_y, column_z,"
    " instance.spacing_rows, instance.spacing_columns, instance.series, overrides, frames.data"
)
_INSTANCE_FIELDS = tuple(field.name for field in fields(InstanceRecord))
_ALL_LEVELS = (
    " FROM series JOIN study ON study.id = series.study JOIN patient ON patient.id = study.patient"
)
_INSTANCE_TABLES = (
    " FROM instance JOIN series ON series.id = instance.series"
    " JOIN file ON file.id = instance.file JOIN directory ON directory.id = file.directory"
    " LEFT JOIN frames ON frames.instance = instance.id"
)

ORDERS: dict[str, dict[str, tuple[str, ...]]] = {
    "patient": {
        "name": ("sort_name", "patient.id"),
        "patient_id": ("patient.patient_id", "patient.id"),
        "birth_date": ("birth_date", "patient.id"),
        "last_study_date": ("last_study_date", "patient.id"),
        "added": ("patient.added", "patient.id"),
        "study_count": ("patient.study_count", "patient.id"),
        "series_count": ("patient.series_count", "patient.id"),
        "instance_count": ("patient.instance_count", "patient.id"),
        "sex": ("patient.sex", "patient.id"),
        "issuer": ("patient.issuer", "patient.id"),
    },
    "study": {
        "date": ("study.date", "study.time", "study.id"),
        "description": ("study.description", "study.id"),
        "accession_number": ("study.accession_number", "study.id"),
        "modalities": ("study.modalities", "study.id"),
        "series_count": ("study.series_count", "study.id"),
        "instance_count": ("study.instance_count", "study.id"),
        "study_id": ("study.study_id", "study.id"),
        "institution": ("study.institution", "study.id"),
        "referring_physician": ("study.referring_physician", "study.id"),
        "added": ("study.added", "study.id"),
    },
    "series": {
        "number": ("series.study", "series.number", "series.id"),
        "description": ("series.description", "series.id"),
        "modality": ("series.modality", "series.id"),
        "date": ("series.date", "series.time", "series.id"),
        "instance_count": ("series.instance_count", "series.id"),
        "frame_count": ("series.frame_count", "series.id"),
        "matrix": ("series.rows", "series.columns", "series.id"),
        "size": ("series.size", "series.id"),
        "body_part": ("series.body_part", "series.id"),
        "added": ("series.added", "series.id"),
        "protocol": ("series.protocol", "series.id"),
        "manufacturer": ("series.manufacturer", "series.model", "series.id"),
        "spacing": ("max(series.spacing_rows, series.spacing_columns)", "series.id"),
        "slice_spacing": ("series.slice_spacing", "series.id"),
        "storage": ("series.storage", "series.id"),
        "missing_count": ("series.missing_count", "series.id"),
    },
}
"""What each table may be ordered by."""


def patients(
    connection: sqlite3.Connection, condition: Condition | None = None, **paging: Any
) -> list[PatientRecord]:
    """List patients, merged ones as one; those with a matching series on a condition."""
    where, parameters = _where(condition)
    if condition is not None:
        where = f" AND patient.id IN (SELECT study.patient{_ALL_LEVELS}{where})"
    sql = (
        f"SELECT {_PATIENT} FROM patient WHERE patient.merged_into IS NULL{where}"
        f"{_paged('patient', **paging)}"
    )
    found = [
        PatientRecord(*(*row[:-1], bool(row[-1]))) for row in connection.execute(sql, parameters)
    ]
    others = merged_identities(connection, [record.key for record in found])
    if others:
        found = [
            replace(record, others=others[record.key]) if record.key in others else record
            for record in found
        ]
    return found


def studies(
    connection: sqlite3.Connection, condition: Condition | None = None, **paging: Any
) -> list[StudyRecord]:
    """List studies; those with a matching series when the condition needs series."""
    where, parameters = _where(condition)
    if condition is not None and where:
        where = f" WHERE study.id IN (SELECT series.study{_ALL_LEVELS}{where})"
    sql = f"SELECT {_STUDY} FROM study{_page('study', ' FROM study', where, **paging)}"
    found: list[StudyRecord] = []
    for row in connection.execute(sql, parameters):
        modalities = tuple(row[10].split("\\")) if row[10] else ()
        fields = (*row[:10], modalities, *row[11:])
        found.append(StudyRecord(*fields))
    return found


def series(
    connection: sqlite3.Connection, condition: Condition | None = None, **paging: Any
) -> list[SeriesRecord]:
    """List series."""
    where, parameters = _where(condition)
    tables = _ALL_LEVELS if where else " FROM series"
    sql = f"SELECT {_SERIES}{_ALL_LEVELS}{_page('series', tables, where, **paging)}"
    return [
        SeriesRecord(*(*row[:23], row[23:25] if row[23] is not None else None, *row[25:]))
        for row in connection.execute(sql, parameters)
    ]


def instances(
    connection: sqlite3.Connection, root: Path, where: str, parameters: Sequence[Any]
) -> list[InstanceRecord]:
    """List instances in the order of series, InstanceNumber, SOPInstanceUID."""
    sql = (
        f"SELECT {_INSTANCE}{_INSTANCE_TABLES} WHERE {where}"
        " ORDER BY instance.series, instance.number, instance.uid"
    )
    defaults: dict[int, str | None] = {}
    folders: dict[str | bytes, Path] = {}
    found: list[InstanceRecord] = []
    for row in connection.execute(sql, parameters).fetchall():
        key = row[1]
        if key not in defaults:
            # One string object per series: InstanceRecord.values parses it once.
            shared = connection.execute(
                "SELECT defaults FROM series WHERE id = ?", (key,)
            ).fetchone()
            defaults[key] = None if shared is None else shared[0]
        text = defaults[key]
        if text is not None:  # None: another thread has just removed the series
            found.append(_instance(row, text, root, folders))
    return found


def _instance(
    row: tuple[Any, ...], defaults: str, root: Path, folders: dict[str | bytes, Path]
) -> InstanceRecord:
    directory, name = row[6], row[7]
    if isinstance(name, str) and isinstance(directory, str):
        folder = folders.get(directory)
        if folder is None:
            folder = folders[directory] = path_of(root, directory, ".")
        path = folder / name
    else:
        path = path_of(root, directory, name)
    values = (
        *row[:6],
        path,
        *row[8:27],
        row[27:30] if row[27] is not None else None,
        row[30:36] if row[30] is not None else None,
        row[36:38] if row[36] is not None else None,
        defaults,
        row[39],
        row[40],
    )
    # A frozen dataclass sets each of its fields by a call: that is half the time of an examine.
    record = object.__new__(InstanceRecord)
    record.__dict__.update(zip(_INSTANCE_FIELDS, values, strict=True))
    return record


def instances_of_files(
    connection: sqlite3.Connection, root: Path, paths: Iterable[Path]
) -> list[InstanceRecord]:
    """List the instances that these files hold: as the index's file, its source or a copy."""
    keys: dict[int, None] = {}
    for path in paths:
        for folder, name in _stored_as(root, path):
            for row in connection.execute(
                "SELECT instance.id FROM directory JOIN file ON file.directory = directory.id"
                " LEFT JOIN file AS copied ON copied.source = file.id"
                " LEFT JOIN alternate ON alternate.file = file.id"
                " JOIN instance ON instance.file IN (file.id, copied.id)"
                "  OR instance.id = alternate.instance"
                " WHERE directory.path = ? AND file.name = ?",
                (to_sql(folder), to_sql(name)),
            ):
                keys[row[0]] = None
    found: list[InstanceRecord] = []
    for key in keys:
        found += instances(connection, root, "instance.id = ?", (key,))
    return found


def _stored_as(root: Path, path: Path) -> list[tuple[str, str]]:
    places = [(str(path.parent), path.name)]
    if path.is_relative_to(root):
        places.append((path.parent.relative_to(root).as_posix(), path.name))
    return places


def _where(condition: Condition | None) -> tuple[str, Sequence[Any]]:
    if condition is None or not condition[0]:
        return "", ()
    return f" WHERE {condition[0]}", condition[1]


def _page(table: str, tables: str, where: str, **paging: Any) -> str:
    """Return which rows, in which order; of a page only keys are sorted, not whole rows."""
    if paging.get("limit") is None:
        return where + _paged(table, **paging)
    keys = f"SELECT {table}.id{tables}{where}{_paged(table, **paging)}"
    whole = {name: value for name, value in paging.items() if name not in ("limit", "offset")}
    return f" WHERE {table}.id IN ({keys}){_paged(table, **whole)}"


def _paged(
    table: str,
    *,
    order: str,
    descending: bool = False,
    limit: int | None = None,
    offset: int = 0,
) -> str:
    columns = ORDERS[table].get(order)
    if columns is None:
        known = ", ".join(ORDERS[table])
        raise DicomDbError(f"cannot order {table} records by {order!r}: use one of {known}")
    way = " DESC" if descending else ""
    sql = " ORDER BY " + ", ".join(column + way for column in columns)
    if limit is not None or offset:
        sql += f" LIMIT {-1 if limit is None else int(limit)} OFFSET {int(offset)}"
    return sql
