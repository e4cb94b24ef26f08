"""The one database that all docks of this process show, and the imports into it."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QCoreApplication, QObject, Signal

from napari_dicomdb.database import slicer
from napari_dicomdb.database.report import ImportReport
from napari_dicomdb.errors import DatabaseBusyError, DatabaseError
from napari_dicomdb.settings import rename_database
from napari_dicomdb.widgets._drive import DriveWatch
from napari_dicomdb.widgets._export_session import ExportSession
from napari_dicomdb.widgets._import_request import ImportRequest, as_paths, do_import
from napari_dicomdb.widgets._network_session import NetworkSession
from napari_dicomdb.widgets._opening import OpenFailure, OpenRequest, open_database
from napari_dicomdb.widgets._remembered import (
    flush,
    move_view,
    recall,
    recall_view,
    remember,
    remember_view,
)
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.folder_watch import FolderWatch

if TYPE_CHECKING:
    from napari_dicomdb.api import Database
    from napari_dicomdb.progress import Progress
    from napari_dicomdb.widgets._export_session import ExportRun
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


class DatabaseSession(QObject):
    """Opens the database, imports into it, tells everybody what changed.

    All signals come on the GUI thread. Imports queue: one runs at a time.
    """

    opening = Signal(object)  # OpenRequest
    opened = Signal(object)  # Database
    open_failed = Signal(object)  # error; `failure` has what was asked for as well
    drive_lost = Signal(str)  # what to tell: it is tried again by itself
    drive_found = Signal()
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
        self.failure: OpenFailure | None = None
        self._runner = TaskRunner("session")
        self._importer = TaskRunner("import")
        self._waiting: list[ImportRequest] = []
        self._request: ImportRequest | None = None
        self._interrupted: ImportRequest | None = None
        self._task: Task | None = None
        self._opening: Task | None = None
        self._reopening: Task | None = None
        self.drive = DriveWatch(self)
        self.drive.lost.connect(self._on_drive_lost)
        self.drive.found.connect(self._on_drive_found)
        self.folders = FolderWatch(self)
        self.network = NetworkSession(self)
        self.exports = ExportSession(lambda: attach_session()[1], self)
        self.exports.ended.connect(self._on_written)
        self.users = 0
        self._is_closed = False

    # -- database ---------------------------------------------------------------------

    def open(
        self,
        path: Path | None = None,
        *,
        remembered: bool = True,
        read_only: bool = False,
        create: bool | None = None,
        first_import: ImportRequest | None = None,
    ) -> None:
        """Open the database in `path`, by default the default one; `opened` follows.

        One that cannot be written is opened read-only. One that was there
        before and is not is not made anew, unless `create` says so.
        `first_import` is imported as soon as it is open.
        """
        for task in (self._opening, self._reopening):
            if task is not None:
                task.cancel()
        request = OpenRequest(path, read_only, create, remembered)
        self.opening.emit(request)

        def opened(database: Database) -> None:
            self.use(database)
            if first_import is not None:
                self.import_paths(first_import)

        self._opening = self._runner.submit(
            open_database,
            request,
            returned=opened,
            failed=lambda error: self._on_open_failed(OpenFailure(request, error)),
        )

    def take_over(self, slicer_directory: Path, directory: Path) -> None:
        """Open a database in `directory` with all that 3D Slicer's one lists.

        Slicer's own stays as it is; the report comes as that of an import.

        Raises
        ------
        NotFoundError, DatabaseError
            If Slicer's is not there, or `directory` lies in it.
        """
        slicer.index_to_take(slicer_directory, directory)
        request = ImportRequest((slicer_directory,), slicer_directory=slicer_directory)
        self.open(directory, create=True, first_import=request)

    def _on_open_failed(self, failure: OpenFailure) -> None:
        self.failure = failure
        self.open_failed.emit(failure.error)

    def use(self, database: Database) -> None:
        """Show `database` in all docks from now on."""
        if self.database is not None:
            # What waits for the first database to open is meant for it.
            self.cancel_import()
        self._replace(database)

    def _replace(self, database: Database) -> None:
        from napari_dicomdb.database.database import INDEX_NAME

        old, self.database = self.database, database
        end_network = self.network.leave() if old is not database else None
        self.failure = None
        self._interrupted = None
        self.drive.follow(None if database.path is None else database.path / INDEX_NAME)
        self.opened.emit(database)
        self._start_waiting()
        if old is not None and end_network is not None:
            self.exports.when_free(old, partial(self._close_in_background, end_network, old))

    def _close_in_background(self, end_network: Callable[[], None], database: Database) -> None:
        self._runner.submit(_close_database, end_network, database)

    @property
    def is_read_only(self) -> bool:
        """Whether nothing can be changed now."""
        return self.database is not None and self.database.read_only

    def move(
        self,
        source: Path,
        target: Path,
        *,
        progressed: Callable[[int, int | None, str], None] | None = None,
        returned: Callable[[Path], None] | None = None,
        failed: Callable[[Exception], None] | None = None,
    ) -> Task | None:
        """Move a database directory, also the one that is shown; None: not now.

        What is remembered of it goes along. When it fails, all is as before.
        """
        database = self.database
        current = database is not None and database.path == source
        if current and (self.is_importing or self.exports.is_busy):
            what = "An import runs" if self.is_importing else "Something is being written"
            if failed is not None:
                failed(DatabaseError(f"{what}: wait until it has finished, or cancel it."))
            return None
        if current:
            self.drive.follow(None)
        end_network = self.network.leave() if current else _nothing

        def work(progress: Progress) -> Any:
            from napari_dicomdb.api import Database

            if current and database is not None:
                _close_database(end_network, database)
            return Database.move(source, target, progress=progress)

        def end(directory: Path) -> None:
            if current:
                self.database = None
                self.open(directory)

        def done(place: Path | None) -> None:
            new = target if place is None else Path(place)
            rename_database(source, new)
            move_view(source, new)
            end(new)
            if returned is not None:
                returned(new)

        def fail(error: Exception) -> None:
            end(source)
            if failed is not None:
                failed(error)

        return self._runner.submit(
            work,
            pass_progress=True,
            keep_late_result=True,
            progressed=progressed,
            returned=done,
            failed=fail,
            cancelled=lambda: fail(DatabaseError("Cancelled: the database stays where it was.")),
        )

    # -- drive ------------------------------------------------------------------------

    def _on_drive_lost(self) -> None:
        path = None if self.database is None else self.database.path
        self._resume_later()
        self.drive_lost.emit(
            f"The database's drive is not there ({path}); trying again. Nothing is lost: it "
            "goes on by itself when the drive is back."
        )

    def _on_drive_found(self) -> None:
        database = self.database
        if database is None or database.path is None or self._opening_runs():
            return
        # The open files are those of before: a drive that came back has new ones.
        again = OpenRequest(database.path, database.read_only, create=False, remembered=False)

        def opened(fresh: Database) -> None:
            self._replace(fresh)
            self.drive_found.emit()
            self.changed.emit()

        def failed(_: Exception) -> None:
            self.drive.is_lost = True  # half there: it is tried again at the next look

        self._reopening = self._runner.submit(open_database, again, returned=opened, failed=failed)

    def _opening_runs(self) -> bool:
        tasks = (self._opening, self._reopening)
        return any(task is not None and not task.is_done for task in tasks)

    def _resume_later(self) -> None:
        request, self._interrupted = self._interrupted, None
        if request is not None:
            self._waiting.insert(0, request)

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
        if self.is_read_only and not request.dry_run:
            error = DatabaseError(
                "The database was opened read-only, so that nothing can be imported into it.",
                reason="read-only",
            )
            self.import_failed.emit(request, error)
            return
        self._waiting.append(request)
        self._start_waiting()

    def cancel_import(self) -> None:
        """Stop the running import, keeping what it has done, and drop the waiting ones."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    def _start_waiting(self) -> None:
        busy = self._task is not None or self.drive.is_lost
        if self.database is None or busy or not self._waiting:
            return
        request = self._request = self._waiting.pop(0)
        self._interrupted = None
        self.import_started.emit(request)
        so_far = ImportReport()

        def tell(done: int, total: int | None, text: str) -> None:
            self.import_progressed.emit(done, total, text)
            self.import_reported.emit(request, so_far)

        self._task = self._importer.submit(
            do_import,
            self.database,
            request,
            report=so_far,
            pass_progress=True,
            keep_late_result=True,
            progressed=tell,
            returned=lambda report: self._finish(request, report),
            failed=lambda error: self._on_import_failed(request, error),
            cancelled=lambda: self.import_cancelled.emit(request),
            finished=self._end,
        )

    def _finish(self, request: ImportRequest, report: ImportReport) -> None:
        if report.stopped:
            self._interrupt(request)
        self.import_finished.emit(request, report)

    def _on_import_failed(self, request: ImportRequest, error: Exception) -> None:
        if not isinstance(error, DatabaseBusyError):
            self._interrupt(request)
        self.import_failed.emit(request, error)

    def _interrupt(self, request: ImportRequest) -> None:
        """Keep what was being imported for when its drive is back, if it is away."""
        self._interrupted = request
        if self.drive.is_lost:
            self._resume_later()
        else:
            self.drive.look()

    def _end(self) -> None:
        request, self._task, self._request = self._request, None, None
        if request is not None and not request.dry_run:
            self.changed.emit()
        self._start_waiting()

    def _on_written(self, run: ExportRun) -> None:
        if run.report is not None and run.report.imported and run.database is self.database:
            self.changed.emit()

    # -- end --------------------------------------------------------------------------

    def close(self) -> None:
        """Stop all work, then close the database."""
        if self._is_closed:
            return
        self._is_closed = True
        self._waiting.clear()
        flush()
        self.drive.close()
        self.folders.close()
        self.exports.close()
        self.network.close()
        self._importer.close()
        self._runner.close()
        if self.database is not None:
            self.database.close()
            self.database = None


def _close_database(end_network: Callable[[], None], database: Database) -> None:
    end_network()
    database.close()


def _nothing() -> None:
    """End nothing."""


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


# A script may end without closing its window: before Qt takes the timers down.
atexit.register(_close_shared)


def end_with(dock: QObject, let_go: Callable[..., None], *parts: Any) -> None:
    """Call ``let_go(*parts)`` once, when `dock` is destroyed or collected.

    Qt destroys it with its window, and Python when nobody refers to it: then
    the connections to `destroyed` may be gone before it is emitted.
    """
    # Not through a lambda: one that belongs to the garbage may be cleared before Qt calls it,
    # which crashes. The finalizer itself is held by the interpreter, and takes an argument.
    dock.destroyed.connect(weakref.finalize(dock, let_go, *parts))
