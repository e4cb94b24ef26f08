"""The table that comparison and columns share: sorted, searched, copied, exported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from qtpy.QtWidgets import QAbstractItemView, QFileDialog, QTableView, QWidget

from napari_dicomdb.widgets.models.plain_table import SORT_ROLE, PlainTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtCore import QModelIndex

    from napari_dicomdb.widgets.models.plain_table import PlainRow

__all__ = ["MetadataTable", "ask_for_file"]


class MetadataTable(QTableView):
    """Rows of text that are sorted by a click and copied as tab-separated cells."""

    row_chosen = Signal(object)  # PlainRow

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.plain = PlainTable(())
        self.sorted = QSortFilterProxyModel(self)
        self.sorted.setSortRole(SORT_ROLE)
        self.sorted.setFilterKeyColumn(-1)
        self.sorted.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.sorted.setSourceModel(self.plain)
        self.setModel(self.sorted)
        self.setSortingEnabled(True)
        self.sorted.sort(-1)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 7)
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        self.horizontalHeader().setDefaultAlignment(left)
        self.horizontalHeader().setStretchLastSection(True)
        self.horizontalHeader().setHighlightSections(False)
        self.activated.connect(self._choose)

    def show_table(
        self, titles: Sequence[str], rows: Sequence[PlainRow], numbers: Sequence[int] = ()
    ) -> None:
        """Replace titles and rows."""
        old = self.plain
        self.plain = PlainTable(titles, numbers)
        self.plain.show_rows(rows)
        self.sorted.setSourceModel(self.plain)
        self.sorted.sort(-1)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        old.deleteLater()

    def share_width(self, shares: Sequence[int]) -> None:
        """Make columns as wide as these percentages of the view."""
        self._shares = tuple(shares)
        for column, share in enumerate(self._shares):
            self.setColumnWidth(column, self.viewport().width() * share // 100)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the new width as well."""
        super().resizeEvent(event)
        self.share_width(self._shares)

    _shares: tuple[int, ...] = ()

    def row(self, index: QModelIndex) -> PlainRow:
        """Return the row at an index of the view."""
        return self.plain.rows[self.sorted.mapToSource(index).row()]

    def _choose(self, index: QModelIndex) -> None:
        self.row_chosen.emit(self.row(index))

    def selected_text(self) -> str:
        """Return the selected cells: tabs between columns, a line a row."""
        cells = {(i.row(), i.column()): str(i.data() or "") for i in self.selectedIndexes()}
        rows, columns = (sorted({place[k] for place in cells}) for k in (0, 1))
        return "\n".join(
            "\t".join(cells.get((row, column), "") for column in columns) for row in rows
        )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy cells; let no key through to the viewer."""
        if event.matches(QKeySequence.StandardKey.Copy):
            clipboard = QGuiApplication.clipboard()
            if clipboard is not None:
                clipboard.setText(self.selected_text())
        else:
            super().keyPressEvent(event)
        event.accept()


def ask_for_file(host: QWidget, title: str, name: str) -> Path | None:
    """Return the CSV or JSON file that a table is to be written to, None when cancelled."""
    chosen, kind = QFileDialog.getSaveFileName(
        host, title, name, "CSV table (*.csv);;JSON (*.json)"
    )
    if not chosen:
        return None
    ending = ".json" if kind.startswith("JSON") else ".csv"
    return Path(chosen if Path(chosen).suffix else f"{chosen}{ending}")
