"""How far writing is, what came of it, and the way to it: in the browser, in its folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.viewer.browse import BROWSER_WIDGET, find_dock, show_browser
from napari_dicomdb.widgets._actions import show_in_folder
from napari_dicomdb.widgets._dialog_parts import work_row
from napari_dicomdb.widgets._text import count, losses_text, one_line
from napari_dicomdb.widgets._upkeep_page import make_button
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.export.results import ResultReport
    from napari_dicomdb.widgets._export_session import ExportRun
    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._tasks import TaskRunner
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["ExportStrip"]

_LISTED = 5


class ExportStrip(QWidget):
    """Follows what a session writes.

    Parameters
    ----------
    viewer : napari viewer or None
    session : DatabaseSession
    runner : TaskRunner
        For questions to the database.
    is_told : callable, optional
        Whether outcomes are told elsewhere in the window.

    Signals
    -------
    busy_changed : bool
        Whether something is written now.
    """

    busy_changed = Signal(bool)

    def __init__(
        self,
        viewer: Any,
        session: DatabaseSession,
        runner: TaskRunner,
        is_told: Callable[[], bool] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._is_told = is_told or (lambda: False)
        self._session = session
        self._exports = session.exports
        self._runner = runner
        self._was_busy = False
        self.series: list[SeriesRecord] = []
        self.label = QLabel("")
        self.label.setWordWrap(True)
        self.bar = QProgressBar()
        self.cancel_button = make_button(
            "Cancel", self._cancel, "Stop this one; nothing half-written is left"
        )
        self._running = work_row(self.label, self.bar, self.cancel_button)
        self.outcome = NoticeBox(closable=True)
        self.outcome.closed.connect(self._exports.dismiss)
        self.browser_button = make_button(
            "Show in browser", self.show_in_browser, "Select it in the DICOM browser"
        )
        self.folder_button = make_button(
            "Open folder", self._open_folder, "Open the folder it was written to"
        )
        self._buttons = QWidget()
        buttons = QHBoxLayout(self._buttons)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.addWidget(self.browser_button)
        buttons.addWidget(self.folder_button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for part in (self._running, self.outcome, self._buttons):
            layout.addWidget(part)
        self._exports.changed.connect(self.show_state)
        self._exports.ended.connect(self._on_ended)
        self.show_state()

    @property
    def is_busy(self) -> bool:
        """Whether something is written now."""
        return self._exports.is_busy

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self.outcome.apply_palette(palette)

    def tell(self, text: str, severity: str = "info") -> None:
        """Say something at the place where outcomes are told."""
        self.outcome.show_text(text, severity)
        self.outcome.show()
        self._buttons.hide()
        self.show()

    def tell_error(self, error: Exception) -> None:
        """Say what went wrong, in plain words."""
        self.tell(str(error) or type(error).__name__, "error")

    def show_state(self) -> None:
        """Show what runs and what came of the last ones."""
        runs = self._exports.runs
        results = [] if self._is_told() else self._exports.results
        self._running.setVisible(bool(runs))
        if runs:
            self._show_run(runs[0], len(runs) - 1)
        self._show_results(results)
        self.setVisible(bool(runs or results))
        if self._was_busy != bool(runs):
            self._was_busy = bool(runs)
            self.busy_changed.emit(self._was_busy)

    # -- what runs --------------------------------------------------------------------

    def _show_run(self, run: ExportRun, waiting: int) -> None:
        title = one_line(run.title)
        self.bar.setRange(0, 1000 if run.total else 0)
        self.bar.setValue(1000 * run.done // run.total if run.total else 0)
        self.cancel_button.setEnabled(not run.is_cancelled)
        if run.is_cancelled:
            self.label.setText(f"{title}: cancelling…")
            return
        number = f" {run.done:,} of {run.total:,}".replace(",", "\u2009") if run.total else ""
        behind = f"; {count(waiting, 'export')} waiting" if waiting else ""
        self.label.setText(f"{title}: {run.text or 'writing'}…{number}{behind}")

    def _cancel(self) -> None:
        if self._exports.runs:
            self._exports.cancel(self._exports.runs[0])

    # -- what came of it --------------------------------------------------------------

    def _show_results(self, results: list[ExportRun]) -> None:
        lines, severity = [], "info"
        several = len(results) + len(self._exports.runs) > 1
        for run in results[-_LISTED:]:
            lines.append(f"{one_line(run.title)}: {run.outcome}" if several else run.outcome)
            if run.error is not None:
                severity = "error"
            report = run.report
            if report is None:
                continue
            lines += [losses_text(report.losses)] if report.losses else []
            lines += _refusals([text for _, _, text in report.rejected])
            if report.rejected and severity == "info":
                severity = "warning"
        self.outcome.setVisible(bool(lines))
        if lines:
            self.outcome.show_text("\n".join(lines), severity)
        imported = any(run.report is not None and run.report.imported for run in results)
        self.browser_button.setVisible(imported and self._viewer is not None)
        self.folder_button.setVisible(bool(results) and self._folder() is not None)
        self._buttons.setVisible(
            not self.browser_button.isHidden() or not self.folder_button.isHidden()
        )

    def _folder(self) -> Path | None:
        for run in reversed(self._exports.results):
            if run.report is not None and run.report.files:
                return Path(run.report.files[0]).parent
        return None

    def _open_folder(self) -> None:
        folder = self._folder()
        if folder is not None:
            show_in_folder(folder)

    def _on_ended(self, run: ExportRun) -> None:
        """Have the browser show what came, if it is open."""
        if run.report is None or not run.report.imported:
            return
        if run.database is not self._session.database:
            return
        self._runner.submit(
            _series_written,
            run.database,
            [run.report],
            returned=self._found,
            failed=self.tell_error,
        )

    def _found(self, series: list[SeriesRecord]) -> None:
        self.series = series
        browser = None if self._viewer is None else find_dock(self._viewer, BROWSER_WIDGET)
        if browser is not None and series:
            browser.show_series(series)

    def show_in_browser(self) -> None:
        """Select all that was written in the browser, which is opened or brought to the front."""
        database = self._session.database
        if self._viewer is None or database is None:
            return
        reports = [
            run.report
            for run in self._exports.results
            if run.report is not None and run.database is database
        ]

        def found(series: list[SeriesRecord]) -> None:
            show_browser(self._viewer).show_series(series)

        self._runner.submit(
            _series_written, database, reports, returned=found, failed=self.tell_error
        )


def _refusals(texts: Sequence[str]) -> list[str]:
    """Return why objects were not sent, each reason once; of the first few reasons."""
    told = Counter(texts)
    lines = [
        f"Not sent: {text}" if number == 1 else f"{number} not sent: {text}"
        for text, number in list(told.items())[:_LISTED]
    ]
    more = len(told) - _LISTED
    return [*lines, f"and {count(more, 'more reason')}"] if more > 0 else lines


def _series_written(database: Database, reports: Sequence[ResultReport]) -> list[SeriesRecord]:
    """Return the records of the series that reports tell of, and that are still there."""
    wanted = {uid for one in reports for uid in one.series_uids}
    found = []
    for study in dict.fromkeys(one.study_uid for one in reports):
        try:
            found += [one for one in database.series(study=study) if one.uid in wanted]
        except NotFoundError:
            continue  # removed meanwhile
    return found
