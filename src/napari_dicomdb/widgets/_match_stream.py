"""Carries answers of nodes from the thread that asks to the window, a few hundred at a time."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt, QTimer, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.network.query import Match

__all__ = ["MatchStream"]

_AT_ONCE = 300  # matches; more would be felt
_CALM = 40  # ms between two portions


class MatchStream(QObject):
    """Takes matches from any thread and gives them on its own, in order.

    Signals
    -------
    arrived : list of Match
    """

    arrived = Signal(object)
    _woken = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._waiting: deque[Match] = deque()
        self._is_awake = False
        self._is_closed = False
        self._then: Callable[[], None] | None = None
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(_CALM)
        self._calm.timeout.connect(self._give)
        self._woken.connect(self._give, Qt.ConnectionType.QueuedConnection)

    def push(self, matches: Sequence[Match]) -> None:
        """Take matches; may be called by any thread."""
        with self._lock:
            if self._is_closed:
                return
            self._waiting.extend(matches)
            wakes, self._is_awake = not self._is_awake, True
        if wakes:
            self._woken.emit()

    def _give(self) -> None:
        with self._lock:
            taken = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
            self._is_awake = bool(taken)
            is_last = self._is_closed and not self._waiting
        if taken:
            self._calm.start()
            self.arrived.emit(taken)
        if is_last and self._then is not None:
            self._calm.stop()
            then, self._then = self._then, None
            then()

    @property
    def is_ending(self) -> bool:
        """Whether `end` was called and not all was given yet."""
        return self._then is not None

    def end(self, then: Callable[[], None]) -> None:
        """Take no more; give what has come, portion by portion, and call `then` after it."""
        with self._lock:
            self._is_closed = True
        self._then = then
        if not self._calm.isActive():
            self._give()

    def close(self) -> None:
        """Drop what has come, and take no more; what was to come after it does not."""
        self._then = None
        with self._lock:
            self._is_closed = True
            self._waiting.clear()
        self._calm.stop()
