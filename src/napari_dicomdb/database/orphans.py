"""Imports, where they are, copies in the database directory that the index does not know."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import counts
from napari_dicomdb.database.collisions import same_content
from napari_dicomdb.database.known import from_sql, path_of, to_sql
from napari_dicomdb.database.pool import Chunk
from napari_dicomdb.database.report import ImportReport, Remark
from napari_dicomdb.database.scanning import Refused, Scanned, scan_paths
from napari_dicomdb.database.sources import FoundFile
from napari_dicomdb.database.writing import Writer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from napari_dicomdb.database.connection import Connections
    from napari_dicomdb.progress import Progress

__all__ = ["count", "take"]

_CHUNK = 256


def count(connections: Connections, root: Path) -> int:
    """Count the copies that the index does not know."""
    return sum(1 for _ in _unknown(connections, root))


def take(connections: Connections, root: Path, progress: Progress) -> tuple[int, list[Remark]]:
    """Import unknown copies in place; the writer's lock is held.

    Returns
    -------
    tuple of (int, list of (path, reason, text))
        How many; and what could not be imported, which stays where it is.
    """
    taken = 0
    refused: list[Remark] = []
    chunk: list[FoundFile] = []
    for file in _unknown(connections, root):
        chunk.append(file)
        if len(chunk) >= _CHUNK:
            progress(taken, None, "Reading copies that the index does not know")
            taken += _take(connections, root, chunk, refused)
            chunk = []
    if chunk:
        taken += _take(connections, root, chunk, refused)
    return taken, refused


def _unknown(connections: Connections, root: Path) -> Iterator[FoundFile]:
    for folder, below, names in os.walk(root / "files"):
        below.sort()
        if not names:
            continue
        directory = os.path.relpath(folder, root).replace(os.sep, "/")
        with connections.borrow() as connection:
            known = {
                from_sql(row[0])
                for row in connection.execute(
                    "SELECT name FROM file JOIN directory ON directory.id = directory"
                    " WHERE path = ?",
                    (to_sql(directory),),
                )
            }
        for name in sorted(set(names) - known):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                status = os.stat(path)
                yield FoundFile(directory, name, status.st_size, status.st_mtime_ns)


def _take(
    connections: Connections, root: Path, files: list[FoundFile], refused: list[Remark]
) -> int:
    paths = [str(root / file.directory / file.name) for file in files]
    scanned = scan_paths(paths, [file.size for file in files])
    good = [
        (file, entry)
        for file, entry in zip(files, scanned.files, strict=True)
        if isinstance(entry, int)
    ]
    for path, entry in zip(paths, scanned.files, strict=True):
        if isinstance(entry, Refused):
            refused.append((path, entry.reason, entry.text))
    with connections.transaction() as connection:
        taken: set[str] = set()
        fresh: list[tuple[FoundFile, int]] = []
        others: list[tuple[FoundFile, int]] = []
        for file, entry in good:
            uid = scanned.accepted[entry].row[0]
            known = connection.execute("SELECT 1 FROM instance WHERE uid = ?", (uid,)).fetchone()
            (others if known or uid in taken else fresh).append((file, entry))
            taken.add(uid)
        writer = Writer(root, ImportReport(), None)
        writer.begin(connection)
        if fresh:
            _store(writer, connection, scanned, fresh)
        for file, entry in others:
            _beside(writer, connection, root, file, scanned.accepted[entry].row[0])
        writer.end()
    writer.settled()
    return len(good)


def _store(
    writer: Writer,
    connection: sqlite3.Connection,
    scanned: Scanned,
    fresh: list[tuple[FoundFile, int]],
) -> None:
    chunk = Chunk()
    chunk.files += [file for file, _ in fresh]
    entries: list[Any] = [entry for _, entry in fresh]
    writer.store(chunk, Scanned(scanned.groups, scanned.accepted, entries))
    for _file, entry in fresh:
        row = connection.execute(
            "SELECT series, file FROM instance WHERE uid = ?", (scanned.accepted[entry].row[0],)
        ).fetchone()
        connection.execute("UPDATE file SET storage = 'copied' WHERE id = ?", (row[1],))
        writer.changed(row[0])


def _beside(
    writer: Writer, connection: sqlite3.Connection, root: Path, file: FoundFile, uid: str
) -> None:
    """Keep a copy of an object that the index has, too: in its place, or as a second one."""
    instance, series, old, directory, name = connection.execute(
        "SELECT instance.id, series, file.id, path, name FROM instance"
        " JOIN file ON file.id = instance.file JOIN directory ON directory.id = directory"
        " WHERE uid = ?",
        (uid,),
    ).fetchone()
    there, here = path_of(root, directory, name), root / file.directory / file.name
    key = writer.remember_file(file, "copied")
    if there.is_file():
        connection.execute(
            "INSERT INTO alternate (file, instance, identical) VALUES (?, ?, ?)",
            (key, instance, same_content(there, here)),
        )
        return
    # -1: the header is read again when it is next used.
    connection.execute("UPDATE file SET mtime_ns = -1 WHERE id = ?", (key,))
    connection.execute("UPDATE instance SET file = ? WHERE id = ?", (key, instance))
    connection.execute("DELETE FROM file WHERE id = ?", (old,))
    writer.changed(series)
    counts.recount_series(connection, [series])
