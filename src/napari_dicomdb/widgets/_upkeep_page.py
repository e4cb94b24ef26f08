"""What the pages of the upkeep window have in common: the database, the work, a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSortFilterProxyModel, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.widgets.models.plain_table import SORT_ROLE, PlainTable, rows_as_csv

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.database_actions import DatabaseActions
    from napari_dicomdb.widgets.work_strip import WorkStrip

__all__ = ["READ_ONLY", "UpkeepPage", "make_button", "make_label", "make_table"]

READ_ONLY = "The database is open read-only, so that it cannot be changed."


class UpkeepPage(QWidget):
    """One page.

    Parameters
    ----------
    actions : DatabaseActions
    work : WorkStrip
        Shared by the pages: one thing at a time.
    """

    def __init__(self, actions: DatabaseActions, work: WorkStrip) -> None:
        super().__init__()
        self.actions = actions
        self.session = actions.session
        self.work = work
        self.writers: list[QPushButton] = []
        self.readers: list[QPushButton] = []
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(10, 10, 10, 10)
        self.column.setSpacing(8)

    @property
    def database(self) -> Database | None:
        """The database that is shown; None when the one asked for did not open."""
        return None if self.session.failure is not None else self.session.database

    def refresh(self) -> None:
        """Show what is so now."""
        self.update_buttons()

    def update_buttons(self) -> None:
        """Enable what can be done now; say why the rest cannot."""
        database, busy = self.database, self.work.is_busy
        for button in self.readers:
            button.setEnabled(database is not None and not busy)
        for button in self.writers:
            tip = button.property("tip") or ""
            read_only = database is not None and database.read_only
            button.setEnabled(database is not None and not read_only and not busy)
            button.setToolTip(READ_ONLY if read_only else tip)

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""

    def changed(self) -> None:
        """Tell the docks that rows are not what they were."""
        self.session.changed.emit()


def make_label(text: str, name: str = "") -> QLabel:
    """Return words that wrap; "dim", "title" or "heading" as `name`."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    if name:
        label.setObjectName(name)
    return label


def make_button(label: str, call: Callable[[], Any], tip: str) -> QPushButton:
    """Return a button with a tool tip."""
    button = QPushButton(label)
    button.setAutoDefault(False)
    button.setToolTip(tip)
    button.setProperty("tip", tip)
    button.clicked.connect(lambda *_: call())
    return button


def make_table(model: PlainTable, name: str, parent: QWidget) -> QTableView:
    """Return a sortable table of `model`."""
    proxy = QSortFilterProxyModel(parent)
    proxy.setSourceModel(model)
    proxy.setSortRole(SORT_ROLE)
    table = QTableView()
    table.setModel(proxy)
    table.setAccessibleName(name)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    table.verticalHeader().hide()
    table.setTabKeyNavigation(False)
    table.horizontalHeader().setStretchLastSection(True)
    table.horizontalHeader().setDefaultAlignment(
        Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    )
    table.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
    table.setSortingEnabled(True)
    return table


def save_rows(parent: QWidget, titles: Sequence[str], model: PlainTable) -> Path | None:
    """Ask for a name, write the rows as CSV there; None when it was left."""
    name, _ = QFileDialog.getSaveFileName(parent, "Save the table", "", "CSV (*.csv)")
    if not name:
        return None
    path = Path(name)
    path.write_text(rows_as_csv(titles, model.rows), encoding="utf-8")
    return path
