"""Finishes what a killed process left: deletions, copies of an import, half a new index."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from napari_dicomdb.database.copying import CopyStore
from napari_dicomdb.database.known import from_sql, to_sql
from napari_dicomdb.database.places import is_foreign
from napari_dicomdb.database.thumbnail_store import FOLDER as PICTURES

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Iterable

    from napari_dicomdb.database.connection import Connections
    from napari_dicomdb.database.report import Remark

__all__ = ["Finished", "delete_going", "finish", "is_interrupted", "plan_deletion"]

_HALF_AN_INDEX = ".salvaged.*.part*"


@dataclass(slots=True)
class Finished:
    """What was finished.

    Attributes
    ----------
    deleted : int
        Files whose rows were gone.
    leftovers : int
        Temporary files.
    rejected : list of (path, reason, text)
        What could not be deleted; tried again the next time.
    """

    deleted: int = 0
    leftovers: int = 0
    rejected: list[Remark] = field(default_factory=list)


def plan_deletion(connection: sqlite3.Connection, places: Iterable[str]) -> None:
    """Note files, relative to the database directory, that go when their rows are gone.

    In the transaction that deletes the rows: whatever ends the process before
    `delete_going`, the files go when the database is next written or opened.
    """
    connection.executemany(
        "INSERT OR IGNORE INTO going_file (path) VALUES (?)", [(to_sql(p),) for p in places]
    )


def delete_going(connections: Connections, root: Path) -> Finished:
    """Delete the files whose rows are gone; the writer's lock is held."""
    done = Finished()
    with connections.borrow() as connection:
        going = [row[0] for row in connection.execute("SELECT path FROM going_file")]
    settled = []
    for stored in going:
        place = from_sql(stored)
        path = _inside(root, place)
        with connections.borrow() as connection:
            if path is None or _is_wanted(connection, place):
                settled.append((stored,))  # not one that we wrote, or there again
                continue
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            text = f"it was to be deleted and cannot be: {error.strerror or error}"
            done.rejected.append((str(path), "not-deleted", text))
            continue
        settled.append((stored,))
        done.deleted += 1
    if settled:
        with connections.transaction() as connection:
            connection.executemany("DELETE FROM going_file WHERE path = ?", settled)
    return done


def finish(connections: Connections, root: Path) -> Finished:
    """Finish all that was interrupted; the writer's lock is held."""
    done = delete_going(connections, root)

    def is_known(directory: str, name: str, status: os.stat_result | None) -> bool:
        with connections.borrow() as connection:
            return _has_file(connection, directory, name, status)

    incoming = root / "incoming"
    done.leftovers = len(list(incoming.iterdir())) if incoming.is_dir() else 0
    copies = CopyStore(root, connections.path)
    copies.recover(is_known)
    copies.finish()
    for half in root.glob(_HALF_AN_INDEX):
        half.unlink(missing_ok=True)
        done.leftovers += 1
    return done


def is_interrupted(connections: Connections, root: Path) -> bool:
    """Tell whether there is something to finish, or somebody who is just writing."""
    if (root / "incoming").is_dir() or any(root.glob(_HALF_AN_INDEX)):
        return True
    with connections.borrow() as connection:
        return connection.execute("SELECT 1 FROM going_file LIMIT 1").fetchone() is not None


def _inside(root: Path, place: str) -> Path | None:
    parts = PurePosixPath(place)
    if parts.is_absolute() or ".." in parts.parts or is_foreign(place):
        return None
    return root / parts


def _is_wanted(connection: sqlite3.Connection, place: str) -> bool:
    """Tell whether the index has a file again: imported once more after a removal."""
    directory, _, name = place.rpartition("/")
    if directory == PICTURES:
        sql, key = "SELECT 1 FROM thumbnail WHERE name = ?", (to_sql(name),)
        return connection.execute(sql, key).fetchone() is not None
    return _has_file(connection, directory, name)


def _has_file(
    connection: sqlite3.Connection,
    directory: str,
    name: str,
    status: os.stat_result | None = None,
) -> bool:
    row = connection.execute(
        "SELECT size, mtime_ns FROM file JOIN directory ON directory.id = file.directory"
        " WHERE path = ? AND name = ?",
        (to_sql(directory), to_sql(name)),
    ).fetchone()
    if row is None or status is None:
        return row is not None
    return bool(tuple(row) == (status.st_size, status.st_mtime_ns))
