"""A table of records: rows that can be opened, removed, copied, dragged and unfolded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QPoint, Qt, Signal
from qtpy.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_dicomdb.widgets._rows import ARROW
from napari_dicomdb.widgets.models import ExpandRole, SeriesTable, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtCore import QAbstractItemModel

__all__ = ["RecordView"]

_SELECT = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
_CONTROL = Qt.KeyboardModifier.ControlModifier


class RecordView(QTableView):
    """Rows of a `PagedTable`.

    Whole rows are selected, several with Shift and Ctrl, all there are by
    Ctrl+A. Typing goes to the row that begins so, Home and End to the ends of
    the whole list, Right and Left unfold and fold up. Tab leaves the table.

    Parameters
    ----------
    name : str
        Said by screen readers.
    """

    opened = Signal()  # Enter, or a double click on a row
    remove_requested = Signal()
    copy_requested = Signal()
    menu_requested = Signal(object)  # global position
    touched = Signal()  # by mouse or key

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setSectionsMovable(True)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(28)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorClearable(True)
        self.setSortingEnabled(True)
        self.doubleClicked.connect(self._on_double_click)

    def setModel(self, model: QAbstractItemModel | None) -> None:
        """Show a model; its header is not told what is selected.

        To draw a column's title it would ask for each of all rows whether it is.
        """
        super().setModel(model)
        if model is not None:
            self.horizontalHeader().setSelectionModel(QItemSelectionModel(model, self))

    # -- selection --------------------------------------------------------------------

    def selected_rows(self) -> list[int]:
        """Return the selected rows, from the top."""
        found: set[int] = set()
        for part in self.selectionModel().selection():
            found.update(range(part.top(), part.bottom() + 1))
        return sorted(found)

    def select_rows(self, rows: Iterable[int]) -> None:
        """Select rows in addition, and scroll to the first when none of them is in sight."""
        model, chosen = self.model(), QItemSelection()
        wanted = sorted(rows)
        for row in wanted:
            chosen.select(model.index(row, 0), model.index(row, model.columnCount() - 1))
        if not wanted:
            return
        current = model.index(wanted[0], 0)
        if not self.currentIndex().isValid():
            self.selectionModel().setCurrentIndex(
                current, QItemSelectionModel.SelectionFlag.NoUpdate
            )
        self.selectionModel().select(chosen, _SELECT)
        if not self.viewport().rect().intersects(self.visualRect(current)):
            self.scrollTo(current, QAbstractItemView.ScrollHint.PositionAtCenter)

    def selectAll(self) -> None:
        """Select all rows that there are; those not read yet follow when they are."""
        self.touched.emit()
        self.model().fetch_all(super().selectAll)

    def keyboardSearch(self, search: str) -> None:
        """Go to the next row whose text begins with what was typed."""
        model = self.model()
        name = next((c.name for c in model.columns if c.rank == 0), "")
        column = place_of(model.columns, name)
        before = self.currentIndex().row()
        typed = search.casefold()
        rows = model.rowCount()
        first = before if len(typed) > 1 else before + 1
        for step in range(rows):
            row = (max(first, 0) + step) % rows
            if str(model.index(row, column).data() or "").casefold().startswith(typed):
                self.setCurrentIndex(model.index(row, column))
                return

    # -- keys and mouse ---------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open by Enter, remove by Delete, copy by Ctrl+C.

        What is not handled here would reach the viewer, where Delete means
        the selected layers.
        """
        self.touched.emit()
        key, modifiers = event.key(), event.modifiers()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove_requested.emit()
        elif key == Qt.Key.Key_C and modifiers & _CONTROL:
            self.copy_requested.emit()
        elif key == Qt.Key.Key_A and modifiers & _CONTROL:
            self.selectAll()
        elif key == Qt.Key.Key_End and not modifiers:
            self.model().fetch_all(lambda: self._go_to(self.model().rowCount() - 1))
        elif key == Qt.Key.Key_Home and not modifiers:
            self._go_to(0)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._unfold(key == Qt.Key.Key_Right)
        elif key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_F5):
            super().keyPressEvent(event)
            return
        else:
            super().keyPressEvent(event)
        event.accept()

    def _go_to(self, row: int) -> None:
        if 0 <= row < self.model().rowCount():
            self.setCurrentIndex(self.model().index(row, self._main_column()))

    def _main_column(self) -> int:
        return next((k for k, c in enumerate(self.model().columns) if c.rank == 0), 0)

    def _unfold(self, wanted: bool) -> None:
        model, row = self.model(), self.currentIndex().row()
        if isinstance(model, SeriesTable) and row >= 0:
            series = model.row_of(model.record(row).uid)
            if not wanted and series != row:
                self._go_to(series)
            model.set_open(series, wanted)

    def _is_arrow(self, place: QPoint) -> bool:
        index = self.indexAt(place)
        if not index.isValid() or not index.data(ExpandRole):
            return False
        left = self.visualRect(index).left()
        is_main = self.model().columns[index.column()].rank == 0
        return is_main and place.x() < left + ARROW

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Select as Qt does; say that the user did it. The arrow unfolds the row."""
        self.touched.emit()
        place = event.position().toPoint()
        if event.button() == Qt.MouseButton.LeftButton and self._is_arrow(place):
            model, row = self.model(), self.indexAt(place).row()
            model.set_open(row, not model.is_open(row))
            event.accept()
            return
        if not self.indexAt(place).isValid():
            self.clearSelection()
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open, but for the arrow: there each click of two counts for itself."""
        if self._is_arrow(event.position().toPoint()):
            self.mousePressEvent(event)
        else:
            super().mouseDoubleClickEvent(event)

    def _on_double_click(self, _index: QModelIndex) -> None:
        self.opened.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for a menu: at the mouse, or by the menu key below the present row."""
        self.touched.emit()
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            index = self.currentIndex()
            place = self.visualRect(index).bottomLeft() + QPoint(20, 0)
        else:
            place = event.pos()
            index = self.indexAt(place)
        if index.isValid():
            if not self.selectionModel().isRowSelected(index.row(), index.parent()):
                self.setCurrentIndex(index)
            self.menu_requested.emit(self.viewport().mapToGlobal(place))
        event.accept()

    def startDrag(self, actions: Any) -> None:
        """Drag what is selected, shown by its pictures."""
        from napari_dicomdb.widgets._drag import start_drag

        rows = self.selected_rows()
        mime = self.model().mimeData([self.model().index(row, 0) for row in rows])
        if mime.formats():
            picture = (
                self.model()
                .index(rows[0], self._main_column())
                .data(Qt.ItemDataRole.DecorationRole)
            )
            shown = picture if isinstance(picture, QPixmap) else None
            start_drag(self, mime, len(rows), shown)
