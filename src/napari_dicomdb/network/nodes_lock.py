"""One change of the nodes' file at a time, among threads and processes."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from napari_dicomdb.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["changing"]

_PATIENCE = 10.0
_TURN = 0.02
_threads = threading.RLock()
_held = 0


@contextmanager
def changing(path: Path, *, seconds: float = _PATIENCE) -> Iterator[None]:
    """Keep others from changing a file between reading and writing it.

    Parameters
    ----------
    path : Path
        The file; a small one beside it is the lock. SQLite's locks work wherever its
        files do, and the system drops them when a process dies.
    seconds : float
        What is waited for another one.

    Raises
    ------
    NodeError
        If another process holds it for longer (reason "nodes-busy"), or there can be
        no lock.
    """
    global _held
    with _threads:
        if _held:
            yield
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(_locked(path.with_name(f"{path.name}.lock"), seconds)):
            _held += 1
            try:
                yield
            finally:
                _held -= 1


def _locked(path: Path, seconds: float) -> sqlite3.Connection:
    deadline = time.monotonic() + seconds
    try:
        lock = sqlite3.connect(path, timeout=0, isolation_level=None)
    except sqlite3.Error as error:
        raise _no_lock(path, error) from error
    while True:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            is_busy = getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")
            if not is_busy or time.monotonic() >= deadline:
                lock.close()
                raise _no_lock(path, error) from error
            time.sleep(_TURN)
        else:
            return lock


def _no_lock(path: Path, error: sqlite3.Error) -> NodeError:
    return NodeError(
        f"the nodes cannot be changed now: {path}: {error}; is another program at it?",
        reason="nodes-busy",
    )
