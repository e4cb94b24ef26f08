"""Taking a job to run, saying how far it is, and giving it back: one process for each job."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.network.jobs.job import KINDS
from napari_dicomdb.network.jobs.retrying import words_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_dicomdb.network.jobs.job import Job
    from napari_dicomdb.network.jobs.leases import Lease
    from napari_dicomdb.network.jobs.store import JobStore

__all__ = ["QUICK", "Claims", "Ending", "LeaseLost", "lane_of"]

QUICK = frozenset({"echo", "find"})
"""Kinds that run side by side, also beside a transfer."""


class LeaseLost(DicomDbError):
    """Somebody else has this job now: whoever ran it must stop and write nothing."""

    default_reason = "lease-lost"


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt at a job ended.

    Parameters
    ----------
    ok : bool
        Everything was done.
    text : str
        One line about what came of it.
    error, reason : str
        What went wrong, in plain words, and its code; "" when `ok`.
    report : mapping
        For JSON; no values of patients.
    passing : bool
        What went wrong may be over when it is tried again.
    result : object
        What the work itself returned; stays in memory.
    """

    ok: bool
    text: str = ""
    error: str = ""
    reason: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)
    passing: bool = False
    result: object = None


def lane_of(kind: str, node: str) -> str:
    """Return what two jobs must not have in common to run at the same time; "" is free.

    Examples
    --------
    >>> lane_of("send", "PACS"), lane_of("retrieve", "pacs"), lane_of("find", "PACS")
    ('node pacs', 'node pacs', '')
    """
    if kind in QUICK:
        return ""
    return f"node {node.casefold()}" if kind in ("send", "retrieve") else kind


class Claims:
    """The jobs that one queue of one process runs.

    Parameters
    ----------
    store : JobStore
    lease : Lease
        The mark of the queue.
    """

    def __init__(self, store: JobStore, lease: Lease) -> None:
        self._store = store
        self._mark = lease.to_text()

    def claim(self, kinds: frozenset[str]) -> Job | None:
        """Take the first job of these kinds that may run now; None if there is none.

        Raises
        ------
        DicomDbError
            If the file cannot be used now.
        """
        now = time.time()
        with self._store.transaction() as connection:
            self._store.recover(connection)
            busy = {
                row[0]
                for row in connection.execute("SELECT lane FROM job WHERE state = 'running'")
            }
            waiting = connection.execute(
                "SELECT id, kind, lane FROM job WHERE state = 'waiting'"
                " AND (at_next IS NULL OR at_next <= ?) ORDER BY place, id",
                (now,),
            )
            for id, kind, lane in waiting.fetchall():
                # What a newer version has added is left to it.
                if kind not in kinds or kind not in KINDS or (lane and lane in busy):
                    continue
                connection.execute(
                    "UPDATE job SET state = 'running', owner = ?, heartbeat = ?, wanted = '',"
                    " at_started = ?, at_ended = NULL, at_next = NULL, rate = 0, text = '',"
                    " error = '', reason = '', attempts = attempts + 1 WHERE id = ?",
                    (self._mark, now, now, id),
                )
                return self._store.row(connection, id)
        return None

    def tell(
        self,
        id: int,
        done: int,
        total: int | None,
        text: str,
        rate: float,
        acknowledged: Iterable[str] = (),
    ) -> str:
        """Write how far a job is; return what is wanted of it.

        Raises
        ------
        LeaseLost
            If it is not ours any more.
        """
        with self._store.transaction() as connection:
            row = connection.execute(
                "SELECT wanted FROM job WHERE id = ? AND state = 'running' AND owner = ?",
                (id, self._mark),
            ).fetchone()
            if row is None:
                raise LeaseLost(f"job {id} is run by another process now")
            connection.execute(
                "UPDATE job SET done = ?, total = ?, text = CASE forgotten WHEN 1 THEN text"
                " ELSE ? END, rate = ?, heartbeat = ? WHERE id = ?",
                (done, total, text, rate, time.time(), id),
            )
            connection.executemany(
                "INSERT OR IGNORE INTO acknowledged (job, uid) SELECT id, ? FROM job"
                " WHERE id = ? AND forgotten = 0",
                [(uid, id) for uid in acknowledged],
            )
            return str(row[0])

    def take_back(self, id: int, uids: Iterable[str]) -> None:
        """Have a later attempt deal again with what was said to be dealt with."""
        with self._store.transaction() as connection:
            connection.executemany(
                "DELETE FROM acknowledged WHERE job = ? AND uid = ?", [(id, u) for u in uids]
            )

    def live(self, ids: Iterable[int]) -> None:
        """Give a sign of life for jobs that run here."""
        now = time.time()
        with self._store.transaction() as connection:
            connection.executemany(
                "UPDATE job SET heartbeat = ? WHERE id = ? AND owner = ?",
                [(now, id, self._mark) for id in ids],
            )

    def give_back(self, id: int, done: int, total: int | None) -> None:
        """Note that a job stopped before it was done: paused, cancelled, or to go on later."""
        must_scrub = False
        with self._store.transaction() as connection:
            wanted = self._wanted(connection, id)
            if wanted is None:
                return
            connection.execute(
                "UPDATE job SET done = ?, total = ? WHERE id = ?", (done, total, id)
            )
            if wanted == "cancel":
                must_scrub = self._store.settle(connection, id, "cancelled", text="cancelled")
            else:
                connection.execute(
                    "UPDATE job SET state = ?, wanted = '', owner = NULL, heartbeat = NULL,"
                    " rate = 0, text = '', attempts = max(attempts - 1, 0) WHERE id = ?",
                    ("paused" if wanted == "pause" else "waiting", id),
                )
        if must_scrub:
            self._store.scrub()

    def finish(
        self, id: int, ending: Ending, done: int, total: int | None, delay: float | None
    ) -> None:
        """Note how a job ended.

        Parameters
        ----------
        id : int
        ending : Ending
        done, total : int, int or None
            Steps, at the end.
        delay : float or None
            Seconds after which it is tried again; None: it is not.
        """
        must_scrub = False
        with self._store.transaction() as connection:
            wanted = self._wanted(connection, id)
            if wanted is None:
                return
            connection.execute(
                "UPDATE job SET done = ?, total = ?, interruptions = 0 WHERE id = ?",
                (done, total, id),
            )
            if ending.ok or wanted == "cancel" or delay is None:
                state = "done" if ending.ok else "cancelled" if wanted == "cancel" else "failed"
                must_scrub = self._store.settle(
                    connection,
                    id,
                    state,
                    text=ending.text if ending.text or state != "cancelled" else "cancelled",
                    report=ending.report,
                    error="" if state == "cancelled" else ending.error,
                    reason="" if state == "cancelled" else ending.reason,
                )
            else:
                connection.execute(
                    "UPDATE job SET state = ?, wanted = '', owner = NULL, heartbeat = NULL,"
                    " rate = 0, text = ?, error = ?, reason = ?, at_next = ? WHERE id = ?",
                    (
                        "paused" if wanted == "pause" else "waiting",
                        f"is tried again {words_for(delay)} after it failed",
                        ending.error,
                        ending.reason,
                        time.time() + delay,
                        id,
                    ),
                )
        if must_scrub:
            self._store.scrub()

    def _wanted(self, connection: Any, id: int) -> str | None:
        row = connection.execute(
            "SELECT wanted FROM job WHERE id = ? AND state = 'running' AND owner = ?",
            (id, self._mark),
        ).fetchone()
        return None if row is None else str(row[0])

    def is_due(self) -> bool:
        """Tell whether a job is to be tried again now; changes nothing."""
        with self._store.reading() as connection:
            due = connection.execute(
                "SELECT 1 FROM job WHERE state = 'waiting' AND at_next <= ? LIMIT 1",
                (time.time(),),
            ).fetchone()
        return due is not None
