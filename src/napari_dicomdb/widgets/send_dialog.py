"""Asks to which node, and stays while instances are sent; then tells of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSortFilterProxyModel, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QLabel,
    QTableView,
    QWidget,
)

from napari_dicomdb.network.jobs.selection import named_by
from napari_dicomdb.network.nodes import load_nodes
from napari_dicomdb.settings import write_whole
from napari_dicomdb.widgets._dialog_parts import lay_out_dialog, row_of
from napari_dicomdb.widgets._job_following import JobFollower
from napari_dicomdb.widgets._session import end_with, recall, remember
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._upkeep_page import make_button, make_label
from napari_dicomdb.widgets.deidentify_choice import DeidentifyRow
from napari_dicomdb.widgets.models.plain_table import SORT_ROLE, PlainRow, PlainTable
from napari_dicomdb.widgets.nodes_dialog import NodesDialog
from napari_dicomdb.widgets.nodes_page import ask_node
from napari_dicomdb.widgets.work_strip import WorkStrip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.network.echo import EchoResult
    from napari_dicomdb.network.jobs import Job, JobQueue
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.send_report import SendOutcome, SendReport
    from napari_dicomdb.widgets._network_session import NetworkSession
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["SendDialog"]

_NODE_KEY = "send_node"
_TITLES = ("Outcome", "Status", "Why", "Tries", "Kept", "Instance")
_WORDS = {
    "sent": "Sent",
    "warning": "Sent, with a remark",
    "failed": "Failed",
    "refused": "Not sendable",
    "not-sent": "Not sent",
}
_KEPT = {
    "committed": "yes",
    "failed": "no",
    "no-answer": "no answer",
    "not-offered": "not offered",
}
# What went wrong comes first.
_RANKS = {"failed": 0, "refused": 1, "not-sent": 2, "warning": 3, "sent": 4}


class SendDialog(QDialog):
    """Node and options; then progress, with a way to cancel; then each outcome.

    Sending is a job of the queue: it goes on when the dialog is closed. With a mapping
    of anonymised copies it is done here and now, as no job may keep a passphrase.

    Parameters
    ----------
    network : NetworkSession
        Whose database the records are of.
    records : sequence of records
        Patients, studies, series or instances.
    what : str
        For people: "2 series with 120 files".
    palette : Palette
    viewer : napari viewer, optional
        Whose shapes may be blacked out of anonymised copies.
    """

    sent = Signal(object)  # SendReport

    def __init__(
        self,
        network: NetworkSession,
        records: Sequence[Any],
        what: str,
        palette: Palette,
        parent: QWidget | None = None,
        *,
        viewer: Any = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Send")
        self._viewer = viewer
        self._network = network
        self._follower: JobFollower | None = None
        self._sends_here = False
        self._records = list(records)
        self._palette = palette
        self._runner = TaskRunner("send")
        self._report: SendReport | None = None
        self.nodes_dialog: NodesDialog | None = None
        self._build(what)
        end_with(self, TaskRunner.close, self._runner)
        self._show_nodes(recall(_NODE_KEY, ""))

    def _build(self, what: str) -> None:
        self.node = QComboBox()
        self.node.setAccessibleName("Node")
        self.node.setToolTip("Where to")
        self.node.currentIndexChanged.connect(lambda _: self._update())
        self.nodes_button = make_button("Nodes…", self.show_nodes, "Add, change and test nodes")
        self.test_button = make_button("Test", self.test, "Ask whether it answers")
        where = row_of(QLabel("To"), self.node, self.test_button, self.nodes_button)
        where.setStretchFactor(self.node, 1)
        self.transcode = QCheckBox("Decompress what the node does not take as it is")
        self.transcode.setToolTip("Nothing is lost. Otherwise it is not sent.")
        self.transcode.setChecked(True)
        self.commitment = QCheckBox("Ask the node afterwards whether it keeps them")
        self.commitment.setToolTip("Storage commitment, where the node offers it")
        self.anonymise: DeidentifyRow | None = None
        if self._network.database is not None:
            self.anonymise = DeidentifyRow(
                self._network.database, self._records, what, self._palette, viewer=self._viewer
            )
            self.anonymise.changed.connect(self._update)
        self.warning = make_label("What is sent says who the patient is.", "dim")
        self.work = WorkStrip(self._runner)
        self.work.apply_palette(self._palette)
        label = self.work.label
        label.setWordWrap(True)  # why it is tried again takes more than a line
        label.setMinimumHeight(2 * label.fontMetrics().lineSpacing() + 4)
        label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)
        self.work.busy_changed.connect(lambda _: self._update())
        self.model = PlainTable(_TITLES, numbers=(3,))
        self.model.set_dim(self._palette.dim)
        proxy = QSortFilterProxyModel(self)
        proxy.setSourceModel(self.model)
        proxy.setSortRole(SORT_ROLE)
        self.table = QTableView()
        self.table.setModel(proxy)
        self.table.setAccessibleName("What became of each instance")
        self.table.setShowGrid(False)
        self.table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.table.setTabKeyNavigation(False)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setStretchLastSection(True)
        for column, width in enumerate((110, 56, 220, 40, 80)):
            self.table.setColumnWidth(column, width)
        self.table.setMinimumHeight(160)
        self.table.hide()
        self.save_button = make_button(
            "Save list…", self.ask_to_save, "What became of each, as CSV"
        )
        self.save_button.hide()
        self.send_button = make_button("Send", self.send, "Send now")
        self.send_button.setDefault(True)
        self.close_button = make_button("Close", self.reject, "")
        title = make_label(f"Send {what}", "title")
        buttons = row_of(self.save_button, None, self.close_button, self.send_button)
        choices = (self.transcode, self.commitment, self.anonymise, self.warning)
        lay_out_dialog(
            self, title, where, *choices, self.work, self.table, buttons, growing=self.table
        )
        self.setMinimumWidth(520)

    # -- nodes ----------------------------------------------------------------------------

    def _show_nodes(self, chosen: str) -> None:
        self.node.clear()
        for node in load_nodes():
            self.node.addItem(node.name, node)
            self.node.setItemData(
                self.node.count() - 1, node.address, int(Qt.ItemDataRole.ToolTipRole)
            )
        self.node.setCurrentIndex(max(self.node.findText(chosen), 0))
        if not self.node.count():
            self.node.setPlaceholderText("No node yet: add one by “Nodes…”")
        self._update()

    def chosen_node(self) -> Node | None:
        """Return the node to send to."""
        node: Node | None = self.node.currentData()
        return node

    def show_nodes(self) -> None:
        """Open the list of nodes."""
        self.nodes_dialog = NodesDialog(self._palette, self, session=self._network)
        self.nodes_dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.nodes_dialog.changed.connect(lambda: self._show_nodes(self.node.currentText()))
        self.nodes_dialog.open()

    def test(self) -> None:
        """Ask the node whether it answers."""
        node = self.chosen_node()
        if node is not None:
            self.work.run(f"Asking {node.name}", ask_node, node, returned=self._tested)

    def _tested(self, result: EchoResult) -> None:
        self.work.tell(result.text, "info" if result.ok else "error")

    # -- sending --------------------------------------------------------------------------

    def send(self) -> None:
        """Send to the chosen node."""
        node, database = self.chosen_node(), self._network.database
        if node is None or database is None or self.work.is_busy:
            return
        remember(_NODE_KEY, node.name)
        records, transcode = self._records, self.transcode.isChecked()
        commitment = self.commitment.isChecked()
        profile = None if self.anonymise is None else self.anonymise.profile()
        kept = {} if self.anonymise is None else self.anonymise.kept()
        if kept:
            self._sends_here = True
            how = {"transcode": transcode, "commit": commitment, "deidentify": profile, **kept}
            self.work.run(
                f"Sending to {node.name}", database.send, records, node,
                returned=self._show_report, **how,
            )  # fmt: skip
            return
        options: dict[str, Any] = {"transcode": transcode, "commitment": commitment}
        if profile is not None:
            options["deidentify"] = profile.to_choices()

        def add(queue: JobQueue) -> Job:
            what = {**named_by(database, records), **options}
            return queue.add("send", what, node=node.name)

        def submit(**callbacks: Any) -> JobFollower:
            self._follower = JobFollower(self._network, add, self, **callbacks)
            return self._follower

        self.work.start(f"Sending to {node.name}", submit, self._show_report)
        self._update()

    def _show_report(self, report: SendReport) -> None:
        self._report = report
        self.model.show_rows([_row(outcome) for outcome in report.outcomes])
        self.table.show()
        self.save_button.show()
        has_remarks = report.counts.get("warning", 0) > 0
        severity = "info" if report.ok and not has_remarks else "warning"
        self.work.tell(f"{report.summary()}.", "error" if not report.stored else severity)
        self.resize(max(self.width(), 680), max(self.height(), 460))
        self.sent.emit(report)

    def ask_to_save(self) -> None:
        """Let the user choose a file for the outcomes."""
        path, _ = QFileDialog.getSaveFileName(self, "Save the list", "sent.csv", "CSV (*.csv)")
        if path and self._report is not None:
            try:
                write_whole(Path(path), self._report.to_csv())
            except OSError as error:
                self.work.tell_error(error)
            else:
                self.work.tell(f"Saved to {path}.")

    def _update(self) -> None:
        ready = self.chosen_node() is not None and not self.work.is_busy
        for widget in (self.send_button, self.test_button):
            widget.setEnabled(ready)
        for widget in (self.node, self.nodes_button, self.transcode, self.commitment):
            widget.setEnabled(not self.work.is_busy)
        if self.anonymise is not None:
            self.anonymise.setEnabled(not self.work.is_busy)
            self.warning.setVisible(self.anonymise.profile() is None)
        self._sends_here &= self.work.is_busy
        is_sending = self._follower is not None and not self._follower.is_over
        self.close_button.setText("In the background" if is_sending else "Close")
        self.close_button.setToolTip(
            "Close this; sending goes on, see DICOM network > Jobs" if is_sending else ""
        )

    def reject(self) -> None:
        """Close; what is being sent goes on in the queue, or is stopped first."""
        if self._sends_here and self.work.is_busy:
            self.work.cancel()
            return
        if self._follower is not None:
            self._follower.let_go()
        super().reject()


def _row(outcome: SendOutcome) -> PlainRow:
    words = _WORDS[outcome.state]
    kept = _KEPT.get(outcome.committed, outcome.committed)
    text = outcome.text or outcome.committed_text
    cells = (words, outcome.status_text, text, str(outcome.attempts), kept, outcome.uid)
    keys = (
        _RANKS[outcome.state],
        outcome.status_text,
        text,
        outcome.attempts,
        kept,
        outcome.uid,
    )
    return PlainRow(
        cells,
        keys,
        tip=f"{outcome.text}\n{outcome.path}",
        dim=outcome.state == "sent",
        data=outcome,
    )
