"""The rows of the jobs: added, listed, and brought from one state to the next, atomically."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import job_table
from napari_dicomdb.database.connection import explained
from napari_dicomdb.errors import DicomDbError, NotFoundError
from napari_dicomdb.network.jobs.job import FORGOTTEN, TRANSITIONS, Job, refuse_transition
from napari_dicomdb.network.jobs.leases import Lease, is_over
from napari_dicomdb.network.jobs.reports import without_patients

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["KEPT", "JobStore"]

KEPT = 200
"""Finished jobs that are kept; those that ended first go first."""

_MOST_INTERRUPTIONS = 5
_LISTED = (
    "id, kind, title, node, state, done, total, text, rate, attempts, error, reason, wanted,"
    " what, at_added, at_started, at_ended, at_next, owner"
)
_IN_ORDER = (
    "CASE state WHEN 'running' THEN 0 WHEN 'waiting' THEN 1 WHEN 'paused' THEN 1 ELSE 2 END,"
    " CASE WHEN at_ended IS NULL OR state IN ('waiting', 'paused') THEN place"
    " ELSE -at_ended END, id"
)


class JobStore:
    """The table of jobs, for all threads of a process.

    Parameters
    ----------
    root : Path or None
        The database directory; None: in memory.

    Attributes
    ----------
    remark : str
        What the user should know of it; "" for nothing.
    is_kept : bool
        Whether the jobs survive this process.
    recovered : bool
        Jobs of a process that has ended wait again, and nobody has been told yet.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self.where = "the list of jobs" if root is None else str(root / job_table.FILE_NAME)
        self._lock = threading.RLock()
        self.is_closed = False
        self.recovered = False
        with explained(self.where):
            self._connection, self.is_kept, self.remark = job_table.open_table(root)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self.is_closed = True
            self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection inside a write transaction."""
        with self._lock, self._usable() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection to look, or for what is no transaction."""
        with self._lock, self._usable() as connection:
            yield connection

    @contextlib.contextmanager
    def _usable(self) -> Iterator[sqlite3.Connection]:
        if self.is_closed:
            raise DicomDbError("the queue of jobs is closed: open it again", reason="closed")
        try:
            with explained(self.where):
                yield self._connection
        except DicomDbError as error:
            if error.reason == "database-damaged":
                self._reopen()
                text = f"the list of jobs was damaged while it was used: {self.remark}"
                raise DicomDbError(text, reason="database-damaged") from error
            raise

    def _reopen(self) -> None:
        self._connection.close()
        self._connection, self.is_kept, remark = job_table.open_table(self._root)
        self.remark = remark or "it was opened again"

    def change_counter(self) -> int:
        """Return a number that differs after another process has changed the file."""
        with self.reading() as connection:
            return int(connection.execute("PRAGMA data_version").fetchone()[0])

    # -- looking ------------------------------------------------------------------------------

    def jobs(self) -> list[Job]:
        """List all jobs without their reports; see `JobQueue.jobs`."""
        self.recover_ended()
        with self.reading() as connection:
            rows = connection.execute(f"SELECT {_LISTED} FROM job ORDER BY {_IN_ORDER}").fetchall()
        return [_job(row) for row in rows]

    def job(self, id: int) -> Job:
        """Return one job with its report."""
        self.recover_ended()
        with self.reading() as connection:
            return self.row(connection, id)

    def row(self, connection: sqlite3.Connection, id: int) -> Job:
        """Return one job, within a transaction or not."""
        row = connection.execute(
            f"SELECT {_LISTED}, report FROM job WHERE id = ?", (id,)
        ).fetchone()
        if row is None:
            raise NotFoundError(f"there is no job {id}", reason="no-job")
        return _job(row[:-1], row[-1])

    def acknowledged(self, id: int) -> frozenset[str]:
        """Return the UIDs that earlier attempts of a job have dealt with."""
        with self.reading() as connection:
            rows = connection.execute("SELECT uid FROM acknowledged WHERE job = ?", (id,))
            return frozenset(row[0] for row in rows)

    # -- changing -----------------------------------------------------------------------------

    def add(
        self, kind: str, what: Mapping[str, Any], title: str, node: str, lane: str, first: bool
    ) -> Job:
        """Add a job that waits."""
        with self.transaction() as connection:
            sql = "min(place), 1) - 1" if first else "max(place), 0) + 1"
            place = connection.execute(f"SELECT coalesce({sql} FROM job").fetchone()[0]
            key = connection.execute(
                "INSERT INTO job (place, kind, title, node, lane, state, what, at_added)"
                " VALUES (?, ?, ?, ?, ?, 'waiting', ?, ?)",
                (place, kind, title, node, lane, as_text(what), time.time()),
            ).lastrowid
            assert key is not None
            return self.row(connection, key)

    def ask(self, id: int, action: str) -> Job:
        """Do one of `TRANSITIONS` to a job, or ask whoever runs it.

        Raises
        ------
        DicomDbError
            "wrong-state": the job is in none where that can be done.
        NotFoundError
            If there is no such job.
        """
        must_scrub = False
        with self.transaction() as connection:
            self.recover(connection)
            job = self.row(connection, id)
            target = TRANSITIONS[action].get(job.state)
            if target is None:
                raise refuse_transition(job, action)
            if job.state == "running":
                wanted = {"pause": "pause", "cancel": "cancel", "resume": ""}[action]
                if job.wanted == "cancel" and wanted != "cancel":
                    raise refuse_transition(job, action)
                connection.execute("UPDATE job SET wanted = ? WHERE id = ?", (wanted, id))
            elif target == "cancelled":
                must_scrub = self.settle(connection, id, "cancelled", text="cancelled")
            elif action == "retry" or (action == "resume" and job.state == "paused"):
                self._begin_again(connection, job, action)
            elif target != job.state:
                connection.execute(
                    "UPDATE job SET state = ?, at_next = NULL, text = '' WHERE id = ?",
                    (target, id),
                )
            job = self.row(connection, id)
        if must_scrub:
            self.scrub()
        return job

    def _begin_again(self, connection: sqlite3.Connection, job: Job, action: str) -> None:
        if not job.is_known:
            raise DicomDbError(
                f"job {job.id} cannot be {'resumed' if action == 'resume' else 'retried'}: what "
                "it was to do may name a patient and was forgotten when it ended; add it anew",
                reason="forgotten",
            )
        connection.execute(
            "UPDATE job SET state = 'waiting', interruptions = 0, at_next = NULL, text = '',"
            " error = '', reason = '', at_ended = NULL, wanted = '',"
            " attempts = CASE ?1 WHEN 'retry' THEN 0 ELSE attempts END WHERE id = ?2",
            (action, job.id),
        )

    def move(self, id: int, before: int | None) -> Job:
        """Put a job that waits before another that waits, or behind all."""
        with self.transaction() as connection:
            self.recover(connection)
            job = self.row(connection, id)
            if "move" not in job.actions:
                raise refuse_transition(job, "move")
            order = [
                row[0]
                for row in connection.execute(
                    "SELECT id FROM job WHERE state IN ('waiting', 'paused') ORDER BY place, id"
                )
                if row[0] != id
            ]
            if before == id:
                return job
            if before is None:
                place = len(order)
            elif before in order:
                place = order.index(before)
            else:
                raise refuse_transition(self.row(connection, before), "move")
            order.insert(place, id)
            lowest = connection.execute("SELECT coalesce(max(place), 0) FROM job").fetchone()[0]
            connection.executemany(
                "UPDATE job SET place = ? WHERE id = ?",
                [(lowest + number, key) for number, key in enumerate(order, start=1)],
            )
            return self.row(connection, id)

    def clear_finished(self) -> int:
        """Delete the rows of finished jobs."""
        with self.transaction() as connection:
            self.recover(connection)
            count = connection.execute(
                "DELETE FROM job WHERE state IN ('done', 'failed', 'cancelled')"
            ).rowcount
        if count:
            self.scrub()
        return int(count)

    # -- shared with those who run jobs -------------------------------------------------------

    def recover_ended(self) -> None:
        """Have jobs wait again whose process has ended, if there are any."""
        now = time.time()
        with self.reading() as connection:
            running = connection.execute(
                "SELECT owner, heartbeat FROM job WHERE state = 'running'"
            ).fetchall()
        if not any(is_over(owner, heartbeat, now) for owner, heartbeat in running):
            return
        with self.transaction() as connection:
            self.recover(connection)

    def recover(self, connection: sqlite3.Connection) -> int:
        """Have jobs wait again whose process has ended; return how many.

        Parameters
        ----------
        connection : sqlite3.Connection
            In a write transaction.
        """
        now = time.time()
        running = connection.execute(
            "SELECT id, owner, heartbeat, wanted, interruptions FROM job WHERE state = 'running'"
        ).fetchall()
        found = 0
        for id, owner, heartbeat, wanted, interruptions in running:
            if not is_over(owner, heartbeat, now):
                continue
            found += 1
            self.recovered = True
            if wanted == "cancel":
                self.settle(connection, id, "cancelled", text="cancelled")
                continue
            is_too_often = interruptions + 1 >= _MOST_INTERRUPTIONS
            state = "paused" if wanted == "pause" or is_too_often else "waiting"
            error = (
                "the program ended each time while it did this: resume it to try again"
                if is_too_often
                else ""
            )
            connection.execute(
                "UPDATE job SET state = ?, wanted = '', owner = NULL, heartbeat = NULL, rate = 0,"
                " attempts = max(attempts - 1, 0), interruptions = interruptions + 1,"
                " text = ?, error = ?, reason = ?"
                " WHERE id = ?",
                (
                    state,
                    "was interrupted, goes on where it stopped" if state == "waiting" else "",
                    error,
                    "interrupted" if error else "",
                    id,
                ),
            )
        return found

    def settle(
        self,
        connection: sqlite3.Connection,
        id: int,
        state: str,
        *,
        text: str = "",
        report: Mapping[str, Any] | None = None,
        error: str = "",
        reason: str = "",
    ) -> bool:
        """Bring a job to one of the states in which it is finished.

        Returns
        -------
        bool
            Whether something was taken out that must be in no byte: `scrub` then, outside
            of the transaction.
        """
        raw, forgotten, before = connection.execute(
            "SELECT what, forgotten, reason FROM job WHERE id = ?", (id,)
        ).fetchone()
        what = _mapping(raw)
        left = what if state == "failed" else without_patients(what)
        if forgotten:
            # What it was about was removed from the database meanwhile.
            state, text, report, error, reason = "cancelled", "what it was about was removed " \
                "from the database", None, "", "removed"  # fmt: skip
        elif state == "cancelled" and before == "removed":
            reason = before
        connection.execute(
            "UPDATE job SET state = ?, wanted = '', text = ?, rate = 0, error = ?, reason = ?,"
            " what = ?, report = coalesce(?, CASE ? WHEN 1 THEN NULL ELSE report END),"
            " at_ended = ?, at_next = NULL, owner = NULL, heartbeat = NULL WHERE id = ?",
            (
                state,
                text,
                error,
                reason,
                as_text(left),
                None if report is None else as_text(report),
                forgotten,
                time.time(),
                id,
            ),
        )
        if state == "done" or (state == "cancelled" and left.get(FORGOTTEN)):
            connection.execute("DELETE FROM acknowledged WHERE job = ?", (id,))
        connection.execute(
            "DELETE FROM job WHERE state IN ('done', 'failed', 'cancelled') AND id NOT IN"
            " (SELECT id FROM job WHERE state IN ('done', 'failed', 'cancelled')"
            f" ORDER BY at_ended DESC, id DESC LIMIT {KEPT})"
        )
        return bool(forgotten) or left.get(FORGOTTEN) != what.get(FORGOTTEN)

    def scrub(self) -> None:
        """Leave no value that was taken out in any byte of the file."""
        if self.is_kept:
            with self.reading() as connection:
                job_table.scrub(connection)


def as_text(value: Any) -> str:
    """Return JSON as it is kept in the file."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _mapping(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _job(row: tuple[Any, ...], report: str | None = None) -> Job:
    *told, what, added, started, ended, at_next, owner = row
    id, kind, title, node, state, done, total, text, rate, attempts, error, reason, wanted = told
    lease = Lease.from_text(owner) if owner else None
    return Job(
        id, kind, title, node, state, done, total, text, rate, attempts, error, reason, wanted,
        _mapping(what), None if report is None else _mapping(report), added, started, ended,
        at_next, "" if lease is None else lease.describe(),
    )  # fmt: skip
