"""What came of an export, in words, and what was written, in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_dicomdb.viewer.browse import BROWSER_WIDGET, PLUGIN
from napari_dicomdb.widgets._export_work import series_written

if TYPE_CHECKING:
    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.export.results import ResultReport
    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._tasks import TaskRunner
    from napari_dicomdb.widgets.work_strip import WorkStrip

__all__ = ["ResultShower"]

_LISTED = 5


class ResultShower(QObject):
    """Tells of a report; selects in the browser what is in the database now.

    Parameters
    ----------
    viewer : napari viewer or None
    session : DatabaseSession
    runner : TaskRunner
        For questions to the database.
    work : WorkStrip
        Where the outcome is told.
    """

    def __init__(
        self,
        viewer: Any,
        session: DatabaseSession,
        runner: TaskRunner,
        work: WorkStrip,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._runner = runner
        self._work = work
        self.report: ResultReport | None = None
        self.series: list[SeriesRecord] = []
        button = work.outcome.button
        button.setText("Show in browser")
        button.setToolTip("Select what was written in the DICOM browser")
        button.hide()
        work.outcome.triggered.connect(lambda: self.show_in_browser(opening=True))

    def forget(self) -> None:
        """Begin anew."""
        self.report, self.series = None, []
        self._work.outcome.button.hide()

    def show_report(self, database: Database | None, report: ResultReport) -> None:
        """Tell what came of it; what is in the database is shown in a browser that is open."""
        self.forget()
        self.report = report
        lines = [f"{report.summary()}."]
        lines += [f"Not kept: {loss}" for loss in report.losses]
        lines += [f"Not sent: {text}" for _, _, text in report.rejected[:_LISTED]]
        if len(report.rejected) > _LISTED:
            lines.append(f"and {len(report.rejected) - _LISTED} more")
        self._work.tell("\n".join(lines), "warning" if report.rejected else "info")
        if report.imported and database is not None and database is self._session.database:
            self._session.changed.emit()
            self._runner.submit(
                series_written,
                database,
                report,
                returned=self._found,
                failed=self._work.tell_error,
            )

    def _found(self, series: list[SeriesRecord]) -> None:
        self.series = series
        if not self.show_in_browser():
            self._work.outcome.button.setVisible(bool(series) and self._viewer is not None)

    def show_in_browser(self, *, opening: bool = False) -> bool:
        """Select what was written in the browser, which is opened when `opening` says so."""
        browser = self._browser(opening)
        if browser is None or not self.series:
            return False
        browser.show_series(self.series)
        return True

    def _browser(self, opening: bool) -> Any:
        from napari_dicomdb.widgets.browser import DicomBrowser

        if self._viewer is None:
            return None
        docks = self._viewer.window.dock_widgets.values()
        found = [one for one in docks if isinstance(one, DicomBrowser)]
        if found or not opening:
            return found[0] if found else None
        _, browser = self._viewer.window.add_plugin_dock_widget(PLUGIN, BROWSER_WIDGET)
        return browser
