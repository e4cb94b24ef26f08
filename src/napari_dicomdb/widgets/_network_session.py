"""The network of this process: one queue of jobs, one listener, one log, as signals for Qt."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, QTimer, Signal

from napari_dicomdb.errors import DatabaseError
from napari_dicomdb.network.logbook import LogBook
from napari_dicomdb.widgets._listening import Listening
from napari_dicomdb.widgets._tasks import TaskRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_dicomdb.api import Database
    from napari_dicomdb.network.jobs import Job, JobQueue
    from napari_dicomdb.network.listener import Listener
    from napari_dicomdb.widgets._session import DatabaseSession

__all__ = ["NetworkSession", "Work"]

_CALM = 120  # ms; many changes in that time are shown as one
_WRITING = ("retrieve", "import", "send")  # into the index: what came, what was sent
_RUNNING = ("waiting", "running")


class _Mailbox(QObject):
    """Carries what the threads of queue, listener and log tell to the GUI thread."""

    jobs = Signal()
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
        """Open the queue, and go on with what an earlier session left."""
        from napari_dicomdb.network.jobs import JobQueue

        with self._lock:
            if self._is_over:
                return None
            queue = self.queue = JobQueue(self.database)
            queue.on_changed(on_changed)
            queue.start()
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
                queue.close()


class NetworkSession(QObject):
    """Jobs, listener and log for all docks; it follows the database of the session.

    Whatever may wait runs on threads; all signals come on the GUI thread.

    Parameters
    ----------
    session : DatabaseSession
        It calls `leave` before it closes a database, and `close` at the end.
    """

    switched = Signal(object)  # Database: jobs and listener are its own from now on
    queue_opened = Signal()
    jobs_changed = Signal(object)  # list of Job: all of them, in order
    indexed = Signal(object)  # ListenerEvent: what was received is in the index
    jobs_seen = Signal()  # failed jobs were looked at
    listener_changed = Signal()  # state or error of `listening`
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
        self._mailbox.logged.connect(self._start_log_calm, queued)
        self.jobs: list[Job] = []
        self._seen_at = time.time()
        self.listening = Listening(self)
        self.listening.changed.connect(self.listener_changed)
        self.listening.indexed.connect(self._on_indexed)
        self._is_reading = self._is_stale = False
        self._unread = ""  # why the jobs could not be read
        self.log = LogBook().attach()
        self._end_log = self.log.on_entry(self._mailbox.logged.emit)
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
        """The queue of jobs; None until it is open."""
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
        self.listening.follow(self._work)
        self._runner.submit(
            self._work.start_queue,
            self._mailbox.jobs.emit,
            returned=partial(self._queue_started, self._work),
            failed=self.failed.emit,
        )
        self.switched.emit(database)

    def _queue_started(self, work: Work, queue: JobQueue | None) -> None:
        if work is self._work and queue is not None:
            self.queue_opened.emit()
            self.refresh_jobs()

    def leave(self) -> Callable[[], None]:
        """Let go of the present database; call what is returned before it is closed.

        That may wait, on any thread, and may be called more than once.
        """
        work = self._drop()
        if work is None:
            return _nothing
        self.listening.leave()
        self._runner.submit(work.end)  # before anything of the next database begins
        return work.end

    def _drop(self) -> Work | None:
        work, self._work = self._work, None
        self._show_jobs([])
        return work

    def close(self) -> None:
        """Stop all work, and wait until it has ended."""
        self._calm.stop()
        self._log_calm.stop()
        work = self._drop()
        # Not by a task: when Python ends, threads cannot be given any more.
        self.listening.close()
        if work is not None:
            work.end()
        self._runner.close()
        self._end_log()
        self.log.detach()

    def facts(self) -> dict[str, object]:
        """Return what diagnostics say of the session."""
        numbers = self.listening.statistics
        told = "" if numbers is None else f", {numbers.summary()}"
        return {"listener": f"{self.listening.state}{told}"}

    # -- jobs -----------------------------------------------------------------------------

    @property
    def running_count(self) -> int:
        """How many jobs run or wait for their turn."""
        return sum(job.state in _RUNNING for job in self.jobs)

    @property
    def failed_count(self) -> int:
        """How many jobs failed in this session since `mark_seen`."""
        return sum(
            job.state == "failed" and (job.at_ended or 0) > self._seen_at for job in self.jobs
        )

    def mark_seen(self) -> None:
        """Take what failed so far as known to the user."""
        if self.failed_count:
            self._seen_at = time.time()
            self.jobs_seen.emit()

    def add_job(
        self,
        kind: str,
        what: dict[str, Any],
        *,
        title: str = "",
        node: str = "",
        first: bool = False,
        added: Callable[[Job], None] | None = None,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Put a job into the queue, as `JobQueue.add`; `added` gets it, `failed` the error."""
        self.ask_queue(
            lambda queue: queue.add(kind, what, title=title, node=node, first=first),
            returned=added,
            failed=failed,
        )

    def change_jobs(
        self,
        action: str,
        ids: Iterable[int],
        *,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Pause, resume, cancel or retry jobs; `failed` tells what could not be."""
        wanted = list(ids)

        def work(queue: JobQueue) -> None:
            for one in wanted:
                getattr(queue, action)(one)

        self.ask_queue(work, failed=failed)

    def ask_queue(
        self,
        call: Callable[[JobQueue], Any],
        *,
        returned: Callable[[Any], None] | None = None,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Call ``call(queue)`` on a thread; its result or error comes on the GUI thread."""
        tell, work = failed or self.failed.emit, self._work
        if work is None:
            tell(_no_queue())
            return
        # Threads of the runner take turns: the queue is open when this one comes.
        self._runner.submit(
            _with_queue, work, call, returned=returned, failed=tell, finished=self.refresh_jobs
        )

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
            queue.jobs,
            returned=partial(self._jobs_read, work),
            failed=partial(self._jobs_not_read, work),
            finished=self._reading_ended,
        )

    def _jobs_read(self, work: Work | None, jobs: list[Job]) -> None:
        if work is self._work:
            self._unread = ""
            self._show_jobs(jobs)

    def _jobs_not_read(self, work: Work | None, error: Exception) -> None:
        if work is self._work and str(error) != self._unread:  # once, not at each change
            self._unread = str(error)
            self.failed.emit(error)

    def _reading_ended(self) -> None:
        self._is_reading = False
        if self._is_stale:
            self._is_stale = False
            self._start_calm()

    def _show_jobs(self, jobs: list[Job]) -> None:
        if jobs == self.jobs:
            return
        before = {job.id: job.state for job in self.jobs}
        self.jobs = jobs
        self.jobs_changed.emit(jobs)
        # What was open when we looked first has changed nothing since.
        if any(
            job.is_finished and job.kind in _WRITING and before.get(job.id, job.state) != job.state
            for job in jobs
        ):
            self._session.changed.emit()

    # -- what arrives ---------------------------------------------------------------------

    def _on_indexed(self, event: Any) -> None:
        self.indexed.emit(event)
        self._session.changed.emit()

    def _start_log_calm(self) -> None:
        if not self._log_calm.isActive():
            self._log_calm.start()


def _with_queue(work: Work, call: Callable[[JobQueue], Any]) -> Any:
    if work.queue is None:
        raise _no_queue()
    return call(work.queue)


def _no_queue() -> DatabaseError:
    return DatabaseError("No database is open: there is no queue of jobs.", reason="no-queue")


def _nothing() -> None:
    """End nothing."""
