"""A window that closes while something is written waits for it, or stops it when told to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QDialog, QMainWindow, QProgressBar, QWidget

from napari_dicomdb.widgets._dialog_parts import lay_out_dialog
from napari_dicomdb.widgets._upkeep_page import make_button, make_label

if TYPE_CHECKING:
    from napari_dicomdb.widgets._export_session import ExportSession

__all__ = ["ClosingDialog", "guard_window"]


class ClosingDialog(QDialog):
    """Stays until all is written or stopped."""

    def __init__(self, exports: ExportSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._exports = exports
        self.setWindowTitle("Writing DICOM")
        self.label = make_label("")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.stop_button = make_button(
            "Stop writing and close", self.reject, "Nothing half-written is left"
        )
        lay_out_dialog(self, self.label, self.bar, self.stop_button)
        self.setMinimumWidth(320)
        exports.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        runs = self._exports.runs
        if not runs:
            self.accept()
            return
        self.label.setText(
            f"{runs[0].title} is still being written. The window closes when that is done."
        )
        self.bar.setRange(0, 1000 if runs[0].total else 0)
        self.bar.setValue(1000 * runs[0].done // runs[0].total if runs[0].total else 0)

    def reject(self) -> None:
        """Stop writing; it closes as soon as that is so."""
        self.stop_button.setEnabled(False)
        self._exports.cancel()


class _Guard(QObject):
    """Sees the window close."""

    def __init__(self, window: QMainWindow, exports: ExportSession) -> None:
        super().__init__(window)
        self.exports = exports
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Wait before the window closes."""
        if event.type() == QEvent.Type.Close and self.exports.is_busy:
            dialog = ClosingDialog(self.exports, self.parent())
            dialog.exec()
        return False


def guard_window(widget: QWidget, exports: ExportSession) -> None:
    """Have the main window that `widget` is in wait for what is written."""
    window = widget.window()
    while window is not None and not isinstance(window, QMainWindow):
        window = window.parentWidget()
    if window is None:
        return
    guard = window.findChild(_Guard)
    if guard is None:
        _Guard(window, exports)
    else:
        guard.exports = exports
