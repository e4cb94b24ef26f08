"""Editing attributes in copies: what is to change, checked as one types, then written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.database.private_folders import working_folder
from napari_dicomdb.dicom.editing import (
    EditError,
    EditReport,
    edited_copies,
    parse_edit,
    preview,
    remarks_on,
    validate,
)
from napari_dicomdb.widgets._text import count
from napari_dicomdb.widgets._theme import SEVERITY_COLOURS
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.dicom.editing import Change, Edit
    from napari_dicomdb.widgets._tasks import Task, TaskRunner
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["MetadataEdit"]

_TITLES = ("Attribute", "Now", "In the copy", "")
_NAME, _NOW, _NEW, _PROBLEM = range(4)
_INTRO = (
    "Edits are written into copies. The original files are never changed; pixels are "
    "copied byte for byte."
)


@dataclass(slots=True)
class _Row:
    path: str
    removed: bool = False


class MetadataEdit(QWidget):
    """A list of edits, and where their copies go.

    Parameters
    ----------
    runner : TaskRunner
    palette : Palette
    database : callable
        Returns the database shown, or None.
    """

    written = Signal(object)  # EditReport
    imported = Signal()

    def __init__(
        self,
        runner: TaskRunner,
        palette: Palette,
        database: Callable[[], Any],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._runner = runner
        self._database = database
        self._task: Task | None = None
        self._rows: list[_Row] = []
        self._instances: list[InstanceRecord] = []
        self._instance: InstanceRecord | None = None
        self._filling = False
        self._build()
        self.apply_palette(palette)
        self._check()

    def _build(self) -> None:
        intro = QLabel(_INTRO)
        intro.setObjectName("dim")
        intro.setWordWrap(True)
        self.input = QLineEdit()
        self.input.setPlaceholderText("Attribute to edit: PatientID, (0010,0020)")
        self.input.setAccessibleName("Attribute to edit")
        self.add_button = QPushButton("Add")
        self.table = QTableWidget(0, len(_TITLES))
        self.table.setAccessibleName("Edits")
        self.table.setHorizontalHeaderLabels(_TITLES)
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column, width in enumerate((130, 100, 110)):
            self.table.setColumnWidth(column, width)
        self.remove_button = QPushButton("Remove attribute in the copy")
        self.drop_button = QPushButton("Do not edit")
        self.drop_button.setToolTip("Take the selected line out of the list")
        self.scope = QComboBox()
        self.scope.setAccessibleName("What is copied")
        self.scope.addItems(["This instance", "All instances of the series"])
        self.keep_uids = QCheckBox("Keep the UIDs")
        self.keep_uids.setToolTip("Otherwise the copies are new objects with UIDs of their own")
        self.utf8 = QCheckBox("Use UTF-8 where needed")
        self.utf8.setToolTip("When the character set of the file lacks a letter of a new value")
        self.notice = NoticeBox(closable=True)
        self.notice.hide()
        self.bar = QProgressBar()
        self.bar.hide()
        self.folder_button = QPushButton("Write copies to a folder…")
        self.database_button = QPushButton("Add copies to the database")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.hide()

        top, lines, options, foot = (QHBoxLayout() for _ in range(4))
        top.addWidget(self.input, 1)
        top.addWidget(self.add_button)
        lines.addWidget(self.remove_button)
        lines.addWidget(self.drop_button)
        lines.addStretch(1)
        options.addWidget(self.scope)
        options.addWidget(self.keep_uids)
        options.addWidget(self.utf8)
        options.addStretch(1)
        foot.addWidget(self.folder_button)
        foot.addWidget(self.database_button)
        foot.addWidget(self.cancel_button)
        foot.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(intro)
        layout.addLayout(top)
        layout.addWidget(self.table, 1)
        layout.addLayout(lines)
        layout.addLayout(options)
        layout.addWidget(self.notice)
        layout.addWidget(self.bar)
        layout.addLayout(foot)

        self.input.returnPressed.connect(self.add_typed)
        self.add_button.clicked.connect(self.add_typed)
        self.table.itemChanged.connect(self._on_typed)
        self.remove_button.clicked.connect(self._toggle_removed)
        self.drop_button.clicked.connect(self.drop_selected)
        self.keep_uids.toggled.connect(self._check)
        self.utf8.toggled.connect(self._check)
        self.folder_button.clicked.connect(self._ask_for_folder)
        self.database_button.clicked.connect(lambda: self.write(None))
        self.cancel_button.clicked.connect(self.cancel)

    def apply_palette(self, palette: Palette) -> None:
        """Draw everything in the colours of another theme."""
        self.notice.apply_palette(palette)

    # -- the list ---------------------------------------------------------------------

    def show_instances(
        self, instances: Sequence[InstanceRecord], instance: InstanceRecord | None
    ) -> None:
        """Edit these instances; `instance` tells the present values."""
        self._instances, self._instance = list(instances), instance
        self.scope.setEnabled(len(self._instances) > 1)
        self._read_present()

    def add_typed(self) -> None:
        """Add the attribute that was typed."""
        if self.input.text().strip() and self.add(self.input.text().strip()):
            self.input.clear()

    def add(self, path: str) -> bool:
        """Add an attribute to the list; say whether it may be edited."""
        try:
            parse_edit(path, "")
        except EditError as error:
            self._tell(str(error), "warning")
            return False
        if path not in [row.path for row in self._rows]:
            self._rows.append(_Row(path))
            self._filling = True
            line = self.table.rowCount()
            self.table.insertRow(line)
            for column in range(len(_TITLES)):
                item = QTableWidgetItem(path if column == _NAME else "")
                if column != _NEW:
                    item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                self.table.setItem(line, column, item)
            self._filling = False
            self._read_present()
        self._check()
        return True

    def drop_selected(self) -> None:
        """Take the selected lines out of the list."""
        for line in sorted({i.row() for i in self.table.selectedIndexes()}, reverse=True):
            del self._rows[line]
            self.table.removeRow(line)
        self._check()

    def set_value(self, path: str, value: str) -> None:
        """Give an attribute of the list its new value."""
        line = [row.path for row in self._rows].index(path)
        self.table.item(line, _NEW).setText(value)

    def _toggle_removed(self) -> None:
        self._filling = True
        for line in {index.row() for index in self.table.selectedIndexes()}:
            row = self._rows[line]
            row.removed = not row.removed
            item = self.table.item(line, _NEW)
            item.setText("(removed)" if row.removed else self.table.item(line, _NOW).text())
            flags = item.flags()
            editable = Qt.ItemFlag.ItemIsEditable
            item.setFlags(flags & ~editable if row.removed else flags | editable)
        self._filling = False
        self._check()

    def _on_typed(self, item: QTableWidgetItem) -> None:
        if not self._filling and item.column() == _NEW:
            self._check()

    def _read_present(self) -> None:
        one = self._instance
        paths = [row.path for row in self._rows]
        if one is None or not paths:
            return
        edits = [parse_edit(path, None) for path in paths]

        def shown(changes: list[Change]) -> None:
            self._filling = True
            for change in changes:
                names = [row.path for row in self._rows]
                if change.path not in names:
                    continue
                line = names.index(change.path)
                new = self.table.item(line, _NEW)
                if new.text() in ("", self.table.item(line, _NOW).text()):
                    new.setText(change.before)
                self.table.item(line, _NOW).setText(change.before)
            self._filling = False
            self._check()

        self._runner.submit(
            preview, one.path, edits, returned=shown,
            failed=lambda error: self._tell(str(error), "error"),
        )  # fmt: skip

    def edits(self) -> list[Edit]:
        """Return the edits of the list that change something."""
        found = []
        for line, row in enumerate(self._rows):
            value = self.table.item(line, _NEW).text()
            if row.removed:
                found.append(parse_edit(row.path, None))
            elif value != self.table.item(line, _NOW).text():
                found.append(parse_edit(row.path, value))
        return found

    def problems(self) -> list[str]:
        """Return what is wrong with the values, line by line; "" where nothing is."""
        charset = "ISO_IR 192" if self.utf8.isChecked() else self._charset()
        found = []
        for line, row in enumerate(self._rows):
            value = self.table.item(line, _NEW).text()
            changed = value != self.table.item(line, _NOW).text()
            edit = parse_edit(row.path, value)
            wrong = validate(edit.tag, "", value, charset) if changed and not row.removed else []
            known = bool(edit.keyword) or not changed
            found.append("; ".join(wrong) if known else "")
        return found

    def _charset(self) -> str:
        one = self._instance
        return "" if one is None else str(one.get("SpecificCharacterSet") or "")

    def _check(self) -> None:
        self._filling = True
        problems = self.problems()
        for line, words in enumerate(problems):
            item = self.table.item(line, _PROBLEM)
            item.setText(words)
            item.setToolTip(words)
            item.setForeground(_colour())
        self._filling = False
        edits = self.edits()
        ready = bool(edits) and not any(problems) and bool(self._instances)
        for button in (self.folder_button, self.database_button):
            button.setEnabled(ready and self._task is None)
        database = self._database()
        if getattr(database, "read_only", False):
            self.database_button.setEnabled(False)
            self.database_button.setToolTip("The database was opened read-only")
        remarks = remarks_on(edits, keep_uids=self.keep_uids.isChecked())
        if remarks:
            self._tell("\n".join(remarks), "warning")
        elif self.notice.severity == "warning":
            self.notice.hide()

    # -- writing ----------------------------------------------------------------------

    def _ask_for_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder for the copies")
        if name:
            self.write(Path(name))

    def cancel(self) -> None:
        """Stop writing; copies that are complete stay."""
        if self._task is not None:
            self._task.cancel()

    def write(self, folder: Path | None) -> None:
        """Write the copies to `folder`, or add them to the database."""
        whole = self.scope.currentIndex() == 1
        chosen = self._instances if whole else [self._instance] if self._instance else []
        paths = [one.path for one in chosen]
        options = {
            "whole_series": whole,
            "keep_uids": self.keep_uids.isChecked(),
            "utf8": self.utf8.isChecked(),
        }
        database, edits = self._database(), self.edits()
        if folder is None and database is None:
            self._tell("No database is open.", "error")
            return

        def work(progress: Any) -> EditReport:
            if folder is not None:
                return edited_copies(paths, edits, folder, progress=progress, **options)
            with working_folder() as place:
                report = edited_copies(paths, edits, place, progress=progress, **options)
                if report.written:
                    copies = [copy for _, copy in report.written]
                    database.import_paths(copies, copy=True, workers=0, progress=progress)
                return report

        self.bar.show()
        self.bar.setRange(0, 0)
        self.cancel_button.show()
        self._task = self._runner.submit(
            work,
            pass_progress=True,
            returned=lambda report: self._done(report, folder),
            failed=lambda error: self._tell(str(error), "error"),
            cancelled=lambda: self._tell("Cancelled; copies that are complete stay.", "info"),
            progressed=self._progress,
            finished=self._finished,
        )
        self._check()

    def _progress(self, done: int, total: int | None, _text: str) -> None:
        self.bar.setRange(0, total or 0)
        self.bar.setValue(done)

    def _finished(self) -> None:
        self._task = None
        self.bar.hide()
        self.cancel_button.hide()
        self._check()

    def _done(self, report: EditReport, folder: Path | None) -> None:
        where = "added to the database" if folder is None else f"written to {folder}"
        words = f"{count(len(report.written), 'copy', 'copies')} {where}."
        if report.refused:
            words += f" {count(len(report.refused), 'file')} refused: {report.refused[0][2]}"
        self._tell(words, "error" if report.refused else "info")
        self.written.emit(report)
        if folder is None:
            self.imported.emit()

    def _tell(self, text: str, severity: str) -> None:
        self.notice.show_text(text, severity)
        self.notice.show()


def _colour() -> Any:
    from qtpy.QtGui import QColor

    return QColor(SEVERITY_COLOURS["error"])
