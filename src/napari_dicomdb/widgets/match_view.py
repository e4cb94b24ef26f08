"""The tree in which one sees what was found: keys, mouse, columns that fit, what is dragged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QByteArray, QMimeData, QModelIndex, QPoint, Qt, Signal
from qtpy.QtGui import QContextMenuEvent, QFontMetrics, QIcon, QKeyEvent, QPixmap, QResizeEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeView, QWidget

from napari_dicomdb.widgets._drag import start_drag
from napari_dicomdb.widgets._icons import pixmap
from napari_dicomdb.widgets.models.match_rows import NOTE, MatchRow
from napari_dicomdb.widgets.models.match_tree import MatchTree, state_icon

if TYPE_CHECKING:
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["REMOTE_MIME", "MatchView", "dragged_keys"]

REMOTE_MIME = "application/x-dicomdb-remote"
"""JSON: a list of [level, UID]: what was found and is dragged."""

_INDENT = 16
_PADDING = 14
_TITLE = 170  # pixels that the first column has at least
_CONTROL = Qt.KeyboardModifier.ControlModifier


def dragged_keys(mime: QMimeData) -> list[tuple[str, str]] | None:
    """Return levels and UIDs of what is dragged, None when it is not ours."""
    if not mime.hasFormat(REMOTE_MIME):
        return None
    try:
        said = json.loads(bytes(mime.data(REMOTE_MIME).data()))
        return [(str(level), str(uid)) for level, uid in said]
    except (TypeError, ValueError):
        return None


class MatchView(QTreeView):
    """What was found, as a tree that unfolds.

    Return and a double click open, Ctrl+C copies, the menu key opens the menu, Right and Left
    unfold and fold up. Tab leaves it.

    Parameters
    ----------
    model : MatchTree
    """

    opened = Signal()
    copy_requested = Signal()
    menu_requested = Signal(object)  # global position

    def __init__(self, model: MatchTree, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("What was found")
        self.setModel(model)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setAlternatingRowColors(True)
        self.setExpandsOnDoubleClick(False)
        self.setIndentation(_INDENT)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setTabKeyNavigation(False)
        header = self.header()
        header.setStretchLastSection(False)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(28)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorClearable(True)
        self.setSortingEnabled(True)
        model.rowsInserted.connect(self._span_notes)
        self.doubleClicked.connect(self._on_double_click)

    def apply_palette(self, palette: Palette) -> None:
        """Draw the icons in the colours of the theme, and give columns the room they need."""
        colours = {"all": palette.text, "part": palette.text, "none": palette.dim}
        icons = {
            held: QIcon(pixmap(state_icon(held), colour, 15)) for held, colour in colours.items()
        }
        model = self.model()
        model.set_colours(icons, palette.dim)
        self.fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out what a narrow dock has no room for."""
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        """Show as many columns as there is room for, those of low rank first."""
        metrics = QFontMetrics(self.font())
        left = self.viewport().width() - _TITLE
        columns = self.model().columns
        for place in sorted(range(1, len(columns)), key=lambda k: columns[k].rank):
            column = columns[place]
            words = max(
                metrics.horizontalAdvance(column.sample), metrics.horizontalAdvance(column.title)
            )
            left -= words + _PADDING
            self.setColumnHidden(place, left < 0)
            self.setColumnWidth(place, words + _PADDING)
            if column.name == "description":
                self.model().show_description(left >= 0)

    # -- what is chosen ---------------------------------------------------------------

    def selected(self) -> list[MatchRow]:
        """Return the selected rows from the top; what lies below another of them is left out."""
        rows = [self.model().row_of(index) for index in self.selectionModel().selectedRows()]
        chosen = {id(row) for row in rows}

        def is_below(row: MatchRow) -> bool:
            above = row.parent
            while above is not None:
                if id(above) in chosen:
                    return True
                above = above.parent
            return False

        kept = [row for row in rows if row.level != NOTE and not is_below(row)]
        return sorted(kept, key=_path)

    def choose_first(self) -> None:
        """Make the first row the current one, where none is."""
        if not self.currentIndex().isValid() and self.model().rowCount():
            self.setCurrentIndex(self.model().index(0, 0))

    # -- keys and mouse ---------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open by Return, copy by Ctrl+C; nothing that is not handled reaches the viewer."""
        key, modifiers = event.key(), event.modifiers()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
        elif key == Qt.Key.Key_C and modifiers & _CONTROL:
            self.copy_requested.emit()
        elif key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_F5, Qt.Key.Key_Escape):
            event.ignore()
            if key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
                super().keyPressEvent(event)
            return
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown) and modifiers & _CONTROL:
            event.ignore()  # the tabs of the dock
            return
        elif key not in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            super().keyPressEvent(event)
        event.accept()

    def _on_double_click(self, index: QModelIndex) -> None:
        if self.model().row_of(index).level != NOTE:
            self.opened.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for a menu: at the mouse, or by the menu key below the present row."""
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            index = self.currentIndex()
            place = self.visualRect(index).bottomLeft() + QPoint(20, 0)
        else:
            place = event.pos()
            index = self.indexAt(place)
        if index.isValid() and self.model().row_of(index).level != NOTE:
            if not self.selectionModel().isRowSelected(index.row(), index.parent()):
                self.setCurrentIndex(index)
            self.menu_requested.emit(self.viewport().mapToGlobal(place))
        event.accept()

    def mime(self) -> QMimeData:
        """Return what is dragged when the selected rows are."""
        mime = QMimeData()
        said = [[row.level, row.uid] for row in self.selected()]
        mime.setData(REMOTE_MIME, QByteArray(json.dumps(said).encode()))
        return mime

    def startDrag(self, actions: Any) -> None:
        """Drag what is selected."""
        rows = self.selected()
        if rows:
            picture: QPixmap = pixmap("series", None, 48)
            start_drag(self, self.mime(), len(rows), picture)

    def _span_notes(self, parent: QModelIndex, first: int, last: int) -> None:
        above = self.model().row_of(parent)
        for place in range(first, last + 1):
            if above.children[place].level == NOTE:
                self.setFirstColumnSpanned(place, parent, True)


def _path(row: MatchRow) -> list[int]:
    path = [row.place]
    above = row.parent
    while above is not None:
        path.insert(0, above.place)
        above = above.parent
    return path
