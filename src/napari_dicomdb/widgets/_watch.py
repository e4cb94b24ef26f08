"""Notices that another process changed the database that is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from napari_dicomdb.api import Database
    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._tasks import TaskRunner

__all__ = ["DatabaseWatcher"]

_INTERVAL = 700  # ms; what another process receives is seen within a second

State = tuple[int, tuple[int, ...]]


class DatabaseWatcher(QObject):
    """Asks now and then, while its widget can be seen, whether rows changed.

    What this process changed itself is told by `DatabaseSession.changed`;
    thumbnails and remembered examinations do not count.

    Parameters
    ----------
    session : DatabaseSession
    runner : TaskRunner
        Where the database is asked.
    widget : QWidget
        What shows the database.
    """

    changed = Signal()

    def __init__(self, session: DatabaseSession, runner: TaskRunner, widget: QWidget) -> None:
        super().__init__(widget)
        self._session = session
        self._runner = runner
        self._widget = widget
        self._known: State | None = None
        self._is_asking = False
        self._generation = 0
        session.opened.connect(self.forget)
        session.changed.connect(self.forget)
        self.timer = QTimer(self)
        self.timer.setInterval(_INTERVAL)
        self.timer.timeout.connect(self.look)
        self.timer.start()

    def forget(self, *_: object) -> None:
        """Take the database as it will be found next for what is shown."""
        self._known = None
        self._generation += 1

    def look(self) -> None:
        """Ask in the background; `changed` follows if rows are not what they were."""
        database = self._session.database
        idle = not self._is_asking and not self._session.is_importing
        if database is None or not idle or not self._widget.isVisible():
            return
        self._is_asking = True
        generation = self._generation
        self._runner.submit(
            _state,
            database,
            self._known,
            returned=lambda state: self._compare(generation, state),
            finished=self._end,
        )

    def _compare(self, generation: int, state: State) -> None:
        if generation != self._generation or self._session.is_importing:
            return
        known, self._known = self._known, state
        if known is not None and known[1] != state[1]:
            self.changed.emit()

    def _end(self) -> None:
        self._is_asking = False


def _state(database: Database, known: State | None) -> State:
    # The counter first: what changes between the two is found the next time.
    counter = database.change_counter
    if known is not None and known[0] == counter:
        return known
    return counter, database.listed_state()
