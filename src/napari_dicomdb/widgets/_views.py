"""The views of the browser, of which one is shown: tables and cards."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QStackedWidget, QWidget

from napari_dicomdb.viewer.preferences import preference
from napari_dicomdb.widgets._session import recall_view, remember_view
from napari_dicomdb.widgets.cards_view import StudyCardsView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.widgets._tasks import TaskRunner
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.loadable_cache import LoadableCache
    from napari_dicomdb.widgets.models import WayRow
    from napari_dicomdb.widgets.tables_view import TablesView
    from napari_dicomdb.widgets.thumbnails import ThumbnailCache

__all__ = ["Views"]

_KEY = "view"


class Views(QStackedWidget):
    """Shows one of several views of the same database, and speaks for it.

    The cards are made when they are asked for the first time. What the hidden
    view shows may be out of date: it is read again when it is shown.

    Parameters
    ----------
    tables : TablesView
    runner, thumbnails, palette, ways
        For the cards, as for the tables.
    """

    series_selected = Signal(object)  # list of SeriesRecord
    series_opened = Signal(object)  # list of SeriesRecord
    filled = Signal()
    failed = Signal(object)
    menu_requested = Signal(object)  # global position
    remove_requested = Signal()
    copy_requested = Signal()
    busy_changed = Signal(bool)

    def __init__(
        self,
        tables: TablesView,
        runner: TaskRunner,
        thumbnails: ThumbnailCache,
        palette: Palette,
        *,
        ways: LoadableCache,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._make_cards = partial(StudyCardsView, runner, thumbnails, ways=ways)
        self._palette = palette
        self._database: Database | None = None
        self._shown: dict[str, Database | None] = {"tables": None}
        self._views: dict[str, Any] = {"tables": tables}
        self.name = "tables"
        self._add("tables", tables)

    @property
    def current(self) -> Any:
        """The view that is shown."""
        return self._views[self.name]

    @property
    def cards(self) -> StudyCardsView | None:
        """The cards, None before they are asked for."""
        return self._views.get("cards")

    def _add(self, name: str, view: Any) -> None:
        self.addWidget(view)
        names = (
            "series_selected", "series_opened", "filled", "failed", "menu_requested",
            "remove_requested", "copy_requested", "busy_changed",
        )  # fmt: skip
        for signal in names:
            if hasattr(view, signal):
                getattr(view, signal).connect(partial(self._pass_on, name, signal))

    def _pass_on(self, name: str, signal: str, *said: Any) -> None:
        if name == self.name:  # what is hidden says nothing
            getattr(self, signal).emit(*said)

    # -- which ------------------------------------------------------------------------

    def show_view(self, name: str, text: str = "") -> None:
        """Show another view, searched by `text`, with the same series selected."""
        if name != self.name:
            chosen = self.current.selected_series()
            self.current.keep_state()
            self._switch(name)
            if self._database is not None:
                remember_view(self._database.path, _KEY, name)
            self._bring_up_to_date()
            self.current.search(text)
            if chosen:
                self.current.select_series(chosen)
            else:
                self.filled.emit()
        self.focus()

    def _switch(self, name: str) -> None:
        if name not in self._views:
            self._views[name] = view = self._make_cards(self._palette)
            self._add(name, view)
        self.name = name
        self.setCurrentWidget(self.current)

    def _bring_up_to_date(self) -> None:
        if self._shown.get(self.name) is not self._database:
            self._shown[self.name] = self._database
            self.current.show_database(self._database)
        else:
            self.current.refresh()

    def focus(self) -> None:
        """Give the keys to the rows or cards."""
        view = self.current
        target: QObject = getattr(view, "series", view)
        if isinstance(target, QWidget):
            target.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- of the view that is shown ----------------------------------------------------

    def show_database(self, database: Database) -> None:
        """Show another database, in the view it was seen in last."""
        self._database = database
        first = preference("browser", "default_view", "tables")
        name = recall_view(database.path, _KEY, first)
        self._switch(name if name in ("tables", "cards") else "tables")
        self._bring_up_to_date()

    def refresh(self) -> None:
        """List again."""
        self.current.refresh()

    def search(self, text: str) -> None:
        """List only what a search text finds; "": all."""
        self.current.search(text)

    def cancel(self) -> None:
        """Do not wait for rows that are being asked for."""
        if hasattr(self.current, "cancel"):
            self.current.cancel()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is listed."""
        return bool(self.current.is_empty)

    def selected_records(self) -> list[Any]:
        """Return what is selected: patients, studies or series."""
        return list(self.current.selected_records())

    def selected_series(self) -> list[SeriesRecord]:
        """Return the series selected."""
        return list(self.current.selected_series())

    def selected_ways(self) -> list[WayRow]:
        """Return the single ways to open a series that are selected."""
        return list(self.current.selected_ways()) if self.name == "tables" else []

    def select_series(self, series: Sequence[SeriesRecord]) -> None:
        """Select series, wherever they are."""
        self.current.select_series(series)

    def keep_state(self) -> None:
        """Remember what is selected for the next session."""
        self.current.keep_state()

    def apply_palette(self, palette: Palette) -> None:
        """Paint in the colours of another theme."""
        self._palette = palette
        for view in self._views.values():
            view.apply_palette(palette)
