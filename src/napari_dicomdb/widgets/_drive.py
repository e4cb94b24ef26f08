"""Notices that the drive or share of the open database is gone, and that it is back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_dicomdb.widgets._tasks import TaskRunner

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["DriveWatch"]

_INTERVAL = 2000  # ms
_MAGIC = b"SQLite format 3\0"

Identity = tuple[int, int]


class DriveWatch(QObject):
    """Looks now and then, on a thread of its own, whether the index file is there.

    A thread of its own because a share that hangs holds whoever asks for it.

    Signals
    -------
    lost : no arguments
        The index is not there, or cannot be read.
    found : no arguments
        It is there again, or another file is in its place: open it anew.
    """

    lost = Signal()
    found = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = TaskRunner("drive")
        self._index: Path | None = None
        self._identity: Identity | None = None
        self._is_asking = False
        self._generation = 0
        self.is_lost = False
        self.timer = QTimer(self)
        self.timer.setInterval(_INTERVAL)
        self.timer.timeout.connect(self.look)

    def follow(self, index: Path | None) -> None:
        """Watch this file from now on; None: nothing."""
        self._generation += 1
        self._index = index
        self._identity = None
        self.is_lost = False
        if index is None:
            self.timer.stop()
        else:
            self.timer.start()
            self.look()

    def look(self) -> None:
        """Look now; the signals follow if something changed."""
        if self._index is None or self._is_asking:
            return
        self._is_asking = True
        generation = self._generation
        self._runner.submit(
            _identity_of,
            self._index,
            returned=lambda identity: self._compare(generation, identity),
            finished=self._end,
        )

    def _compare(self, generation: int, identity: Identity | None) -> None:
        if generation != self._generation:
            return
        if identity is None:
            if not self.is_lost:
                self.is_lost = True
                self.lost.emit()
            return
        was, self._identity = self._identity, identity
        if self.is_lost or (was is not None and was != identity):
            self.is_lost = False
            self.found.emit()

    def _end(self) -> None:
        self._is_asking = False

    def close(self) -> None:
        """Stop looking."""
        self.timer.stop()
        self._runner.close()


def _identity_of(index: Path) -> Identity | None:
    """Return device and inode of the index, None when it is away or unreadable."""
    try:
        with open(index, "rb") as file:
            head = file.read(16)
            stat = os.fstat(file.fileno())
    except OSError:
        return None
    # A mount point without its drive may have an empty file of that name.
    return (stat.st_dev, stat.st_ino) if head == _MAGIC else None
