"""Shows which database is open, and its menu: the recent ones and what can be done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QMenu, QToolButton, QWidget

from napari_dicomdb.settings import default_database, load_settings
from napari_dicomdb.widgets._icons import icon

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.database_actions import DatabaseActions

__all__ = ["DatabaseButton", "known_databases"]

_NAME_LENGTH = 18
_IN_MENU = 10  # databases


def known_databases(current: Path | None = None) -> list[Path]:
    """Return the databases that are known: the current one first, then the latest used."""
    found = [current, *load_settings().recent_databases, default_database()]
    return list(dict.fromkeys(path for path in found if path is not None))


class DatabaseButton(QToolButton):
    """A button with the database's name and a menu.

    Signals
    -------
    chosen : Path
    folder_requested : no arguments
    """

    chosen = Signal(object)
    folder_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setAccessibleName("Database")
        self.setToolTip("Database")
        self._path: Path | None = None
        self._read_only = False
        self._actions: DatabaseActions | None = None
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self.fill_menu)
        self.setMenu(self._menu)

    def use(self, actions: DatabaseActions) -> None:
        """Offer these in the menu."""
        self._actions = actions
        actions.presence_known.connect(self._dim_absent)

    def apply_palette(self, palette: Palette) -> None:
        """Draw the icon in the colour of the theme."""
        self.setIcon(icon("database", palette.icon))

    def show_path(self, path: Path | None, *, read_only: bool = False) -> None:
        """Say which database is open; None: one in memory."""
        self._path = path
        self._read_only = read_only
        name = "in memory" if path is None else path.name or str(path)
        if len(name) > _NAME_LENGTH:
            name = f"{name[: _NAME_LENGTH // 2]}…{name[-_NAME_LENGTH // 2 + 1 :]}"
        # An ampersand would underline the next letter.
        shown = name.replace("&", "&&")
        self.setText(f"{shown} · read-only" if read_only else shown)
        where = f"Database: {path}" if path else "Database in memory"
        tip = f"{where}\nOpened read-only: nothing in it can be changed." if read_only else where
        self.setToolTip(tip)
        self.setAccessibleDescription(tip)

    def fill_menu(self) -> None:
        """List the databases to choose from, and what can be done."""
        menu = self._menu
        menu.clear()
        known = known_databases(self._path)
        limit = _IN_MENU if self._actions is None else self._actions.menu_length
        for path in known[: max(limit, 1)]:
            action = menu.addAction(_short(path).replace("&", "&&"))
            action.setData(path)
            action.setCheckable(True)
            action.setChecked(path == self._path)
            action.setToolTip(str(path))
            action.triggered.connect(lambda _=False, path=path: self.chosen.emit(path))
        menu.addSeparator()
        actions = self._actions
        if actions is not None:
            entries = (
                ("New…", actions.new, True),
                ("Open…", actions.open_other, True),
                ("Open read-only…", actions.open_read_only, True),
                ("Take over a 3D Slicer database…", actions.take_over, True),
                None,
                ("Move…", actions.move, self._path is not None),
                ("Watched folders…", actions.show_watched_folders, self._path is not None),
                ("Patient identities…", actions.show_patients, self._path is not None),
                ("Upkeep…", actions.show_upkeep, self._path is not None),
                ("Manage databases…", actions.manage, True),
                ("Settings…", actions.show_settings, True),
                None,
            )
            for entry in entries:
                if entry is None:
                    menu.addSeparator()
                    continue
                label, call, enabled = entry
                action = menu.addAction(label)
                action.setEnabled(enabled)
                action.triggered.connect(lambda _=False, call=call: call())
            actions.look_for(known)
        show = menu.addAction("Show in folder")
        show.setEnabled(self._path is not None)
        show.triggered.connect(self.folder_requested)

    def _dim_absent(self, absent: Iterable[Path]) -> None:
        gone = set(absent)
        for action in self._menu.actions():
            path = action.data()
            if isinstance(path, Path) and path in gone and path != self._path:
                action.setText(f"{_short(path)}  (not there now)".replace("&", "&&"))
                action.setEnabled(False)


def _short(path: Path) -> str:
    """Return the end of a path, enough to know it by."""
    parts = path.parts
    return str(path) if len(parts) <= 3 else "…/" + "/".join(parts[-2:])
