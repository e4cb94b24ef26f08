"""The *DICOM import* dock: a form, progress, and a report that can be saved."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, FileEdit, RadioButtons, SpinBox
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_dicomdb.viewer.preferences import copies_by_default
from napari_dicomdb.widgets._session import (
    ImportRequest,
    as_paths,
    attach_session,
    end_with,
    recall,
)
from napari_dicomdb.widgets._text import tool_tip
from napari_dicomdb.widgets._theme import Palette, ThemeWatcher, style_sheet
from napari_dicomdb.widgets.drop_target import DropTarget
from napari_dicomdb.widgets.import_bar import ImportBar
from napari_dicomdb.widgets.report_view import ReportView

if TYPE_CHECKING:
    from napari_dicomdb.api import Database
    from napari_dicomdb.database import ImportReport

__all__ = ["DicomImport"]

_FOLDER, _FILES = "Folder", "Files"
_LINK, _COPY = "Link to them", "Copy into database"


class DicomImport(QWidget):
    """Import folders or files with all choices, and read the report.

    Parameters
    ----------
    napari_viewer : napari viewer, optional
        Not used; napari hands it to every dock.
    database : Database, optional
        Where to import to; by default the database that other docks show.
    """

    def __init__(
        self,
        napari_viewer: Any = None,
        *,
        database: Database | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, detach = attach_session()
        self._theme = ThemeWatcher(napari_viewer, self)
        self._request: ImportRequest | None = None

        self.what = RadioButtons(
            label="What", choices=[_FOLDER, _FILES], value=_FOLDER, orientation="horizontal"
        )
        self.folder = FileEdit(label="Folder", mode="d", value="", nullable=True)
        self.files = FileEdit(label="Files", mode="rm", value=(), nullable=True)
        self.mode = RadioButtons(
            label="Store",
            choices=[_LINK, _COPY],
            value=_COPY if recall("copy_on_import", copies_by_default()) else _LINK,
            orientation="horizontal",
        )
        self.workers = SpinBox(
            label="Workers",
            value=max(os.cpu_count() or 1, 1),
            min=1,
            max=64,
            tooltip="Processes that read headers",
        )
        self.dry_run = CheckBox(label="", text="Dry run: only report, change nothing", value=False)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(7)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._form = form
        for field in (self.what, self.folder, self.files, self.mode, self.workers, self.dry_run):
            form.addRow(field.label, field.native)
        self.workers.native.setMaximumWidth(110)
        form.setRowVisible(self.files.native, False)
        self.what.changed.connect(self._show_kind)
        self.folder.changed.connect(self._update)
        self.files.changed.connect(self._update)

        self.start_button = QPushButton("Import")
        self.start_button.setObjectName("primaryButton")
        self.start_button.clicked.connect(self.start)
        self.target = QElidingLabel("")
        self.target.setTextFormat(Qt.TextFormat.PlainText)
        self.target.setObjectName("dim")
        self.target.setElideMode(Qt.TextElideMode.ElideMiddle)
        foot = QHBoxLayout()
        foot.addWidget(self.target, 1)
        foot.addWidget(self.start_button)
        self.bar = ImportBar(self._session, shows_outcome=False)
        self.report = ReportView()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(8)
        layout.addLayout(form)
        layout.addLayout(foot)
        layout.addWidget(self.bar)
        layout.addWidget(self.report, 1)
        self.drop_target = DropTarget(self)
        self.drop_target.dropped.connect(self.set_paths)
        self.setMinimumWidth(340)

        session = self._session
        session.opened.connect(self._show_database)
        session.open_failed.connect(self._on_open_failed)
        session.import_started.connect(self._on_started)
        session.import_reported.connect(self._on_reported)
        session.import_finished.connect(self._on_finished)
        self._theme.changed.connect(self._apply_palette)
        end_with(self, _let_go, self._theme, detach)
        self._apply_palette(self._theme.palette)
        if database is not None:
            session.use(database)
        elif session.database is not None:
            self._show_database(session.database)
        else:
            session.open()
        self._update()

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(440, 600)

    def paths(self) -> tuple[Path, ...]:
        """Return what the form names."""
        if self.what.value == _FOLDER:
            value = self.folder.value
            named = () if value is None or str(value) in ("", ".") else (Path(value),)
            return named
        return as_paths(self.files.value or ())

    def set_paths(self, paths: list[Path]) -> None:
        """Fill the form with a folder, or with files."""
        if len(paths) == 1 and paths[0].is_dir():
            self.what.value = _FOLDER
            self.folder.value = paths[0]
        else:
            self.what.value = _FILES
            self.files.value = tuple(paths)

    def start(self) -> None:
        """Import what the form says."""
        paths = self.paths()
        if paths:
            self._request = ImportRequest(
                paths,
                copy=self.mode.value == _COPY,
                workers=int(self.workers.value),
                dry_run=bool(self.dry_run.value),
            )
            self._session.import_paths(self._request)

    def _show_kind(self, kind: str) -> None:
        self._form.setRowVisible(self.folder.native, kind == _FOLDER)
        self._form.setRowVisible(self.files.native, kind == _FILES)
        self._update()

    def _update(self, *_: object) -> None:
        self.start_button.setEnabled(bool(self.paths()))

    def _show_database(self, database: Database) -> None:
        where = f"into {database.path}" if database.path else "into a database in memory"
        self.target.setText(where)
        self.target.setToolTip(tool_tip(where))

    def _on_open_failed(self, error: Exception) -> None:
        self.report.clear(f"The database cannot be opened: {error}")

    def _on_started(self, request: ImportRequest) -> None:
        self.report.clear("The report appears here while files are read.")

    def _on_reported(self, request: ImportRequest, report: ImportReport) -> None:
        self.report.show_progress(report, dry_run=request.dry_run)

    def _on_finished(self, request: ImportRequest, report: ImportReport) -> None:
        self.report.show_report(report, dry_run=request.dry_run)

    def _apply_palette(self, palette: Palette) -> None:
        self.setStyleSheet(style_sheet(palette))
        self.bar.apply_palette(palette)


def _let_go(theme: ThemeWatcher, detach: Any, *_: Any) -> None:
    theme.disconnect_settings()
    detach()
