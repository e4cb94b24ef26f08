"""Reads what can be read of a damaged index into a new one; the damaged one is kept."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import schema
from napari_dicomdb.database.backup import disk_full
from napari_dicomdb.database.connection import Connections, connect
from napari_dicomdb.database.importing import Import
from napari_dicomdb.database.known import from_sql
from napari_dicomdb.database.locking import WriterLock
from napari_dicomdb.database.repair import RepairReport, repair
from napari_dicomdb.database.restoring import replace_index
from napari_dicomdb.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_dicomdb.progress import Progress

__all__ = ["salvage"]

_INDEX = "dicomdb.sqlite"
_TABLES = (
    "directory",
    "patient",
    "study",
    "series",
    "file",
    "instance",
    "frames",
    "alternate",
    "thumbnail",
    "patient_change",
    "activity",
    "watched_folder",
    "going_file",
)
"""In this order; search text and examinations are made anew."""

_BLOCK = 1024
_FURTHEST = 1 << 40
"""Rows beyond that are not looked for where the last one cannot be read."""
_MOST_FAILURES = 200_000


def salvage(directory: Path, progress: Progress) -> RepairReport:
    """Make a new index of a damaged one; see `Database.salvage`."""
    index = directory / _INDEX
    if not index.is_file():
        raise NotFoundError(f"no database in {directory}", reason="no-database")
    report = RepairReport()
    with disk_full(index), WriterLock(directory).held(wait_seconds=5.0, progress=progress):
        handle, name = tempfile.mkstemp(prefix=".salvaged.", suffix=".part", dir=directory)
        os.close(handle)
        new = Path(name)
        try:
            lost = _copy_rows(index, new, report, progress)
            with new.open("rb+") as file:
                os.fsync(file.fileno())
            shutil.copymode(index, new)
            report.kept = str(replace_index(new, index, "damaged"))
        finally:
            for suffix in ("", "-journal", "-wal", "-shm"):
                Path(f"{new}{suffix}").unlink(missing_ok=True)
        connections = Connections(index)
        try:
            folders = _folders(connections)
            repair(
                connections,
                directory,
                forget_missing=False,
                adopt=True,
                progress=progress,
                report=report,
            )
            if lost:
                text = (
                    "parts of the index cannot be read: images that are not listed now come "
                    "back when their folders are imported again"
                )
                report.rejected.append((report.kept, "rows-unreadable", text))
            if lost and not report.cancelled:
                _look_into_folders(connections, directory, folders, report, progress)
        finally:
            connections.close()
    return report


def _copy_rows(index: Path, new: Path, report: RepairReport, progress: Progress) -> bool:
    """Fill a new index with the rows that can be read; tell whether some cannot."""
    version = _version(index)
    lost = False
    with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as target:
        target.execute("PRAGMA secure_delete = ON")
        target.execute("PRAGMA foreign_keys = OFF")
        steps = schema.STEPS
        if 0 < version < len(steps):
            _at_version(target, version)
        else:
            schema.prepare(target, str(new))
        with _damaged(index) as source:
            if source is None:
                lost = True
                report.did("unreadable", 1, "index of which no table can be read")
            else:
                target.execute("BEGIN")
                for number, table in enumerate(_TABLES):
                    progress(number, len(_TABLES), f"Reading the damaged index: {table}")
                    read, failed = _Reader(source, target, table, progress).copy()
                    lost = lost or failed
                    if table == "directory" and failed:
                        read += _folders_of_the_index(source, target)
                    report.did(f"rows-{table}", read, f"rows of table {table} read")
                target.execute("COMMIT")
        schema.prepare(target, str(new))
    return lost


def _version(index: Path) -> int:
    with index.open("rb") as file:
        head = file.read(100)
    return int(struct.unpack(">L", head[60:64])[0]) if len(head) == 100 else 0


def _at_version(connection: sqlite3.Connection, version: int) -> None:
    for step in schema.STEPS[:version]:
        connection.executescript(step)
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")


@contextlib.contextmanager
def _damaged(index: Path) -> Iterator[sqlite3.Connection | None]:
    """Open a damaged index for reading, None when not even its list of tables is legible."""
    try:
        source = connect(index, read_only=True, busy_seconds=1.0)
    except sqlite3.DatabaseError:
        yield None
        return
    try:
        source.execute("PRAGMA cell_size_check = ON")
        source.text_factory = _lenient
        try:
            tables = source.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        except sqlite3.DatabaseError:
            tables = 0
        yield source if tables else None
    finally:
        source.close()


def _lenient(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _folders_of_the_index(source: sqlite3.Connection, target: sqlite3.Connection) -> int:
    """Read the folders from their SQLite index, which has them a second time."""
    read = 0
    try:
        for row in source.execute(
            "SELECT rowid, path FROM directory INDEXED BY sqlite_autoindex_directory_1"
        ):
            read += target.execute("INSERT OR IGNORE INTO directory VALUES (?, ?)", row).rowcount
    except sqlite3.DatabaseError:
        return read  # damaged as well
    return read


class _Reader:
    """Copies the legible rows of one table."""

    def __init__(
        self,
        source: sqlite3.Connection,
        target: sqlite3.Connection,
        table: str,
        progress: Progress,
    ) -> None:
        self._source = source
        self._target = target
        self._table = table
        self._progress = progress
        self._read = 0
        self._failures = 0
        self._last = ""

    def copy(self) -> tuple[int, bool]:
        """Return the number of rows copied, and whether some cannot be read."""
        columns = self._shared_columns()
        if not columns:
            return 0, self._failures > 0
        names = ", ".join(columns)
        self._select = (
            f"SELECT rowid, {names} FROM {self._table} NOT INDEXED"
            f" WHERE rowid BETWEEN ? AND ? ORDER BY rowid LIMIT {_BLOCK}"
        )
        self._insert = (
            f"INSERT OR IGNORE INTO {self._table} (rowid, {names})"
            f" VALUES (?{', ?' * len(columns)})"
        )
        low = -1
        last = self._last_rowid()
        while low <= last:
            low = self._block(low, last)
        return self._read, self._failures > 0

    def _shared_columns(self) -> list[str]:
        def columns(connection: sqlite3.Connection) -> list[str]:
            return [row[1] for row in connection.execute(f"PRAGMA table_info({self._table})")]

        try:
            there = columns(self._source)
        except sqlite3.DatabaseError:
            self._failures += 1
            return []
        return [name for name in columns(self._target) if name in there]

    def _last_rowid(self) -> int:
        if self._table == "going_file":  # few rows, and its key is its path
            return 1 << 20
        try:
            row = self._source.execute(f"SELECT max(rowid) FROM {self._table}").fetchone()
        except sqlite3.DatabaseError:
            self._failures += 1
            return _FURTHEST
        return -2 if row[0] is None else int(row[0])

    def _block(self, low: int, last: int) -> int:
        """Copy rows from `low` on; return where to go on."""
        rows: list[tuple[Any, ...]] = []
        try:
            rows += self._source.execute(self._select, (low, last))
        except (sqlite3.DatabaseError, OverflowError):
            return self._over_the_gap(low, last)
        self._put(rows)
        return last + 1 if len(rows) < _BLOCK else rows[-1][0] + 1

    def _over_the_gap(self, low: int, last: int) -> int:
        """Copy what is legible before the next bad page, and return where it ends."""
        # Row by row up to the first that cannot be read ...
        while low <= last and self._is_legible(low):
            row = self._row(low)
            if row is None:
                return last + 1
            self._put([row])
            low = int(row[0]) + 1
        # ... then on in growing steps to one that can, and back to the first such.
        bad, step = low, 1
        probe = min(bad + step, last + 1)
        while probe <= last and not self._is_legible(probe):
            self._failures += 1
            if self._failures > _MOST_FAILURES:
                return last + 1
            bad, step = probe, 2 * step
            probe = min(bad + step, last + 1)
        self._failures += 1
        while probe - bad > 1:
            middle = (bad + probe) // 2
            if self._is_legible(middle):
                probe = middle
            else:
                bad = middle
        return probe

    def _is_legible(self, low: int) -> bool:
        try:
            self._row(low)
        except sqlite3.DatabaseError:
            return False
        return True

    def _row(self, low: int) -> tuple[Any, ...] | None:
        """Return the first row from `low` on, None when there is none."""
        sql = self._select.rsplit(" LIMIT", 1)[0] + " LIMIT 1"
        found: tuple[Any, ...] | None = self._source.execute(sql, (low, 1 << 60)).fetchone()
        return found

    def _put(self, rows: list[tuple[Any, ...]]) -> None:
        for row in rows:
            try:
                self._target.execute(self._insert, row)
                self._read += 1
            except sqlite3.IntegrityError:
                self._failures += 1  # a NULL where none may be: the page is garbage
        if self._read % 10_000 < len(rows):
            self._progress(self._read, None, f"Reading the damaged index: {self._table}")


def _folders(connections: Connections) -> list[str]:
    with connections.borrow() as connection:
        rows = connection.execute("SELECT path FROM directory ORDER BY path").fetchall()
    return [from_sql(row[0]) for row in rows]


def _look_into_folders(
    connections: Connections,
    root: Path,
    folders: list[str],
    report: RepairReport,
    progress: Progress,
) -> None:
    """Import, of the folders that the index named, the files that it lost."""
    files = []
    for folder in folders:
        if os.path.isabs(folder) and os.path.isdir(folder):
            with os.scandir(folder) as entries:
                files += sorted(entry.path for entry in entries if entry.is_file())
    if not files:
        return
    found = Import(root, connections, workers=0, progress=progress).run(files)
    report.did("found-again", found.added + found.updated, "images found again in their folders")
    report.cancelled = found.cancelled
