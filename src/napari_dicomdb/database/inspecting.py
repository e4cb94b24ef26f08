"""Says what a database directory holds and whether it can be used, without opening it for good."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from napari_dicomdb.database.connection import connect
from napari_dicomdb.database.schema import APPLICATION_ID, SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DatabaseState", "State", "inspect_database"]

_INDEX = "dicomdb.sqlite"
_BUSY_SECONDS = 2.0


class State(StrEnum):
    """How a database directory is found."""

    OK = "ok"
    READ_ONLY = "read-only"
    IN_USE = "in use"
    OLDER = "older version"
    NEWER = "newer version"
    MISSING = "missing"
    EMPTY = "no database"
    DAMAGED = "damaged"
    FOREIGN = "another program's"


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What is found in one directory.

    Parameters
    ----------
    path : Path
        The directory.
    state : State
    text : str
        What that means, in plain words.
    patients, studies, series, instances : int
        How many it holds; 0 where that cannot be read.
    size : int
        Of the index, in bytes.
    """

    path: Path
    state: State
    text: str
    patients: int = 0
    studies: int = 0
    series: int = 0
    instances: int = 0
    size: int = 0

    @property
    def can_open(self) -> bool:
        """Whether opening it has a chance."""
        return self.state in (State.OK, State.READ_ONLY, State.IN_USE, State.OLDER)


def inspect_database(path: str | os.PathLike[str]) -> DatabaseState:
    """Look into a database directory; nothing in it is changed, nothing is raised.

    Parameters
    ----------
    path : path-like
        The directory, which need not be there.
    """
    directory = Path(os.path.abspath(os.fspath(path)))
    index = directory / _INDEX
    if not directory.is_dir():
        return DatabaseState(directory, State.MISSING, "Not there now.")
    if not index.is_file():
        return DatabaseState(directory, State.EMPTY, "The folder holds no database.")
    try:
        with contextlib.closing(
            connect(index, read_only=True, busy_seconds=_BUSY_SECONDS)
        ) as connection:
            return _look_into(connection, directory, index)
    except (sqlite3.Error, OSError) as error:
        return _failed(directory, index, error)


def _look_into(connection: sqlite3.Connection, directory: Path, index: Path) -> DatabaseState:
    size = _size((index, index.with_name(f"{_INDEX}-wal")))
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if application != APPLICATION_ID:
        return DatabaseState(
            directory, State.FOREIGN, f"{_INDEX} was made by another program.", size=size
        )
    if version > SCHEMA_VERSION:
        text = "Made by a newer version: update napari-dicomdb to open it."
        return DatabaseState(directory, State.NEWER, text, size=size)
    patients, studies = (
        int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        for table in ("patient", "study")
    )
    # Summed over the series: counting a million rows would be felt.
    series, instances = connection.execute(
        "SELECT count(*), coalesce(sum(instance_count), 0) FROM series"
    ).fetchone()
    state, text = _standing(directory, version)
    return DatabaseState(
        directory, state, text, patients, studies, int(series), int(instances), size
    )


def _standing(directory: Path, version: int) -> tuple[State, str]:
    if version < SCHEMA_VERSION:
        return State.OLDER, "Made by an older version: it is brought up to date when opened."
    if not os.access(directory, os.W_OK) or not os.access(directory / _INDEX, os.W_OK):
        return State.READ_ONLY, "The folder cannot be written: it opens read-only."
    writer = _writer(directory)
    if writer:
        return State.IN_USE, f"Being written by {writer}."
    return State.OK, "Ready."


def _writer(directory: Path) -> str:
    """Return who writes now, "" for nobody."""
    lock = directory / "writer.lock"
    if not lock.exists():
        return ""
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(lock))}?mode=ro", uri=True, timeout=0)
        ) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        if not str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_BUSY"):
            return ""
        return _owner(directory / "writer.json")
    return ""


def _owner(path: Path) -> str:
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        return f"process {owner['pid']} on {owner['host']} since {owner['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _failed(directory: Path, index: Path, error: Exception) -> DatabaseState:
    name = str(getattr(error, "sqlite_errorname", ""))
    size = _size((index,))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return DatabaseState(directory, State.IN_USE, "Locked by another process.", size=size)
    if isinstance(error, OSError) or name.startswith(("SQLITE_CANTOPEN", "SQLITE_IOERR")):
        text = "It cannot be read: look at its drive and its permissions."
        return DatabaseState(directory, State.MISSING, text, size=size)
    return DatabaseState(
        directory, State.DAMAGED, f"Damaged ({error}): check and repair it.", size=size
    )


def _size(paths: Iterable[Path]) -> int:
    total = 0
    for path in paths:
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total
