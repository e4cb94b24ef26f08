"""Worker processes of an import: plain interpreters that are spoken to through pipes.

An import of a few thousand files takes a second, so that the start of workers
counts. They import the header scan and nothing else, need no server process beside
them, start the same way on every system without running the caller's ``__main__``
again (also from a notebook or a script without a guard), and end with the process
that started them, because then their pipe does.
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

__all__ = ["Workers", "cpu_count"]

AHEAD = 3
"""Tasks that a worker has at hand, so that it need not wait for a busy writer."""

_SIZE = struct.Struct("<Q")
_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)


def cpu_count() -> int:
    """Return how many CPUs this process may use: of the machine, affinity, container."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no control group, or without a limit ("max")
        quota, period = map(int, Path("/sys/fs/cgroup/cpu.max").read_text().split())
        count = min(count, max(quota // period, 1))
    return count


class _Worker:
    def __init__(self) -> None:
        # The modules of this process, wherever it has them from.
        code = (
            f"import sys; sys.path[:] = {sys.path!r}\n"
            "from napari_dicomdb.database.scanning import serve; serve()"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            creationflags=_NO_WINDOW,
        )
        self.tasks = cast("IO[bytes]", self.process.stdin)
        self.answers = cast("IO[bytes]", self.process.stdout)
        self.waiting: deque[Future[bytes]] = deque()
        self.room = threading.Semaphore(AHEAD)


class Workers(Executor):
    """Processes that run functions of bytes, see `scanning.serve`.

    When one of them dies, all tasks fail with `BrokenExecutor`: nobody knows which
    of those at hand it was.

    Parameters
    ----------
    count : int
    """

    def __init__(self, count: int) -> None:
        self._tasks: SimpleQueue[tuple[Future[bytes], bytes] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._over = ""  # why no task is taken any more
        self._workers = [_Worker() for _ in range(count)]
        self._threads = [
            threading.Thread(target=target, args=(worker,), daemon=True)
            for worker in self._workers
            for target in (self._feed, self._collect)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a worker call `fn`, a function of an importable module that returns bytes."""
        future: Future[bytes] = Future()
        message = pickle.dumps((fn, args, kwargs), pickle.HIGHEST_PROTOCOL)
        with self._lock:
            if self._over:
                raise BrokenExecutor(self._over)
            self._tasks.put((future, message))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers at once; what is not done fails."""
        self._end("the workers were stopped")
        for worker in self._workers:
            worker.process.kill()
        for thread in self._threads:
            thread.join()
        for worker in self._workers:
            worker.process.wait()
            for pipe in (worker.tasks, worker.answers):
                with suppress(OSError):  # what was not sent cannot be flushed
                    pipe.close()

    def _feed(self, worker: _Worker) -> None:
        while True:
            worker.room.acquire()
            task = self._tasks.get()
            if task is None:
                return
            future, message = task
            with self._lock:
                if self._over:
                    future.set_exception(BrokenExecutor(self._over))
                    return
                worker.waiting.append(future)
            try:
                worker.tasks.write(message)
                worker.tasks.flush()
            except OSError:
                return  # `_collect` sees the end, too

    def _collect(self, worker: _Worker) -> None:
        while len(head := worker.answers.read(_SIZE.size)) == _SIZE.size:
            (size,) = _SIZE.unpack(head)
            data = worker.answers.read(size)
            with self._lock:
                if len(data) < size or not worker.waiting:
                    break
                future = worker.waiting.popleft()
            worker.room.release()
            future.set_result(data)
        self._end(f"a worker ended, exit code {worker.process.wait()}")

    def _end(self, why: str) -> None:
        """Take no more tasks, fail those not done, and let the feeding threads go."""
        with self._lock:
            if self._over:
                return
            self._over = why
            failed = [future for worker in self._workers for future in worker.waiting]
            with suppress(Empty):
                while True:
                    task = self._tasks.get_nowait()
                    if task is not None:
                        failed.append(task[0])
            for worker in self._workers:
                worker.waiting.clear()
                self._tasks.put(None)
                worker.room.release()
        for future in failed:
            future.set_exception(BrokenExecutor(why))
