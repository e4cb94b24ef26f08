"""The one database that all docks of this process show, and the imports into it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QCoreApplication, QObject, Signal

from napari_dicomdb.database.report import ImportReport
from napari_dicomdb.settings import default_database, remember_database
from napari_dicomdb.widgets._remembered import recall, recall_view, remember, remember_view
from napari_dicomdb.widgets._tasks import TaskRunner

if TYPE_CHECKING:
    from napari_dicomdb.api import Database
    from napari_dicomdb.widgets._tasks import Task

__all__ = [
    "DatabaseSession",
    "ImportRequest",
    "as_paths",
    "attach_session",
    "end_with",
    "recall",
    "recall_view",
    "remember",
    "remember_view",
]


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What somebody asked to import."""

    paths: tuple[Path, ...]
    copy: bool = False
    workers: int | None = None
    dry_run: bool = False


class DatabaseSession(QObject):
    """Opens the database, imports into it, tells everybody what changed.

    All signals come on the GUI thread. Imports queue: one runs at a time.
    """

    opened = Signal(object)  # Database
    open_failed = Signal(object)  # error
    changed = Signal()  # the content of the database is not what it was
    import_started = Signal(object)  # ImportRequest
    import_progressed = Signal(object, object, str)  # done, total or None, text
    import_reported = Signal(object, object)  # ImportRequest, ImportReport as far as it is
    import_finished = Signal(object, object)  # ImportRequest, ImportReport
    import_failed = Signal(object, object)  # ImportRequest, error
    import_cancelled = Signal(object)  # ImportRequest, when not even a report came

    def __init__(self) -> None:
        super().__init__()
        self.database: Database | None = None
        self._runner = TaskRunner("session")
        self._importer = TaskRunner("import")
        self._waiting: list[ImportRequest] = []
        self._request: ImportRequest | None = None
        self._task: Task | None = None
        self._opening: Task | None = None
        self.users = 0

    # -- database ---------------------------------------------------------------------

    def open(self, path: Path | None = None, *, remembered: bool = True) -> None:
        """Open the database in `path`, by default the default one; `opened` follows."""
        if self._opening is not None:
            self._opening.cancel()

        def opening() -> Database:
            from napari_dicomdb.api import Database

            directory = path or default_database()
            database: Database = Database.open(directory)
            if remembered and path is not None:
                remember_database(directory, as_default=True)
            return database

        self._opening = self._runner.submit(
            opening, returned=self.use, failed=self.open_failed.emit
        )

    def use(self, database: Database) -> None:
        """Show `database` in all docks from now on."""
        old, self.database = self.database, database
        if old is not None:
            # What waits for the first database to open is meant for it.
            self.cancel_import()
        self.opened.emit(database)
        self._start_waiting()
        if old is not None and old is not database:
            self._runner.submit(old.close)

    # -- import -----------------------------------------------------------------------

    @property
    def is_importing(self) -> bool:
        """Whether an import runs now."""
        return self._task is not None

    @property
    def waiting_count(self) -> int:
        """How many imports wait behind the running one."""
        return len(self._waiting)

    def import_paths(self, request: ImportRequest) -> None:
        """Import when the database is open and nothing else is being imported."""
        self._waiting.append(request)
        self._start_waiting()

    def cancel_import(self) -> None:
        """Stop the running import, keeping what it has done, and drop the waiting ones."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    def _start_waiting(self) -> None:
        if self.database is None or self._task is not None or not self._waiting:
            return
        request = self._request = self._waiting.pop(0)
        self.import_started.emit(request)
        so_far = ImportReport()

        def tell(done: int, total: int | None, text: str) -> None:
            self.import_progressed.emit(done, total, text)
            self.import_reported.emit(request, so_far)

        self._task = self._importer.submit(
            self.database.import_paths,
            list(request.paths),
            copy=request.copy,
            workers=request.workers,
            dry_run=request.dry_run,
            report=so_far,
            pass_progress=True,
            keep_late_result=True,
            progressed=tell,
            returned=lambda report: self._finish(request, report),
            failed=lambda error: self.import_failed.emit(request, error),
            cancelled=lambda: self.import_cancelled.emit(request),
            finished=self._end,
        )

    def _finish(self, request: ImportRequest, report: ImportReport) -> None:
        self.import_finished.emit(request, report)

    def _end(self) -> None:
        request, self._task, self._request = self._request, None, None
        if request is not None and not request.dry_run:
            self.changed.emit()
        self._start_waiting()

    # -- end --------------------------------------------------------------------------

    def close(self) -> None:
        """Stop all work, then close the database."""
        self._waiting.clear()
        self._importer.close()
        self._runner.close()
        if self.database is not None:
            self.database.close()
            self.database = None


_shared: DatabaseSession | None = None


def attach_session() -> tuple[DatabaseSession, Callable[[], None]]:
    """Return the shared session and the call that lets go of it.

    The last dock to let go closes the database; an import that still runs is
    cancelled (a later one resumes it).
    """
    global _shared
    if _shared is None:
        _shared = DatabaseSession()
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(_close_shared)
    session = _shared
    session.users += 1
    state = {"attached": True}

    def detach() -> None:
        if state["attached"]:
            state["attached"] = False
            session.users -= 1
            if session.users == 0:
                _close(session)

    return session, detach


def _close(session: DatabaseSession) -> None:
    global _shared
    if session is _shared:
        _shared = None
    session.close()


def _close_shared() -> None:
    if _shared is not None:
        _close(_shared)


def end_with(dock: QObject, let_go: Callable[..., None], *parts: Any) -> None:
    """Call ``let_go(*parts)`` once, when `dock` is destroyed or collected.

    Qt destroys it with its window, and Python when nobody refers to it: then
    the connections to `destroyed` may be gone before it is emitted.
    """
    finalizer = weakref.finalize(dock, let_go, *parts)
    dock.destroyed.connect(lambda *_: finalizer())


def as_paths(paths: Sequence[Any]) -> tuple[Path, ...]:
    """Return `paths` as `Path` objects."""
    return tuple(Path(path) for path in paths)
