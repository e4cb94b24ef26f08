"""The window that keeps a database sound: numbers, files, soundness, backups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QDialog, QTabWidget, QVBoxLayout, QWidget

from napari_dicomdb.widgets._theme import style_sheet
from napari_dicomdb.widgets._upkeep_files import FilesPage
from napari_dicomdb.widgets._upkeep_pages import BackupPage, SoundnessPage, StatisticsPage
from napari_dicomdb.widgets.work_strip import WorkStrip

if TYPE_CHECKING:
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets._upkeep_page import UpkeepPage
    from napari_dicomdb.widgets.database_actions import DatabaseActions

__all__ = ["UpkeepDialog"]


class UpkeepDialog(QDialog):
    """Four pages and one strip of work.

    Parameters
    ----------
    actions : DatabaseActions
    """

    def __init__(self, actions: DatabaseActions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Upkeep of the DICOM database")
        self.work = WorkStrip(actions.runner)
        self.numbers = StatisticsPage(actions, self.work)
        self.files = FilesPage(actions, self.work)
        self.soundness = SoundnessPage(actions, self.work)
        self.backup = BackupPage(actions, self.work)
        self.pages: dict[str, UpkeepPage] = {
            "statistics": self.numbers,
            "files": self.files,
            "repair": self.soundness,
            "backup": self.backup,
        }
        self.tabs = QTabWidget()
        for page, title in zip(
            self.pages.values(), ("Statistics", "Files", "Check and repair", "Backup"), strict=True
        ):
            self.tabs.addTab(page, title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 10)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.work)
        self.resize(760, 500)
        self.work.busy_changed.connect(lambda _: self._update())
        session = actions.session
        session.opened.connect(self._refresh_if_visible)
        session.open_failed.connect(self._refresh_if_visible)
        actions.theme.changed.connect(self.apply_palette)
        self.apply_palette(actions.theme.palette)

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self.setStyleSheet(style_sheet(palette))
        self.work.apply_palette(palette)
        for page in self.pages.values():
            page.apply_palette(palette)

    def show_page(self, name: str) -> None:
        """Bring a page to the front: "statistics", "files", "repair" or "backup"."""
        self.tabs.setCurrentWidget(self.pages[name])

    def refresh(self) -> None:
        """Show what is so now."""
        for page in self.pages.values():
            page.refresh()

    def _refresh_if_visible(self, *_: object) -> None:
        if self.isVisible():
            self.refresh()

    def _update(self) -> None:
        for page in self.pages.values():
            page.update_buttons()
