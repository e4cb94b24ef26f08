"""The running import in one strip: progress, counts, cancel; then its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QToolButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_dicomdb.widgets._icons import icon
from napari_dicomdb.widgets._text import count
from napari_dicomdb.widgets.notice import NoticeBox
from napari_dicomdb.widgets.report_view import report_sentence, report_severity

if TYPE_CHECKING:
    from napari_dicomdb.database import ImportReport
    from napari_dicomdb.widgets._session import DatabaseSession, ImportRequest
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["ImportBar"]


class ImportBar(QWidget):
    """Follows the imports of a session.

    Signals
    -------
    report_requested : ImportReport
        The user wants to see the whole report.
    """

    report_requested = Signal(object)

    def __init__(
        self,
        session: DatabaseSession,
        *,
        shows_outcome: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._shows_outcome = shows_outcome
        self.report: ImportReport | None = None
        self.label = QElidingLabel("")
        self.label.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.cancel_button = QToolButton()
        self.cancel_button.setProperty("flat", True)
        self.cancel_button.setToolTip("Cancel the import; what is done stays done")
        self.cancel_button.setAccessibleName("Cancel import")
        self.cancel_button.clicked.connect(self._cancel)
        self._running = QWidget()
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.addWidget(self.label, 1)
        top.addWidget(self.cancel_button)
        running = QVBoxLayout(self._running)
        running.setContentsMargins(2, 0, 2, 2)
        running.setSpacing(2)
        running.addLayout(top)
        running.addWidget(self.bar)
        self.outcome = NoticeBox(action="Report…", closable=True)
        self.outcome.triggered.connect(self._ask_for_report)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self._running)
        layout.addWidget(self.outcome)
        self._running.hide()
        self.outcome.hide()
        # An empty strip would still cost its spacing.
        self.outcome.closed.connect(self.hide)
        self.hide()
        session.import_started.connect(self._start)
        session.import_progressed.connect(self._progress)
        session.import_finished.connect(self._finish)
        session.import_failed.connect(self._fail)
        session.import_cancelled.connect(self._end)

    def apply_palette(self, palette: Palette) -> None:
        """Draw the icons in the colour of the theme."""
        self.cancel_button.setIcon(icon("close", palette.icon))
        self.outcome.apply_palette(palette)

    @property
    def is_running(self) -> bool:
        """Whether progress is shown."""
        return not self._running.isHidden()

    def _start(self, request: ImportRequest) -> None:
        self.outcome.hide()
        verb = "Checking" if request.dry_run else "Copying" if request.copy else "Importing"
        self.label.setText(f"{verb} {count(len(request.paths), 'item')}…")
        self.bar.setRange(0, 0)
        self.cancel_button.setEnabled(True)
        self._running.show()
        self.show()

    def _progress(self, done: int, total: int | None, text: str) -> None:
        if not self.cancel_button.isEnabled():
            return
        # In thousandths: a count of files or bytes may exceed Qt's 32 bits.
        self.bar.setRange(0, 1000 if total else 0)
        self.bar.setValue(1000 * done // total if total else 0)
        of = f" of {total:,}".replace(",", "\u2009") if total else ""
        waiting = self._session.waiting_count
        behind = f", {count(waiting, 'import')} waiting" if waiting else ""
        number = f"{done:,}".replace(",", "\u2009")
        self.label.setText(f"{text or 'Importing'}: {number}{of}{behind}")

    def _cancel(self) -> None:
        self.cancel_button.setEnabled(False)
        self.label.setText("Cancelling…")
        self._session.cancel_import()

    def _finish(self, request: ImportRequest, report: ImportReport) -> None:
        self._end()
        self.report = report
        if self._shows_outcome:
            sentence = report_sentence(report, dry_run=request.dry_run)
            self.outcome.show_text(sentence, report_severity(report))
            self.outcome.button.setVisible(bool(report.rejected or report.notes or report.missing))
            self.outcome.show()
            self.show()

    def _fail(self, request: ImportRequest, error: Exception) -> None:
        self._end()
        self.outcome.show_text(f"The import failed: {error}", "error")
        self.outcome.button.hide()
        self.outcome.show()
        self.show()

    def _end(self, *_: object) -> None:
        self._running.hide()
        self.hide()

    def _ask_for_report(self) -> None:
        if self.report is not None:
            self.report_requested.emit(self.report)
