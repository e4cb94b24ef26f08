"""The frame of dialogs that write files: target, progress with a way out, outcome."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QWidget,
)

from napari_dicomdb.widgets._dialog_parts import lay_out_dialog, row_of
from napari_dicomdb.widgets._session import end_with, recall, remember
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._upkeep_page import make_label
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from napari_dicomdb.widgets._tasks import Task
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["WritingDialog", "free_zip"]

_LISTED = 8  # of the files that were not written


class WritingDialog(QDialog):
    """Stays while something is written, and tells what came of it.

    Parameters
    ----------
    title : str
        Of the window.
    heading : str
        What is written, for people.
    verb : str
        On the button.
    folder_key : str
        Under which the target is remembered.
    """

    exported = Signal(object)  # a report with `summary()` and `rejected`

    def __init__(
        self, title: str, heading: str, verb: str, folder_key: str, parent: QWidget | None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self._folder_key = folder_key
        self._runner = TaskRunner("export")
        self._task: Task | None = None
        self.heading = make_label(heading, "title")
        self.target = QLineEdit(recall(folder_key, ""))
        self.target.setAccessibleName("Target folder")
        self.target.setPlaceholderText("A folder")
        self.browse_button = QPushButton("Choose…")
        self.browse_button.setAutoDefault(False)
        self.place = QHBoxLayout()
        self.place.addWidget(self.target, 1)
        self.place.addWidget(self.browse_button)
        self.dicomdir = QCheckBox("With a DICOMDIR, laid out as on a CD")
        self.archive = QCheckBox("As one zip file")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.hide()
        self.state = QLabel()
        self.state.setObjectName("dim")
        self.state.hide()
        self.notice = NoticeBox("info")
        self.notice.hide()
        self.export_button = QPushButton(verb)
        self.export_button.setDefault(True)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setAutoDefault(False)
        self.other_buttons: list[QPushButton] = []  # left of the others
        self.target.textChanged.connect(self._adapt)
        self.browse_button.clicked.connect(self._choose)
        self.export_button.clicked.connect(self._start)
        self.cancel_button.clicked.connect(self.reject)
        end_with(self, TaskRunner.close, self._runner)

    def _lay_out(self, *parts: Any) -> None:
        """Put heading, parts (widgets and layouts), progress, outcome and buttons below."""
        buttons = row_of(*self.other_buttons, None, self.cancel_button, self.export_button)
        lay_out_dialog(self, self.heading, *parts, self.bar, self.state, self.notice, buttons)
        self.setMinimumWidth(460)

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self.notice.apply_palette(palette)

    # -- for the dialogs --------------------------------------------------------------

    def _adapt(self, *_: object) -> None:
        """Show what can be done now."""
        ready = bool(self.target.text().strip()) and self._task is None
        for button in (self.export_button, *self.other_buttons):
            button.setEnabled(ready)

    if TYPE_CHECKING:  # each dialog has its own

        def _start(self) -> None:
            """Begin to write, by `_write`."""

    def _folder(self) -> Path:
        """Return the target, which is remembered."""
        folder = Path(os.path.expanduser(self.target.text().strip()))
        remember(self._folder_key, str(folder))
        return folder

    def _write(self, call: Any, *args: Any, **kwargs: Any) -> None:
        """Run `call`, which takes `progress` and returns a report."""
        self.notice.hide()
        self.bar.setRange(0, 0)
        self.bar.show()
        self.state.show()
        self.cancel_button.setText("Cancel")
        self._task = self._runner.submit(
            call,
            *args,
            **kwargs,
            pass_progress=True,
            keep_late_result=True,
            progressed=self._progress,
            returned=self._show_report,
            failed=lambda error: self._tell(str(error), "error"),
            cancelled=lambda: self._tell("Cancelled: nothing half-written is left.", "info"),
            finished=self._end,
        )
        self._adapt()

    # -- while it runs ----------------------------------------------------------------

    def _choose(self) -> None:
        name = QFileDialog.getExistingDirectory(
            self, f"{self.windowTitle()} to", self.target.text()
        )
        if name:
            self.target.setText(name)

    def _progress(self, done: int, total: int | None, text: str) -> None:
        self.bar.setRange(0, 1000 if total else 0)
        self.bar.setValue(1000 * done // total if total else 0)
        self.state.setText(f"{text}: {done} of {total}" if total else text)

    def _show_report(self, report: Any) -> None:
        told = [f"{Path(path).name}: {why}" for path, _, why in report.rejected[:_LISTED]]
        if len(report.rejected) > _LISTED:
            told.append(f"and {len(report.rejected) - _LISTED} more")
        self._tell("\n".join([report.summary(), *told]), "warning" if told else "info")
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


def free_zip(folder: Path, name: str = "DICOM") -> Path:
    """Return the name of a zip file in `folder` that does not exist; `folder` if it is one."""
    if folder.suffix.lower() == ".zip":
        return folder
    number, place = 1, folder / f"{name}.zip"
    while place.exists():
        number += 1
        place = folder / f"{name} ({number}).zip"
    return place
