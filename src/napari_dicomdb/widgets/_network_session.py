"""The network of this process: one queue of jobs, one listener, one log, as signals for Qt."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, QTimer, Signal

from napari_dicomdb.errors import DatabaseError
from napari_dicomdb.widgets._tasks import TaskRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_dicomdb.api import Database
    from napari_dicomdb.network.jobs import Job, JobQueue
    from napari_dicomdb.network.listener import Listener
    from napari_dicomdb.widgets._session import DatabaseSession

__all__ = ["NetworkSession", "Work"]

_CALM = 120  # ms; many changes in that time are shown as one
_OTHERS = 1_500  # ms; how often we look what other processes did to the queue
_RUNNING = ("waiting", "running")


class _Mailbox(QObject):
    """Carries what the threads of queue, listener and log tell to the GUI thread."""

    jobs = Signal()
    indexed = Signal(object)
    listener = Signal()
    logged = Signal()


class Work:
    """Queue and listener of one database. No Qt; every call may come from any thread."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.queue: JobQueue | None = None
        self.listener: Listener | None = None
        self._lock = threading.RLock()
        self._is_over = False

    def start_queue(self, on_changed: Callable[[], None]) -> JobQueue | None:
        """Open the queue, and go on with what an earlier session left; None: not writable."""
        from napari_dicomdb.network.jobs import JobQueue

        with self._lock:
            if self._is_over or self.queue is not None or self.database.read_only:
                return self.queue
            queue = JobQueue(self.database)
            queue.on_changed(lambda *_: on_changed())
            queue.start()
            self.queue = queue
            return queue

    def start_listener(self, listener: Listener) -> Listener:
        """Start a listener and keep it.

        Raises
        ------
        DatabaseError
            If the database is closed already.
        NetworkError
            If the listener cannot start.
        """
        with self._lock:
            if self._is_over:
                raise DatabaseError("the database is closed", reason="closed")
            listener.start()
            self.listener = listener
            return listener

    def stop_listener(self) -> None:
        """Stop the listener; what it acknowledged is kept."""
        with self._lock:
            listener, self.listener = self.listener, None
            if listener is not None:
                listener.stop()

    def end(self) -> None:
        """Stop both; comes back when nothing of them uses the database any more."""
        with self._lock:
            self._is_over = True
            self.stop_listener()
            queue, self.queue = self.queue, None
            if queue is not None:
                queue.stop()


class NetworkSession(QObject):
    """Jobs, listener and log for all docks; it follows the database of the session.

    Whatever may wait runs on threads; all signals come on the GUI thread.

    Parameters
    ----------
    session : DatabaseSession
        It calls `leave` before it closes a database, and `close` at the end.
    """

    switched = Signal(object)  # Database: jobs and listener are its own from now on
    jobs_changed = Signal(object)  # list of Job: all of them, in order
    indexed = Signal(object)  # ImportReport of what was received
    listener_changed = Signal()  # `listener_state`, `listener_error`, the settings
    log_added = Signal()
    nodes_changed = Signal()  # to be emitted by whoever changed the list of nodes
    failed = Signal(object)  # error of something that the user asked for

    def __init__(self, session: DatabaseSession) -> None:
        super().__init__(session)
        self._session = session
        self._work: Work | None = None
        self._runner = TaskRunner("network")
        self._mailbox = _Mailbox()
        queued = Qt.ConnectionType.QueuedConnection
        self._calm = self._timer(_CALM, self.refresh_jobs)
        self._log_calm = self._timer(_CALM, self.log_added.emit)
        self._mailbox.jobs.connect(self._start_calm, queued)
        self._mailbox.indexed.connect(self._on_indexed, queued)
        self._mailbox.listener.connect(self.listener_changed, queued)
        self._mailbox.logged.connect(self._start_log_calm, queued)
        self.jobs: list[Job] = []
        self.listener_state = "off"  # "starting", "on", "stopping"
        self.listener_error: Exception | None = None
        self._is_reading = self._is_stale = False
        self.others = QTimer(self)
        self.others.setInterval(_OTHERS)
        self.others.timeout.connect(self.refresh_jobs)
        session.opened.connect(self.follow)

    def _timer(self, interval: int, call: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval)
        timer.timeout.connect(call)
        return timer

    # -- database -------------------------------------------------------------------------

    @property
    def session(self) -> DatabaseSession:
        """The session whose database is followed."""
        return self._session

    @property
    def database(self) -> Database | None:
        """The database into which is received, and whose jobs are shown."""
        return None if self._work is None else self._work.database

    @property
    def queue(self) -> JobQueue | None:
        """The queue of jobs; None until it is open, and where the database is read-only."""
        return None if self._work is None else self._work.queue

    @property
    def listener(self) -> Listener | None:
        """The listener, as long as it runs."""
        return None if self._work is None else self._work.listener

    def follow(self, database: Database) -> None:
        """Have queue and listener of this database from now on."""
        if self._work is not None and self._work.database is database:
            return
        self.leave()
        self._work = Work(database)
        self._runner.submit(
            self._work.start_queue,
            self._mailbox.jobs.emit,
            returned=partial(self._queue_started, self._work),
            failed=self.failed.emit,
        )
        self.switched.emit(database)

    def _queue_started(self, work: Work, queue: JobQueue | None) -> None:
        if work is self._work and queue is not None:
            self.others.start()
            self.refresh_jobs()

    def leave(self) -> Callable[[], None]:
        """Let go of the present database; call what is returned before it is closed.

        That may wait, on any thread, and may be called more than once.
        """
        work, self._work = self._work, None
        self.others.stop()
        self._show_jobs([])
        if work is None:
            return _nothing
        self._runner.submit(work.end)  # before anything of the next database begins
        return work.end

    def close(self) -> None:
        """Stop all work, and wait until it has ended."""
        self._calm.stop()
        self._log_calm.stop()
        end = self.leave()
        end()
        self._runner.close()

    # -- jobs -----------------------------------------------------------------------------

    @property
    def running_count(self) -> int:
        """How many jobs run or wait for their turn."""
        return sum(job.state in _RUNNING for job in self.jobs)

    def add_job(self, kind: str, what: dict[str, Any], *, title: str = "", node: str = "") -> None:
        """Put a job into the queue; `failed` tells when that cannot be."""
        self._ask(lambda queue: queue.add(kind, what, title=title, node=node))

    def pause(self, ids: Iterable[Any]) -> None:
        """Pause jobs: what they have done stays done."""
        self._each("pause", ids)

    def resume(self, ids: Iterable[Any]) -> None:
        """Let paused jobs go on."""
        self._each("resume", ids)

    def cancel(self, ids: Iterable[Any]) -> None:
        """Cancel jobs."""
        self._each("cancel", ids)

    def retry(self, ids: Iterable[Any]) -> None:
        """Try again what failed or was cancelled."""
        self._each("retry", ids)

    def move(self, job: Any, *, before: Any) -> None:
        """Put a job before another in the queue; None: at its end."""
        self._ask(lambda queue: queue.move(job, before=before))

    def clear_finished(self) -> None:
        """Forget all jobs that have ended."""
        self._ask(lambda queue: queue.clear_finished())

    def _each(self, verb: str, ids: Iterable[Any]) -> None:
        wanted = list(ids)

        def work(queue: JobQueue) -> None:
            for one in wanted:
                getattr(queue, verb)(one)

        self._ask(work)

    def _ask(self, call: Callable[[JobQueue], Any]) -> None:
        queue = self.queue
        if queue is None:
            self.failed.emit(
                DatabaseError(
                    "The database is read-only or not open yet: it has no queue of jobs.",
                    reason="no-queue",
                )
            )
            return
        self._runner.submit(call, queue, failed=self.failed.emit, finished=self.refresh_jobs)

    def _start_calm(self) -> None:
        if not self._calm.isActive():
            self._calm.start()

    def refresh_jobs(self) -> None:
        """Read the queue; `jobs_changed` follows if anything is not as it was."""
        work = self._work
        queue = None if work is None else work.queue
        if queue is None:
            return
        if self._is_reading:
            self._is_stale = True
            return
        self._is_reading = True
        self._runner.submit(
            queue.jobs, returned=partial(self._jobs_read, work), finished=self._reading_ended
        )

    def _jobs_read(self, work: Work, jobs: list[Job]) -> None:
        if work is self._work:
            self._show_jobs(jobs)

    def _reading_ended(self) -> None:
        self._is_reading = False
        if self._is_stale:
            self._is_stale = False
            self._start_calm()

    def _show_jobs(self, jobs: list[Job]) -> None:
        if jobs != self.jobs:
            self.jobs = jobs
            self.jobs_changed.emit(jobs)

    # -- what arrives ---------------------------------------------------------------------

    def _on_indexed(self, report: Any) -> None:
        self.indexed.emit(report)
        self._session.changed.emit()

    def _start_log_calm(self) -> None:
        if not self._log_calm.isActive():
            self._log_calm.start()


def _nothing() -> None:
    """End nothing."""
