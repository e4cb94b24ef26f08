"""Keeps the counts that the browser shows beside patients, studies and series."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from napari_dicomdb.database import series_notes, spacing, thumbnail_store
from napari_dicomdb.database.identities import forget_unused

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Growth", "add_to_series", "recount_series", "refresh_parents", "remove_empty"]


class Growth(NamedTuple):
    """What a batch added to one series."""

    instances: int
    frames: int
    size: int


def add_to_series(connection: sqlite3.Connection, growth: Mapping[int, Growth]) -> None:
    """Add linked instances to the counts of series, whatever their size, at equal cost."""
    connection.executemany(
        "UPDATE series SET instance_count = instance_count + ?, frame_count = frame_count + ?,"
        " size = size + ?, revision = revision + 1,"
        " storage = CASE WHEN storage IN ('', 'linked') THEN 'linked' ELSE 'mixed' END"
        " WHERE id = ?",
        [(*added, series) for series, added in growth.items()],
    )
    # A series that is long enough has been measured already.
    counts = dict(
        connection.execute(
            "SELECT id, instance_count FROM series WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(growth)),),
        )
    )
    spacing.measure(
        connection,
        [key for key, added in growth.items() if counts[key] - added.instances < spacing.ENOUGH],
    )


def recount_series(connection: sqlite3.Connection, series: Iterable[int]) -> None:
    """Count the instances of series anew, after changes other than growth.

    What loaders said of them is forgotten: it may quote what is not there any more.
    """
    keys = [(key,) for key in series]
    connection.executemany("DELETE FROM examination WHERE series = ?", keys)
    connection.executemany(
        "UPDATE series SET revision = revision + 1,"
        " (instance_count, frame_count, size, storage) = ("
        " SELECT count(*), coalesce(sum(frame_count), 0), coalesce(sum(file.size), 0),"
        "  CASE WHEN count(DISTINCT storage) > 1 THEN 'mixed' ELSE coalesce(max(storage), '') END"
        " FROM instance JOIN file ON file.id = instance.file WHERE instance.series = ?1)"
        " WHERE id = ?1",
        keys,
    )
    spacing.measure(connection, [key for (key,) in keys])
    for (key,) in keys:
        series_notes.recount(connection, key)


def refresh_parents(connection: sqlite3.Connection, series: Sequence[int]) -> None:
    """Count anew for the studies and patients of these series."""
    keys = json.dumps(list(series))
    studies = connection.execute(
        "SELECT DISTINCT study FROM series WHERE id IN (SELECT value FROM json_each(?))", (keys,)
    ).fetchall()
    refresh_studies(connection, [row[0] for row in studies])


def refresh_studies(connection: sqlite3.Connection, studies: Sequence[int]) -> None:
    """Count anew for these studies and their patients."""
    connection.executemany(
        "UPDATE study SET (series_count, instance_count, modalities) = ("
        " SELECT count(*), coalesce(sum(instance_count), 0), coalesce("
        "  (SELECT group_concat(modality, '\\') FROM (SELECT DISTINCT modality FROM series"
        "   WHERE study = ?1 AND modality <> '' ORDER BY modality)), '')"
        " FROM series WHERE study = ?1) WHERE id = ?1",
        [(key,) for key in studies],
    )
    patients = connection.execute(
        "SELECT DISTINCT patient FROM study WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(studies)),),
    ).fetchall()
    refresh_patients(connection, [row[0] for row in patients])


def refresh_patients(connection: sqlite3.Connection, patients: Sequence[int]) -> None:
    """Count anew for these patients."""
    connection.executemany(
        "UPDATE patient SET (study_count, series_count, instance_count, last_study_date) = ("
        " SELECT count(*), coalesce(sum(series_count), 0), coalesce(sum(instance_count), 0),"
        "  coalesce(max(date), '') FROM study WHERE patient = ?1) WHERE id = ?1",
        [(key,) for key in patients],
    )


def remove_empty(connection: sqlite3.Connection, series: Sequence[int]) -> list[str]:
    """Remove those of these series that have no instance left, with empty parents.

    Returns
    -------
    list of str
        Names of their thumbnails, and of those drawn on their images, now without owner.
    """
    keys = json.dumps(list(series))
    empty = connection.execute(
        "SELECT series.id, study, patient, home_patient FROM series"
        " JOIN study ON study.id = study"
        " WHERE series.id IN (SELECT value FROM json_each(?)) AND NOT EXISTS"
        " (SELECT 1 FROM instance WHERE instance.series = series.id)",
        (keys,),
    ).fetchall()
    thumbnails = thumbnail_store.forget(connection, [row[0] for row in empty])
    for key, study, *_ in empty:
        connection.execute("DELETE FROM series_text WHERE rowid = ?", (key,))
        connection.execute("DELETE FROM series WHERE id = ?", (key,))
        connection.execute(
            "DELETE FROM study WHERE id = ?1"
            " AND NOT EXISTS (SELECT 1 FROM series WHERE study = ?1)",
            (study,),
        )
    forget_unused(connection, sorted({key for row in empty for key in (row[2], row[3]) if key}))
    refresh_studies(connection, sorted({row[1] for row in empty}))
    refresh_patients(connection, sorted({row[2] for row in empty}))
    return thumbnails
