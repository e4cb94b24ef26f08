"""The queue of jobs of a database: kept in a file, seen by several processes."""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import Cancelled, DicomDbError, place_of
from napari_dicomdb.network.jobs import kinds
from napari_dicomdb.network.jobs.checking import checked, title_of
from napari_dicomdb.network.jobs.claims import QUICK, Claims, Ending, lane_of
from napari_dicomdb.network.jobs.job import KINDS
from napari_dicomdb.network.jobs.leases import Lease
from napari_dicomdb.network.jobs.retrying import DELAYS, is_passing
from napari_dicomdb.network.jobs.run import Run
from napari_dicomdb.network.jobs.store import JobStore
from napari_dicomdb.network.jobs.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_dicomdb.database import Database
    from napari_dicomdb.network.jobs.job import Job

__all__ = ["JobQueue"]

_RESULTS_KEPT = 20
_HEAVY = frozenset(KINDS) - QUICK
_STOPPING_SECONDS = 10.0
_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # the job itself tells what went wrong


class JobQueue:
    """The jobs of a database, and the threads that do them.

    Any number of processes may open the queue of one database; each job is run by one
    of them. Nothing runs until `start`. A context manager: `close` at its end.

    Parameters
    ----------
    database : Database
        An `api.Database`. One that is read-only or in memory has a queue that lives as
        long as this object; `remark` says so.
    delays : sequence of float
        Seconds before each further attempt at a job that failed for what may pass.
    """

    def __init__(self, database: Database, *, delays: Sequence[float] = DELAYS) -> None:
        self._database = database
        self._delays = tuple(delays)
        kept = None if database.read_only else database.path
        self._store = JobStore(kept)
        self._why_not_kept = ""
        if kept is None and database.path is not None:
            self._why_not_kept = (
                "the database is read-only: jobs are kept only as long as this program runs"
            )
        self._claims = Claims(self._store, Lease.new())
        self._runs: dict[int, Run] = {}
        self._results: dict[int, object] = {}
        # Endings that a full disk, say, kept from being written; with their attempts.
        self._unwritten: dict[int, tuple[Ending, Run, float | None]] = {}
        self._condition = threading.Condition()
        self._turn = 0  # counts what may have made a job ready to run
        self._workers: list[threading.Thread] = []
        self._stopping = False
        self._watching = Watching(self._store, self._look_around)
        itself = weakref.ref(self)
        self._at_exit = lambda: _close(itself())
        atexit.register(self._at_exit)

    def __enter__(self) -> JobQueue:
        """Return the queue itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close it."""
        self.close()

    @property
    def remark(self) -> str:
        """What the user should know: not kept, or the file was damaged; "" for nothing."""
        return self._why_not_kept or self._store.remark

    @property
    def is_kept(self) -> bool:
        """Whether the jobs survive this process."""
        return self._store.is_kept

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._store.is_closed

    # -- the list -----------------------------------------------------------------------------

    def add(
        self,
        kind: str,
        what: Mapping[str, Any] | None = None,
        *,
        title: str = "",
        node: str = "",
        first: bool = False,
    ) -> Job:
        """Add a job at the end, or at the front of those that wait.

        Parameters
        ----------
        kind : str
            One of `job.KINDS`.
        what : mapping
            What is to be done, for JSON; see `jobs.kinds` for the keys of each kind:

            - echo: none; `node` is tested.
            - find: ``level, keys, root, returned, limit`` as of `query.Query`, and
              ``nodes``, a list of names ("" is this database), unless `node` is given.
            - retrieve: ``wanted``: a list of dicts as `retrieving.Wanted`;
              ``only_missing`` (True).
            - send: ``studies, series, instances``: lists of UIDs; ``transcode`` (True),
              ``commitment`` (False). `jobs.selection.named_by` makes them of records.
            - import: ``paths``, ``copy`` (False).
            - export: as send, and ``to, form, dicomdir, archive`` of `Database.export`.
        title : str
            For people; made of kind, node and counts when "". No values of patients.
        node : str
            Name of the node.
        first : bool
            Before all others that wait.

        Raises
        ------
        DicomDbError
            "bad-job": there is no such kind, or `what` does not say what to do.
        """
        what = checked(kind, what or {}, node)
        title = title or title_of(kind, what, node)
        job = self._store.add(kind, what, title, node, lane_of(kind, node), first)
        self._changed()
        return job

    def jobs(self) -> list[Job]:
        """List all jobs: those that run, those that wait in their order, finished ones last."""
        return self._store.jobs()

    def job(self, id: int) -> Job:
        """Return one job with its report.

        Raises
        ------
        NotFoundError
            If there is none of this number.
        """
        return self._store.job(id)

    def result(self, id: int) -> Any:
        """Return what the work itself returned (FindReport, SendReport ...).

        Only of jobs that this object ran, the last few; else None: it may hold values of
        patients and is never written.
        """
        return self._results.get(id)

    def pause(self, id: int) -> Job:
        """Stop a job cleanly; `resume` lets it go on where it stopped."""
        return self._ask(id, "pause")

    def resume(self, id: int) -> Job:
        """Let a paused job go on."""
        return self._ask(id, "resume")

    def cancel(self, id: int) -> Job:
        """Stop a job for good; what is done stays done."""
        return self._ask(id, "cancel")

    def retry(self, id: int) -> Job:
        """Try a failed or cancelled job again, or one that waits for it, now."""
        return self._ask(id, "retry")

    def _ask(self, id: int, action: str) -> Job:
        job = self._store.ask(id, action)
        run = self._runs.get(id)
        if run is not None and job.wanted:
            run.stop()
        self._changed()
        return job

    def move(self, id: int, before: int | None = None) -> Job:
        """Put a job that waits before another one; None: behind all."""
        job = self._store.move(id, before)
        self._changed()
        return job

    def clear_finished(self) -> int:
        """Forget jobs that are done, failed or cancelled; return how many."""
        count = self._store.clear_finished()
        self._results.clear()
        self._changed()
        return count

    # -- working ------------------------------------------------------------------------------

    @property
    def is_started(self) -> bool:
        """Whether this object works on the jobs."""
        return bool(self._workers)

    def start(self, workers: int = 2) -> None:
        """Begin to work, in as many threads, and as many more for echo and find."""
        self._watching.start()
        with self._condition:
            if self._workers:
                return
            self._stopping = False
            for number in range(2 * workers):
                some = QUICK if number % 2 else _HEAVY
                thread = threading.Thread(
                    target=self._work, args=(some,), name=f"dicomdb-job-{number}", daemon=True
                )
                self._workers.append(thread)
        for thread in self._workers:
            thread.start()

    def stop(self) -> None:
        """Stop working; what runs stops cleanly and goes on with the next start."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
            workers, self._workers = self._workers, []
            for run in self._runs.values():
                run.stop()
        deadline = time.monotonic() + _STOPPING_SECONDS
        for thread in workers:
            if thread is not threading.current_thread():
                thread.join(max(deadline - time.monotonic(), 0))

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing runs or waits (paused ones aside); tell whether that is so."""
        self._watching.start()
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            with self._condition:
                turn = self._turn
            if not any(job.state in ("running", "waiting") for job in self.jobs()):
                return True
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            with self._condition:
                if self._turn == turn:
                    self._condition.wait(left)

    def on_changed(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have a function called, from a thread, after jobs changed in any process.

        At most some ten times a second. What it raises ends nothing but the calls of it.

        Returns
        -------
        callable
            Ends it.
        """
        return self._watching.add(callback)

    def close(self) -> None:
        """Stop, and close the file."""
        atexit.unregister(self._at_exit)
        self.stop()
        self._watching.stop()
        self._store.close()

    def _changed(self) -> None:
        self._wake()
        self._watching.changed()

    def _wake(self) -> None:
        with self._condition:
            self._turn += 1
            self._condition.notify_all()

    def _look_around(self, is_changed: bool) -> None:
        """Do what is to be done now and then; called by the thread that watches."""
        for id in list(self._unwritten):
            ending, run, delay = self._unwritten.pop(id)
            self._finish(run, ending, delay)
            is_changed = True
        runs = [run.job.id for run in list(self._runs.values())]
        if runs:
            self._claims.live(runs)
        self._store.recover_ended()
        if self._store.recovered or is_changed:
            self._store.recovered = False
            self._changed()
        elif self._claims.is_due():
            self._wake()

    def _work(self, some: frozenset[str]) -> None:
        while True:
            with self._condition:
                if self._stopping:
                    return
                turn = self._turn
            try:
                job = self._claims.claim(some)
            except DicomDbError as error:
                _log.info("no job can be taken now: %s", error.reason)
                job = None
            if job is not None:
                self._perform(job)
                continue
            with self._condition:
                self._condition.wait_for(partial(self._is_called, turn))

    def _is_called(self, turn: int) -> bool:
        return self._stopping or self._turn != turn

    def _perform(self, job: Job) -> None:
        run = Run(job, self._claims, self._watching.changed)
        with self._condition:
            self._runs[job.id] = run
            if self._stopping:
                run.stop()
        self._changed()
        _log.info("job %d (%s) begins, attempt %d", job.id, job.kind, job.attempts)
        try:
            ending = self._attempt(job, run)
        finally:
            with self._condition:
                del self._runs[job.id]
        if ending is None:
            run.flush()
            self._give_back(run)
        else:
            if ending.result is not None:
                self._keep(job.id, ending.result)
            run.flush()
            delay = None
            if ending.passing and job.attempts <= len(self._delays):
                delay = self._delays[job.attempts - 1]
            self._finish(run, ending, delay)
        _log.info("job %d (%s) ended: %s", job.id, job.kind, _words(ending))
        self._changed()

    def _attempt(self, job: Job, run: Run) -> Ending | None:
        """Do a job; None: it was stopped."""
        try:
            run.already = self._store.acknowledged(job.id)
            ending = kinds.perform(job, run, self._database)
        except Cancelled:
            return None
        except DicomDbError as error:
            text = kinds.error_text(job, str(error), error.reason)
            reason = error.reason
            passing = job.kind != "echo" and is_passing(reason)
            ending = Ending(False, error=text, reason=reason, passing=passing)
        except Exception as error:
            # A fault of a library or of ours must end neither this thread nor the queue.
            _log.error("job %d: %s", job.id, place_of(error))
            text = f"a fault of the program ({type(error).__name__}): see the log"
            ending = Ending(False, error=text, reason="internal")
        return None if run.is_stopping and not ending.ok else ending

    def _keep(self, id: int, result: object) -> None:
        self._results[id] = result
        for old in list(self._results)[:-_RESULTS_KEPT]:
            self._results.pop(old, None)

    def _give_back(self, run: Run) -> None:
        try:
            self._claims.give_back(run.job.id, run.done, run.total)
        except DicomDbError as error:
            # Whoever looks next finds a mark of ours and no work: that is set right there.
            _log.warning("the state of job %d was not written: %s", run.job.id, error.reason)
            self._unwritten[run.job.id] = (_STOPPED, run, 0.0)

    def _finish(self, run: Run, ending: Ending, delay: float | None) -> None:
        try:
            self._claims.finish(run.job.id, ending, run.done, run.total, delay)
        except DicomDbError as error:
            _log.warning("the end of job %d was not written: %s", run.job.id, error.reason)
            self._unwritten[run.job.id] = (ending, run, delay)


_STOPPED = Ending(False, error="it was stopped", reason="interrupted")


def _words(ending: Ending | None) -> str:
    return "stopped" if ending is None else "done" if ending.ok else ending.reason


def _close(queue: JobQueue | None) -> None:
    if queue is not None:
        queue.close()
