"""One piece of long work in a dialog: progress, cancel, then what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_dicomdb.widgets._dialog_parts import work_row
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dicomdb.widgets._tasks import Task, TaskRunner
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["WorkStrip"]


class WorkStrip(QWidget):
    """Runs one thing at a time and tells how far it is.

    Parameters
    ----------
    runner : TaskRunner

    Signals
    -------
    busy_changed : bool
    """

    busy_changed = Signal(bool)

    def __init__(self, runner: TaskRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._task: Task | None = None
        self._is_busy = False
        self.label = QLabel("")
        self.bar = QProgressBar()
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop; what is done stays done")
        self.cancel_button.clicked.connect(self.cancel)
        self._running = work_row(self.label, self.bar, self.cancel_button)
        self.outcome = NoticeBox(closable=True)
        self.outcome.hide()
        self._running.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._running)
        layout.addWidget(self.outcome)

    @property
    def is_busy(self) -> bool:
        """Whether work runs."""
        return self._is_busy

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self.outcome.apply_palette(palette)

    def run(
        self,
        what: str,
        work: Callable[..., Any],
        *args: Any,
        returned: Callable[[Any], None] | None = None,
        pass_progress: bool = True,
        **kwargs: Any,
    ) -> None:
        """Run ``work(*args, **kwargs)``, with ``progress=`` when `pass_progress` says so.

        `what` is shown until progress has words of its own. A result that comes
        although the work was cancelled is told as well.
        """
        if self._is_busy:
            return

        def submit(**callbacks: Any) -> Task:
            return self._runner.submit(
                work,
                *args,
                pass_progress=pass_progress,
                keep_late_result=True,
                **callbacks,
                **kwargs,
            )

        self.start(what, submit, returned)

    def start(
        self,
        what: str,
        submit: Callable[..., Task | None],
        returned: Callable[[Any], None] | None = None,
    ) -> None:
        """Follow what ``submit(returned=, failed=, progressed=, ...)`` begins."""
        self.label.setText(what)
        self.bar.setRange(0, 0)
        self.outcome.hide()
        self.cancel_button.setEnabled(True)
        self._running.show()
        self._is_busy = True
        self.busy_changed.emit(True)
        self._task = submit(
            progressed=self._progress,
            returned=returned,
            failed=self.tell_error,
            cancelled=lambda: self.tell("Cancelled.", "info"),
            finished=self._end,
        )
        if self._task is None:
            self._end()

    def cancel(self) -> None:
        """Ask the work to stop."""
        if self._task is not None:
            self.cancel_button.setEnabled(False)
            self.label.setText("Cancelling…")
            self._task.cancel()

    def tell(self, text: str, severity: str = "info") -> None:
        """Say what came of it."""
        self.outcome.show_text(text, severity)
        self.outcome.show()

    def tell_error(self, error: Exception) -> None:
        """Say what went wrong, at the place and in plain words."""
        self.tell(str(error) or type(error).__name__, "error")

    def _progress(self, done: int, total: int | None, text: str) -> None:
        if not self.cancel_button.isEnabled():
            return
        self.bar.setRange(0, 1000 if total else 0)
        self.bar.setValue(1000 * done // total if total else 0)
        number = f" {done:,} of {total:,}".replace(",", "\u2009") if total else ""
        self.label.setText(f"{text or 'Working'}…{number}")

    def _end(self) -> None:
        self._task = None
        self._is_busy = False
        self._running.hide()
        self.busy_changed.emit(False)
