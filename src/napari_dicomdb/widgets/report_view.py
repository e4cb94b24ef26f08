"""The report of an import: counts, every refused file with its reason, saving."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSortFilterProxyModel, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.widgets._text import count
from napari_dicomdb.widgets.models.report_table import (
    ReportModel,
    report_rows,
    row_counts,
    rows_to_csv,
)
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from napari_dicomdb.database import ImportReport

__all__ = ["ReportDialog", "ReportView", "report_sentence", "save_report"]


_WRAPPED = 300  # rows; measuring more would be felt


def report_sentence(report: ImportReport, *, dry_run: bool = False) -> str:
    """Return the outcome of an import in one line for people."""
    parts = [
        count(number, one, many)
        for number, one, many in (
            (report.added, "file added", "files added"),
            (report.updated, "updated", "updated"),
            (report.unchanged, "already known", "already known"),
            (report.duplicates, "duplicate", "duplicates"),
            (len(report.rejected), "refused", "refused"),
            (len(report.missing), "missing", "missing"),
            (len(report.notes), "note", "notes"),
        )
        if number
    ]
    words = ", ".join(parts) or "no files found"
    if report.cancelled:
        words += " before it was cancelled"
    if report.stopped:
        words += f"; stopped: {report.stopped}"
    return f"Dry run: {words}" if dry_run else words[:1].upper() + words[1:]


def report_severity(report: ImportReport) -> str:
    """Return how grave the outcome is."""
    if report.stopped:
        return "error"
    # Letters and programs on a CD are no DICOM, and nothing is wrong with that.
    refused = any(reason != "not-dicom" for _, reason, _ in report.rejected)
    return "warning" if refused or report.missing else "info"


def save_report(report: ImportReport, path: Path) -> Path:
    """Write the report: CSV when `path` ends in ``.csv``, JSON otherwise."""
    if path.suffix.lower() == ".csv":
        path.write_text(rows_to_csv(report_rows(report)), encoding="utf-8")
    else:
        text = json.dumps(report.to_json(), indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
    return path


class ReportView(QWidget):
    """Sentence, search line, table and a button that saves."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.report: ImportReport | None = None
        self.sentence = NoticeBox("info", "")
        self.model = ReportModel()
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self.model)
        self._proxy.setFilterKeyColumn(-1)
        self._proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Filter by file or reason")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._proxy.setFilterFixedString)
        self.table = QTableView()
        self.table.setModel(self._proxy)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setShowGrid(False)
        self.table.setAlternatingRowColors(True)
        self.table.setSortingEnabled(True)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(24)
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        header.setMinimumSectionSize(24)
        self.table.setColumnWidth(0, 26)
        self.table.setColumnWidth(1, 130)
        self.table.setColumnWidth(2, 100)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.nothing = QLabel("")
        self.nothing.setObjectName("dim")
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.nothing.setTextFormat(Qt.TextFormat.PlainText)
        self.nothing.setWordWrap(True)
        self.save_button = QPushButton("Save report…")
        self.save_button.setToolTip("Save as CSV or JSON")
        self.save_button.clicked.connect(self._ask_and_save)
        foot = QHBoxLayout()
        foot.addWidget(self.search, 1)
        foot.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.sentence)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.nothing, 1)
        layout.addLayout(foot)
        self.clear("The report of the next import appears here.")

    def clear(self, message: str) -> None:
        """Show `message` and no report."""
        self.report = None
        self._counts = (0, 0, 0)
        self.model.show([])
        self.sentence.hide()
        self.table.hide()
        self.nothing.setText(message)
        self.nothing.show()
        self.search.setEnabled(False)
        self.save_button.setEnabled(False)

    def show_progress(self, report: ImportReport, *, dry_run: bool = False) -> None:
        """Show what a running import has to say so far; it can be saved as it is."""
        counts = row_counts(report)
        fewer = any(now < known for now, known in zip(counts, self._counts, strict=True))
        if self.report is not report or fewer:
            self.clear("Nothing was refused so far.")  # a new one, or a batch was taken back
            self.report = report
        rows = report_rows(report, self._counts)
        self._counts = counts
        self.model.append(rows)
        self.sentence.show_text(f"{report_sentence(report, dry_run=dry_run)} so far", "info")
        self.sentence.show()
        shown = self.model.rowCount() > 0
        self.table.setVisible(shown)
        self.nothing.setVisible(not shown)
        self.search.setEnabled(shown)
        self.save_button.setEnabled(True)

    def show_report(self, report: ImportReport, *, dry_run: bool = False) -> None:
        """Show a report."""
        self.report = report
        rows = report_rows(report)
        self.model.show(rows)
        self.sentence.show_text(report_sentence(report, dry_run=dry_run), report_severity(report))
        self.sentence.show()
        self.table.setVisible(bool(rows))
        for column, most in ((1, 170), (2, 130)):
            self.table.resizeColumnToContents(column)
            self.table.setColumnWidth(column, min(self.table.columnWidth(column), most))
        if len(rows) <= _WRAPPED:
            self.table.resizeRowsToContents()
        self.nothing.setText("Nothing was refused, nothing is missing.")
        self.nothing.setVisible(not rows)
        self.search.setEnabled(bool(rows))
        self.save_button.setEnabled(True)

    def save(self, path: Path) -> Path | None:
        """Write the report shown; None when there is none."""
        return None if self.report is None else save_report(self.report, path)

    def _ask_and_save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, "Save the import report", "import-report.csv", "CSV (*.csv);;JSON (*.json)"
        )
        if name:
            self.save(Path(name))


class ReportDialog(QDialog):
    """The report in a window of its own; does not block the others."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import report")
        self.resize(640, 420)
        self.view = ReportView()
        close = QPushButton("Close")
        close.clicked.connect(self.accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 10)
        layout.addWidget(self.view)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
