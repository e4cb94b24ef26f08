"""Opens SQLite connections with the settings this index relies on, and pools them."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
import time
import weakref
from typing import TYPE_CHECKING
from urllib.parse import quote

from napari_dicomdb.database import search_values
from napari_dicomdb.errors import DatabaseBusyError, DatabaseError, DicomDbError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Connections", "apart_from_sqlite", "connect", "explained", "make_folder"]

_IDLE_KEPT = 4
_LEAST_ROOM = 64 << 10

_ASK_AGAIN = 0.02  # seconds

_OPENING = threading.Lock()
_OPENED: weakref.WeakSet[Connections] = weakref.WeakSet()


def connect(
    path: Path | None,
    *,
    read_only: bool = False,
    busy_seconds: float = 30.0,
    create: bool = True,
) -> sqlite3.Connection:
    """Open the index file, or a private one in memory when `path` is None.

    The file is made when there is none, if `create` says so. The connection is in
    autocommit mode: transactions are begun where they are meant. It may be used by any
    thread, one at a time.
    """
    if path is None:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    else:
        mode = "ro" if read_only else "rwc" if create else "rw"
        if read_only and not os.access(path.parent, os.W_OK) and not _is_written_elsewhere(path):
            # A medium that nobody can write needs no locks, and WAL could not
            # make its shared-memory file there.
            mode = "ro&immutable=1"
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}",
            uri=True,
            timeout=busy_seconds,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
    try:
        # Removed cells and freed pages are overwritten with zeros: a removed
        # patient's name must not stay in the file.
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA foreign_keys = ON")
        # 64 MB: the pages of the UID index that an import keeps touching.
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("PRAGMA temp_store = MEMORY")
        search_values.register(connection)
        if path is not None and not read_only:
            # Readers go on while one writes, and a kill leaves a sound file.
            _use_write_ahead_log(connection, busy_seconds)
            # In WAL mode NORMAL cannot corrupt; a power cut may lose the last
            # transactions, whose files the next import finds again.
            connection.execute("PRAGMA synchronous = NORMAL")
            # Pages written often (UID index) reach the file once per 32 MB.
            connection.execute("PRAGMA wal_autocheckpoint = 8192")
            connection.execute(f"PRAGMA journal_size_limit = {64 << 20}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _use_write_ahead_log(connection: sqlite3.Connection, seconds: float) -> None:
    # Of two processes that make the same database SQLite refuses one at once, without its
    # busy handler: asking again is left to us.
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not is_busy or time.monotonic() >= deadline:
                raise
            time.sleep(_ASK_AGAIN)
        else:
            return


def _is_written_elsewhere(path: Path) -> bool:
    """Tell whether there is a log, with its shared memory: another computer writes there."""
    log, memory = path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")
    return log.is_file() and log.stat().st_size > 0 and memory.is_file()


@contextlib.contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn SQLite's errors into ours, with the place and the remedy."""
    try:
        yield
    except sqlite3.Error as error:
        raise _in_plain_words(error, where) from error


def _in_plain_words(error: sqlite3.Error, where: str) -> DicomDbError:
    name = str(getattr(error, "sqlite_errorname", ""))
    said = str(error)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return DatabaseBusyError(f"{where} is locked by another process: try again later")
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or "malformed" in said:
        return DatabaseError(
            f"{where} is damaged ({said}): run `dicomdb repair --db DIR` (it reads what can be "
            "read into a new index and keeps this one beside it), or restore a backup",
            reason="database-damaged",
        )
    if name.startswith("SQLITE_FULL"):
        return DatabaseError(f"{where}: the disk is full", reason="disk-full")
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM")):
        return DatabaseError(
            f"{where} cannot be written: change its permissions, open it read-only, or choose "
            "another database directory",
            reason="not-writable",
        )
    if name.startswith("SQLITE_CANTOPEN"):
        return DatabaseError(
            f"{where} cannot be opened: check that its directory exists and may be written",
            reason="cannot-open",
        )
    if name.startswith("SQLITE_IOERR") and os.path.isabs(where):
        return _of_the_drive(where, said)
    return DatabaseError(f"{where}: {said}", reason="database")


def _of_the_drive(where: str, said: str) -> DatabaseError:
    """Say what hinders reading and writing: no room, no drive, or a failing one."""
    try:
        free = shutil.disk_usage(os.path.dirname(where)).free
        there = os.path.exists(where)
    except OSError:
        free, there = _LEAST_ROOM, False
    if free < _LEAST_ROOM:
        # Even reading needs a few pages of shared memory beside the index.
        return DatabaseError(f"{where}: the disk is full", reason="disk-full")
    if not there:
        return _gone(where)
    return DatabaseError(
        f"{where} cannot be read or written just now ({said}): its drive or share fails, or its "
        "connection is interrupted",
        reason="database",
    )


def _gone(where: str) -> DatabaseError:
    return DatabaseError(
        f"{where} is not there any more: connect its drive or share again", reason="cannot-open"
    )


def make_folder(folder: Path, root: Path, index: Path | None) -> None:
    """Make a folder inside a database directory, unless that is not there any more.

    A drive that is unplugged may leave its mount point: nothing must appear in it.

    Parameters
    ----------
    folder : Path
        A folder below `root`.
    root : Path
        The database directory.
    index : Path or None
        Its index; None where that is in memory.

    Raises
    ------
    DatabaseError
        "cannot-open": the index is not there now.
    """
    if index is not None and not index.exists():
        raise _gone(str(index))
    above = [folder, *folder.parents]
    for one in reversed(above[: above.index(root)]):
        one.mkdir(exist_ok=True)


@contextlib.contextmanager
def apart_from_sqlite(path: Path) -> Iterator[bool]:
    """Tell whether this process may open a file of SQLite's and close it again itself.

    Whoever closes a file under POSIX loses all locks that its process has on it, those of
    SQLite as well: another process that closes the index then takes itself for the last one,
    and removes the log that this one goes on writing to. Nobody begins to use the file
    meanwhile.
    """
    with _OPENING:
        yield not any(one.uses(path) for one in list(_OPENED))


class Connections:
    """A pool of connections to one index, for any number of threads.

    Parameters
    ----------
    path : Path or None
        The index file; None for an index in memory, which has one connection
        that the threads share by turns.
    read_only : bool
        Open the file for reading only.
    busy_seconds : float
        How long a statement waits for another process's lock.
    """

    def __init__(
        self, path: Path | None, *, read_only: bool = False, busy_seconds: float = 30.0
    ) -> None:
        self.path = path
        self.read_only = read_only
        self.where = str(path) if path is not None else "the index in memory"
        self._busy_seconds = busy_seconds
        self._lock = threading.Lock()
        self._turn = threading.RLock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._has_opened = False
        self._was_there = False
        self._single = connect(None) if path is None else None

    def uses(self, path: Path) -> bool:
        """Tell whether connections to this file are open."""
        if self._closed or not self._has_opened or self.path is None:
            return False
        try:
            return self.path == path or os.path.samefile(self.path, path)
        except OSError:
            return False  # one of them is not there

    @contextlib.contextmanager
    def borrow(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection to the calling thread."""
        if self._single is not None:
            with self._turn, explained(self.where):
                self._check_open()
                yield self._single
            return
        with explained(self.where):
            with self._lock:
                self._check_open()
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                connection = self.connect()
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._give_back(connection)

    def connect(self) -> sqlite3.Connection:
        """Open a connection outside the pool; the caller closes it."""
        self._check_open()
        with _OPENING:
            self._has_opened = True
            _OPENED.add(self)
        # Made once at most: a drive that is unplugged leaves an empty mount point,
        # where an empty index must not appear.
        connection = connect(
            self.path,
            read_only=self.read_only,
            busy_seconds=self._busy_seconds,
            create=not self._was_there,
        )
        self._was_there = True
        return connection

    def _check_open(self) -> None:
        if self._closed:
            raise DatabaseError("the database is closed: open it again", reason="closed")

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < _IDLE_KEPT:
                self._idle.append(connection)
                return
        connection.close()

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """Lend a connection inside a write transaction, committed at the end.

        Parameters
        ----------
        durable : bool
            It outlives a power cut, too: for what nobody can find again.

        Raises
        ------
        DatabaseError
            "cannot-open": the file is not there any more. What the open one got would be
            told of places that cannot be looked at now.
        """
        with self.borrow() as connection:
            if self.path is not None and not self.path.exists():
                raise _gone(self.where)
            if durable and self.path is not None:
                connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                if durable and self.path is not None:
                    connection.execute("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        """Close all connections; those lent out close when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        if self._single is not None:
            idle.append(self._single)
        for connection in idle:
            connection.close()
