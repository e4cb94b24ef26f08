"""Two instances, series or studies side by side: what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.dicom.attribute_export import csv_text, json_text, write_text
from napari_dicomdb.loading.comparing import compare_records
from napari_dicomdb.widgets._icons import icon
from napari_dicomdb.widgets._metadata_table import MetadataTable, ask_for_file
from napari_dicomdb.widgets._text import count
from napari_dicomdb.widgets.models.plain_table import PlainRow
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dicomdb.loading.comparing import Comparison
    from napari_dicomdb.widgets._tasks import Task, TaskRunner
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["MetadataCompare"]

_SIGNS = {"same": "=", "changed": "≠", "left-only": "← only", "right-only": "→ only"}
_SHARES = 34, 12, 27  # percent of the width; the right side has the rest
_EMPTY = "Choose two instances, series or studies: in the browser, or by “Pin to compare”."


class MetadataCompare(QWidget):
    """A table of differences.

    Parameters
    ----------
    runner : TaskRunner
        Where headers are read and compared.
    palette : Palette
    """

    compared = Signal(object)  # Comparison

    def __init__(
        self, runner: TaskRunner, palette: Palette, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._runner = runner
        self._task: Task | None = None
        self._pair: tuple[Any, Any, Any] | None = None
        self.pinned: Any = None
        self.comparison: Comparison | None = None
        self.title = QLabel(_EMPTY)
        self.title.setObjectName("title")
        self.title.setWordWrap(True)
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.state = QLabel()
        self.state.setObjectName("dim")
        self.everything = QCheckBox("Show all")
        self.everything.setToolTip("Also what is the same on both sides")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search the differences")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search the differences")
        self._search_icon = self.search.addAction(
            icon("search"), QLineEdit.ActionPosition.LeadingPosition
        )
        self.swap_button = QPushButton("Swap")
        self.swap_button.setToolTip("Exchange left and right")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.hide()
        self.export_button = QPushButton("Export…")
        self.notice = NoticeBox(closable=True)
        self.notice.hide()
        self.table = MetadataTable("Differences")
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

        search = QHBoxLayout()
        search.addWidget(self.search, 1)
        search.addWidget(self.everything)
        foot = QHBoxLayout()
        foot.addWidget(self.state, 1)
        for button in (self.cancel_button, self.swap_button, self.export_button):
            foot.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self.title)
        layout.addWidget(self.notice)
        layout.addLayout(search)
        layout.addWidget(self.table, 1)
        layout.addLayout(foot)

        self.search.textChanged.connect(self.table.sorted.setFilterFixedString)
        self.everything.toggled.connect(self._again)
        self.swap_button.clicked.connect(self._swap)
        self.cancel_button.clicked.connect(self.cancel)
        self.export_button.clicked.connect(self._ask_to_export)
        self._enable()
        self.apply_palette(palette)

    def apply_palette(self, palette: Palette) -> None:
        """Draw everything in the colours of another theme."""
        self._search_icon.setIcon(icon("search", palette.dim))
        self.notice.apply_palette(palette)

    def _enable(self) -> None:
        for part in (self.swap_button, self.everything, self.export_button):
            part.setEnabled(self._pair is not None)

    # -- comparing --------------------------------------------------------------------

    def compare(self, database: Any, left: Any, right: Any) -> None:
        """Compare two records of one kind.

        Parameters
        ----------
        database : Database
        left, right : InstanceRecord, SeriesRecord or StudyRecord
        """
        self._pair = database, left, right
        self._enable()
        self._again()

    def cancel(self) -> None:
        """Stop comparing."""
        if self._task is not None:
            self._task.cancel()

    def _swap(self) -> None:
        if self._pair is not None:
            database, left, right = self._pair
            self.compare(database, right, left)

    def _again(self) -> None:
        if self._pair is None:
            return
        self.cancel()
        self.notice.hide()
        self.title.setText("Comparing …")
        self.cancel_button.show()
        database, left, right = self._pair
        task = self._runner.submit(
            compare_records,
            database,
            left,
            right,
            everything=self.everything.isChecked(),
            pass_progress=True,
            returned=self._show,
            failed=self._fail,
            progressed=lambda done, total, text: self.state.setText(
                f"{text}: {done} of {total}" if total else text
            ),
            cancelled=lambda: self._stopped(task),
        )
        self._task = task

    def _stopped(self, task: Task) -> None:
        if task is self._task:
            self.title.setText("Comparing was cancelled")
            self.state.setText("")
            self.cancel_button.hide()

    def _fail(self, error: Exception) -> None:
        self.title.setText("They cannot be compared")
        self.cancel_button.hide()
        self.notice.show_text(str(error), "error")
        self.notice.show()

    def _show(self, found: Comparison) -> None:
        self.comparison = found
        self.cancel_button.hide()
        self.title.setText(f"{found.left}   ↔   {found.right}")
        rows = [
            PlainRow(
                (one.path, _SIGNS[one.kind], one.left, one.right),
                tip=f"{one.path}\n{one.vr} {one.name}\nleft: {one.left}\nright: {one.right}",
                dim=one.kind == "same",
                data=one,
            )
            for one in found.differences
        ]
        self.table.show_table(("Attribute", "", found.left, found.right), rows)
        self.table.share_width(_SHARES)
        differing = sum(one.kind != "same" for one in found.differences)
        self.state.setText(count(differing, "difference") if differing else "No differences")
        if found.problems:
            words = "\n".join(f"{path}: {text}" for path, text in found.problems[:5])
            more = len(found.problems) - 5
            self.notice.show_text(words + (f"\nand {more} more" if more > 0 else ""), "warning")
            self.notice.show()
        self.compared.emit(found)

    # -- export -----------------------------------------------------------------------

    def _ask_to_export(self) -> None:
        path = ask_for_file(self, "Export the differences", "differences.csv")
        if path is not None:
            self.export(path)

    def export(self, path: Path) -> None:
        """Write the differences as CSV or JSON, by the ending of the name."""
        found = self.comparison
        if found is None:
            return

        def write() -> Path:
            if path.suffix.lower() == ".json":
                return write_text(path, json_text(found.to_json()))
            header = ("Attribute", "Name", "VR", "Kind", found.left, found.right)
            rows = [(d.path, d.name, d.vr, d.kind, d.left, d.right) for d in found.differences]
            return write_text(path, csv_text(header, rows))

        def tell(written: Path) -> None:
            self.notice.show_text(f"Exported to {written}", "info")
            self.notice.show()

        self._runner.submit(write, returned=tell, failed=self._fail)
