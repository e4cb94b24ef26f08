"""The *DICOM network* dock: query, jobs, listener, log and nodes, a page each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QFileDialog,
    QShortcut,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.viewer.browse import show_browser
from napari_dicomdb.widgets._dock_tabs import DockTab
from napari_dicomdb.widgets._drag import CanvasDrop
from napari_dicomdb.widgets._remote_local import series_here
from napari_dicomdb.widgets._session import attach_session, end_with
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._text import count, one_line
from napari_dicomdb.widgets._theme import ThemeWatcher, style_sheet
from napari_dicomdb.widgets.jobs_page import JobsPage
from napari_dicomdb.widgets.listener_page import ListenerPage
from napari_dicomdb.widgets.log_page import LogPage
from napari_dicomdb.widgets.match_view import dragged_keys
from napari_dicomdb.widgets.nodes_page import NodesPage
from napari_dicomdb.widgets.notice import NoticeBox
from napari_dicomdb.widgets.query_page import QueryPage
from napari_dicomdb.widgets.remote_opening import RemoteOpener, by_node, wanted_of
from napari_dicomdb.widgets.work_bar import WorkBar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.widgets._network_page import NetworkPage
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.models.match_rows import MatchRow

__all__ = ["DicomNetwork"]

_PLURALS = {"patient": "patients", "study": "studies", "series": "series",
            "instance": "instances"}  # fmt: skip


class DicomNetwork(QWidget):
    """Ask other DICOM programs, fetch from them, listen to them.

    Alt and a number turn to a page, Ctrl+PageUp and Ctrl+PageDown to the next one.

    Parameters
    ----------
    napari_viewer : napari viewer, optional
        Where what is loaded goes.
    database : Database, optional
        Where what is retrieved goes; by default the one that other docks show, or
        the default one of the settings.
    """

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
        self.network = self._session.network
        self._runner = TaskRunner("asking", 4)
        self._theme = ThemeWatcher(napari_viewer, self)
        palette = self._theme.palette
        parts = (self.network, self._runner, palette)
        self.query = QueryPage(*parts)
        self.jobs = JobsPage(*parts)
        self.listener = ListenerPage(*parts)
        self.log = LogPage(*parts)
        self.nodes = NodesPage(*parts)
        self.pages: dict[str, NetworkPage] = {
            "query": self.query,
            "jobs": self.jobs,
            "listener": self.listener,
            "log": self.log,
            "nodes": self.nodes,
        }
        self.opener = RemoteOpener(napari_viewer, self.network, self.query.node, self)
        self._build()
        self._connect()
        self._connect_keys()
        self._apply_palette(palette)
        end_with(self, _let_go, self._theme, self.opener, self._runner, detach)
        if database is not None:
            self._session.use(database)
        elif self._session.database is None:
            self._session.open()

    # -- making -----------------------------------------------------------------------

    def _build(self) -> None:
        self.notice = NoticeBox(closable=True)
        self.notice.hide()
        self.work_bar = WorkBar("Stop; what has arrived stays in the database")
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("Pages of the DICOM network")
        for number, page in enumerate(self.pages.values(), start=1):
            self.tabs.addTab(page, page.title)
            self.tabs.setTabToolTip(number - 1, f"{page.title} (Alt+{number})")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(6)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.notice)
        layout.addWidget(self.work_bar)
        self.canvas_drop = CanvasDrop(self, dragged_keys)
        self.setMinimumWidth(340)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(460, 700)

    def _connect(self) -> None:
        results, opener = self.query.results, self.opener
        results.load_requested.connect(self.load)
        results.stream_requested.connect(opener.stream)
        results.retrieve_requested.connect(self.retrieve)
        results.retrieve_to_requested.connect(self.ask_where_to)
        results.show_requested.connect(self.show_in_browser)
        self.query.nodes_wanted.connect(self._add_node)
        self.nodes.changed.connect(self.network.nodes_changed)
        opener.progressed.connect(self.work_bar.show_work)
        opener.idle.connect(self.work_bar.end)
        opener.told.connect(self.tell)
        self.work_bar.cancelled.connect(opener.cancel)
        self.network.jobs_changed.connect(self._show_running)
        self.network.failed.connect(self._tell_error)
        self.canvas_drop.dropped.connect(self.load_dragged)
        self._theme.changed.connect(self._apply_palette)
        self._show_running()

    def _connect_keys(self) -> None:
        keys: dict[str, Any] = {
            "Ctrl+PgDown": lambda: self._turn(1),
            "Ctrl+PgUp": lambda: self._turn(-1),
        }
        for number, name in enumerate(self.pages, start=1):
            keys[f"Alt+{number}"] = lambda name=name: self.show_page(name)
        for key, call in keys.items():
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(call)

    def _apply_palette(self, palette: Palette) -> None:
        self.setStyleSheet(f"{style_sheet(palette)}\nQTabWidget::pane {{ border: 0px; }}")
        for page in self.pages.values():
            page.apply_palette(palette)
        self.notice.apply_palette(palette)
        self.work_bar.apply_palette(palette)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keep from the viewer what would delete its points, shapes and layers."""
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            event.accept()
        else:
            super().keyPressEvent(event)

    # -- pages ------------------------------------------------------------------------

    @property
    def page(self) -> str:
        """Name of the page that is shown."""
        return list(self.pages)[self.tabs.currentIndex()]

    def show_page(self, name: str) -> None:
        """Turn to a page: "query", "jobs", "listener", "log" or "nodes"."""
        page = self.pages[name]
        self.tabs.setCurrentWidget(page)
        page.focus_first()

    def _turn(self, step: int) -> None:
        names = list(self.pages)
        self.show_page(names[(names.index(self.page) + step) % len(names)])

    def _add_node(self) -> None:
        self.show_page("nodes")
        self.nodes.ask_to_add()

    def _show_running(self, *_: object) -> None:
        running = self.network.running_count
        place = list(self.pages).index("jobs")
        self.tabs.setTabText(place, f"{self.jobs.title} ({running})" if running else "Jobs")

    def _tell_error(self, error: Exception) -> None:
        self.tell(str(error), "error")

    def tell(self, text: str, severity: str = "info") -> None:
        """Say something below the pages."""
        self.notice.show_text(text, severity)
        self.notice.show()

    # -- what was found ---------------------------------------------------------------

    def load(self, rows: Sequence[MatchRow]) -> None:
        """Retrieve what is not here, and open all."""
        self.notice.hide()
        self.opener.load(rows)

    def load_dragged(self, keys: Sequence[tuple[str, str]]) -> None:
        """Load what was dragged out of the results onto the canvas."""
        wanted = set(keys)
        rows = [row for row in self.query.results.model.rows() if (row.level, row.uid) in wanted]
        if rows:
            self.load(rows)

    def retrieve(self, rows: Sequence[MatchRow], only_missing: bool, node: str = "") -> None:
        """Put the retrieval of rows into the queue, a job for each node."""
        for name, several in by_node(rows, node).items():
            try:
                wanted = [wanted_of(row).to_json() for row in several]
            except DicomDbError as error:
                self.tell(str(error), "error")
                continue
            what = {"wanted": wanted, "only_missing": only_missing}
            level = several[0].level
            amount = count(len(several), level, _PLURALS[level])
            self.network.add_job(
                "retrieve", what, title=f"Retrieve {amount} from {one_line(name)}", node=name
            )

    def ask_where_to(self, rows: Sequence[MatchRow]) -> None:
        """Let the user choose another database, and retrieve into it."""
        folder = QFileDialog.getExistingDirectory(self, "Choose the folder of a database")
        if folder:
            self.opener.retrieve_into(rows, Path(folder))

    def show_in_browser(self, rows: Sequence[MatchRow]) -> None:
        """Select in the browser what is here of rows."""
        database = self._session.database
        if database is None or self._viewer is None:
            return

        def show(series: list[SeriesRecord]) -> None:
            if not series:
                self.tell("Nothing of it is in the database any more.", "warning")
                return
            show_browser(self._viewer).show_series(series)

        self._runner.submit(
            series_here,
            database,
            [row.match for row in rows],
            returned=show,
            failed=lambda error: self.tell(str(error), "error"),
        )


def _let_go(theme: ThemeWatcher, opener: RemoteOpener, runner: TaskRunner, detach: Any) -> None:
    theme.disconnect_settings()
    opener.close()
    runner.close()
    detach()
