"""Shows which database is open and opens another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QMenu, QToolButton, QWidget

from napari_dicomdb.settings import default_database, load_settings
from napari_dicomdb.widgets._icons import icon

if TYPE_CHECKING:
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["DatabaseButton"]


class DatabaseButton(QToolButton):
    """A button with a menu of databases.

    Signals
    -------
    chosen : Path
    shown_in_folder : no arguments
    """

    chosen = Signal(object)
    folder_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        self.setAccessibleName("Database")
        self.setToolTip("Database")
        self._path: Path | None = None
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self.fill_menu)
        self.setMenu(self._menu)

    def apply_palette(self, palette: Palette) -> None:
        """Draw the icon in the colour of the theme."""
        self.setIcon(icon("database", palette.icon))

    def show_path(self, path: Path | None) -> None:
        """Say which database is open; None: one in memory."""
        self._path = path
        self.setToolTip(f"Database: {path}" if path else "Database in memory")

    def fill_menu(self) -> None:
        """List the databases to choose from."""
        menu = self._menu
        menu.clear()
        known = list(load_settings().recent_databases)
        for path in [self._path, *known, default_database()]:
            if path is not None and path not in [a.data() for a in menu.actions()]:
                action = menu.addAction(_short(path))
                action.setData(path)
                action.setCheckable(True)
                action.setChecked(path == self._path)
                action.setToolTip(str(path))
                action.triggered.connect(lambda _=False, path=path: self.chosen.emit(path))
        menu.addSeparator()
        menu.addAction("Open or create another…").triggered.connect(self._ask)
        show = menu.addAction("Show in folder")
        show.setEnabled(self._path is not None)
        show.triggered.connect(self.folder_requested)

    def _ask(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Choose a folder for the DICOM database")
        if name:
            self.chosen.emit(Path(name))


def _short(path: Path) -> str:
    """Return the end of a path, enough to know it by."""
    parts = path.parts
    return str(path) if len(parts) <= 3 else "…/" + "/".join(parts[-2:])
