"""Carries answers of nodes from the thread that asks to the window, a few hundred at a time."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt, QTimer, Signal

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        if taken:
            self._calm.start()
            self.arrived.emit(taken)

    def drain(self) -> None:
        """Give all that has come, and take no more."""
        with self._lock:
            self._is_closed = True
            taken = list(self._waiting)
            self._waiting.clear()
        self._calm.stop()
        for first in range(0, len(taken), _AT_ONCE):
            self.arrived.emit(taken[first : first + _AT_ONCE])

    def close(self) -> None:
        """Drop what has come, and take no more."""
        with self._lock:
            self._is_closed = True
            self._waiting.clear()
        self._calm.stop()
