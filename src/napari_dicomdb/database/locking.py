"""One writer at a time: a lock that dies with its process and says who holds it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from napari_dicomdb.errors import DatabaseBusyError
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["WriterLock", "lock_now"]

_POLL_SECONDS = 0.1


def lock_now(path: Path) -> sqlite3.Connection | None:
    """Hold a lock until it is closed or the process ends; None where somebody else holds it.

    SQLite's locks work wherever an index does, and die with their process.

    Parameters
    ----------
    path : Path
        A file of its own, made where there is none.

    Raises
    ------
    sqlite3.Error
        If nothing can be locked there.
    """
    lock = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return None
        raise
    except BaseException:
        lock.close()
        raise
    return lock


class WriterLock:
    """The right to import into, or remove from, one database directory.

    A transaction held open in a small SQLite file of its own: SQLite's locks
    work on every system that the index itself works on, and the operating
    system drops them when the process dies. A side file says who holds it.

    Parameters
    ----------
    directory : Path or None
        The database directory; None for an index in memory, where the lock
        only keeps threads apart.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._threads = threading.Lock()

    @contextlib.contextmanager
    def held(self, *, wait_seconds: float, progress: Progress = no_progress) -> Iterator[None]:
        """Hold the lock; wait for it at most `wait_seconds`.

        Raises
        ------
        DatabaseBusyError
            If another process or thread still holds it; names it.
        """
        deadline = time.monotonic() + wait_seconds
        while not self._threads.acquire(timeout=min(_POLL_SECONDS, wait_seconds)):
            self._wait_or_give_up(deadline, progress)
        try:
            if self._directory is None:
                yield
                return
            with self._held_between_processes(self._directory, deadline, progress):
                yield
        finally:
            self._threads.release()

    @contextlib.contextmanager
    def _held_between_processes(
        self, directory: Path, deadline: float, progress: Progress
    ) -> Iterator[None]:
        lock = sqlite3.connect(
            directory / "writer.lock", timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            while True:
                try:
                    lock.execute("BEGIN EXCLUSIVE")
                    break
                except sqlite3.OperationalError as error:
                    if not str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_BUSY"):
                        raise
                    self._wait_or_give_up(deadline, progress)
                    time.sleep(_POLL_SECONDS)
            owner = directory / "writer.json"
            owner.write_text(
                json.dumps(
                    {
                        "pid": os.getpid(),
                        "host": socket.gethostname(),
                        "since": datetime.now(UTC).isoformat(timespec="seconds"),
                    }
                ),
                encoding="utf-8",
            )
            try:
                yield
            finally:
                owner.unlink(missing_ok=True)
                lock.execute("ROLLBACK")
        finally:
            lock.close()

    def _wait_or_give_up(self, deadline: float, progress: Progress) -> None:
        who = self._owner()
        if time.monotonic() >= deadline:
            raise DatabaseBusyError(
                f"{self._directory or 'the index in memory'} is being written by {who}: wait "
                "until it has finished, or stop it"
            )
        progress(0, None, f"Waiting for {who}")

    def _owner(self) -> str:
        if self._directory is None:
            return "another thread"
        try:
            owner = json.loads((self._directory / "writer.json").read_text(encoding="utf-8"))
            return f"process {owner['pid']} on {owner['host']} since {owner['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"
