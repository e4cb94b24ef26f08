"""What an import refused or remarked upon, as a Qt table model."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt

from napari_dicomdb.widgets._text import tool_tip

if TYPE_CHECKING:
    from napari_dicomdb.database import ImportReport

__all__ = ["ReportModel", "ReportRow", "report_rows", "row_counts", "rows_to_csv"]

_NO_DICOM = "not-dicom"
_GRAVEST_FIRST = {"error": 0, "warning": 1, "info": 2}
_TITLES = ("", "File", "Reason", "Explanation")


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One file that an import has something to say about.

    `severity` is "error" for a refused file, "warning" for one that a DICOMDIR
    lists and that is absent, "info" for one accepted with a remark, and for one
    that is no DICOM: letters and programs on a CD are no mistake.
    """

    severity: str
    path: str
    reason: str
    text: str

    @property
    def status(self) -> str:
        """The severity in one word for people."""
        if self.reason == _NO_DICOM:
            return "refused"
        return {"error": "refused", "warning": "missing", "info": "note"}[self.severity]


def report_rows(report: ImportReport, after: tuple[int, int, int] = (0, 0, 0)) -> list[ReportRow]:
    """Return every refused file, absent file and remark of `report`, gravest first.

    `after` leaves out as many of each, known already (see `row_counts`).
    """
    rows = [
        # Messages begin with the file they are about, which has its own column.
        ReportRow(_severity(severity, reason), path, reason, text.removeprefix(f"{path}: "))
        for (severity, remarks), known in zip(_kinds(report), after, strict=True)
        for path, reason, text in remarks[known:]
    ]
    return sorted(rows, key=lambda row: _GRAVEST_FIRST[row.severity])


def _severity(severity: str, reason: str) -> str:
    return "info" if reason == _NO_DICOM else severity


def row_counts(report: ImportReport) -> tuple[int, int, int]:
    """Return how many refused files, absent files and remarks `report` holds now."""
    return len(report.rejected), len(report.missing), len(report.notes)


def _kinds(report: ImportReport) -> tuple[tuple[str, list[Any]], ...]:
    return ("error", report.rejected), ("warning", report.missing), ("info", report.notes)


def rows_to_csv(rows: Iterable[ReportRow]) -> str:
    """Return the rows as CSV with a header line."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["status", "path", "reason", "text"])
    writer.writerows([row.status, row.path, row.reason, row.text] for row in rows)
    return text.getvalue()


class ReportModel(QAbstractTableModel):
    """Rows of a report: severity, file, reason, explanation."""

    def __init__(self, rows: Iterable[ReportRow] = ()) -> None:
        super().__init__()
        self._rows = list(rows)
        self._icons: dict[str, Any] = {}

    def show(self, rows: Iterable[ReportRow]) -> None:
        """Show `rows` instead."""
        self.beginResetModel()
        self._rows = list(rows)
        self.endResetModel()

    def append(self, rows: Iterable[ReportRow]) -> None:
        """Add `rows` at the end; what is selected and scrolled to stays."""
        more = list(rows)
        if more:
            first = len(self._rows)
            self.beginInsertRows(QModelIndex(), first, first + len(more) - 1)
            self._rows += more
            self.endInsertRows()

    def row(self, row: int) -> ReportRow:
        """Return one row."""
        return self._rows[row]

    def rows(self) -> list[ReportRow]:
        """Return all rows."""
        return list(self._rows)

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if parent.isValid() else len(_TITLES)

    def headerData(  # noqa: D102
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        if not index.isValid():
            return None
        row, column = self._rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return ("", Path(row.path).name or row.path, row.reason, row.text)[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(f"{row.status}: {row.path}\n{row.text}")
        if role == Qt.ItemDataRole.DecorationRole and column == 0:
            return self._icon(row.severity)
        return None

    def _icon(self, severity: str) -> Any:
        if severity not in self._icons:
            from napari_dicomdb.widgets._icons import pixmap

            self._icons[severity] = pixmap(severity, size=14)
        return self._icons[severity]
