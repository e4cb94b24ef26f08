"""Takes objects that arrive over the network: never half there, never lost, soon in the index."""

from __future__ import annotations

import itertools
import logging
import math
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Self

from napari_dicomdb.database import received
from napari_dicomdb.database.arriving import Arrival, disk_told
from napari_dicomdb.database.received import Folder, Received
from napari_dicomdb.database.report import ImportReport
from napari_dicomdb.dicom.file_meta import require_uid
from napari_dicomdb.errors import (
    Cancelled,
    DatabaseBusyError,
    DatabaseError,
    DicomDbError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dicomdb.database.database import Database

__all__ = ["Arrival", "Inbox"]

_HEADERS_KEPT = 2000
_AGAIN_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Inbox:
    """Takes objects into a database, from any number of threads.

    An object is on disk under its final name, whole, when `Arrival.commit` returns: no
    kill loses it. A thread brings what has come into the index in batches, each written
    through to the disk first, so that a power cut loses the last second at most. What a
    killed process left is adopted by the next inbox, or the next who opens the database.

    Parameters
    ----------
    database : Database
        Opened for writing.
    settle_seconds : float
        The longest that an object waits for others to be indexed with it.
    batch : int
        Objects that do not wait any longer.
    sync : bool
        Have each object written through to the disk before `commit` returns: outlives a
        power cut, at the speed of the disk's slowest operation.

    Attributes
    ----------
    on_indexed : callable or None
        Called with the `ImportReport` of each batch, in the inbox's thread.

    Raises
    ------
    DatabaseError
        If the database cannot be written.
    """

    def __init__(
        self,
        database: Database,
        *,
        settle_seconds: float = 0.3,
        batch: int = 200,
        sync: bool = False,
    ) -> None:
        if database.read_only:
            raise DatabaseError(
                f"{database.path} was opened read-only: it receives nothing", reason="read-only"
            )
        self.on_indexed: Callable[[ImportReport], None] | None = None
        self.database = database
        self._settle_seconds = settle_seconds
        self._batch = batch
        self._sync = sync
        self._numbers = itertools.count()
        with disk_told(database.path):
            self._folder = Folder.make(database._root, database._connections.path)
        self._changed = threading.Condition()
        self._waiting: deque[tuple[float, Received]] = deque()
        self._unsettled = 0  # waiting, or just being indexed
        self._flushing = 0
        self._failures = 0
        self._error: DicomDbError | None = None
        self._closing = False
        self._give_up_at = math.inf
        self._adopts = True
        self._thread = threading.Thread(target=self._run, name="dicomdb inbox", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Return the inbox itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close it."""
        self.close()

    def open(
        self,
        sop_class_uid: str,
        sop_instance_uid: str,
        transfer_syntax_uid: str,
        source: str = "",
    ) -> Arrival:
        """Begin to take an object.

        Parameters
        ----------
        sop_class_uid, sop_instance_uid, transfer_syntax_uid : str
            As they were announced; the object must keep to them.
        source : str
            AE title that it comes from; "" when it has none.

        Raises
        ------
        HeaderError
            "bad-uid": one of the UIDs cannot be one.
        DatabaseError
            "disk-full", or the folder is gone.
        """
        uids = (
            require_uid(sop_class_uid, "SOPClassUID"),
            require_uid(sop_instance_uid, "SOPInstanceUID"),
            require_uid(transfer_syntax_uid, "TransferSyntaxUID"),
        )
        if self._closing:
            raise DatabaseError("the inbox is closed", reason="closed")
        return Arrival(self, self._folder.path / f"{next(self._numbers):010x}", uids, source)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until all that has come is in the index.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None waits as long as it takes, unless it fails.

        Raises
        ------
        DatabaseError
            If it cannot be indexed now: nothing is lost, it is tried again.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            failures = self._failures
            self._flushing += 1
            self._changed.notify_all()
            try:
                while self._unsettled or self._adopts:
                    left = None if deadline is None else deadline - time.monotonic()
                    if self._error is not None and self._failures > failures:
                        raise self._error
                    if (left is not None and left <= 0) or not self._thread.is_alive():
                        raise DatabaseBusyError(
                            "what was received is not in the index yet: it will be when "
                            "whoever writes the database now has finished"
                        )
                    self._changed.wait(0.5 if left is None else min(left, 0.5))
            finally:
                self._flushing -= 1

    def close(self, wait_seconds: float = 10.0) -> None:
        """Index what has come, and end; what cannot be indexed now is kept for the next.

        Parameters
        ----------
        wait_seconds : float
            For another writer of the database.
        """
        with self._changed:
            self._closing = True
            self._give_up_at = time.monotonic() + wait_seconds
            self._changed.notify_all()
        self._thread.join()
        self._folder.delete_partial()
        self._folder.close()

    @property
    def waiting(self) -> int:
        """Number of objects that are on disk and not in the index yet."""
        return self._unsettled

    def _take(self, one: Received) -> None:
        with self._changed:
            if len(self._waiting) >= _HEADERS_KEPT:
                one = Received(one.path)  # read again: memory is bounded
            self._waiting.append((time.monotonic(), one))
            self._unsettled += 1
            if len(self._waiting) in (1, self._batch):
                self._changed.notify_all()

    # -- the thread -----------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            if batch is None:
                return
            if self._index(batch):
                continue
            with self._changed:
                if self._closing:
                    return  # the next one adopts it
                self._changed.wait(_AGAIN_SECONDS)

    def _next_batch(self) -> list[Received] | None:
        """Wait for something to do; None: there is nothing more to come."""
        with self._changed:
            while not (self._closing or self._adopts):
                if len(self._waiting) >= self._batch or (self._waiting and self._flushing):
                    break
                left = None
                if self._waiting:
                    left = self._waiting[0][0] + self._settle_seconds - time.monotonic()
                    if left <= 0:
                        break
                self._changed.wait(left)
            if self._closing and not self._waiting:
                return None
            return [one for _, one in itertools.islice(self._waiting, self._batch)]

    def _index(self, batch: list[Received]) -> bool:
        """Index a batch, the oldest that waits; tell whether that went well."""
        reports: list[ImportReport] = []
        database = self.database
        try:
            with database._writing(self._give_up):
                if self._adopts:
                    reports.append(received.adopt_left(database._connections, database._root))
                started = time.perf_counter()
                report = ImportReport()
                reports.append(report)
                self._adopt(batch, report)
                report.seconds = time.perf_counter() - started
        except (DatabaseError, OSError, Cancelled) as error:
            told = (
                error
                if isinstance(error, DicomDbError)
                else DatabaseError(f"{database.path}: {error.strerror or error}")
            )
            _log.warning("what was received is not indexed yet: %s", told.reason)
            with self._changed:
                self._error, self._failures = told, self._failures + 1
                self._changed.notify_all()
            return False
        for report in reports:
            if self.on_indexed is not None and (report.seen or report.notes):
                self.on_indexed(report)
        with self._changed:
            for _ in batch:
                self._waiting.popleft()
            self._unsettled -= len(batch)
            self._error, self._adopts = None, False
            self._changed.notify_all()
        return True

    def _adopt(self, batch: list[Received], report: ImportReport) -> None:
        database = self.database
        try:
            received.adopt(database._connections, database._root, batch, report)
        except DatabaseError as error:
            # One that SQLite refuses must not keep the others waiting.
            if error.reason != "database":
                raise
            for one in batch:
                if len(batch) > 1:
                    self._adopt([one], report)
                else:
                    text = f"it cannot be indexed: {error}"
                    report.rejected.append((one.path, "not-indexed", text))

    def _give_up(self, done: int, total: int | None, text: str) -> None:
        """Do not wait long for another writer when closing."""
        if time.monotonic() >= self._give_up_at:
            raise Cancelled("the inbox is closed")
