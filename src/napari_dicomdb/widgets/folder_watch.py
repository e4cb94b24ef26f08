"""Looks into the watched folders of the open database now and then, in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_dicomdb.database.watching import FolderState, FolderWatcher
from napari_dicomdb.errors import Cancelled, DicomDbError
from napari_dicomdb.widgets._tasks import TaskRunner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.report import ImportReport
    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._tasks import Task

__all__ = ["FolderWatch"]

_INTERVAL = 5000  # ms
_PASSING = {"closed", "database-busy"}


class FolderWatch(QObject):
    """Imports what arrives in watched folders, as long as the session lives.

    Nothing runs on the GUI thread. While an import runs, or the database's drive
    is away, or it cannot be written, no look is taken.

    Parameters
    ----------
    session : DatabaseSession
        Has the database; its `changed` follows when something was imported.
    """

    imported = Signal(object)  # ImportReport
    states_changed = Signal(list)  # of FolderState
    failed = Signal(object)  # error

    def __init__(self, session: DatabaseSession) -> None:
        super().__init__(session)
        self._session = session
        self._runner = TaskRunner("folders")
        self._watcher: FolderWatcher | None = None
        self._task: Task | None = None
        self.states: list[FolderState] = []
        session.opened.connect(self._follow)
        self.timer = QTimer(self)
        self.timer.setInterval(_INTERVAL)
        self.timer.timeout.connect(self.look)
        self.timer.start()

    @property
    def is_looking(self) -> bool:
        """Whether a look is being taken."""
        return self._task is not None

    def _follow(self, database: Database) -> None:
        if self._task is not None:
            self._task.cancel()
        self._watcher = None if database.read_only else FolderWatcher(database)
        self._show([])
        self.look()

    def look(self) -> None:
        """Look once, unless something else is going on."""
        watcher, session = self._watcher, self._session
        busy = self._task is not None or session.is_importing or session.drive.is_lost
        if watcher is None or busy or session.database is not watcher.database:
            return
        self._task = self._runner.submit(
            _look,
            watcher,
            pass_progress=True,
            keep_late_result=True,
            returned=lambda found: self._looked(watcher, *found),
            failed=self._on_failed,
            finished=self._end,
        )

    def watch(self, path: Path, *, copy: bool = False, paused: bool = False) -> None:
        """Watch a folder from now on, or change how."""
        self._change(lambda database: database.watch_folder(path, copy=copy, paused=paused))

    def unwatch(self, path: Path) -> None:
        """Watch a folder no longer."""
        self._change(lambda database: database.unwatch_folder(path))

    def _change(self, change: Callable[[Any], object]) -> None:
        watcher = self._watcher
        if watcher is None:
            error = DicomDbError("The database is read-only: its folders cannot be changed.")
            self.failed.emit(error)
            return

        def work() -> list[FolderState]:
            change(watcher.database)
            return watcher.states()

        self._runner.submit(work, returned=self._show, failed=self.failed.emit, finished=self.look)

    def _looked(
        self, watcher: FolderWatcher, report: ImportReport | None, states: list[FolderState]
    ) -> None:
        if watcher is self._watcher:
            self._show(states)
            if report is not None:
                self.imported.emit(report)
                self._session.changed.emit()

    def _show(self, states: list[FolderState]) -> None:
        if states != self.states:
            self.states = states
            self.states_changed.emit(states)

    def _on_failed(self, error: Exception) -> None:
        if not (isinstance(error, DicomDbError) and error.reason in _PASSING):
            self.failed.emit(error)

    def _end(self) -> None:
        self._task = None

    def close(self) -> None:
        """Stop looking, and wait for a look that is being taken."""
        self.timer.stop()
        self._watcher = None
        self._runner.close()


def _look(
    watcher: FolderWatcher, *, progress: Callable[..., None]
) -> tuple[ImportReport | None, list[FolderState]]:
    try:
        report = watcher.poll(progress)
    except Cancelled:
        return None, []
    return report, watcher.states()
