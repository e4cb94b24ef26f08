"""Removes patients, studies, series and instances, and every trace of their values."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_dicomdb.database import (
    activity,
    counts,
    interrupted,
    job_table,
    thumbnail_store,
    traces,
)
from napari_dicomdb.database.known import from_sql, path_of, to_sql
from napari_dicomdb.database.places import is_under
from napari_dicomdb.database.report import RemovalReport
from napari_dicomdb.errors import DatabaseError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from napari_dicomdb.database.connection import Connections

__all__ = ["empty_log", "remove_instances", "scrub"]

_PATIENCE = 1000  # ms for readers to end, before it is left to Database.vacuum
_SMALL = 64 << 20
"""Bytes of an index that is written anew at once (under a second)."""


def remove_instances(
    connections: Connections,
    root: Path,
    where: str,
    key: int,
    *,
    delete_copies: bool,
) -> RemovalReport:
    """Remove the instances that a condition selects; the writer's lock is held.

    Parameters
    ----------
    connections : Connections
        Of the index.
    root : Path
        The database directory.
    where : str
        Condition on instance, joined with series and study; one parameter.
    key : int
        The parameter.
    delete_copies : bool
        Also delete the files that were copied into the database directory.
    """
    report = RemovalReport()
    with connections.transaction() as connection:
        before = _sizes(connection)
        connection.execute("DROP TABLE IF EXISTS temp.going")
        connection.execute(
            "CREATE TEMP TABLE going AS SELECT instance.id, instance.series, instance.file"
            " FROM instance JOIN series ON series.id = instance.series"
            f" JOIN study ON study.id = series.study WHERE {where}",
            (key,),
        )
        series = [row[0] for row in connection.execute("SELECT DISTINCT series FROM temp.going")]
        words = traces.names_of(connection, _patients_of(connection))
        uids = _uids_of(connection) if job_table.is_there(root) else set()
        copies, folders = _forget_files(connection)
        counts.recount_series(connection, series)
        # Also of what is left: the middle image may be another one now, and what is
        # drawn on these images may show one that is gone.
        thumbnails = thumbnail_store.forget(connection, series)
        thumbnails += counts.remove_empty(connection, series)
        counts.refresh_parents(connection, series)
        connection.execute("DROP TABLE temp.going")
        gone_patients = words.keys() - _existing_patients(connection, words)
        gone_words = set[str]().union(*(words[key] for key in gone_patients))
        uids -= _existing_uids(connection, uids)
        traces.forget_named(connection, gone_words)
        traces.forget_folders(connection, folders)
        going = [f"{thumbnail_store.FOLDER}/{name}" for name in thumbnails]
        if delete_copies:
            going += [f"{directory}/{name}" for directory, name in copies]
        interrupted.plan_deletion(connection, going)
        watched = [
            from_sql(row[0]) for row in connection.execute("SELECT path FROM watched_folder")
        ]
        # Search text is deleted by tombstones; only a merge drops the words.
        connection.execute("INSERT INTO series_text (series_text) VALUES ('rebuild')")
        after = _sizes(connection)
        gone = [b - a for b, a in zip(before, after, strict=True)]
        counted = zip(("patients", "studies", "series", "instances"), gone, strict=True)
        activity.record(connection, "remove", {what: count for what, count in counted if count})
    report.patients, report.studies, report.series, report.instances = (
        b - a for b, a in zip(before, after, strict=True)
    )
    # A picture that was not finished has no place of its own in the index.
    thumbnail_store.unlink(root, [f"{name}.part" for name in thumbnails])
    # The rows are gone: that there is no room to tidy up now does not undo it.
    with _without_room():
        report.rejected += interrupted.delete_going(connections, root).rejected
    for directory, name in copies:
        path = path_of(root, directory, name)
        if not delete_copies:
            report.files_kept.append(str(path))
        elif not path.exists():
            report.files_deleted += 1
    _remark(report, root, folders, watched)
    if not job_table.forget(root, gone_words, uids):
        text = "it is in use or damaged: what was removed may be in it until jobs are cleared"
        report.notes.append((str(root / job_table.FILE_NAME), "kept-jobs", text))
    with _without_room():
        report.vacuumed = scrub(connections)
    return report


@contextlib.contextmanager
def _without_room() -> Iterator[None]:
    """Leave what needs room that there is not to the next open, and to `Database.vacuum`."""
    try:
        yield
    except DatabaseError as error:
        if error.reason != "disk-full":
            raise


def _patients_of(connection: sqlite3.Connection) -> list[int]:
    """Return the patients that the instances in temp.going are shown with or at home in."""
    rows = connection.execute(
        "SELECT DISTINCT patient, home_patient FROM study WHERE id IN (SELECT study FROM series"
        " WHERE id IN (SELECT series FROM temp.going))"
    ).fetchall()
    return sorted({key for row in rows for key in row if key is not None})


def _existing_patients(connection: sqlite3.Connection, keys: Iterable[int]) -> set[int]:
    return {
        key
        for key in keys
        if connection.execute("SELECT 1 FROM patient WHERE id = ?", (key,)).fetchone()
    }


def _uids_of(connection: sqlite3.Connection) -> set[str]:
    """Return the UIDs of the instances in temp.going, of their series and studies."""
    rows = connection.execute(
        "SELECT uid FROM instance WHERE id IN (SELECT id FROM temp.going) UNION ALL"
        " SELECT uid FROM series WHERE id IN (SELECT series FROM temp.going) UNION ALL"
        " SELECT uid FROM study WHERE id IN"
        " (SELECT study FROM series WHERE id IN (SELECT series FROM temp.going))"
    )
    return {row[0] for row in rows}


def _existing_uids(connection: sqlite3.Connection, uids: Iterable[str]) -> set[str]:
    """Return which of them a study or series still has, that lost only some of its images."""
    return {
        uid
        for uid in uids
        if connection.execute(
            "SELECT 1 FROM series WHERE uid = ?1 UNION ALL SELECT 1 FROM study WHERE uid = ?1",
            (uid,),
        ).fetchone()
    }


def _remark(
    report: RemovalReport, root: Path, folders: Sequence[str], watched: Sequence[str]
) -> None:
    for place in watched:
        if any(os.path.isabs(folder) and is_under(folder, place) for folder in folders):
            text = "this folder is watched: files that lie in it still may be imported again"
            report.notes.append((place, "watched-folder", text))
    for pattern in ("dicomdb.damaged-*.sqlite*", "dicomdb.replaced-*.sqlite*"):
        for kept in sorted(root.glob(pattern)):
            text = "an index that was put aside; what was removed is in it: delete it"
            report.notes.append((str(kept), "kept-index", text))


def _sizes(connection: sqlite3.Connection) -> tuple[int, ...]:
    return tuple(
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("patient", "study", "series", "instance")
    )


def _forget_files(
    connection: sqlite3.Connection,
) -> tuple[list[tuple[str, str]], list[str]]:
    """Delete the rows of instances and files in temp.going; return copies and folders."""
    connection.execute("DROP TABLE IF EXISTS temp.gone")
    connection.execute("CREATE TEMP TABLE gone (file INTEGER PRIMARY KEY)")
    connection.execute(
        "INSERT OR IGNORE INTO temp.gone SELECT file FROM temp.going UNION SELECT file"
        " FROM alternate WHERE instance IN (SELECT id FROM temp.going)"
    )
    # The files that copies were made of, too, so that a later import takes them again.
    connection.execute(
        "INSERT OR IGNORE INTO temp.gone SELECT source FROM file"
        " WHERE id IN (SELECT file FROM temp.gone) AND source IS NOT NULL"
    )
    folders = "SELECT DISTINCT directory FROM file WHERE id IN (SELECT file FROM temp.gone)"
    directories = connection.execute(
        f"SELECT id, path FROM directory WHERE id IN ({folders})"
    ).fetchall()
    copies = [
        (from_sql(row[0]), from_sql(row[1]))
        for row in connection.execute(
            "SELECT path, name FROM file JOIN directory ON directory.id = directory"
            " WHERE storage = 'copied' AND file.id IN (SELECT file FROM temp.gone)"
        )
    ]
    connection.execute("DELETE FROM instance WHERE id IN (SELECT id FROM temp.going)")
    connection.execute("DELETE FROM file WHERE id IN (SELECT file FROM temp.gone)")
    connection.execute("DROP TABLE temp.gone")
    for key, path in directories:
        text = from_sql(path)
        # Where the folder is an archive, that one is no longer known as a whole.
        parent, name = str(Path(text).parent), Path(text).name
        connection.execute(
            "DELETE FROM file WHERE storage = 'archive' AND name = ? AND directory ="
            " (SELECT id FROM directory WHERE path = ?)",
            (to_sql(name), to_sql(parent)),
        )
        connection.execute(
            "DELETE FROM directory WHERE id = ?1"
            " AND NOT EXISTS (SELECT 1 FROM file WHERE directory = ?1)",
            (key,),
        )
    return copies, [from_sql(path) for _, path in directories]


def scrub(connections: Connections, *, wholly: bool = False) -> bool:
    """Make sure that removed values are in no byte of the index; tell if that is certain.

    secure_delete zeroes removed cells, but a page that was split earlier may
    hold a stale image of a cell that moved. Only VACUUM, which writes the file
    anew, is certain; a large index is left to `Database.vacuum`.
    """
    with connections.borrow() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        size = pages * connection.execute("PRAGMA page_size").fetchone()[0]
        rewritten = wholly or size <= _SMALL
        if rewritten:
            connection.execute("VACUUM")
    return empty_log(connections) and rewritten


def empty_log(connections: Connections) -> bool:
    """Bring all of the write-ahead log into the index; tell whether nobody kept it from that."""
    with connections.borrow() as connection:
        # The write-ahead log has the old pages still, and the file as well while another
        # connection reads from before: then nothing can be emptied.
        patience = connection.execute("PRAGMA busy_timeout").fetchone()[0]
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
        try:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            connection.execute(f"PRAGMA busy_timeout = {patience}")
    return not busy
