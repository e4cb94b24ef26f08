"""Keeps what the loaders said of a series, for as long as neither they nor it have changed."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_dicomdb.database.connection import Connections

__all__ = ["Examination", "revision_of", "store", "stored", "stored_summaries"]


@dataclass(frozen=True, slots=True)
class Examination:
    """What loaders said of one series, in words that only they understand.

    Parameters
    ----------
    revision : int
        Of the series when its instances were read.
    loaders : str
        Which loaders, of which versions, were asked.
    summaries : str
        What to list.
    loadables : bytes
        What to open.
    """

    revision: int
    loaders: str
    summaries: str
    loadables: bytes


def revision_of(connections: Connections, series: int) -> int | None:
    """Return the revision of a series, which every change of its instances raises."""
    with connections.borrow() as connection:
        row = connection.execute("SELECT revision FROM series WHERE id = ?", (series,)).fetchone()
    return None if row is None else int(row[0])


def stored(connections: Connections, series: int, loaders: str) -> Examination | None:
    """Return what these loaders said of a series as it is now, None when it is not known."""
    with connections.borrow() as connection:
        row = connection.execute(
            "SELECT examination.revision, loaders, summaries, loadables FROM examination"
            " JOIN series ON series.id = examination.series"
            " AND series.revision = examination.revision WHERE series.id = ? AND loaders = ?",
            (series, loaders),
        ).fetchone()
    return None if row is None else Examination(*row)


def stored_summaries(connections: Connections, series: int, loaders: str) -> str | None:
    """Return the summaries of `stored` alone."""
    with connections.borrow() as connection:
        row = connection.execute(
            "SELECT summaries FROM examination JOIN series ON series.id = examination.series"
            " AND series.revision = examination.revision WHERE series.id = ? AND loaders = ?",
            (series, loaders),
        ).fetchone()
    return None if row is None else str(row[0])


def unexamined(connections: Connections, loaders: str) -> list[str]:
    """Return the UIDs of series of which these loaders have said nothing as they are now."""
    with connections.borrow() as connection:
        rows = connection.execute(
            "SELECT uid FROM series WHERE NOT EXISTS (SELECT 1 FROM examination"
            " WHERE examination.series = series.id AND examination.revision = series.revision"
            " AND loaders = ?) ORDER BY id",
            (loaders,),
        ).fetchall()
    return [str(row[0]) for row in rows]


def store(connections: Connections, series: int, examination: Examination) -> bool:
    """Keep what loaders said of a series; return whether it was.

    It is not when the series has changed since, when the index cannot be
    written, or while another one writes: nobody waits for what can be computed
    again at any time.
    """
    if connections.read_only:
        return False
    with connections.borrow() as connection:
        if connection.in_transaction:  # an index in memory, amid an import of this thread
            return False
        (patience,) = connection.execute("PRAGMA busy_timeout").fetchone()
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            # One statement is one transaction: either all of it, or busy at once.
            done = connection.execute(
                "INSERT OR REPLACE INTO examination"
                " (series, revision, loaders, summaries, loadables)"
                " SELECT id, revision, ?, ?, ? FROM series WHERE id = ? AND revision = ?",
                (
                    examination.loaders,
                    examination.summaries,
                    examination.loadables,
                    series,
                    examination.revision,
                ),
            )
        except sqlite3.OperationalError as error:
            if not str(getattr(error, "sqlite_errorname", "")).startswith(_UNWRITABLE):
                raise
            return False
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(patience)}")
        return done.rowcount == 1


_UNWRITABLE = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_READONLY", "SQLITE_FULL")
