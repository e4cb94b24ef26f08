"""Watches the file of jobs for changes of other processes, and tells whoever wants to know."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from napari_dicomdb.errors import DicomDbError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dicomdb.network.jobs.store import JobStore

__all__ = ["Watching"]

_LOOK_EACH = 0.3  # seconds
_TOLD_EACH = 0.1  # seconds
_log = logging.getLogger(__name__)


class Watching:
    """A thread that looks a few times a second and calls back.

    Parameters
    ----------
    store : JobStore
    look_around : callable
        Called at each look, with whether another process has changed something.
    """

    def __init__(self, store: JobStore, look_around: Callable[[bool], None]) -> None:
        self._store = store
        self._look_around = look_around
        self._callbacks: list[Callable[[], None]] = []
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._is_changed = False
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, unless it has begun."""
        with self._starting:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(
                    target=self._watch, name="dicomdb-jobs", daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """End; no callback is called after this returns, except by itself."""
        self._stopping.set()
        self._wake.set()
        with self._starting:
            thread = self._thread
        if thread is not None and threading.current_thread() is not thread:
            thread.join()

    def add(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have a function called after changes; returns one that ends it."""
        self._callbacks.append(callback)
        self.start()

        def end() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return end

    def changed(self) -> None:
        """Note that this process has changed something."""
        self._is_changed = True
        self._wake.set()

    def _watch(self) -> None:
        counter: int | None = None
        while not self._stopping.is_set():
            try:
                now = self._store.change_counter()
                self._look_around(counter not in (None, now))
                counter = now
            except DicomDbError as error:
                _log.debug("the jobs cannot be looked at now: %s", error.reason)
            if self._is_changed:
                self._is_changed = False
                self._tell()
                self._stopping.wait(_TOLD_EACH)
            self._wake.clear()
            if not self._is_changed:
                self._wake.wait(_LOOK_EACH)

    def _tell(self) -> None:
        for callback in list(self._callbacks):
            if self._stopping.is_set():
                return
            try:
                callback()
            except Exception as error:
                # Not ours: it must not end the thread that gives signs of life. What it says
                # may be of a patient.
                _log.warning(
                    "a callback of the jobs failed (%s) and is not called again",
                    type(error).__name__,
                )
                _log.debug("a callback of the jobs failed", exc_info=error)
                if callback in self._callbacks:
                    self._callbacks.remove(callback)
