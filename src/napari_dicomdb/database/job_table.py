"""The file of the background jobs in a database directory: its table, and what it must forget.

The work itself is done further up (`network.jobs`); the file is kept here because a patient's
removal has to reach it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.connection import connect
from napari_dicomdb.database.traces import words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["FILE_NAME", "PATIENT_KEYS", "forget", "is_there", "open_table", "scrub", "words_in"]

FILE_NAME = "jobs.sqlite"
PATIENT_KEYS = ("keys", "patient_id", "paths", "pseudonyms", "to")
"""Keys of what a job is to do whose values may name a patient."""

VERSION = 1
_SCHEMA = """
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    place INTEGER NOT NULL,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    node TEXT NOT NULL,
    lane TEXT NOT NULL,
    state TEXT NOT NULL,
    wanted TEXT NOT NULL DEFAULT '',
    done INTEGER NOT NULL DEFAULT 0,
    total INTEGER,
    text TEXT NOT NULL DEFAULT '',
    rate REAL NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    interruptions INTEGER NOT NULL DEFAULT 0,
    forgotten INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    what TEXT NOT NULL,
    report TEXT,
    at_added REAL NOT NULL,
    at_started REAL,
    at_ended REAL,
    at_next REAL,
    owner TEXT,
    heartbeat REAL
);
CREATE INDEX job_state ON job (state, place);
CREATE TABLE acknowledged (
    job INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    uid TEXT NOT NULL,
    PRIMARY KEY (job, uid)
) WITHOUT ROWID;
"""
_COLUMNS = "place, wanted, interruptions, forgotten, report, at_next, owner, heartbeat"
_BUSY_SECONDS = 10.0
_LONG_ENOUGH = 5
"""Characters of a word of a name that is found within other words, too."""
_VACUUMED = 16 << 20
"""Bytes of a file that is written anew when it must forget (some milliseconds)."""


def open_table(root: Path | None) -> tuple[sqlite3.Connection, bool, str]:
    """Open the file of jobs in a database directory, made when absent; else one in memory.

    Parameters
    ----------
    root : Path or None
        The database directory; None: nothing is to be kept.

    Returns
    -------
    connection : sqlite3.Connection
        In autocommit mode; for any thread, one at a time.
    is_kept : bool
        Whether it is the file.
    remark : str
        What the user should know of it; "" for nothing.
    """
    if root is None:
        return _in_memory(), False, ""
    path = root / FILE_NAME
    try:
        return _opened(path), True, ""
    except _NewerError:
        why = "they were kept by a newer version of napari-dicomdb"
    except sqlite3.DatabaseError as error:
        if _is_damage(error):
            return _after_damage(root, path)
        why = str(error)
    return _in_memory(), False, _not_kept(path, why)


def _not_kept(path: Path, why: str) -> str:
    return (
        f"{path} cannot be used ({why}): jobs are kept only as long as this program runs, and "
        "those in the file wait"
    )


class _NewerError(Exception):
    """The file was made by a newer version."""


def _in_memory() -> sqlite3.Connection:
    connection = connect(None)
    connection.executescript(_SCHEMA)
    return connection


def _opened(path: Path) -> sqlite3.Connection:
    connection = connect(path, busy_seconds=_BUSY_SECONDS)
    try:
        # A job that was added is there after a power cut, too.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise _NewerError
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables:
            for statement in _SCHEMA.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
        (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if said != "ok":
            raise sqlite3.DatabaseError(f"malformed: {said}")
        connection.execute(f"SELECT {_COLUMNS} FROM job LIMIT 1").fetchone()
        connection.execute("SELECT job, uid FROM acknowledged LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    name = str(getattr(error, "sqlite_errorname", ""))
    return (
        name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT"))
        or "malformed" in str(error)
        # No such table, no such column: not our file.
        or name == "SQLITE_ERROR"
    )


def _after_damage(root: Path, path: Path) -> tuple[sqlite3.Connection, bool, str]:
    """Set a damaged file aside, unless another process has done so, and begin a new one."""
    try:
        with _alone(root):
            try:
                return _opened(path), True, ""
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                aside = _set_aside(path)
            text = f"the list of jobs was damaged: it is empty now, the old one is {aside}"
            return _opened(path), True, text
    except (sqlite3.Error, OSError, _NewerError) as error:
        return _in_memory(), False, _not_kept(path, str(error) or "it is damaged")


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    lock = sqlite3.connect(
        root / "jobs.lock", timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        lock.execute("BEGIN EXCLUSIVE")
        yield
        lock.execute("ROLLBACK")
    finally:
        lock.close()


def _set_aside(path: Path) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.broken-{stamp}-{os.getpid()}")
    for ending in ("-wal", "-shm"):
        # Of no use without the file that they belong to, and harmful to the next one.
        path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)
    os.replace(path, aside)
    return aside


# -- forgetting ------------------------------------------------------------------------------


def scrub(connection: sqlite3.Connection) -> bool:
    """Leave no removed value in any byte of the file; tell whether that is certain."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    size = pages * connection.execute("PRAGMA page_size").fetchone()[0]
    try:
        if size <= _VACUUMED:
            connection.execute("VACUUM")
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.OperationalError as error:
        # Another process is at it: the next scrubbing does it, too.
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
        return False
    return not busy and size <= _VACUUMED


def words_in(what: Any, *, named: bool = False) -> Iterator[str]:
    """Yield the texts in what a job is to do that may name a patient."""
    if isinstance(what, dict):
        for key, value in what.items():
            yield from words_in(value, named=named or key in PATIENT_KEYS)
    elif isinstance(what, list):
        for value in what:
            yield from words_in(value, named=named)
    elif named and what is not None:
        yield str(what)


def is_there(root: Path) -> bool:
    """Tell whether a database directory has a list of jobs, or one that was set aside."""
    return next(root.glob(f"{FILE_NAME}*"), None) is not None


def forget(root: Path, words: set[str], uids: Iterable[str]) -> bool:
    """Forget what jobs know of patients and objects that were removed from the database.

    One that has not begun is cancelled, one that runs is asked to stop.

    Parameters
    ----------
    root : Path
        The database directory.
    words : set of str
        Words of names and IDs of patients who are gone, see `traces.words_of`.
    uids : iterable of str
        UIDs of studies, series and instances that are gone.

    Returns
    -------
    bool
        False when something of them may be left in the file.
    """
    path = root / FILE_NAME
    for aside in sorted(root.glob(f"{FILE_NAME}.broken-*")):
        aside.unlink(missing_ok=True)
    if not path.is_file():
        return True
    try:
        with contextlib.closing(_opened(path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            gone = frozenset(uids)
            found = [row["id"] for row in _rows(connection) if _names(row, words, gone)]
            connection.executemany(_FORGET, [(key,) for key in found])
            connection.executemany(
                "DELETE FROM acknowledged WHERE job = ?", [(key,) for key in found]
            )
            connection.execute("COMMIT")
            # Also when nothing was found: what was blanked before may be in the log still.
            return scrub(connection)
    except (sqlite3.Error, _NewerError):
        return False


_FORGET = """
UPDATE job SET what = '{}', report = NULL, error = '', title = kind,
    text = 'what it was about was removed from the database',
    wanted = CASE state WHEN 'running' THEN 'cancel' ELSE '' END,
    reason = CASE WHEN state IN ('waiting', 'paused', 'failed', 'running') THEN 'removed'
        ELSE reason END,
    forgotten = 1, at_next = NULL,
    state = CASE WHEN state IN ('waiting', 'paused', 'failed') THEN 'cancelled' ELSE state END
WHERE id = ?
"""


def _rows(connection: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    told = connection.execute("SELECT id, title, text, error, what, report FROM job")
    names = [column[0] for column in told.description]
    return (dict(zip(names, row, strict=True)) for row in told.fetchall())


def _names(row: Mapping[str, Any], words: set[str], uids: frozenset[str]) -> bool:
    try:
        what, report = json.loads(row["what"]), json.loads(row["report"] or "null")
    except ValueError:
        return True  # nobody knows what it holds
    if not uids.isdisjoint(_strings(what)) or not uids.isdisjoint(_strings(report)):
        return True
    said = [row["title"], row["text"], row["error"], *words_in(what)]
    if any(not words.isdisjoint(words_of(text)) for text in said):
        return True
    folded = "\n".join(said).casefold()
    return any(word in folded for word in words if len(word) >= _LONG_ENOUGH)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
    elif isinstance(value, str):
        yield value
