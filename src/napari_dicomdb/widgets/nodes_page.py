"""All nodes in one table: add, change, remove, test, take along."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHeaderView,
    QWidget,
)

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.network.echo import EchoResult, check_node
from napari_dicomdb.network.nodes import export_nodes, import_nodes, load_nodes, remove_node
from napari_dicomdb.network.offering import Offer, ask_offer
from napari_dicomdb.widgets._dialog_parts import row_of
from napari_dicomdb.widgets._network_page import (
    KeyCalls,
    MenuButton,
    NetworkPage,
    selected_rows,
    show_menu,
)
from napari_dicomdb.widgets._node_removal import ask_to_remove
from napari_dicomdb.widgets._record_menu import MenuEntry
from napari_dicomdb.widgets._session import end_with
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._text import count, one_line
from napari_dicomdb.widgets._upkeep_page import make_button, make_table
from napari_dicomdb.widgets.models.plain_table import PlainRow, PlainTable
from napari_dicomdb.widgets.node_form import NodeForm
from napari_dicomdb.widgets.work_strip import WorkStrip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtCore import QPoint
    from qtpy.QtWidgets import QMessageBox

    from napari_dicomdb.network.node import Node
    from napari_dicomdb.widgets._network_session import NetworkSession
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["NodesPage", "Tested", "ask_node", "ask_nodes"]

_ROW = 24  # pixels
_TITLES = ("Name", "State", "Address", "We come as", "TLS")
_STATE, _ADDRESS = 1, 2
_OPTIONAL = (3, 4)  # not where it is narrow; the tool tip has them
_NARROW = 420  # pixels


@dataclass(frozen=True, slots=True)
class Tested:
    """What a test of a node found: whether it answers, and what it offers."""

    result: EchoResult
    offer: Offer = field(default_factory=Offer)

    @property
    def text(self) -> str:
        """What to tell of it."""
        text = self.result.text
        end = "" if text.endswith((".", "?", "!")) else "."
        return f"{text}{end} {self.offer.text}".strip()


def ask_node(node: Node, *, progress: Any) -> EchoResult:
    """Test a node, as a task that can be cancelled."""
    return check_node(node, waiting=lambda: progress(0, None, f"Asking {node.name}"))


def ask_nodes(nodes: Sequence[Node], *, progress: Any) -> list[Tested]:
    """Test nodes one after another, also for what they offer."""
    found = []
    for number, node in enumerate(nodes):

        def waiting(number: int = number, node: Node = node) -> None:
            total = len(nodes) if len(nodes) > 1 else None
            progress(number, total, f"Asking {node.name}")

        result = check_node(node, waiting=waiting)
        offer = Offer()
        if result.ok and node.kind == "dimse":
            try:
                offer = ask_offer(node, waiting=waiting)
            except DicomDbError as error:
                if error.reason == "cancelled":
                    raise
        found.append(Tested(result, offer))
    return found


class NodesPage(NetworkPage):
    """The nodes that are kept, and what can be done with them.

    Return changes one, Delete removes those that are selected, F5 tests them, Ctrl+N
    adds one; the context menu has the same.
    """

    title = "Nodes"
    changed = Signal()
    shown = Signal()

    def __init__(
        self,
        session: NetworkSession | None,
        runner: TaskRunner,
        palette: Palette,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(session, runner, palette, parent)
        self._states: dict[str, Tested] = {}
        self._choose = ""  # name of the node to select once the list is read
        self._reader = TaskRunner("nodes-list")
        end_with(self, TaskRunner.close, self._reader)
        self.form: NodeForm | None = None
        self.question: QMessageBox | None = None
        self.model = PlainTable(_TITLES)
        self.table = make_table(self.model, "Nodes", self)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setTextElideMode(Qt.TextElideMode.ElideRight)
        self._is_narrow = False
        self._make_columns()
        self._fit_columns()
        self.table.viewport().installEventFilter(self)
        self.table.doubleClicked.connect(lambda _: self.ask_to_change())
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._update())
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._show_menu)
        control = Qt.KeyboardModifier.ControlModifier
        KeyCalls(
            self.table,
            {
                Qt.Key.Key_Return: self.ask_to_change,
                Qt.Key.Key_Enter: self.ask_to_change,
                Qt.Key.Key_Delete: self.remove,
                Qt.Key.Key_Backspace: self.remove,
                Qt.Key.Key_F5: self.test,
                (Qt.Key.Key_N, control): self.ask_to_add,
            },
        )
        self.work = WorkStrip(runner)
        self.work.busy_changed.connect(lambda _: self._update())
        self.add_button = make_button("Add…", self.ask_to_add, "Keep another node (Ctrl+N)")
        self.change_button = make_button("Change…", self.ask_to_change, "Change it (Return)")
        self.remove_button = make_button("Remove", self.remove, "Forget it and its password (Del)")
        self.test_button = make_button(
            "Test", self.test, "Ask whether it answers, what it offers, what is wrong (F5)"
        )
        self.more_button = MenuButton("Import and export nodes", lambda: [self._file_entries()])
        for button in (self.add_button, self.change_button, self.remove_button, self.test_button):
            button.setObjectName("barButton")
        self.column.addLayout(
            row_of(
                self.add_button,
                self.change_button,
                self.remove_button,
                self.test_button,
                None,
                self.more_button,
            )
        )
        self.column.addWidget(self.table, 1)
        self.column.addWidget(self.work)
        if session is not None:
            session.nodes_changed.connect(self.refresh)
            self.changed.connect(session.nodes_changed)
        self.apply_palette(palette)
        self._update()
        self.refresh()

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        super().apply_palette(palette)
        self.model.set_dim(palette.dim)
        self.work.apply_palette(palette)
        self.more_button.apply_palette(palette)

    def _make_columns(self) -> None:
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(40)
        modes = QHeaderView.ResizeMode
        for column in range(len(_TITLES)):
            stretches = column == _ADDRESS
            header.setSectionResizeMode(column, modes.Stretch if stretches else modes.Interactive)
        self.table.verticalHeader().setDefaultSectionSize(_ROW)

    def _fit_columns(self) -> None:
        """Share the room out: to the address most; a column with nothing in it is hidden."""
        narrow = self._is_narrow = self.table.viewport().width() < _NARROW
        told = [
            any(row.cells[column] for row in self.model.rows) for column in range(len(_TITLES))
        ]
        for column, width in enumerate((84, 80, 0, 76, 40) if narrow else (110, 120, 0, 84, 40)):
            hidden = column in _OPTIONAL and (narrow or not told[column])
            self.table.setColumnHidden(column, hidden or (column == _STATE and not told[column]))
            if width:
                self.table.setColumnWidth(column, width)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Share the room out anew when there is more or less of it."""
        resized = event.type() == QEvent.Type.Resize and watched is self.table.viewport()
        if resized and self._is_narrow != (event.size().width() < _NARROW):
            self._fit_columns()
        return bool(super().eventFilter(watched, event))

    def focus_first(self) -> None:
        """Give the focus to the table."""
        self.table.setFocus()

    def refresh(self, choose: str = "") -> None:
        """Show the nodes that are kept; select the one called `choose`."""
        self._choose = choose or self._choose
        # Its own worker: who shows nodes does not wait for one that is silent.
        self._reader.submit(load_nodes, returned=self._show_nodes, failed=self._not_read)

    def _not_read(self, error: Exception) -> None:
        self.work.tell(f"The list of nodes cannot be read: {error}", "error")

    def _show_nodes(self, nodes: Sequence[Node]) -> None:
        wanted = {self._choose} if self._choose else {node.name for node in self.selected()}
        self._choose = ""
        self.model.show_rows([self._row(node) for node in nodes])
        self._fit_columns()
        proxy, selection = self.table.model(), self.table.selectionModel()
        first = None
        for number, node in enumerate(nodes):
            if node.name in wanted or (number == 0 and not wanted):
                place = proxy.mapFromSource(self.model.index(number, 0))
                if first is None:
                    first = place
                    selection.setCurrentIndex(place, selection.SelectionFlag.NoUpdate)
                flag = selection.SelectionFlag
                selection.select(place, flag.Select | flag.Rows)
        self._update()
        self.shown.emit()

    def _row(self, node: Node) -> PlainRow:
        state = self._states.get(node.name)
        told = "" if state is None else "answers" if state.result.ok else state.result.text
        encrypted = node.tls is not None or node.url.startswith("https")
        calling = node.calling_aet if node.kind == "dimse" else ""
        cells = (node.name, told, node.address, calling, "yes" if encrypted else "")
        tip = "\n".join(
            [
                node.address,
                *([f"We come as {calling}"] if calling else []),
                *(["Encrypted (TLS)"] if encrypted else []),
                *([] if state is None else [state.text]),
            ]
        )
        return PlainRow(cells, tip=tip, data=node)

    def selected(self) -> list[Node]:
        """Return the selected nodes."""
        return [self.model.rows[row].data for row in selected_rows(self.table)]

    def chosen(self) -> Node | None:
        """Return the selected node; None when it is not exactly one."""
        nodes = self.selected()
        return nodes[0] if len(nodes) == 1 else None

    def _update(self) -> None:
        idle = not self.work.is_busy
        for button in (self.remove_button, self.test_button):
            button.setEnabled(bool(self.selected()) and idle)
        self.change_button.setEnabled(self.chosen() is not None and idle)

    # -- menus ----------------------------------------------------------------------------

    def _file_entries(self) -> list[MenuEntry]:
        return [
            MenuEntry("Import nodes…", self.ask_to_import, tip="Add those of a file"),
            MenuEntry(
                "Export nodes…",
                self.ask_to_export,
                enabled=bool(self.model.rows),
                tip="Write a file without passwords",
            ),
        ]

    def _show_menu(self, place: QPoint) -> None:
        nodes, idle = self.selected(), not self.work.is_busy
        addresses = "\n".join(node.address for node in nodes)
        clipboard = QGuiApplication.clipboard()
        groups = [
            [
                MenuEntry("Test", self.test, "F5", bool(nodes) and idle),
                MenuEntry("Change…", self.ask_to_change, "Return", len(nodes) == 1 and idle),
                MenuEntry("Remove", self.remove, "Del", bool(nodes) and idle),
                MenuEntry("Copy address", lambda: clipboard.setText(addresses), "", bool(nodes)),
            ],
            [MenuEntry("Add…", self.ask_to_add, "Ctrl+N"), *self._file_entries()],
        ]
        show_menu(self, groups, self.table.viewport().mapToGlobal(place))

    # -- what can be done -----------------------------------------------------------------

    def ask_to_add(self) -> None:
        """Show the form of a new node."""
        self._open_form(None)

    def ask_to_change(self) -> None:
        """Show the form of the selected node."""
        node = self.chosen()
        if node is not None and not self.work.is_busy:
            self._open_form(node)

    def _open_form(self, node: Node | None) -> None:
        self.form = NodeForm(self.palette_, node, self)
        self.form.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.form.accepted.connect(self._saved)
        self.form.open()

    def _saved(self) -> None:
        if self.form is not None and self.form.node is not None:
            self._states.pop(self.form.node.name, None)
            self.refresh(self.form.node.name)
            self.changed.emit()

    def remove(self) -> None:
        """Ask whether the selected nodes shall be forgotten."""
        nodes = self.selected()
        if not nodes or self.work.is_busy:
            return
        names = [node.name for node in nodes]
        self.question = ask_to_remove(self, nodes, lambda: self._remove(names))

    def _remove(self, names: Sequence[str]) -> None:
        if not self.work.is_busy:
            what = one_line(names[0]) if len(names) == 1 else count(len(names), "node")
            self._change(f"Removing {what}", lambda: [remove_node(name) for name in names])

    def test(self) -> None:
        """Ask the selected nodes whether they answer, and what they offer."""
        nodes = self.selected()
        if nodes and not self.work.is_busy:
            self.work.run(f"Asking {nodes[0].name}", ask_nodes, nodes, returned=self._tested)

    def _tested(self, found: list[Tested]) -> None:
        for one in found:
            self._states[one.result.node] = one
        good = all(one.result.ok for one in found)
        several = len(found) > 1
        told = [f"{one.result.node}: {one.text}" if several else one.text for one in found]
        self.work.tell("\n".join(told), "info" if good else "error")
        self.refresh()

    def ask_to_import(self) -> None:
        """Let the user choose a file of nodes, and add them."""
        path, _ = QFileDialog.getOpenFileName(self, "Import nodes", "", "Nodes (*.json)")
        if path:
            self._change("Importing nodes", lambda: import_nodes(path), self._imported)

    def _imported(self, outcome: Any) -> None:
        added, rejected = outcome
        told = [
            f"{count(len(added), 'node')} added.",
            *(f"{name}: {text}" for name, _, text in rejected),
        ]
        self.work.tell("\n".join(told), "warning" if rejected else "info")

    def ask_to_export(self) -> None:
        """Let the user choose a file, and write the nodes without passwords."""
        path, _ = QFileDialog.getSaveFileName(self, "Export nodes", "nodes.json", "Nodes (*.json)")
        if path:
            self._change(
                "Exporting nodes",
                lambda: export_nodes(path),
                lambda number: self.work.tell(
                    f"{count(number, 'node')} written to {path}, without passwords."
                ),
            )

    def _change(self, what: str, call: Any, returned: Any = None) -> None:
        """Change files and keyring on a thread, then show what is kept."""

        def done(outcome: Any) -> None:
            if returned is not None:
                returned(outcome)
            self.refresh()
            self.changed.emit()

        self.work.run(what, call, returned=done, pass_progress=False)
