"""Moves a database directory: a rename, or a copy that is compared before the old one goes."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from napari_dicomdb.database.backup import disk_full, sync_folder
from napari_dicomdb.database.collisions import same_content
from napari_dicomdb.database.connection import connect, explained
from napari_dicomdb.database.known import from_sql, to_sql
from napari_dicomdb.database.locking import WriterLock
from napari_dicomdb.errors import DatabaseBusyError, DatabaseError, NotFoundError
from napari_dicomdb.settings import rename_database

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from napari_dicomdb.progress import Progress

__all__ = ["alone", "move"]

_INDEX = "dicomdb.sqlite"
_OF_THE_LOCK = frozenset({"writer.lock", "writer.json"})


def move(source: Path, target: Path, progress: Progress) -> Path:
    """Move a database directory; see `Database.move`."""
    if not (source / _INDEX).is_file():
        raise NotFoundError(f"no database in {source}", reason="no-database")
    if os.path.lexists(target) and not (target.is_dir() and not any(target.iterdir())):
        raise DatabaseError(f"{target} is there already: choose another name", reason="exists")
    if target.resolve().is_relative_to(source.resolve()):
        raise DatabaseError(
            f"{target} is inside the database itself: choose another place", reason="exists"
        )
    progress(0, None, "Looking whether it is in use")
    alone(source)
    copied = False
    with disk_full(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            target.rmdir()
        try:
            os.rename(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _across(source, target, progress)
            copied = True
        sync_folder(target.parent)
    _follow(source, target)
    rename_database(source, target)
    if copied:
        _delete(source, target)
    return target


def alone(directory: Path) -> None:
    """Bring the index into one file, without a log.

    Raises
    ------
    DatabaseBusyError
        If a program has it open.
    """
    busy = DatabaseBusyError(
        f"{directory} is in use: close it in every program (napari, dicomdb), then move it"
    )
    try:
        with (
            WriterLock(directory).held(wait_seconds=0.2),
            explained(str(directory / _INDEX)),
            contextlib.closing(
                connect(directory / _INDEX, busy_seconds=0.2, create=False)
            ) as connection,
        ):
            # Leaving the write-ahead log needs that nobody else has the file open.
            mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
            if mode != "delete":
                raise busy
    except DatabaseBusyError as error:
        raise busy from error


def _across(source: Path, target: Path, progress: Progress) -> None:
    """Copy a database to another drive and compare it; the old one is still there then."""
    stage = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    try:
        with WriterLock(source).held(wait_seconds=0.2):
            # A folder that is a link stays one: what it leads to is not ours.
            files = sorted(
                path for path in source.rglob("*") if path.is_symlink() or not path.is_dir()
            )
            files = [path for path in files if path.name not in _OF_THE_LOCK]
            for number, path in enumerate(files):
                progress(number, len(files), "Copying the database")
                copy = stage / path.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, copy, follow_symlinks=False)
                if not path.is_symlink():
                    with copy.open("rb+") as file:
                        os.fsync(file.fileno())
                    _compare(path, copy)
            progress(len(files), len(files), "Copying the database")
            if _was_opened(source, stage):
                raise DatabaseBusyError(
                    f"{source} was opened while it was copied, and stays where it is: close it "
                    "in every program, then move it"
                )
        os.chmod(stage, source.stat().st_mode & 0o7777)
        os.rename(stage, target)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _was_opened(source: Path, stage: Path) -> bool:
    """Tell whether somebody opened the database for writing: that alone changes its index."""
    log = source / f"{_INDEX}-wal"
    return log.exists() or not same_content(source / _INDEX, stage / _INDEX)


def _compare(path: Path, copy: Path) -> None:
    if not same_content(path, copy):
        raise DatabaseError(
            f"{copy} does not read as it was written: the drive is failing; the database stays "
            "where it was",
            reason="not-writable",
        )


def _delete(source: Path, target: Path) -> None:
    """Delete what was moved by copying; the index first, so that nobody opens it any more."""
    try:
        (source / _INDEX).unlink()
        shutil.rmtree(source)
    except OSError as error:
        raise DatabaseError(
            f"the database is in {target} now, but {source} cannot be deleted wholly "
            f"({error.strerror or error}): delete the rest by hand",
            reason="not-deleted",
        ) from error


def _follow(source: Path, target: Path) -> None:
    """Correct the places of linked files that lie in the database directory itself."""
    with contextlib.closing(connect(target / _INDEX, create=False)) as connection:
        for key, path in list(_inside(connection, source)):
            moved = str(target / Path(path).relative_to(source))
            connection.execute(
                "UPDATE OR IGNORE directory SET path = ? WHERE id = ?", (to_sql(moved), key)
            )


def _inside(connection: sqlite3.Connection, source: Path) -> Iterator[tuple[int, str]]:
    for key, stored in connection.execute("SELECT id, path FROM directory"):
        path = from_sql(stored)
        if os.path.isabs(path) and Path(path).is_relative_to(source):
            yield key, path
