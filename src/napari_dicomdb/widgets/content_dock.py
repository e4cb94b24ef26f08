"""The dock *DICOM content* of a viewer: made when asked for, used again while it is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_dicomdb.widgets._text import series_title
from napari_dicomdb.widgets.content_pages import (
    pages_of_instances,
    pages_of_loadables,
    series_referred_to,
)
from napari_dicomdb.widgets.content_view import ContentView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.dicom.content import ContentTree
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._tasks import Task, TaskRunner
    from napari_dicomdb.widgets._theme import Palette, ThemeWatcher
    from napari_dicomdb.widgets.content_pages import ContentPage

__all__ = ["CONTENT_DOCK", "ContentDock"]

_WIDTHS = 430, 360  # pixels for the browser and the content
_LOOKED_UP = 1000  # references
CONTENT_DOCK = "DICOM content"


class ContentDock(QObject):
    """Shows the content of loadables and series beside the browser.

    Parameters
    ----------
    viewer : napari viewer or None
        Without one, the content has a window of its own.
    session : DatabaseSession
        Whose database is asked where references lead.
    runner : TaskRunner
        Where questions to the database run.
    theme : ThemeWatcher
    host : QWidget
        The browser; the dock opens beside its own.
    """

    series_requested = Signal(object)  # SeriesRecord
    failed = Signal(object)

    def __init__(
        self,
        viewer: Any,
        session: DatabaseSession,
        runner: TaskRunner,
        theme: ThemeWatcher,
        host: QWidget,
    ) -> None:
        super().__init__(host)
        self._host = host
        self._viewer = viewer
        self._session = session
        self._runner = runner
        self._theme = theme
        self.view: ContentView | None = None
        theme.changed.connect(self._apply_palette)

    def show_loadables(
        self, loadables: Sequence[Loadable], first: ContentTree | None = None, at: int = 0
    ) -> None:
        """Show what the instances of `loadables` say; `first` is that of page `at`."""
        self.show_pages(pages_of_loadables(loadables), first, at)

    def show_series(self, series: Sequence[SeriesRecord]) -> None:
        """Show the attributes, or the content, of every instance of `series`."""
        database = self._session.database
        if database is None:
            return

        def pages() -> list[ContentPage]:
            return [
                page
                for one in series
                for page in pages_of_instances(series_title(one), database.instances(one))
            ]

        self._runner.submit(pages, returned=self.show_pages, failed=self.failed.emit)

    def find_referenced(
        self, loadables: Sequence[Loadable], returned: Callable[[list[SeriesRecord]], None]
    ) -> Task | None:
        """Look for the series of the database that `loadables` refer to, beside their own."""
        database = self._session.database
        own = frozenset(r.series_uid for one in loadables for r in one.instances)
        uids = list(dict.fromkeys(u for one in loadables for u in one.referenced_uids))
        if database is None or not uids:
            return None

        def find() -> list[SeriesRecord]:
            found = series_referred_to(database, uids[:_LOOKED_UP], apart_from=own)
            return list({series.key: series for series in found.values()}.values())

        return self._runner.submit(find, returned=returned, failed=self.failed.emit)

    def show_pages(
        self, pages: Sequence[ContentPage], first: ContentTree | None = None, at: int = 0
    ) -> None:
        """Open the dock, where it is not open, on these pages."""
        if not pages:
            return
        if self.view is None:
            self.view = self._make()
        if self._viewer is not None and self.view.parentWidget() is None:
            # New, or taken out of the window by the cross of its dock.
            self._viewer.window.add_dock_widget(
                self.view, name=CONTENT_DOCK, area="right", add_vertical_stretch=False
            )
            self._place(self.view)
        self.view.show_pages(pages, first, at)
        window = self.view.parentWidget() or self.view
        window.show()
        window.raise_()

    def _place(self, view: ContentView) -> None:
        """Put the dock beside the browser's: below it there is room for neither."""
        window, dock, browser = view.window(), view.parentWidget(), self._host.parentWidget()
        docks = isinstance(dock, QDockWidget) and isinstance(browser, QDockWidget)
        if docks and isinstance(window, QMainWindow) and self._host.window() is window:
            window.splitDockWidget(browser, dock, Qt.Orientation.Horizontal)
            # The dock has no width before the layout has seen it.
            QTimer.singleShot(0, lambda: self._widen(view))

    def _widen(self, view: ContentView) -> None:
        if view is not self.view:
            return
        window, docks = view.window(), [self._host.parentWidget(), view.parentWidget()]
        if isinstance(window, QMainWindow) and all(isinstance(d, QDockWidget) for d in docks):
            window.resizeDocks(docks, list(_WIDTHS), Qt.Orientation.Horizontal)

    def close(self) -> None:
        """Let go of content that is in no window; a dock that is open stays."""
        view, self.view = self.view, None
        if view is not None and view.parentWidget() is None:
            view.close()
            view.deleteLater()

    def _make(self) -> ContentView:
        session = self._session

        def find(uids: Sequence[str]) -> dict[str, SeriesRecord]:
            database = session.database
            return {} if database is None else series_referred_to(database, uids)

        view = ContentView(find, self._theme.palette)
        view.series_requested.connect(self.series_requested)
        view.destroyed.connect(self._forget)
        view.setWindowTitle(CONTENT_DOCK)
        return view

    def _forget(self, *_: object) -> None:
        self.view = None

    def _apply_palette(self, palette: Palette) -> None:
        if self.view is not None:
            self.view.apply_palette(palette)
