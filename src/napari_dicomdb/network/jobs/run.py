"""One attempt at a job: where its work reports how far it is, and learns that it must stop."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from napari_dicomdb.errors import Cancelled, DicomDbError
from napari_dicomdb.network.jobs.claims import LeaseLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_dicomdb.network.jobs.claims import Claims
    from napari_dicomdb.network.jobs.job import Job

__all__ = ["Run"]

_WRITTEN_EACH = 0.25  # seconds
_MEASURED = 5.0  # seconds over which the rate is taken
_log = logging.getLogger(__name__)


class Run:
    """What the work of a job is given.

    Parameters
    ----------
    job : Job
        As it was when it was claimed.
    claims : Claims
    written : callable
        Called after it was written how far the work is.

    Attributes
    ----------
    already : frozenset of str
        UIDs that earlier attempts have dealt with.
    done, total : int, int or None
        Steps, as last told.
    """

    def __init__(self, job: Job, claims: Claims, written: Callable[[], None]) -> None:
        self.job = job
        self.already: frozenset[str] = frozenset()
        self.done, self.total = job.done, job.total
        self._claims = claims
        self._has_written = written
        self._lock = threading.Lock()
        self._text = ""
        self._fixed: str | None = None
        self._uids: list[str] = []
        self._steps: deque[tuple[float, int]] = deque()
        self._stopping = threading.Event()
        self._written = -_WRITTEN_EACH
        self.is_lost = False

    @property
    def is_stopping(self) -> bool:
        """Whether the work is to stop, or has."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Have the work stop at its next step."""
        self._stopping.set()

    def say_only(self, text: str) -> None:
        """Write this instead of the texts of the work, which may have names of files."""
        self._fixed = text

    def acknowledge(self, uid: str) -> None:
        """Note that an instance is dealt with for good; no later attempt repeats it."""
        with self._lock:
            self._uids.append(uid)

    def take_back(self, uids: Iterable[str]) -> None:
        """Have a later attempt deal again with instances that were acknowledged."""
        self.flush()
        self._claims.take_back(self.job.id, uids)

    def progress(self, done: int, total: int | None, text: str) -> None:
        """Take note of how far the work is; a callback for it, from any thread.

        Raises
        ------
        Cancelled
            When the job is to be paused or cancelled, or the queue stops.
        """
        if self._stopping.is_set():
            raise Cancelled(f"job {self.job.id} was stopped")
        now = time.monotonic()
        with self._lock:
            if self._steps and done < self._steps[-1][1]:
                self._steps.clear()  # it counts something else now
            self._steps.append((now, done))
            while len(self._steps) > 2 and now - self._steps[0][0] > _MEASURED:
                self._steps.popleft()
            self.done, self.total, self._text = done, total, text
            if now - self._written < _WRITTEN_EACH:
                return
            self._written = now
        self.write()

    @property
    def rate(self) -> float:
        """Steps a second over the last seconds."""
        if len(self._steps) < 2:
            return 0.0
        (began, first), (ended, last) = self._steps[0], self._steps[-1]
        return max(last - first, 0) / (ended - began) if ended > began else 0.0

    def write(self) -> None:
        """Write how far the work is.

        Raises
        ------
        Cancelled
            As of `progress`.
        """
        if self.flush():
            self._stopping.set()
        self._has_written()
        if self._stopping.is_set():
            raise Cancelled(f"job {self.job.id} was stopped")

    def flush(self) -> str:
        """Write what is known, whatever is wanted of the job; return that."""
        with self._lock:
            uids, self._uids = self._uids, []
            text = self._text if self._fixed is None else self._fixed
            told = (self.done, self.total, text, self.rate)
        try:
            return self._claims.tell(self.job.id, *told, uids)
        except LeaseLost:
            self.is_lost = True
            self._stopping.set()
        except DicomDbError as error:  # a full disk, say, is no reason to stop the work
            _log.info("how far job %d is was not written: %s", self.job.id, error.reason)
            with self._lock:
                self._uids = uids + self._uids
        return ""
