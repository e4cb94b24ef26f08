"""What the index says of files by their path, looked up a folder's slice at a time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from napari_dicomdb.dicom.keywords import SCAN_VERSION

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from napari_dicomdb.database.connection import Connections

__all__ = ["Known", "KnownFiles", "from_sql", "path_of", "to_sql"]


# What an older scan has read counts as changed: it kept less than is wanted now.
_COLUMNS = (
    f"name, size, CASE scan_version WHEN {SCAN_VERSION} THEN mtime_ns ELSE -1 END,"
    " id, storage, reason"
)


class Known(NamedTuple):
    """A row of table `file`; `mtime_ns` is -1 when an older version of the scan read it."""

    name: str
    size: int
    mtime_ns: int
    id: int
    storage: str
    reason: str | None


def to_sql(name: str) -> str | bytes:
    """Return a path or name as SQLite takes it: bytes where it is not UTF-8."""
    if name.isascii():
        return name
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(name)
    return name


def from_sql(name: str | bytes) -> str:
    """Return a stored path or name as Python has it."""
    return name if isinstance(name, str) else os.fsdecode(name)


def path_of(root: Path, directory: str | bytes, name: str | bytes) -> Path:
    """Return the path of a file; relative directories are inside the database's `root`."""
    folder = Path(from_sql(directory))
    return (folder if folder.is_absolute() else root / folder) / from_sql(name)


class KnownFiles:
    """Looks files up in the index.

    Parameters
    ----------
    connections : Connections
        Of the index.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def between(self, directory: str, names: Sequence[str]) -> dict[str, Known]:
        """Rows of the files `names` of one directory, which must be sorted, by name.

        One range query: sorting by code point is SQLite's binary order of UTF-8.
        """
        if not names:
            return {}
        with self._connections.borrow() as connection:
            found = connection.execute(
                "SELECT id FROM directory WHERE path = ?", (to_sql(directory),)
            ).fetchone()
            if found is None:
                return {}
            key = found[0]
            odd = [name for name in names if isinstance(to_sql(name), bytes)]
            plain = [name for name in names if name not in set(odd)] if odd else names
            rows: dict[str, Known] = {}
            if plain:
                cursor = connection.execute(
                    f"SELECT {_COLUMNS} FROM file WHERE directory = ? AND name BETWEEN ? AND ?",
                    (key, plain[0], plain[-1]),
                )
                rows = {row[0]: Known._make(row) for row in cursor}
            for name in odd:
                row = self._one(connection, key, name)
                if row is not None:
                    rows[name] = row
            return rows

    @staticmethod
    def _one(connection: sqlite3.Connection, directory: int, name: str) -> Known | None:
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM file WHERE directory = ? AND name = ?",
            (directory, to_sql(name)),
        ).fetchone()
        return None if row is None else Known(from_sql(row[0]), *row[1:])

    def lost_copies(self, root: Path, directory: str, rows: Sequence[Known]) -> set[int]:
        """Ids of those rows, of one directory, whose copy in the database is gone.

        Parameters
        ----------
        root : Path
            The database directory.
        directory : str
            Of all `rows`.
        rows : sequence of Known
            With storage "source".
        """
        names = sorted(to_sql(row.name) for row in rows if isinstance(to_sql(row.name), str))
        if not names:
            return set()
        with self._connections.borrow() as connection:
            copies = connection.execute(
                "SELECT copy.source, place.path, copy.name FROM file"
                " JOIN directory ON directory.id = file.directory"
                " JOIN file AS copy ON copy.source = file.id"
                " JOIN directory AS place ON place.id = copy.directory"
                " WHERE directory.path = ? AND file.name BETWEEN ? AND ?",
                (to_sql(directory), names[0], names[-1]),
            ).fetchall()
        return {source for source, path, name in copies if not path_of(root, path, name).exists()}

    def text(self, known: Known) -> str:
        """Return why a file was refused, in words."""
        with self._connections.borrow() as connection:
            row = connection.execute("SELECT text FROM file WHERE id = ?", (known.id,)).fetchone()
        return str(row[0] or "") if row is not None else ""

    def members(self, archive: str) -> tuple[int, list[tuple[str, str, str]]]:
        """Count the accepted members of an archive and list the refused ones."""
        with self._connections.borrow() as connection:
            rows = connection.execute(
                "SELECT file.name, reason, text FROM file JOIN directory"
                " ON directory.id = file.directory WHERE directory.path = ?",
                (to_sql(archive),),
            ).fetchall()
        refused = [
            (f"{archive}!/{from_sql(name)}", reason, text or "")
            for name, reason, text in rows
            if reason is not None
        ]
        return len(rows) - len(refused), refused
