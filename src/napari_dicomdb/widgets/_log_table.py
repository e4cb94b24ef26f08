"""Entries of the log as rows of a table, and in words."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QColor

from napari_dicomdb.widgets._icons import pixmap
from napari_dicomdb.widgets._text import tool_tip
from napari_dicomdb.widgets._theme import SEVERITY_COLOURS, mix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.network.logbook import Entry
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["LogTable", "clock", "described"]

_TITLES = ("Time", "#", "Peer", "What")


class LogTable(QAbstractTableModel):
    """Entries of the log; new ones are added below without touching the others."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self._palette: Palette | None = None
        self._marks: dict[str, Any] = {}

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self._palette = palette
        self.layoutAboutToBeChanged.emit()
        self.layoutChanged.emit()

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """Show `entries`; those that are shown already stay where they are."""
        known = len(self.entries)
        first = entries[0].number if entries else 0
        gone = 0
        while gone < known and self.entries[gone].number < first:
            gone += 1
        kept = self.entries[gone:]
        numbers = [entry.number for entry in kept]
        if numbers != [entry.number for entry in entries[: len(kept)]] or not entries:
            self.beginResetModel()
            self.entries = list(entries)
            self.endResetModel()
            return
        if gone:
            self.beginRemoveRows(QModelIndex(), 0, gone - 1)
            self.entries = kept
            self.endRemoveRows()
        new = entries[len(kept) :]
        if new:
            self.beginInsertRows(QModelIndex(), len(kept), len(kept) + len(new) - 1)
            self.entries = [*kept, *new]
            self.endInsertRows()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.entries)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(_TITLES)

    def headerData(
        self, section: int, orientation: Any, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return _TITLES[section]
        if role == Qt.ItemDataRole.ToolTipRole and section == 1:
            return "Number of the association or connection"
        return None

    def data(self, index: QModelIndex, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        entry, column = self.entries[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            number = "" if entry.association is None else str(entry.association)
            return (clock(entry.at), number, entry.peer, entry.text)[column]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{entry.level}: {entry.text}" if column == 3 else None
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(described(entry))
        if role == Qt.ItemDataRole.DecorationRole and column == 3:
            return self._mark(entry.level)
        if role == Qt.ItemDataRole.ForegroundRole and self._palette is not None:
            if entry.level in ("warning", "error") and column == 3:
                return mix(QColor(SEVERITY_COLOURS[entry.level]), self._palette.text, 0.6)
            return self._palette.dim if column < 3 or entry.level == "debug" else None
        return None

    def _mark(self, level: str) -> Any:
        if level not in ("warning", "error"):
            return None
        if level not in self._marks:
            self._marks[level] = pixmap(level, size=13)
        return self._marks[level]


def clock(at: float, *, exact: bool = False) -> str:
    """Return the local time; with day and milliseconds when it is to be exact."""
    then = time.localtime(at)
    if exact:
        return time.strftime("%Y-%m-%d %H:%M:%S", then) + f".{int(at % 1 * 1000):03d}"
    return time.strftime("%H:%M:%S", then)


def described(entry: Entry) -> str:
    """Return all that an entry says, in two lines."""
    where = [clock(entry.at, exact=True), entry.level, entry.source]
    if entry.association is not None:
        where.append(f"association {entry.association}")
    where.append(entry.peer)
    return f"{entry.text}\n{' · '.join(part for part in where if part)}"
