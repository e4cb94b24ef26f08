"""All nodes in one table: add, change, remove, test, take along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.network.echo import EchoResult, check_node
from napari_dicomdb.network.nodes import export_nodes, import_nodes, load_nodes, remove_node
from napari_dicomdb.widgets._session import end_with
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.models.plain_table import PlainRow, PlainTable
from napari_dicomdb.widgets.node_form import NodeForm
from napari_dicomdb.widgets.work_strip import WorkStrip

if TYPE_CHECKING:
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["NodesDialog", "ask_node"]

_TITLES = ("Name", "Address", "We come as", "TLS", "State")


def ask_node(node: Node, *, progress: Any) -> EchoResult:
    """Test a node, as a task that can be cancelled."""
    return check_node(node, waiting=lambda: progress(0, None, f"Asking {node.name}"))


class NodesDialog(QDialog):
    """The nodes that are kept, and what can be done with them.

    Parameters
    ----------
    palette : Palette
    """

    changed = Signal()

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("DICOM nodes")
        self._palette = palette
        self._runner = TaskRunner("nodes")
        self._states: dict[str, EchoResult] = {}
        self.form: NodeForm | None = None
        self.model = PlainTable(_TITLES)
        self.model.set_dim(palette.dim)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName("Nodes")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setStretchLastSection(True)
        for column, width in enumerate((120, 220, 100, 40)):
            self.table.setColumnWidth(column, width)
        self.table.activated.connect(lambda _: self.ask_to_change())
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._update())
        self.work = WorkStrip(self._runner)
        self.work.apply_palette(palette)
        self.work.busy_changed.connect(lambda _: self._update())
        self.add_button = _button("Add…", "Keep another node", self.ask_to_add)
        self.change_button = _button("Change…", "Change it (Return)", self.ask_to_change)
        self.remove_button = _button("Remove", "Forget it and its password (Del)", self.remove)
        self.test_button = _button("Test", "Ask whether it answers, and what is wrong", self.test)
        self.import_button = _button("Import…", "Add nodes of a file", self.ask_to_import)
        self.export_button = _button(
            "Export…", "Write a file without passwords", self.ask_to_export
        )
        self.close_button = _button("Close", "", self.reject)
        buttons = QHBoxLayout()
        for button in (
            self.add_button, self.change_button, self.remove_button, self.test_button,
            self.import_button, self.export_button,
        ):  # fmt: skip
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(8)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.work)
        layout.addLayout(buttons)
        delete = QShortcut(QKeySequence(Qt.Key.Key_Delete), self.table)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self.remove)
        self.resize(680, 320)
        end_with(self, TaskRunner.close, self._runner)
        self.refresh()

    def refresh(self, choose: str = "") -> None:
        """Show the nodes that are kept; select the one called `choose`."""
        before = self.chosen()
        wanted = choose or (before.name if before else "")
        nodes = load_nodes()
        self.model.show_rows([self._row(node) for node in nodes])
        for number, node in enumerate(nodes):
            if node.name == wanted or (number == 0 and not wanted):
                self.table.selectRow(number)
        self._update()

    def _row(self, node: Node) -> PlainRow:
        state = self._states.get(node.name)
        told = "" if state is None else "answers" if state.ok else state.text
        encrypted = node.tls is not None or node.url.startswith("https")
        calling = node.calling_aet if node.kind == "dimse" else ""
        cells = (node.name, node.address, calling, "yes" if encrypted else "", told)
        return PlainRow(cells, tip=told or node.address, data=node)

    def chosen(self) -> Node | None:
        """Return the selected node."""
        rows = self.table.selectionModel().selectedRows()
        if not rows or rows[0].row() >= len(self.model.rows):
            return None
        node: Node = self.model.rows[rows[0].row()].data
        return node

    def _update(self) -> None:
        node, idle = self.chosen(), not self.work.is_busy
        for button in (self.remove_button, self.test_button):
            button.setEnabled(node is not None and idle)
        self.change_button.setEnabled(node is not None and node.kind == "dimse" and idle)
        self.export_button.setEnabled(bool(self.model.rows))

    # -- what can be done -----------------------------------------------------------------

    def ask_to_add(self) -> None:
        """Show the form of a new node."""
        self._open_form(None)

    def ask_to_change(self) -> None:
        """Show the form of the selected node."""
        node = self.chosen()
        if node is not None and node.kind == "dimse":
            self._open_form(node)

    def _open_form(self, node: Node | None) -> None:
        self.form = NodeForm(self._palette, node, self)
        self.form.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.form.accepted.connect(self._saved)
        self.form.open()

    def _saved(self) -> None:
        if self.form is not None and self.form.node is not None:
            self._states.pop(self.form.node.name, None)
            self.refresh(self.form.node.name)
            self.changed.emit()

    def remove(self) -> None:
        """Forget the selected node."""
        node = self.chosen()
        if node is not None and not self.work.is_busy:
            self._try(lambda: remove_node(node.name))

    def test(self) -> None:
        """Ask the selected node whether it answers."""
        node = self.chosen()
        if node is not None:
            self.work.run(f"Asking {node.name}", ask_node, node, returned=self._tested)

    def _tested(self, result: EchoResult) -> None:
        self._states[result.node] = result
        self.work.tell(result.text, "info" if result.ok else "error")
        self.refresh()

    def ask_to_import(self) -> None:
        """Let the user choose a file of nodes, and add them."""
        path, _ = QFileDialog.getOpenFileName(self, "Import nodes", "", "Nodes (*.json)")
        if path:
            self._try(lambda: self._import(path))

    def _import(self, path: str) -> None:
        added, rejected = import_nodes(path)
        told = [f"{len(added)} nodes added.", *(f"{name}: {text}" for name, _, text in rejected)]
        self.work.tell("\n".join(told), "warning" if rejected else "info")

    def ask_to_export(self) -> None:
        """Let the user choose a file, and write the nodes without passwords."""
        path, _ = QFileDialog.getSaveFileName(self, "Export nodes", "nodes.json", "Nodes (*.json)")
        if path:
            self._try(lambda: self._export(path))

    def _export(self, path: str) -> None:
        self.work.tell(f"{export_nodes(path)} nodes written to {path}, without passwords.")

    def _try(self, call: Any) -> None:
        try:
            call()
        except (DicomDbError, OSError) as error:
            self.work.tell_error(error)
        self.refresh()
        self.changed.emit()


def _button(text: str, tip: str, call: Any) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setAutoDefault(False)
    button.clicked.connect(lambda _=False: call())
    return button
