"""Imports that the browser starts, and what it shows of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog

from napari_dicomdb.viewer.preferences import preference
from napari_dicomdb.widgets._session import ImportRequest, as_paths, recall, remember
from napari_dicomdb.widgets.report_view import ReportDialog

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_dicomdb.api import Database
    from napari_dicomdb.database import ImportReport
    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.widgets._tasks import TaskRunner
    from napari_dicomdb.widgets.browser import DicomBrowser

__all__ = ["BrowserImports"]

_COPY_KEY = "copy_on_import"


class BrowserImports(QObject):
    """Asks what to import, hands it to the session, selects what came.

    Parameters
    ----------
    browser : DicomBrowser
    runner : TaskRunner
        Where the database is asked for what came.
    """

    def __init__(self, browser: DicomBrowser, runner: TaskRunner) -> None:
        super().__init__(browser)
        self._browser = browser
        self._runner = runner
        self.dialog: ReportDialog | None = None
        bar, session = browser.bar, browser.session
        copies = preference("browser", _COPY_KEY, False)
        bar.copy_action.setChecked(recall(_COPY_KEY, copies))
        bar.copy_action.toggled.connect(partial(remember, _COPY_KEY))
        bar.folder_action.triggered.connect(self.ask_for_folder)
        bar.files_action.triggered.connect(self.ask_for_files)
        browser.empty.import_folder.connect(self.ask_for_folder)
        browser.empty.import_files.connect(self.ask_for_files)
        browser.drop_target.dropped.connect(self.start)
        browser.import_bar.report_requested.connect(self.show_report)
        session.import_started.connect(self._on_started)
        session.import_finished.connect(self._on_finished)

    def start(self, paths: Sequence[str | Path], *, copy: bool | None = None) -> None:
        """Import `paths`; files are copied if so chosen in the menu, unless `copy` says."""
        wants_copy = self._browser.bar.copy_action.isChecked() if copy is None else copy
        if paths:
            self._browser.session.import_paths(ImportRequest(as_paths(paths), copy=wants_copy))

    def ask_for_folder(self) -> None:
        """Ask for a folder, then import it."""
        title = "Import a folder with DICOM files"
        name = QFileDialog.getExistingDirectory(self._browser, title)
        if name:
            self.start([name])

    def ask_for_files(self) -> None:
        """Ask for files, then import them."""
        title = "Import DICOM files or archives"
        names, _ = QFileDialog.getOpenFileNames(self._browser, title)
        self.start(names)

    def show_report(self, report: ImportReport) -> None:
        """Show every file that an import refused, and why, in a window."""
        if self.dialog is None:
            self.dialog = ReportDialog(self._browser)
        self.dialog.view.show_report(report)
        self.dialog.show()
        self.dialog.raise_()

    def _on_started(self, request: ImportRequest) -> None:
        if self._browser.views.is_empty and not request.dry_run:
            self._browser.empty.show_importing()

    def _on_finished(self, request: ImportRequest, report: ImportReport) -> None:
        browser = self._browser
        browser.thumbnails.refresh()  # also of what is drawn on an image that came
        database = browser.database
        if report.series_uids and not request.dry_run and database is not None:
            uid = report.series_uids[0]
            self._runner.submit(
                lambda: [database.find_series(uid)], returned=partial(self._select, database)
            )
        elif browser.views.is_empty:
            browser.show_what_is_there()

    def _select(self, database: Database, series: list[SeriesRecord]) -> None:
        if self._browser.database is database:  # else the same keys are other rows
            self._browser.views.select_series(series)
