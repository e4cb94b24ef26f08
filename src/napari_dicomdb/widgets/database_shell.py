"""Ties a browser to its database: its menu, why it fails, read-only, a drive that is away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QStackedLayout, QWidget

from napari_dicomdb.errors import Cancelled
from napari_dicomdb.viewer.preferences import preference
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.database_actions import DatabaseActions
from napari_dicomdb.widgets.database_page import DatabasePage
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from napari_dicomdb.api import Database
    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._tasks import Task
    from napari_dicomdb.widgets._theme import Palette, ThemeWatcher
    from napari_dicomdb.widgets.database_button import DatabaseButton

__all__ = ["READ_ONLY_REASON", "DatabaseShell"]

READ_ONLY_REASON = "The database was opened read-only: nothing in it can be changed."


class DatabaseShell(QObject):
    """Shows how the database is, in a browser that has the room for it.

    Parameters
    ----------
    session : DatabaseSession
    theme : ThemeWatcher
    host : QWidget
        The browser; parent of dialogs.
    button : DatabaseButton
    stack : QStackedLayout
        Where the page of failures goes.
    writers : sequence of QWidget
        Controls that change the database: disabled while it is read-only.

    Signals
    -------
    failed : Exception
    back : no arguments
        The page of failures is left for what was shown before.
    """

    failed = Signal(object)
    back = Signal()

    def __init__(
        self,
        session: DatabaseSession,
        theme: ThemeWatcher,
        host: QWidget,
        button: DatabaseButton,
        stack: QStackedLayout,
        writers: tuple[QWidget, ...] = (),
    ) -> None:
        super().__init__(host)
        self.runner = TaskRunner("databases", 2)
        self.actions = DatabaseActions(session, self.runner, theme, host)
        self.notice = NoticeBox("warning")
        self.notice.hide()
        self.page = DatabasePage()
        self._session = session
        self._button = button
        self._stack = stack
        self._writers = {widget: widget.toolTip() for widget in writers}
        self._check: Task | None = None
        stack.addWidget(self.page)
        button.use(self.actions)
        button.chosen.connect(self._switch)
        button.folder_requested.connect(self.actions.show_in_folder)
        self.actions.failed.connect(self.failed)
        page, actions = self.page, self.actions
        page.again_requested.connect(self._try_again)
        page.read_only_requested.connect(lambda: self._try_again(read_only=True))
        page.create_requested.connect(lambda: self._try_again(create=True))
        page.other_requested.connect(actions.manage)
        page.restore_requested.connect(lambda: actions.manage().ask_to_restore())
        page.repair_requested.connect(lambda: actions.show_upkeep("repair"))
        page.back_requested.connect(self._go_back)
        # Queued: the browser puts up its own page first.
        session.open_failed.connect(self._on_failed, Qt.ConnectionType.QueuedConnection)
        session.opened.connect(self._on_opened)
        session.drive_lost.connect(self._on_drive_lost)
        session.drive_found.connect(self._on_drive_found)
        self.notice.triggered.connect(self._on_notice)
        theme.changed.connect(self.apply_palette)
        self.apply_palette(theme.palette)
        if session.database is not None:
            self._on_opened(session.database)

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self.page.apply_palette(palette)
        self.notice.apply_palette(palette)

    # -- open and fail ------------------------------------------------------------------

    def _switch(self, path: Any) -> None:
        self._session.open(path, create=None)

    def _try_again(self, *, read_only: bool | None = None, create: bool | None = None) -> None:
        failure = self._session.failure
        if failure is None:
            return
        asked = failure.request
        self._session.open(
            asked.path,
            remembered=asked.remembered,
            read_only=asked.read_only if read_only is None else read_only,
            create=asked.create if create is None else create,
        )

    def _on_failed(self, _error: object) -> None:
        failure = self._session.failure
        if failure is None:
            return
        shown = self._session.database
        self.page.show_failure(failure, back_to="" if shown is None else _name(shown))
        if shown is None:
            self._button.show_path(failure.request.directory)
        self._stack.setCurrentWidget(self.page)

    def _go_back(self) -> None:
        self._session.failure = None
        self.back.emit()

    def _on_opened(self, database: Database) -> None:
        self._button.show_path(database.path, read_only=database.read_only)
        self.notice.hide()
        for widget, tip in self._writers.items():
            widget.setEnabled(not database.read_only)
            widget.setToolTip(READ_ONLY_REASON if database.read_only else tip)
        self._check_soundness(database)

    # -- drive --------------------------------------------------------------------------

    def _on_drive_lost(self, text: str) -> None:
        self._tell(text, "warning", "Try now")

    def _on_drive_found(self) -> None:
        self.notice.hide()

    def _on_notice(self) -> None:
        if self._session.drive.is_lost:
            self._session.drive.look()
        else:
            self.notice.hide()
            self.actions.show_upkeep("repair")

    def _tell(self, text: str, severity: str, action: str) -> None:
        self.notice.show_text(text, severity)
        self.notice.button.setText(action)
        self.notice.button.show()
        self.notice.show()

    # -- soundness ----------------------------------------------------------------------

    def _check_soundness(self, database: Database) -> None:
        if self._check is not None:
            self._check.cancel()
        check = getattr(database, "check", None)
        if check is None or database.path is None:
            return
        if not preference("databases", "check_at_open", True):
            return

        def told(report: Any) -> None:
            if not report.ok and self._session.database is database:
                self._tell(
                    "This database is not in order. What is sound can still be read; "
                    "check and repair it before more is added.",
                    "error",
                    "Check and repair…",
                )

        def failed(error: Exception) -> None:
            if not isinstance(error, Cancelled) and self._session.database is database:
                self._session.drive.look()

        self._check = self.runner.submit(check, pass_progress=True, returned=told, failed=failed)


def _name(database: Database) -> str:
    return "the database in memory" if database.path is None else database.path.name
