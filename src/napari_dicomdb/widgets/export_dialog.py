"""Asks where and how to export, and stays while it is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.widgets._session import end_with, recall, remember
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.export.files import ExportReport
    from napari_dicomdb.widgets._tasks import Task
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["ExportDialog"]

_FORMS = (
    ("DICOM files, as they are", "dicom"),
    ("NIfTI volumes (.nii.gz)", ".nii.gz"),
    ("NRRD volumes (.nrrd)", ".nrrd"),
    ("Zarr volumes (.zarr)", ".zarr"),
)
_FOLDER_KEY = "export_folder"
_LISTED = 8  # of the files that were not exported


class ExportDialog(QDialog):
    """Target, form and layout; then progress, with a way to cancel; then the outcome.

    Parameters
    ----------
    database : Database
    records : sequence of records
        Patients, studies, series or instances.
    what : str
        For people: "2 series with 120 files".
    palette : Palette
    """

    exported = Signal(object)  # ExportReport

    def __init__(
        self,
        database: Database,
        records: Sequence[Any],
        what: str,
        palette: Palette,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export")
        self._database = database
        self._records = list(records)
        self._runner = TaskRunner("export")
        self._task: Task | None = None
        self._build(what)
        self.notice.apply_palette(palette)
        self._adapt()
        end_with(self, TaskRunner.close, self._runner)

    def _build(self, what: str) -> None:
        title = QLabel(f"Export {what}")
        title.setObjectName("title")
        title.setTextFormat(Qt.TextFormat.PlainText)
        title.setWordWrap(True)
        self.form = QComboBox()
        self.form.setAccessibleName("Form")
        for label, form in _FORMS:
            self.form.addItem(label, form)
        self.target = QLineEdit(recall(_FOLDER_KEY, ""))
        self.target.setAccessibleName("Target folder")
        self.target.setPlaceholderText("A folder")
        self.browse_button = QPushButton("Choose…")
        self.browse_button.setAutoDefault(False)
        place = QHBoxLayout()
        place.addWidget(self.target, 1)
        place.addWidget(self.browse_button)
        self.dicomdir = QCheckBox("With a DICOMDIR, laid out as on a CD")
        self.archive = QCheckBox("As one zip file")
        form = QFormLayout()
        form.addRow("Write", self.form)
        form.addRow("To", place)
        form.addRow("", self.dicomdir)
        form.addRow("", self.archive)
        self.warning = QLabel(
            "The copies say who the patient is. Anonymise them before they leave the hospital."
        )
        self.warning.setObjectName("dim")
        self.warning.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.hide()
        self.state = QLabel()
        self.state.setObjectName("dim")
        self.state.hide()
        self.notice = NoticeBox("info")
        self.notice.hide()
        self.export_button = QPushButton("Export")
        self.export_button.setDefault(True)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setAutoDefault(False)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.export_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(10)
        layout.addWidget(title)
        layout.addLayout(form)
        for widget in (self.warning, self.bar, self.state, self.notice):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        self.setMinimumWidth(460)
        self.form.currentIndexChanged.connect(self._adapt)
        self.target.textChanged.connect(self._adapt)
        self.browse_button.clicked.connect(self._choose)
        self.export_button.clicked.connect(self._start)
        self.cancel_button.clicked.connect(self.reject)

    def _adapt(self, *_: object) -> None:
        files = self.form.currentData() == "dicom"
        self.dicomdir.setVisible(files)
        self.archive.setVisible(files)
        self.warning.setVisible(files)
        self.export_button.setEnabled(bool(self.target.text().strip()) and self._task is None)

    def _choose(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Export to", self.target.text())
        if name:
            self.target.setText(name)

    def _start(self) -> None:
        folder = Path(self.target.text().strip()).expanduser()
        remember(_FOLDER_KEY, str(folder))
        form = self.form.currentData()
        archive = form == "dicom" and self.archive.isChecked()
        self.notice.hide()
        self.bar.setRange(0, 0)
        self.bar.show()
        self.state.show()
        self.cancel_button.setText("Cancel")
        self._task = self._runner.submit(
            self._database.export,
            self._records,
            _free_zip(folder) if archive else folder,
            form=form,
            dicomdir=form == "dicom" and self.dicomdir.isChecked(),
            archive=archive,
            pass_progress=True,
            keep_late_result=True,
            progressed=self._progress,
            returned=self._show_report,
            failed=lambda error: self._tell(str(error), "error"),
            cancelled=lambda: self._tell("Cancelled: nothing half-written is left.", "info"),
            finished=self._end,
        )
        self._adapt()

    def _progress(self, done: int, total: int | None, text: str) -> None:
        self.bar.setRange(0, 1000 if total else 0)
        self.bar.setValue(1000 * done // total if total else 0)
        self.state.setText(f"{text}: {done} of {total}" if total else text)

    def _show_report(self, report: ExportReport) -> None:
        text = report.summary()
        told = [f"{Path(path).name}: {why}" for path, _, why in report.rejected[:_LISTED]]
        if len(report.rejected) > _LISTED:
            told.append(f"and {len(report.rejected) - _LISTED} more")
        self._tell("\n".join([text, *told]), "warning" if told else "info")
        self.exported.emit(report)

    def _tell(self, text: str, severity: str) -> None:
        self.notice.show_text(text, severity)
        self.notice.show()

    def _end(self) -> None:
        self._task = None
        self.bar.hide()
        self.state.hide()
        self.cancel_button.setText("Close")
        self._adapt()

    def reject(self) -> None:
        """Stop what runs; close when nothing does."""
        if self._task is not None:
            self._task.cancel()
            self.state.setText("Cancelling…")
            return
        super().reject()


def _free_zip(folder: Path) -> Path:
    if folder.suffix.lower() == ".zip":
        return folder
    number, place = 1, folder / "DICOM.zip"
    while place.exists():
        number += 1
        place = folder / f"DICOM ({number}).zip"
    return place
