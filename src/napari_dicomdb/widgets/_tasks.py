"""Work off the GUI thread: submit a function, get its result back on the GUI thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal

from napari_dicomdb.errors import Cancelled

__all__ = ["Task", "TaskRunner"]

_PROGRESS_INTERVAL = 0.04  # seconds; more often than this no eye can follow


class Task:
    """One submitted call. A plain object, so that any thread may drop it last."""

    def __init__(
        self,
        mailbox: _Mailbox,
        call: Callable[[Task], Any],
        callbacks: dict[str, Callable[..., None] | None],
        keeps_late_result: bool,
    ) -> None:
        self._keeps_late_result = keeps_late_result
        self._mailbox = mailbox
        self._call = call
        self._callbacks = callbacks
        self._cancel = threading.Event()
        self._last = 0.0
        self.is_done = False

    def cancel(self) -> None:
        """Ask the work to stop at its next progress report; its result is dropped."""
        self._cancel.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancel.is_set()

    def progress(self, done: int, total: int | None, text: str) -> None:
        """Hand on progress to the GUI thread: the `Progress` callback of core calls.

        Raises
        ------
        Cancelled
            When the user cancelled meanwhile.
        """
        if self._cancel.is_set():
            raise Cancelled("cancelled by the user")
        now = time.monotonic()
        if now - self._last >= _PROGRESS_INTERVAL or (total is not None and done >= total):
            self._last = now
            self._mailbox.arrived.emit(self, "progressed", (done, total, text))

    def run(self) -> Any:
        """Do the work; called by the worker thread."""
        # Let go of what it works on: whoever keeps the task keeps no arrays with it.
        call, self._call = self._call, _done
        if self._cancel.is_set():
            raise Cancelled("cancelled before it began")
        return call(self)

    def report_end(self, future: Future[Any]) -> None:
        """Send result or error to the GUI thread; called by the worker thread."""
        error = None if future.cancelled() else future.exception()
        if future.cancelled() or isinstance(error, Cancelled):
            self._mailbox.arrived.emit(self, "cancelled", ())
        elif error is not None:
            self._mailbox.arrived.emit(self, "failed", (error,))
        else:
            self._mailbox.arrived.emit(self, "returned", (future.result(),))

    def deliver(self, kind: str, payload: tuple[Any, ...]) -> None:
        """Call the callback for `kind`; on the GUI thread."""
        if self.is_done:
            return
        if kind != "progressed":
            self.is_done = True
        if kind == "returned" and self.is_cancelled and not self._keeps_late_result:
            kind, payload = "cancelled", ()
        callback = self._callbacks.get(kind)
        if callback is not None:
            callback(*payload)
        if self.is_done:
            finished = self._callbacks.get("finished")
            if finished is not None:
                finished()
            self._callbacks = {}


def _done(task: Task) -> None:
    """Stand for the call of a task that has run."""


class _Mailbox(QObject):
    """Carries results from worker threads to the thread that made it."""

    arrived = Signal(object, str, object)

    def __init__(self, forget: Callable[[Task], None]) -> None:
        super().__init__()
        self._forget = forget
        self.arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def _deliver(self, task: Task, kind: str, payload: tuple[Any, ...]) -> None:
        if kind != "progressed":
            self._forget(task)
        task.deliver(kind, payload)


class TaskRunner:
    """A few worker threads whose results arrive on the GUI thread.

    Parameters
    ----------
    name : str
        For thread names.
    workers : int
        Threads at most; they are started when needed.
    """

    def __init__(self, name: str, workers: int = 1) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix=f"dicomdb-{name}")
        self._tasks: set[Task] = set()
        self._mailbox = _Mailbox(self._tasks.discard)
        self._closed = False

    def submit(
        self,
        function: Callable[..., Any],
        *args: Any,
        pass_progress: bool = False,
        keep_late_result: bool = False,
        returned: Callable[[Any], None] | None = None,
        failed: Callable[[Exception], None] | None = None,
        progressed: Callable[[int, int | None, str], None] | None = None,
        cancelled: Callable[[], None] | None = None,
        finished: Callable[[], None] | None = None,
        **kwargs: Any,
    ) -> Task:
        """Run ``function(*args, **kwargs)`` on a worker thread.

        Parameters
        ----------
        pass_progress : bool
            Give the function ``progress=``, a callback that reports to
            `progressed` and raises `Cancelled` after `Task.cancel`.
        keep_late_result : bool
            A result that comes although the task was cancelled (the report of
            a half-done import) goes to `returned` rather than being dropped.
        returned, failed, progressed, cancelled, finished : callable, optional
            Called on the GUI thread. `finished` comes last whatever happened.
        """

        def call(task: Task) -> Any:
            if pass_progress:
                return function(*args, progress=task.progress, **kwargs)
            return function(*args, **kwargs)

        callbacks: dict[str, Callable[..., None] | None] = {
            "returned": returned,
            "failed": failed,
            "progressed": progressed,
            "cancelled": cancelled,
            "finished": finished,
        }
        task = Task(self._mailbox, call, callbacks, keep_late_result)
        if self._closed:
            task.cancel()
            return task
        self._tasks.add(task)
        self._executor.submit(task.run).add_done_callback(task.report_end)
        return task

    @property
    def is_busy(self) -> bool:
        """Whether a submitted task has not delivered its end yet."""
        return bool(self._tasks)

    def close(self) -> None:
        """Cancel everything, wait for the threads, deliver nothing any more."""
        if self._closed:
            return
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
            task.is_done = True
        # Waiting is short: what runs long reports progress, and that raises Cancelled.
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._tasks.clear()
