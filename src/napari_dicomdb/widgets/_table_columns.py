"""Which columns a table shows, in which order and how wide: chosen by the user, remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QPoint, Qt, QTimer
from qtpy.QtGui import QFont, QFontMetrics
from qtpy.QtWidgets import QMenu

from napari_dicomdb.widgets._rows import ARROW, THUMBNAIL
from napari_dicomdb.widgets._session import recall_view, remember_view
from napari_dicomdb.widgets.models import PagedTable, SeriesTable, place_of

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dicomdb.widgets.models import Column
    from napari_dicomdb.widgets.record_view import RecordView

__all__ = ["TableColumns"]

_PADDING = 16
_ARROW_ROOM = 14  # of the sort arrow in the header
_PAUSE = 300  # ms; while a header is dragged it changes all the time


class TableColumns(QObject):
    """Arranges the columns of one table.

    Before the user has chosen, as many as fit are shown, the most telling
    first; what was chosen is shown whether it fits or not. The main column
    takes the room that is left, until the user gives it a width.

    Parameters
    ----------
    view : RecordView
        With its model.
    name : str
        By which the choice is remembered for each database.
    """

    def __init__(self, view: RecordView, name: str) -> None:
        super().__init__(view)
        self._view = view
        self._key = f"{name}_columns"
        self._path: Path | None = None
        self._font_size = 9
        self._is_arranging = False
        self.chosen: list[str] | None = None  # None: as many as fit
        self._widths: dict[str, int] = {}
        header = view.horizontalHeader()
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._show_menu)
        header.sectionMoved.connect(self._on_moved)
        header.sectionResized.connect(self._on_resized)
        header.sortIndicatorChanged.connect(self._save_soon)
        self._saving = QTimer(self)
        self._saving.setSingleShot(True)
        self._saving.setInterval(_PAUSE)
        self._saving.timeout.connect(self.save)
        view.viewport().installEventFilter(self)

    @property
    def _model(self) -> PagedTable:
        model: PagedTable = self._view.model()
        return model

    # -- remembered -------------------------------------------------------------------

    def recall(self, path: Path | None) -> None:
        """Arrange the columns as they were left in the database at `path`."""
        self.save_now()
        self._path = path
        kept = recall_view(path, self._key, {})
        names = [column.name for column in self._model.columns]
        chosen = kept.get("shown")
        self.chosen = [n for n in chosen if n in names] if isinstance(chosen, list) else None
        widths = kept.get("widths")
        self._widths = {
            name: max(int(width), 28)
            for name, width in (widths.items() if isinstance(widths, dict) else ())
            if name in names and isinstance(width, int | float)
        }
        order = kept.get("order")
        self._arrange_order([n for n in order if n in names] if isinstance(order, list) else names)
        self._sort_by(kept.get("sort"))
        self.fit()

    def save(self) -> None:
        """Remember the present choice for this database."""
        self._saving.stop()
        header = self._view.horizontalHeader()
        columns = self._model.columns
        order = [columns[header.logicalIndex(k)].name for k in range(len(columns))]
        kept: dict[str, Any] = {"order": order, "widths": dict(self._widths)}
        if self.chosen is not None:
            kept["shown"] = list(self.chosen)
        section = header.sortIndicatorSection()
        if 0 <= section < len(columns):
            descending = header.sortIndicatorOrder() == Qt.SortOrder.DescendingOrder
            kept["sort"] = [columns[section].name, descending]
        remember_view(self._path, self._key, kept)

    def save_now(self) -> None:
        """Remember what waits to be."""
        if self._saving.isActive():
            self.save()

    def _save_soon(self, *_: object) -> None:
        if not self._is_arranging:
            self._saving.start()

    def _arrange_order(self, names: list[str]) -> None:
        header = self._view.horizontalHeader()
        columns = self._model.columns
        rest = [c.name for c in columns if c.name not in names]
        self._is_arranging = True
        for place, name in enumerate([*names, *rest]):
            header.moveSection(header.visualIndex(place_of(columns, name)), place)
        self._is_arranging = False

    def _sort_by(self, kept: Any) -> None:
        header = self._view.horizontalHeader()
        section, way = -1, Qt.SortOrder.AscendingOrder
        if isinstance(kept, list) and len(kept) == 2:
            section = place_of(self._model.columns, str(kept[0]))
            way = Qt.SortOrder.DescendingOrder if kept[1] else Qt.SortOrder.AscendingOrder
        self._is_arranging = True
        header.setSortIndicator(section, way)
        self._model.sort(section, way)
        self._is_arranging = False

    # -- the user's choice ------------------------------------------------------------

    def menu(self) -> QMenu:
        """Return the menu that chooses the columns."""
        menu = QMenu(self._view)
        for number, column in enumerate(self._model.columns):
            title = column.hint if column.name == "number" else column.title
            action = menu.addAction({"Mod.": "Modality"}.get(title, title))
            action.setCheckable(True)
            action.setChecked(not self._view.isColumnHidden(number))
            action.setEnabled(column.rank > 0)
            action.toggled.connect(lambda on, name=column.name: self.show_column(name, on))
        menu.addSeparator()
        menu.addAction("Fit columns to the window").triggered.connect(self.fit_columns)
        menu.addAction("Reset columns").triggered.connect(self.reset)
        return menu

    def show_column(self, name: str, shown: bool) -> None:
        """Show or hide a column; from then on the user's choice counts."""
        columns = self._model.columns
        visible = {c.name for k, c in enumerate(columns) if not self._view.isColumnHidden(k)}
        visible = visible | {name} if shown else visible - {name}
        self.chosen = [c.name for c in columns if c.name in visible]
        self.fit()
        self.save()

    def fit_columns(self) -> None:
        """Forget widths, and which columns were chosen: show as many as fit."""
        self.chosen, self._widths = None, {}
        self.fit()
        self.save()

    def reset(self) -> None:
        """Return to the order, the widths, the columns and the sorting of the beginning."""
        self._arrange_order([c.name for c in self._model.columns])
        self._sort_by(None)
        self.fit_columns()

    def _show_menu(self, position: QPoint) -> None:
        menu = self.menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self._view.horizontalHeader().mapToGlobal(position))

    def _on_moved(self, *_: object) -> None:
        self._save_soon()

    def _on_resized(self, section: int, _old: int, new: int) -> None:
        if not self._is_arranging and new > 0:
            self._widths[self._model.columns[section].name] = new
            self.fit(keep=section)
            self._save_soon()

    # -- arranging --------------------------------------------------------------------

    def set_font_size(self, size: int) -> None:
        """Make columns as wide as their texts in a font of another size."""
        self._font_size = size
        self.fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrange anew when the table becomes wider or narrower."""
        if event.type() == QEvent.Type.Resize:
            self.fit()
        return super().eventFilter(watched, event)

    def fit(self, *, keep: int = -1) -> None:
        """Show the chosen columns, or those that fit; the main one takes the rest."""
        if self._is_arranging:
            return
        view, columns = self._view, self._model.columns
        room = view.viewport().width()
        widths = {c.name: self._width(c) for c in columns}
        shown = self._shown(columns, widths, room)
        main = next(c for c in columns if c.rank == 0)
        rest = room - sum(widths[n] for n in shown if n != main.name)
        if main.name not in self._widths:
            widths[main.name] = max(rest, widths[main.name])
        self._is_arranging = True
        for number, column in enumerate(columns):
            hidden = column.name not in shown
            if view.isColumnHidden(number) != hidden:
                view.setColumnHidden(number, hidden)
            if not hidden and number != keep and view.columnWidth(number) != widths[column.name]:
                view.setColumnWidth(number, widths[column.name])
        self._is_arranging = False

    def _shown(self, columns: tuple[Column, ...], widths: dict[str, int], room: int) -> set[str]:
        if self.chosen is not None:
            return {c.name for c in columns if c.name in self.chosen or c.rank == 0}
        shown: set[str] = set()
        for column in sorted(columns, key=lambda c: c.rank):
            if column.rank == 0 or (column.shown and widths[column.name] <= room):
                shown.add(column.name)
            elif column.shown:
                break  # what tells less does not take its place
            else:
                continue
            room -= widths[column.name]
        return shown

    def _width(self, column: Column) -> int:
        if column.name in self._widths:
            return self._widths[column.name]
        font = QFont(self._view.font())
        font.setPointSize(self._font_size)
        metrics = QFontMetrics(font)
        title = metrics.horizontalAdvance(column.title) + _ARROW_ROOM
        width = max(title, metrics.horizontalAdvance(column.sample)) + _PADDING
        if column.rank == 0 and isinstance(self._model, SeriesTable):
            width += ARROW + THUMBNAIL
        return int(width)
