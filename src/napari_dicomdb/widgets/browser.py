"""The *DICOM browser* dock: what the database holds, how to open it, how to add to it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QSize, Qt, QTimer, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QShortcut,
    QSplitter,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_dicomdb.loading.content import CONTENT
from napari_dicomdb.widgets._actions import RecordActions
from napari_dicomdb.widgets._icons import icon
from napari_dicomdb.widgets._session import (
    ImportRequest,
    as_paths,
    attach_session,
    end_with,
    recall,
    remember,
)
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._text import count, series_title
from napari_dicomdb.widgets._theme import Palette, ThemeWatcher, style_sheet
from napari_dicomdb.widgets._watch import DatabaseWatcher
from napari_dicomdb.widgets.content_dock import ContentDock
from napari_dicomdb.widgets.database_button import DatabaseButton
from napari_dicomdb.widgets.database_shell import DatabaseShell
from napari_dicomdb.widgets.drop_target import DropTarget
from napari_dicomdb.widgets.empty_state import EmptyState
from napari_dicomdb.widgets.examine_panel import ExaminePanel
from napari_dicomdb.widgets.import_bar import ImportBar
from napari_dicomdb.widgets.loadable_cache import LoadableCache
from napari_dicomdb.widgets.loading import LayerLoader
from napari_dicomdb.widgets.notice import NoticeBox
from napari_dicomdb.widgets.report_view import ReportDialog
from napari_dicomdb.widgets.study_lists import StudyLists
from napari_dicomdb.widgets.thumbnails import ThumbnailCache
from napari_dicomdb.widgets.view_bar import ViewBar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.database import ImportReport
    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.widgets._tasks import Task

__all__ = ["DicomBrowser"]

_COPY_KEY = "copy_on_import"
_EXAMINED_AT_ONCE = 16  # series


class DicomBrowser(QWidget):
    """Browse, import and open what a DICOM database holds.

    Parameters
    ----------
    napari_viewer : napari viewer, optional
        Where images go; by default the current viewer.
    database : Database, optional
        What to show; by default the database that other docks show, or the
        default one of the settings.
    """

    examined = Signal(object)  # list of Loadable, when the panel shows them

    def __init__(
        self,
        napari_viewer: Any = None,
        *,
        database: Database | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self._session, detach = attach_session()
        self._queries = TaskRunner("query", 2)
        self._painter = TaskRunner("thumbnail")
        self._loads = TaskRunner("load")
        self._theme = ThemeWatcher(napari_viewer, self)
        self._examination: Task | None = None
        self._reference_search: Task | None = None
        self._report_dialog: ReportDialog | None = None
        palette = self._theme.palette

        self.thumbnails = ThumbnailCache(self._painter, parent=self)
        self.loader = LayerLoader(napari_viewer, self._loads, self)
        self.ways = LoadableCache(self._session, self)
        self.lists = StudyLists(self._queries, self.thumbnails, palette, ways=self.ways)
        self.panel = ExaminePanel(palette)
        self.contents = ContentDock(napari_viewer, self._session, self._queries, self._theme, self)
        self.watcher = DatabaseWatcher(self._session, self._queries, self)
        self.actions_ = RecordActions(self._session, self._queries, self)
        self._build(palette)
        self._connect()
        self._apply_palette(palette)
        runners = (
            self._queries, self._painter, self._loads, self.ways.runner, self.databases.runner,
        )  # fmt: skip
        end_with(self, _let_go, self._theme, self.loader, self.contents, runners, detach)

        if database is not None:
            self._session.use(database)
        elif self._session.database is not None:
            self._show_database(self._session.database)
        else:
            self._session.open()

    # -- for other code ---------------------------------------------------------------

    @property
    def database(self) -> Database | None:
        """The database shown, None while it is being opened."""
        return self._session.database

    def import_paths(self, paths: Sequence[str | Path], *, copy: bool | None = None) -> None:
        """Import files, folders, archives or a DICOMDIR in the background.

        Parameters
        ----------
        paths : sequence of path-like
        copy : bool, optional
            Copy the files into the database; by default as last chosen in the
            import menu.
        """
        wants_copy = self.copy_action.isChecked() if copy is None else copy
        if paths:
            self._session.import_paths(ImportRequest(as_paths(paths), copy=wants_copy))

    def show_series(self, series: Sequence[SeriesRecord]) -> None:
        """Select these series."""
        self.search.clear()
        self.lists.select_series(series)

    def _show_one(self, series: SeriesRecord) -> None:
        self.show_series([series])

    def show_content(self, loadables: Sequence[Loadable]) -> None:
        """Show what the objects of `loadables` say, in the dock *DICOM content*."""
        self.contents.show_loadables(loadables)

    # -- making -----------------------------------------------------------------------

    def _build(self, palette: Palette) -> None:
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search patients, studies, series")
        self.search.setClearButtonEnabled(True)
        self.search.setAcceptDrops(False)
        self.search.setAccessibleName("Search")
        self._search_icon = self.search.addAction(
            icon("search", palette.dim), QLineEdit.ActionPosition.LeadingPosition
        )
        self._search_delay = QTimer(self)
        self._search_delay.setSingleShot(True)
        self._search_delay.setInterval(150)
        self.database_button = DatabaseButton()
        self.import_button = QPushButton()
        self.import_button.setObjectName("barButton")
        self.import_button.setText("Import")
        self.import_button.setToolTip("Import DICOM files; dropping them here does the same")
        menu = QMenu(self)
        self.folder_action = menu.addAction("Import folder…")
        self.files_action = menu.addAction("Import files…")
        menu.addSeparator()
        self.copy_action = menu.addAction("Copy files into the database")
        self.copy_action.setCheckable(True)
        self.copy_action.setChecked(recall(_COPY_KEY, False))
        self.copy_action.setToolTip("Off: the database links to the files where they are")
        self.import_button.setMenu(menu)
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.setSpacing(4)
        top.addWidget(self.search, 1)
        top.addWidget(self.import_button)
        top.addWidget(self.database_button)
        for button in (self.import_button, self.database_button):
            button.setIconSize(QSize(16, 16))

        self.import_bar = ImportBar(self._session)
        self.notice = NoticeBox("error", closable=True)
        self.notice.hide()
        self.empty = EmptyState()
        self._content = QSplitter(Qt.Orientation.Vertical)
        self._content.addWidget(self.lists)
        self._content.addWidget(self.panel)
        self._content.setChildrenCollapsible(False)
        self._content.setStretchFactor(0, 3)
        self._content.setStretchFactor(1, 2)
        self._content.setSizes([430, 250])
        self.panel.setMinimumHeight(110)
        stack = QWidget()
        self._stack = QStackedLayout(stack)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self._content)
        self.databases = DatabaseShell(
            self._session, self._theme, self, self.database_button, self._stack,
            (self.import_button,),
        )  # fmt: skip
        self.status = QElidingLabel("")
        self.status.setObjectName("dim")

        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 4)
        layout.setSpacing(6)
        layout.addLayout(top)
        layout.addWidget(self.import_bar)
        layout.addWidget(self.databases.notice)
        layout.addWidget(self.notice)
        layout.addWidget(stack, 1)
        self.view_bar = None if self._viewer is None else ViewBar(self._viewer)
        if self.view_bar is not None:
            layout.addWidget(self.view_bar)
        layout.addWidget(self.status)
        self.drop_target = DropTarget(self)
        self.setMinimumWidth(340)

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(440, 760)

    def _connect(self) -> None:
        session, lists = self._session, self.lists
        session.opened.connect(self._show_database)
        self.databases.failed.connect(self._fail)
        self.databases.back.connect(self._show_content)
        session.changed.connect(self._on_changed)
        session.import_started.connect(self._on_import_started)
        session.import_finished.connect(self._on_imported)
        self.import_bar.report_requested.connect(self.show_report)
        self.search.textChanged.connect(self._search_delay.start)
        self._search_delay.timeout.connect(self._run_search)
        self.folder_action.triggered.connect(self._ask_for_folder)
        self.files_action.triggered.connect(self._ask_for_files)
        self.empty.import_folder.connect(self._ask_for_folder)
        self.empty.import_files.connect(self._ask_for_files)
        self.copy_action.toggled.connect(partial(remember, _COPY_KEY))
        self.drop_target.dropped.connect(self.import_paths)
        lists.filled.connect(self._show_content)
        lists.failed.connect(self._fail)
        lists.series_selected.connect(self._examine)
        lists.series_opened.connect(partial(self._examine, then_load=True))
        for view, records in (
            (lists.tree, lists.selected_branches),
            (lists.series, lists.selected_series),
        ):
            view.menu_requested.connect(partial(self._show_menu, records))
            view.remove_requested.connect(partial(self._act, "ask_to_remove", records))
            view.copy_requested.connect(partial(self._act, "copy_uids", records))
        self.actions_.failed.connect(self._fail)
        self.panel.load_requested.connect(self._load)
        self.loader.failed.connect(self._on_load_failed)
        self.loader.content_read.connect(self.contents.show_loadables)
        self.loader.changed.connect(self.actions_.correct_index)
        self.watcher.changed.connect(self._on_changed)
        self.panel.series_requested.connect(self._show_one)
        self.contents.series_requested.connect(self._show_one)
        self.contents.failed.connect(self._fail)
        self._theme.changed.connect(self._apply_palette)
        find = QShortcut(QKeySequence.StandardKey.Find, self)
        find.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        find.activated.connect(self.search.setFocus)

    def _apply_palette(self, palette: Palette) -> None:
        self.setStyleSheet(style_sheet(palette))
        self.import_button.setIcon(icon("import", palette.icon))
        self._search_icon.setIcon(icon("search", palette.dim))
        parts: Iterable[Any] = (
            self.database_button, self.import_bar, self.notice, self.empty, self.panel,
            self.lists, self.view_bar,
        )  # fmt: skip
        for part in parts:
            if part is not None:
                part.apply_palette(palette)

    # -- database ---------------------------------------------------------------------

    def _show_database(self, database: Database) -> None:
        self.thumbnails.reset(database.thumbnail)
        self.panel.clear("Select a series to see how it can be opened.")
        self.notice.hide()
        self.search.clear()
        self._search_delay.stop()
        self.lists.show_database(database)
        self._count()

    def _on_changed(self) -> None:
        self.lists.refresh()
        self._count()

    def _count(self) -> None:
        if self.database is not None:
            self._queries.submit(self.database.info, returned=self._show_counts)

    def _show_counts(self, info: dict[str, Any]) -> None:
        parts = (
            count(int(info.get("patients", 0)), "patient"),
            count(int(info.get("studies", 0)), "study", "studies"),
            count(int(info.get("series", 0)), "series", "series"),
            count(int(info.get("instances", 0)), "file"),
        )
        self.status.setText(" · ".join(parts))

    def _show_content(self) -> None:
        if not self.lists.is_empty:
            self._stack.setCurrentWidget(self._content)
            return
        words = self.search.text().strip()
        if words:
            self.empty.show_no_hits(words)
        elif self._session.is_importing:
            self.empty.show_importing()
        else:
            self.empty.show_welcome()
        self._stack.setCurrentWidget(self.empty)

    # -- search -----------------------------------------------------------------------

    def _run_search(self) -> None:
        self._search_delay.stop()
        self.lists.search(self.search.text().strip())

    # -- import -----------------------------------------------------------------------

    def _ask_for_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Import a folder with DICOM files")
        if name:
            self.import_paths([name])

    def _ask_for_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Import DICOM files or archives")
        self.import_paths(names)

    def _on_import_started(self, request: ImportRequest) -> None:
        if self.lists.is_empty and not request.dry_run:
            self.empty.show_importing()

    def _on_imported(self, request: ImportRequest, report: ImportReport) -> None:
        self.thumbnails.forget(report.series_uids)
        database = self.database
        if report.series_uids and not request.dry_run and database is not None:
            uid = report.series_uids[0]
            self._queries.submit(
                lambda: [database.find_series(uid)], returned=self.lists.select_series
            )
        elif self.lists.is_empty:
            self._show_content()

    def show_report(self, report: ImportReport) -> None:
        """Show every file that an import refused, and why, in a window."""
        if self._report_dialog is None:
            self._report_dialog = ReportDialog(self)
        self._report_dialog.view.show_report(report)
        self._report_dialog.show()
        self._report_dialog.raise_()

    # -- examine and load -------------------------------------------------------------

    def _examine(self, series: Sequence[SeriesRecord], *, then_load: bool = False) -> None:
        for task in (self._examination, self._reference_search):
            if task is not None:
                task.cancel()
        database = self.database
        if not series or database is None:
            self.panel.clear("Select a series to see how it can be opened.")
            return
        examined = list(series[:_EXAMINED_AT_ONCE])

        self._examination = self._queries.submit(
            database.examine_several,
            examined,
            returned=lambda found: self._show_loadables(examined, found, then_load),
            failed=lambda error: self.panel.clear(f"It cannot be examined: {error}"),
        )

    def _show_loadables(
        self, series: list[SeriesRecord], found: list[Loadable], then_load: bool
    ) -> None:
        heading = series_title(series[0]) if len(series) == 1 else f"{len(series)} series"
        self.panel.show_loadables(found, heading)
        self._reference_search = self.contents.find_referenced(found, self.panel.show_referenced)
        self.examined.emit(found)
        # What has errors waits for "Load anyway", which the panel now shows.
        if then_load and not self.panel.has_errors():
            self.panel.load()

    def _load(self, loadables: list[Loadable]) -> None:
        if self._viewer is None and any(one.kind != CONTENT for one in loadables):
            self._fail(RuntimeError("There is no napari viewer to load into."))
            return
        self.notice.hide()
        self.loader.load(loadables)

    def _on_load_failed(self, loadable: Loadable, error: Exception) -> None:
        self._fail(error)
        show_error(f"Loading failed: {error}")

    # -- rows -------------------------------------------------------------------------

    def _show_menu(self, records: Any, position: Any) -> None:
        chosen = records()
        if chosen:
            load = content = None
            if records == self.lists.selected_series:
                load = partial(self._examine, chosen, then_load=True)
                content = partial(self.contents.show_series, chosen)
            menu = self.actions_.menu(chosen, load, content)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(position)

    def _act(self, name: str, records: Any) -> None:
        chosen = records()
        if chosen:
            getattr(self.actions_, name)(chosen)

    def _fail(self, error: Exception) -> None:
        self.notice.show_text(str(error), "error")
        self.notice.show()


def _let_go(
    theme: ThemeWatcher, loader: LayerLoader, contents: ContentDock, runners: Any, detach: Any
) -> None:
    """Stop the work of a dock that is gone."""
    theme.disconnect_settings()
    loader.close()
    contents.close()
    for runner in runners:
        runner.close()
    detach()
