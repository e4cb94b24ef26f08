"""The log of the network: filtered, per association, followed, copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QTableView,
    QWidget,
)

from napari_dicomdb.network.diagnostics import diagnostics
from napari_dicomdb.widgets._dialog_parts import row_of
from napari_dicomdb.widgets._log_table import LogTable, described
from napari_dicomdb.widgets._network_page import KeyCalls, NetworkPage, show_menu
from napari_dicomdb.widgets._record_menu import MenuEntry
from napari_dicomdb.widgets._text import count
from napari_dicomdb.widgets._upkeep_page import make_button, make_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtCore import QPoint

    from napari_dicomdb.network.logbook import Entry
    from napari_dicomdb.widgets._network_session import NetworkSession
    from napari_dicomdb.widgets._tasks import TaskRunner
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["LogPage"]

_LEVELS = {
    "debug": "All, with details",
    "info": "All",
    "warning": "Warnings and errors",
    "error": "Errors",
}
_SHOWN = 2_000
_EVERYBODY = "All peers"
_ALL = "All associations"


class LogPage(NetworkPage):
    """Entries of the log, filtered by words, level, peer and association.

    Return shows the association of an entry alone, Esc shows all again, Ctrl+C copies
    what is selected, Ctrl+F goes to the filter.
    """

    title = "Log"

    def __init__(
        self,
        session: NetworkSession,
        runner: TaskRunner,
        palette: Palette,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(session, runner, palette, parent)
        self._network = session
        self.model = LogTable()
        self.table = QTableView()
        self.table.setModel(self.model)
        self._make_table()
        self.words = QLineEdit()
        self.words.setPlaceholderText("Filter: words, UIDs")
        self.words.setAccessibleName("Filter of the log")
        self.words.setClearButtonEnabled(True)
        self.words.textChanged.connect(lambda _: self.refresh())
        self.level = QComboBox()
        self.level.setAccessibleName("Level")
        for value, text in _LEVELS.items():
            self.level.addItem(text, value)
        self.level.setCurrentIndex(self.level.findData("info"))
        self.level.currentIndexChanged.connect(lambda _: self._on_level())
        self.peer = QComboBox()
        self.peer.setAccessibleName("Peer")
        self.peer.currentIndexChanged.connect(lambda _: self.refresh())
        self.association = QComboBox()
        self.association.setAccessibleName("Association")
        self.association.currentIndexChanged.connect(lambda _: self.refresh())
        for box in (self.level, self.peer, self.association):
            box.setMinimumContentsLength(10)
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
        self.detail = make_label("", "dim")
        self.detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.detail.hide()
        self.follow = QCheckBox("Follow")
        self.follow.setToolTip("Keep the latest entry in sight")
        self.follow.setChecked(True)
        self.follow.toggled.connect(lambda _: self._scroll())
        self.count = QLabel("")
        self.count.setObjectName("dim")
        self.clear_button = make_button("Clear", self.clear, "Forget all entries")
        self.copy_button = make_button(
            "Copy diagnostics",
            self.copy_diagnostics,
            "Versions, nodes, jobs and the log as text, without names of patients and passwords",
        )
        for button in (self.clear_button, self.copy_button):
            button.setObjectName("barButton")
        self.column.addLayout(row_of(self.words, self.level))
        row = row_of(self.peer, self.association)
        row.setStretch(0, 1)
        row.setStretch(1, 1)
        self.column.addLayout(row)
        self.column.addWidget(self.table, 1)
        self.column.addWidget(self.detail)
        self.column.addLayout(
            row_of(self.follow, self.count, None, self.clear_button, self.copy_button)
        )
        session.log_added.connect(self._on_added)
        self.apply_palette(palette)
        self._fill_choices()
        self.refresh()

    def _make_table(self) -> None:
        table = self.table
        table.setAccessibleName("Log of the network")
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(22)
        header = table.horizontalHeader()
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column, width in enumerate((74, 28, 150)):
            table.setColumnWidth(column, width)
        table.selectionModel().selectionChanged.connect(lambda *_: self._show_detail())
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._show_menu)
        table.doubleClicked.connect(lambda _: self.show_association())
        control = Qt.KeyboardModifier.ControlModifier
        KeyCalls(
            table,
            {
                Qt.Key.Key_Return: self.show_association,
                Qt.Key.Key_Enter: self.show_association,
                Qt.Key.Key_Escape: self.show_all,
                (Qt.Key.Key_C, control): self.copy,
                (Qt.Key.Key_F, control): lambda: self.words.setFocus(),
            },
        )

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        super().apply_palette(palette)
        self.model.apply_palette(palette)

    def focus_first(self) -> None:
        """Give the focus to the filter."""
        self.words.setFocus()

    # -- what is shown --------------------------------------------------------------------

    def _on_added(self) -> None:
        if self.isVisible():
            self._fill_choices()
            self.refresh()

    def showEvent(self, event: Any) -> None:
        """Show what was logged meanwhile."""
        super().showEvent(event)
        self._fill_choices()
        self.refresh()

    def _fill_choices(self) -> None:
        log = self._network.log
        _fill(self.peer, [(_EVERYBODY, ""), *((peer, peer) for peer in log.peers())])
        choices: list[tuple[str, Any]] = [(_ALL, None)]
        for one in log.associations():
            choices.append((f"#{one.association} {one.peer}".strip(), one.association))
        _fill(self.association, choices)

    def refresh(self) -> None:
        """Show the entries that pass the filter."""
        found = self._network.log.entries(
            level=str(self.level.currentData()),
            association=self.association.currentData(),
            peer=str(self.peer.currentData() or ""),
            text=self.words.text(),
        )
        self.model.show_entries(found[-_SHOWN:])
        more = len(found) - _SHOWN
        self.count.setText(
            f"the last {count(_SHOWN, 'entry', 'entries')}"
            if more > 0
            else count(len(found), "entry", "entries")
        )
        self._scroll()

    def _show_detail(self) -> None:
        entries = self.selected()
        self.detail.setVisible(len(entries) == 1)
        if len(entries) == 1:
            self.detail.setText(described(entries[0]))
            # Who reads an entry does not want it to run away.
            self.follow.setChecked(self.model.entries[-1] is entries[0])

    def _scroll(self) -> None:
        if self.follow.isChecked():
            self.table.scrollToBottom()

    def _on_level(self) -> None:
        # What is not kept cannot be shown: from now on it is.
        if self.level.currentData() == "debug":
            self._network.log.is_detailed = True
        self.refresh()

    def selected(self) -> list[Entry]:
        """Return the selected entries, oldest first."""
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return [self.model.entries[row] for row in rows]

    # -- what can be done -----------------------------------------------------------------

    def show_association(self) -> None:
        """Show all of the association that the selected entry belongs to, and only that."""
        entries = self.selected()
        if entries and entries[0].association is not None:
            self.words.clear()
            self.peer.setCurrentIndex(0)
            self.association.setCurrentIndex(
                max(self.association.findData(entries[0].association), 0)
            )

    def show_all(self) -> None:
        """Take the filters away."""
        self.words.clear()
        self.peer.setCurrentIndex(0)
        self.association.setCurrentIndex(0)

    def clear(self) -> None:
        """Forget all entries."""
        self._network.log.clear()
        self._fill_choices()
        self.refresh()

    def copy(self) -> None:
        """Copy the selected entries."""
        lines = [entry.line() for entry in self.selected()]
        if lines:
            QGuiApplication.clipboard().setText("\n".join(lines) + "\n")

    def copy_diagnostics(self) -> None:
        """Copy what helps others to find out what is wrong."""
        network = self._network
        self.copy_button.setEnabled(False)
        self.runner.submit(
            diagnostics,
            network.log,
            database=network.database,
            queue=network.queue,
            facts=network.facts(),
            returned=self._copied,
            failed=lambda error: self.count.setText(str(error)),
            finished=lambda: self.copy_button.setEnabled(True),
        )

    def _copied(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.count.setText("Diagnostics are in the clipboard.")

    def _show_menu(self, place: QPoint) -> None:
        entries = self.selected()
        of_one = bool(entries) and entries[0].association is not None
        groups = [
            [
                MenuEntry("Only this association", self.show_association, "Return", of_one),
                MenuEntry("All", self.show_all, "Esc"),
            ],
            [
                MenuEntry("Copy", self.copy, "Ctrl+C", bool(entries)),
                MenuEntry("Copy diagnostics", self.copy_diagnostics),
                MenuEntry("Clear", self.clear),
            ],
        ]
        show_menu(self, groups, self.table.viewport().mapToGlobal(place))


def _fill(box: QComboBox, choices: Sequence[tuple[str, Any]]) -> None:
    """Offer these choices; what is chosen stays when it is among them."""
    known = [(box.itemText(n), box.itemData(n)) for n in range(box.count())]
    if known == list(choices):
        return
    chosen = box.currentData()
    box.blockSignals(True)
    box.clear()
    for text, value in choices:
        box.addItem(text, value)
    box.setCurrentIndex(max(box.findData(chosen), 0))
    box.blockSignals(False)
