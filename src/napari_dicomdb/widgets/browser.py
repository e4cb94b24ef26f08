"""The *DICOM browser* dock: what the database holds, how to open it, how to add to it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt, QTimer, Signal
from qtpy.QtGui import QHideEvent, QKeyEvent, QKeySequence, QResizeEvent
from qtpy.QtWidgets import (
    QShortcut,
    QSizePolicy,
    QSplitter,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.widgets._actions import RecordActions
from napari_dicomdb.widgets._browser_imports import BrowserImports
from napari_dicomdb.widgets._browser_menu import BrowserMenu
from napari_dicomdb.widgets._dock_tabs import DockTab
from napari_dicomdb.widgets._drag import CanvasDrop
from napari_dicomdb.widgets._ending import let_go
from napari_dicomdb.widgets._examining import Examiner
from napari_dicomdb.widgets._preferences import BrowserPreferences
from napari_dicomdb.widgets._session import (
    attach_session,
    end_with,
    recall_view,
    remember_view,
)
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._theme import Palette, ThemeWatcher, style_sheet
from napari_dicomdb.widgets._views import Views
from napari_dicomdb.widgets._watch import DatabaseWatcher
from napari_dicomdb.widgets.browser_bar import BrowserBar
from napari_dicomdb.widgets.browser_network import BrowserNetwork
from napari_dicomdb.widgets.browser_notice import BrowserNotice
from napari_dicomdb.widgets.content_dock import ContentDock
from napari_dicomdb.widgets.database_shell import DatabaseShell
from napari_dicomdb.widgets.drop_target import DropTarget
from napari_dicomdb.widgets.empty_state import EmptyState
from napari_dicomdb.widgets.examine_panel import ExaminePanel
from napari_dicomdb.widgets.import_bar import ImportBar
from napari_dicomdb.widgets.loadable_cache import LoadableCache
from napari_dicomdb.widgets.loading import LayerLoader
from napari_dicomdb.widgets.metadata_dock import MetadataDock
from napari_dicomdb.widgets.network_indicator import NetworkIndicator
from napari_dicomdb.widgets.recent_activity import RecentActivity
from napari_dicomdb.widgets.several_search import SeveralSearch
from napari_dicomdb.widgets.status_line import StatusLine, counted
from napari_dicomdb.widgets.tables_view import TablesView
from napari_dicomdb.widgets.thumbnails import ThumbnailCache
from napari_dicomdb.widgets.view_bar import ViewBar
from napari_dicomdb.widgets.work_bar import WorkBar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from napari_dicomdb.api import Database
    from napari_dicomdb.database import ImportReport
    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.loading.loadable import Loadable

__all__ = ["DicomBrowser"]

_PANEL_KEY = "panel_sizes"
_SEARCH_KEY = "search"
_PANEL_SIZES = [430, 230]
_KEEP = 1000  # ms after the last change, until the selection is remembered


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
        DockTab(self)
        self._viewer = napari_viewer
        self._session, detach = attach_session()
        self._queries = TaskRunner("query", 2)
        self._painter = TaskRunner("thumbnail", 2)
        self._loads = TaskRunner("load")
        self._theme = ThemeWatcher(napari_viewer, self)
        palette = self._theme.palette

        self.thumbnails = ThumbnailCache(self._painter, parent=self)
        self.loader = LayerLoader(napari_viewer, self._loads, self)
        self.loader.database = lambda: self._session.database
        self.ways = LoadableCache(self._session, self)
        parts = (self._queries, self.thumbnails, palette)
        self.lists = TablesView(*parts, ways=self.ways)
        self.views = Views(self.lists, *parts, ways=self.ways)
        self.panel = ExaminePanel(palette)
        self.contents = ContentDock(napari_viewer, self._session, self._queries, self._theme, self)
        self.metadata = MetadataDock(
            napari_viewer, self._session, self._queries, self._theme, self
        )
        self.watcher = DatabaseWatcher(self._session, self._queries, self)
        self.actions_ = RecordActions(self._session, self._queries, self)
        self.recent = RecentActivity(self._queries, self.thumbnails, self)
        self.load_bar = WorkBar("Cancel loading; layers that are there stay")
        self.query_bar = WorkBar("Stop waiting for the list")
        self.removal_bar = WorkBar("Stop removing; what is removed is removed")
        self.examiner = Examiner(
            self._session, self._queries, self.panel, self.loader, self.contents, self.load_bar,
            napari_viewer,
        )  # fmt: skip
        self._build(palette)
        self.menus = BrowserMenu(self)
        self.remote = BrowserNetwork(self)
        self.indicator = NetworkIndicator(
            self.bar.network_button, self._session.network, self.remote.open, palette
        )
        self.importing = BrowserImports(self, self._queries)
        self._connect()
        self._connect_keys()
        self._apply_palette(palette)
        self.preferences = BrowserPreferences(
            self._session, self.thumbnails, self.ways, self.copy_action, self
        )
        runners = (
            self._queries, self._painter, self._loads, self.ways.runner, self.databases.runner,
            self.ways.related.runner,
        )  # fmt: skip
        end_with(self, self.preferences.disconnect_settings)
        end_with(
            self, let_go, self._theme, self.loader, self.contents, self.metadata, runners, detach
        )

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

    @property
    def session(self) -> Any:
        """The session that all docks share."""
        return self._session

    def import_paths(self, paths: Sequence[str | Path], *, copy: bool | None = None) -> None:
        """Import files, folders, archives or a DICOMDIR in the background.

        Parameters
        ----------
        paths : sequence of path-like
        copy : bool, optional
            Copy the files into the database; by default as last chosen in the
            import menu.
        """
        self.importing.start(paths, copy=copy)

    def show_series(self, series: Sequence[SeriesRecord]) -> None:
        """Select these series."""
        self.bar.search.reset()
        self._keep_search("")
        self.views.current.search("")
        self.views.current.select_series(series)

    def _show_one(self, series: SeriesRecord) -> None:
        self.show_series([series])

    def show_content(self, loadables: Sequence[Loadable]) -> None:
        """Show what the objects of `loadables` say, in the dock *DICOM content*."""
        self.contents.show_loadables(loadables)

    # -- making -----------------------------------------------------------------------

    def _build(self, palette: Palette) -> None:
        self.bar = BrowserBar()
        self.search = self.bar.search.edit
        self.database_button = self.bar.database_button
        self.import_button = self.bar.import_button
        self.copy_action = self.bar.copy_action
        self.import_bar = ImportBar(self._session)
        self.notice = BrowserNotice()
        self.empty = EmptyState()
        self._content = QSplitter(Qt.Orientation.Vertical)
        self._content.addWidget(self.views)
        self._content.addWidget(self.panel)
        self._content.setChildrenCollapsible(False)
        self._content.setStretchFactor(0, 3)
        self._content.setStretchFactor(1, 1)
        self._content.setSizes(_PANEL_SIZES)
        self.panel.setMinimumHeight(110)
        stack = QWidget()
        self._stack = QStackedLayout(stack)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self._content)
        self.databases = DatabaseShell(
            self._session, self._theme, self, self.database_button, self._stack,
            (self.import_button,),
        )  # fmt: skip
        self.several = SeveralSearch(self._session, self.databases.runner, self)
        self.status = StatusLine()
        self.view_bar = None if self._viewer is None else ViewBar(self._viewer)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 4)
        layout.setSpacing(6)
        for part in (
            self.bar,
            self.import_bar,
            self.databases.notice,
            self.notice,
            self.removal_bar,
            self.query_bar,
        ):
            layout.addWidget(part)
        layout.addWidget(stack, 1)
        layout.addWidget(self.load_bar)
        if self.view_bar is not None:
            layout.addWidget(self.view_bar)
        layout.addWidget(self.status)
        self.drop_target = DropTarget(self)
        self.canvas_drop = CanvasDrop(self)
        self.setMinimumWidth(340)
        # Else napari puts empty space below it, and the lists get half of the dock.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(440, 760)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Use the room there is: one line above, or two."""
        super().resizeEvent(event)
        self.bar.fit(event.size().width())

    def _connect(self) -> None:
        session, bar, views = self._session, self.bar, self.views
        session.opened.connect(self._show_database)
        self.databases.failed.connect(self.notice.tell)
        self.databases.back.connect(self.show_what_is_there)
        session.changed.connect(self._on_changed)
        bar.search.searched.connect(views.search)
        bar.search.searched.connect(self._keep_search)
        bar.search.searched.connect(lambda _text: self._count())
        self.several.attach(bar.search, bar.scope, self._stack, self.show_what_is_there)
        self.several.found_series.connect(self._show_one)
        self.several.examined.connect(self.loader.load)
        self.several.failed.connect(self.notice.tell)
        bar.search.left.connect(views.focus)
        bar.view_chosen.connect(self.show_view)
        bar.recent_requested.connect(self.show_recent)
        views.filled.connect(self.show_what_is_there)
        views.failed.connect(self.notice.tell)
        views.busy_changed.connect(self._show_busy)
        views.series_selected.connect(self._on_selected)
        views.series_opened.connect(self._on_opened)
        self.query_bar.cancelled.connect(views.cancel)
        self.actions_.failed.connect(self.notice.tell)
        self.actions_.progressed.connect(self.removal_bar.show_work)
        self.actions_.idle.connect(self.removal_bar.end)
        self.removal_bar.cancelled.connect(self.actions_.cancel)
        self.actions_.pictures_dropped.connect(self.thumbnails.forget)
        self.actions_.removed.connect(lambda *_: self.thumbnails.refresh())
        # What the user waits for comes before pictures.
        self.loader.progressed.connect(lambda *_: self.thumbnails.hold(True))
        self.loader.idle.connect(lambda: self.thumbnails.hold(False))
        self.actions_.pictures_dropped.connect(lambda _uids: views.refresh())
        self.examiner.examined.connect(self.examined)
        self.examiner.failed.connect(self.notice.tell)
        self.examiner.missing.connect(self.notice.tell_missing)
        self.loader.content_read.connect(self.contents.show_loadables)
        self.loader.changed.connect(self.actions_.correct_index)
        self.watcher.changed.connect(self._on_changed)
        self.panel.series_requested.connect(self._show_one)
        self.contents.series_requested.connect(self._show_one)
        self.contents.failed.connect(self.notice.tell)
        self.metadata.failed.connect(self.notice.tell)
        self.recent.chosen.connect(self._show_one)
        self.recent.failed.connect(self.notice.tell)
        self.canvas_drop.dropped.connect(self.examiner.load_dragged)
        self.notice.triggered.connect(self._find_moved)
        self._theme.changed.connect(self._apply_palette)
        self._content.splitterMoved.connect(self._keep_sizes)
        self._keeping = QTimer(self)
        self._keeping.setSingleShot(True)
        self._keeping.setInterval(_KEEP)
        self._keeping.timeout.connect(views.keep_state)

    def _connect_keys(self) -> None:
        keys: dict[Any, Any] = {
            QKeySequence.StandardKey.Find: self._find,
            "F5": self._on_changed,
            "Ctrl+1": partial(self.show_view, "tables"),
            "Ctrl+2": partial(self.show_view, "cards"),
            "Ctrl+3": self.remote.open,
        }
        for key, call in keys.items():
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(call)

    def _find(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def _apply_palette(self, palette: Palette) -> None:
        self.setStyleSheet(style_sheet(palette))
        parts: Iterable[Any] = (
            self.bar, self.import_bar, self.notice, self.empty, self.panel, self.views,
            self.recent, self.load_bar, self.query_bar, self.removal_bar, self.view_bar,
            self.remote, self.indicator,
        )  # fmt: skip
        for part in parts:
            if part is not None:
                part.apply_palette(palette)

    # -- database ---------------------------------------------------------------------

    def _show_database(self, database: Database) -> None:
        self.thumbnails.reset(
            database.thumbnail_image, None if database.read_only else database.retry_thumbnails
        )
        self.examiner.clear()
        self.notice.hide()
        self.bar.search.reset()
        self.views.show_database(database)
        self.bar.show_view(self.views.name)
        words = recall_view(database.path, _SEARCH_KEY, "")
        if words:
            self.search.setText(words)
            self.bar.search.run()
        sizes = recall_view(database.path, _PANEL_KEY, _PANEL_SIZES)
        self._content.setSizes(sizes if len(sizes) == 2 else _PANEL_SIZES)
        self._count()

    def _on_changed(self) -> None:
        self.views.refresh()
        self._count()

    def _count(self) -> None:
        database = self.database
        if database is not None:
            text = self.bar.search.text()
            self._queries.submit(
                partial(counted, database, text),
                returned=partial(self._show_counts, database, text),
                failed=self.notice.tell,
            )

    def _show_counts(self, database: Database, text: str, counts: Any) -> None:
        if database is self.database and text == self.bar.search.text():
            self.status.show_counts(*counts)

    def show_what_is_there(self) -> None:
        """Show what is listed, or say why nothing is."""
        if self._session.failure is not None or self.several.is_active:
            return  # the page that says why, or what was found elsewhere, stays
        if not self.views.is_empty:
            self._stack.setCurrentWidget(self._content)
            return
        words = self.bar.search.text()
        if words:
            self.empty.show_no_hits(words)
        elif self._session.is_importing:
            self.empty.show_importing()
        else:
            self.empty.show_welcome()
        self._stack.setCurrentWidget(self.empty)

    # -- views ------------------------------------------------------------------------

    def show_view(self, name: str) -> None:
        """Show the "tables" or the "cards"; search and selection are taken along."""
        self.views.show_view(name, self.bar.search.text())
        self.bar.show_view(self.views.name)

    def show_recent(self) -> None:
        """Show what came last into the database, and what was done with it."""
        button = self.bar.recent_button
        self.recent.open_at(button.mapToGlobal(button.rect().bottomLeft()), self.database)

    def _run_search(self) -> None:
        self.bar.search.run()

    def _show_busy(self, busy: bool) -> None:
        if busy:
            self.query_bar.show_work("Asking the database…")
        else:
            self.query_bar.end()

    def _keep_search(self, text: str) -> None:
        if self.database is not None:
            remember_view(self.database.path, _SEARCH_KEY, text)

    def _keep_sizes(self, *_: object) -> None:
        if self.database is not None:
            remember_view(self.database.path, _PANEL_KEY, self._content.sizes())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keep from the viewer what would delete its points, shapes and layers."""
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            event.accept()
        else:
            super().keyPressEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """Remember what is selected: the dock may be closed for good."""
        self.views.keep_state()
        super().hideEvent(event)

    def show_report(self, report: ImportReport) -> None:
        """Show every file that an import refused, and why, in a window."""
        self.importing.show_report(report)

    # -- examine and load -------------------------------------------------------------

    def _on_selected(self, series: list[SeriesRecord]) -> None:
        self.examiner.examine(series, self.views.selected_ways())
        self._keeping.start()

    def _on_opened(self, series: list[SeriesRecord]) -> None:
        self.notice.hide()
        self.examiner.examine(series, self.views.selected_ways(), then_load=True)

    def _find_moved(self) -> None:
        self.notice.hide()
        self.databases.actions.show_upkeep("relink")
