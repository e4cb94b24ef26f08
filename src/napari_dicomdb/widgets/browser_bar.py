"""The browser's top: search, network, recent, tables or cards, import, database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.widgets._icons import icon
from napari_dicomdb.widgets.database_button import DatabaseButton
from napari_dicomdb.widgets.search_box import SearchBox
from napari_dicomdb.widgets.several_search import SearchScope

if TYPE_CHECKING:
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["BrowserBar"]

_WIDE = 760  # pixels; from there on everything is in one line


class BrowserBar(QWidget):
    """Two lines in a narrow dock, the search box above the buttons; one in a wide one.

    Signals
    -------
    view_chosen : str
        "tables" or "cards".
    recent_requested : no arguments
    network_requested : no arguments
    """

    view_chosen = Signal(str)
    recent_requested = Signal()
    network_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.search = SearchBox()
        self.database_button = DatabaseButton()
        self.import_button = QPushButton("Import")
        self.import_button.setObjectName("barButton")
        self.import_button.setToolTip("Import DICOM files; dropping them here does the same")
        menu = QMenu(self)
        self.folder_action = menu.addAction("Import folder…")
        self.files_action = menu.addAction("Import files…")
        menu.addSeparator()
        self.copy_action = menu.addAction("Copy files into the database")
        self.copy_action.setCheckable(True)
        self.copy_action.setToolTip("Off: the database links to the files where they are")
        self.import_button.setMenu(menu)
        self.recent_button = self._button("Recent activity: latest series, what was done")
        self.recent_button.clicked.connect(self.recent_requested)
        self.network_button = self._button("DICOM network: query, retrieve, receive (Ctrl+3)")
        self.network_button.clicked.connect(lambda: self.network_requested.emit())
        self.view_buttons = {
            "tables": self._button("Tables of patients, studies and series (Ctrl+1)"),
            "cards": self._button("Cards of studies with pictures (Ctrl+2)"),
        }
        group = QButtonGroup(self)
        group.setExclusive(True)
        for name, button in self.view_buttons.items():
            button.setCheckable(True)
            group.addButton(button)
            button.clicked.connect(lambda _=False, name=name: self.view_chosen.emit(name))
        self._buttons = QHBoxLayout()
        self._buttons.setContentsMargins(0, 0, 0, 0)
        self._buttons.setSpacing(4)
        for widget in self.view_buttons.values():
            self._buttons.addWidget(widget)
        self.scope = SearchScope()
        self._buttons.addWidget(self.scope)
        self._buttons.addStretch(1)
        for widget in (
            self.network_button, self.recent_button, self.import_button, self.database_button,
        ):  # fmt: skip
            self._buttons.addWidget(widget)
        for button in (self.import_button, self.database_button):
            button.setIconSize(QSize(16, 16))
        self._top = QHBoxLayout()
        self._top.setContentsMargins(0, 0, 0, 0)
        self._top.setSpacing(8)
        self._top.addWidget(self.search, 1)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(5)
        self._layout.addLayout(self._top)
        self._layout.addLayout(self._buttons)
        self._is_wide = False

    @staticmethod
    def _button(tip: str) -> QToolButton:
        button = QToolButton()
        button.setIconSize(QSize(16, 16))
        button.setToolTip(tip)
        button.setAccessibleName(tip.split(":")[0].split(" (")[0])
        return button

    def show_view(self, name: str) -> None:
        """Say which view is shown."""
        self.view_buttons[name].setChecked(True)

    def apply_palette(self, palette: Palette) -> None:
        """Draw the icons in the colours of the theme."""
        self.search.apply_palette(palette)
        self.database_button.apply_palette(palette)
        self.import_button.setIcon(icon("import", palette.icon))
        self.recent_button.setIcon(icon("clock", palette.icon))
        self.network_button.setIcon(icon("server", palette.icon))
        for (_, button), name in zip(self.view_buttons.items(), ("table", "cards"), strict=True):
            button.setIcon(icon(name, palette.icon))

    def set_wide(self, wide: bool) -> None:
        """Put everything in one line, or the buttons into one of their own."""
        if wide == self._is_wide:
            return
        self._is_wide = wide
        if wide:
            self._layout.removeItem(self._buttons)
            self._top.addLayout(self._buttons)
            self._top.setAlignment(self._buttons, Qt.AlignmentFlag.AlignTop)
        else:
            self._top.removeItem(self._buttons)
            self._layout.addLayout(self._buttons)

    def fit(self, width: int) -> None:
        """Arrange for a dock of this width."""
        self.set_wide(width >= _WIDE)
