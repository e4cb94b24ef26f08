"""Folders for what is there for a moment: private, and removed even after a kill."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from napari_dicomdb.database.locking import lock_now
from napari_dicomdb.errors import ExportError
from napari_dicomdb.settings import SETTINGS_VARIABLE, settings_path

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["copies_folder", "private_folder", "remove_abandoned", "working_folder"]

_PREFIX = "copies-"
_LOCK = "in-use.lock"
_MAKING = 60.0  # seconds that a folder may be without its lock


def copies_folder() -> Path:
    """Return where such folders are: the user's cache, or beside settings put elsewhere."""
    if os.environ.get(SETTINGS_VARIABLE):
        return settings_path().parent / "anonymised"
    return user_cache_path("napari-dicomdb", appauthor=False) / "anonymised"


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder that only its owner may look into, and that is gone afterwards.

    Raises
    ------
    ExportError
        If it cannot be made.
    """
    above = copies_folder()
    try:
        above.mkdir(parents=True, exist_ok=True, mode=0o700)
        place = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=above))  # 0700
    except OSError as error:
        words = error.strerror or error
        raise ExportError(f"{above} cannot be written: {words}", reason="not-writable") from error
    lock: sqlite3.Connection | None = None
    try:
        lock = _locked(place)
        if lock is None:
            raise ExportError(f"{place} cannot be locked", reason="not-writable")
        folder = place / "files"
        folder.mkdir()
        yield folder
    finally:
        # The lock's own file goes with the folder; Windows removes no open file.
        if lock is not None:
            lock.close()
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def working_folder() -> Iterator[Path]:
    """Make a `private_folder`, or one in the system's temporary folder where that cannot be.

    For what can be done without a home that may be written to.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(private_folder())
        except ExportError:
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="napari-dicomdb-"))
            )
        yield folder


def _locked(place: Path) -> sqlite3.Connection | None:
    """Lock a folder until its process ends; None when it is locked, or cannot be."""
    try:
        return lock_now(place / _LOCK)
    except sqlite3.Error:
        return None


def remove_abandoned() -> int:
    """Remove copies of processes that have ended without doing it; returns how many folders."""
    removed = 0
    above = copies_folder()
    for place in above.glob(f"{_PREFIX}*") if above.is_dir() else ():
        if not place.is_dir() or place.is_symlink():
            continue
        if not (place / _LOCK).exists():
            # Another process makes it this moment, or was killed in that moment.
            with contextlib.suppress(OSError):
                if time.time() - place.stat().st_mtime > _MAKING:
                    place.rmdir()
                    removed += 1
            continue
        lock = _locked(place)
        if lock is None:
            continue
        lock.close()
        shutil.rmtree(place, ignore_errors=True)
        removed += 1
    return removed
