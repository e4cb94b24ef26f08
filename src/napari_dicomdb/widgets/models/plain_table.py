"""Rows of plain text with sort keys, for tables that only tell."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt

from napari_dicomdb.widgets._text import tool_tip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QColor

__all__ = ["SORT_ROLE", "PlainRow", "PlainTable", "rows_as_csv"]

SORT_ROLE = int(Qt.ItemDataRole.UserRole)


@dataclass(frozen=True, slots=True)
class PlainRow:
    """One row.

    Parameters
    ----------
    cells : tuple of str
    keys : tuple
        What each cell is sorted by, where that is not its text.
    tip : str
        Tool tip of the row.
    dim : bool
        Of second rank: drawn fainter.
    data : object
        What the row stands for.
    """

    cells: tuple[str, ...]
    keys: tuple[Any, ...] = ()
    tip: str = ""
    dim: bool = False
    data: Any = field(default=None, compare=False)


class PlainTable(QAbstractTableModel):
    """A table of `PlainRow`.

    Parameters
    ----------
    titles : sequence of str
    numbers : sequence of int
        Columns that hold numbers: aligned to the right.
    """

    def __init__(self, titles: Sequence[str], numbers: Sequence[int] = ()) -> None:
        super().__init__()
        self.titles = tuple(titles)
        self._numbers = frozenset(numbers)
        self.rows: list[PlainRow] = []
        self._dim: QColor | None = None

    def set_dim(self, colour: QColor) -> None:
        """Colour of rows of second rank."""
        self._dim = colour
        if self.rows:
            # Not layoutChanged: one that was not announced leaves proxies with dangling rows.
            last = self.index(len(self.rows) - 1, len(self.titles) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def show_rows(self, rows: Sequence[PlainRow]) -> None:
        """Replace all rows."""
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()

    def replace(self, row: int, what: PlainRow) -> None:
        """Replace one row."""
        self.rows[row] = what
        self.dataChanged.emit(self.index(row, 0), self.index(row, len(self.titles) - 1))

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if parent.isValid() else len(self.titles)

    def headerData(  # noqa: D102
        self, section: int, orientation: Any, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        horizontal = orientation == Qt.Orientation.Horizontal
        if horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.titles[section]
        return None

    def data(self, index: QModelIndex, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:  # noqa: D102
        row, column = self.rows[index.row()], index.column()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return row.cells[column]
        if role == SORT_ROLE:
            return row.keys[column] if row.keys else row.cells[column].casefold()
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(row.tip or row.cells[column])
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._dim if row.dim else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = (
                Qt.AlignmentFlag.AlignRight
                if column in self._numbers
                else Qt.AlignmentFlag.AlignLeft
            )
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None


def rows_as_csv(titles: Sequence[str], rows: Sequence[PlainRow]) -> str:
    """Return the rows as CSV with a header line."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(titles)
    writer.writerows(row.cells for row in rows)
    return text.getvalue()
