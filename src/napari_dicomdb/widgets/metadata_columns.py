"""Chosen attributes over all instances of a series: a table, and a plot of the numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, QStringListModel, Qt, Signal
from qtpy.QtWidgets import (
    QCompleter,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.dicom.attribute_export import json_text, write_text
from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.loading.columns import column_of, values_over
from napari_dicomdb.widgets._metadata_table import MetadataTable, ask_for_file
from napari_dicomdb.widgets._text import count
from napari_dicomdb.widgets._theme import popup_sheet
from napari_dicomdb.widgets.metadata_plot import MetadataPlot, PlotLine
from napari_dicomdb.widgets.models.plain_table import PlainRow
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.columns import Column, ValueTable
    from napari_dicomdb.widgets._tasks import Task, TaskRunner
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["MetadataColumns"]

_FIRST = ("SliceLocation",)
_WIDEST = 220  # pixels
_COMPONENTS = ("x", "y", "z")


class MetadataColumns(QWidget):
    """The values of chosen attributes over the instances of a series.

    Parameters
    ----------
    runner : TaskRunner
        Where headers are read.
    palette : Palette
    """

    filled = Signal(object)  # ValueTable
    instance_chosen = Signal(int)  # place among the instances

    def __init__(
        self, runner: TaskRunner, palette: Palette, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._runner = runner
        self._task: Task | None = None
        self._instances: list[InstanceRecord] = []
        self._stale = False
        self.columns: list[Column] = []
        self.values: ValueTable | None = None
        self._build(palette)
        self.apply_palette(palette)

    def _build(self, palette: Palette) -> None:
        self.input = QLineEdit()
        self.input.setPlaceholderText("Add a tag: EchoTime, (0018,0081), Sequence.Keyword")
        self.input.setAccessibleName("Tag to add as a column")
        self.input.setClearButtonEnabled(True)
        words = QStringListModel(self)
        completer = QCompleter(words, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.input.setCompleter(completer)
        # The first one who asks for them imports pydicom: half a second.
        self._runner.submit(_keywords, returned=words.setStringList)
        self.add_button = QPushButton("Add")
        self.clear_button = QPushButton("Clear")
        self.clear_button.setToolTip("Remove all columns")
        self.state = QLabel()
        self.state.setObjectName("dim")
        self.notice = NoticeBox(closable=True)
        self.notice.hide()
        self.table = MetadataTable("Values over the series")
        header = self.table.horizontalHeader()
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._show_header_menu)
        self.plot = MetadataPlot(palette)
        self.split = QSplitter(Qt.Orientation.Vertical)
        self.split.addWidget(self.table)
        self.split.addWidget(self.plot)
        self.split.setStretchFactor(0, 3)
        self.split.setStretchFactor(1, 2)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.hide()
        self.export_button = QPushButton("Export…")
        self.export_button.setToolTip("Write the table as CSV or JSON")
        top = QHBoxLayout()
        for part in (self.input, self.add_button, self.clear_button):
            top.addWidget(part, 1 if part is self.input else 0)
        foot = QHBoxLayout()
        foot.addWidget(self.state, 1)
        foot.addWidget(self.cancel_button)
        foot.addWidget(self.export_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(top)
        layout.addWidget(self.notice)
        layout.addWidget(self.split, 1)
        layout.addLayout(foot)
        self.input.returnPressed.connect(self.add_typed)
        self.add_button.clicked.connect(self.add_typed)
        self.clear_button.clicked.connect(self.clear)
        self.cancel_button.clicked.connect(self.cancel)
        self.export_button.clicked.connect(self._ask_to_export)
        self.table.row_chosen.connect(lambda row: self.instance_chosen.emit(row.data))
        self.plot.instance_chosen.connect(self.instance_chosen)

    def apply_palette(self, palette: Palette) -> None:
        """Draw everything in the colours of another theme."""
        self.input.completer().popup().setStyleSheet(popup_sheet(palette))
        self.notice.apply_palette(palette)
        self.plot.apply_palette(palette)

    # -- what is shown ----------------------------------------------------------------

    def show_instances(self, instances: Sequence[InstanceRecord]) -> None:
        """Show the chosen columns over these instances, once they are looked at."""
        self._instances = list(instances)
        self._stale = True
        if self.isVisible():
            self.refresh()

    def showEvent(self, event: object) -> None:
        """Read what was asked for while nobody looked."""
        super().showEvent(event)
        self.refresh()

    def refresh(self) -> None:
        """Read the values where they are not those of the present instances."""
        if self._stale and self._instances:
            if not self.columns:
                self.columns = [column_of(words) for words in _FIRST]
            self._read()

    def add_typed(self) -> None:
        """Add the column whose name was typed."""
        words = self.input.text().strip()
        if words and self.add_column(words):
            self.input.clear()

    def add_column(self, words: str) -> bool:
        """Add a column by keyword, tag or path; say whether there is such an attribute."""
        try:
            column = column_of(words)
        except DicomDbError as error:
            self._tell(f"{error}. Type a keyword, a name, or a tag.", "warning")
            return False
        self.notice.hide()
        if column.path not in [one.path for one in self.columns]:
            self.columns.append(column)
            self._read()
        return True

    def remove_column(self, place: int) -> None:
        """Remove a column."""
        del self.columns[place]
        self._read()

    def clear(self) -> None:
        """Remove all columns."""
        self.columns.clear()
        self._read()

    def cancel(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()

    def _read(self) -> None:
        self.cancel()
        self._stale = False
        self.cancel_button.show()
        task = self._runner.submit(
            values_over,
            list(self._instances),
            list(self.columns),
            pass_progress=True,
            returned=self._show,
            failed=lambda error: self._tell(str(error), "error"),
            progressed=lambda done, total, text: self.state.setText(f"{text}: {done} of {total}"),
            finished=lambda: self.cancel_button.setVisible(task is not self._task),
        )
        self._task = task

    def _show(self, found: ValueTable) -> None:
        self.values = found
        titles = ("#", *(column.title for column in found.columns))
        rows = []
        numeric = {k for k in range(len(found.columns)) if found.numbers(k)}
        for place, (one, cells) in enumerate(zip(found.instances, found.cells, strict=True)):
            number = math.inf if one.number is None else float(one.number)
            keys = [number, *(_key(cell, k in numeric) for k, cell in enumerate(cells))]
            shown = ("" if one.number is None else str(one.number), *(c or "" for c in cells))
            rows.append(PlainRow(shown, tuple(keys), tip=str(one.path), data=place))
        self.table.show_table(titles, rows, (0, *(k + 1 for k in numeric)))
        self.table.setColumnWidth(0, 46)
        for column in range(1, len(titles) - 1):
            self.table.resizeColumnToContents(column)
            self.table.setColumnWidth(column, min(self.table.columnWidth(column) + 6, _WIDEST))
        self.state.setText(count(len(rows), "instance"))
        self._plot(found)
        if found.problems:
            self._tell(
                f"{count(len(found.problems), 'file')} cannot be read: "
                f"{found.problems[0][0].name}: {found.problems[0][1]}",
                "warning",
            )
        self.filled.emit(found)

    def _plot(self, found: ValueTable) -> None:
        lines = []
        for k, column in enumerate(found.columns):
            parts = found.numbers(k)
            for m, values in enumerate(parts):
                part = _COMPONENTS[m] if len(parts) == 3 else str(m + 1)
                name = column.name if len(parts) == 1 else f"{column.name} {part}"
                lines.append(PlotLine(name, column.unit, tuple(values)))
        numbers = [
            float(place + 1 if one.number is None else one.number)
            for place, one in enumerate(found.instances)
        ]
        self.plot.show_lines(numbers, lines)
        self.plot.setVisible(self.plot.drawn)

    def _tell(self, text: str, severity: str) -> None:
        self.notice.show_text(text, severity)
        self.notice.show()

    def header_menu(self, section: int) -> QMenu:
        """Return the context menu of a column's title."""
        menu = QMenu(self)
        if section > 0:
            name = self.columns[section - 1].name
            remove = menu.addAction(f"Remove “{name}”")
            remove.triggered.connect(lambda: self.remove_column(section - 1))
        menu.addAction("Remove all columns").triggered.connect(self.clear)
        return menu

    def _show_header_menu(self, position: QPoint) -> None:
        header = self.table.horizontalHeader()
        menu = self.header_menu(header.logicalIndexAt(position))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(header.mapToGlobal(position))

    # -- export -----------------------------------------------------------------------

    def _ask_to_export(self) -> None:
        path = ask_for_file(self, "Export the values", "values.csv")
        if path is not None:
            self.export(path)

    def export(self, path: Path) -> None:
        """Write the table as CSV or JSON, by the ending of the name."""
        found = self.values
        if found is None:
            return

        def write() -> Path:
            is_json = path.suffix.lower() == ".json"
            return write_text(path, json_text(found.to_json()) if is_json else found.to_csv())

        self._runner.submit(
            write,
            returned=lambda written: self._tell(f"Exported to {written}", "info"),
            failed=lambda error: self._tell(str(error), "error"),
        )


def _key(cell: str | None, numeric: bool) -> object:
    if not numeric:
        return (cell or "").casefold()
    return float(cell.split("\\")[0]) if cell else math.inf


def _keywords() -> list[str]:
    from pydicom._dicom_dict import DicomDictionary

    return sorted({entry[4] for entry in DicomDictionary.values() if entry[4]})
