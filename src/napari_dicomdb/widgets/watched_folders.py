"""The list of watched folders: add, remove, pause, copy or link, and how each is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.widgets._text import one_line, tool_tip
from napari_dicomdb.widgets._theme import style_sheet

if TYPE_CHECKING:
    from napari_dicomdb.database.watching import FolderState
    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.database_actions import DatabaseActions

__all__ = ["WatchedFolders", "WatchedFoldersDialog"]

_STATE = Qt.ItemDataRole.UserRole


class WatchedFolders(QWidget):
    """Shows and changes which folders of the session's database are watched.

    Parameters
    ----------
    session : DatabaseSession
    """

    failed = Signal(object)  # error

    def __init__(self, session: DatabaseSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._folders = session.folders
        hint = QLabel("Files that arrive in these folders are imported when they are complete.")
        hint.setObjectName("dim")
        hint.setWordWrap(True)
        self.list = QTreeWidget()
        self.list.setAccessibleName("Watched folders")
        self.list.setHeaderLabels(["Folder", "Files", "State"])
        self.list.setRootIsDecorated(False)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = self.list.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.list.currentItemChanged.connect(self._update)
        self.add_button = _button("Add…", "Watch another folder, and those below it")
        self.remove_button = _button("Remove", "Watch it no longer; what was imported stays")
        self.pause_button = _button("Pause", "Keep it in the list, import nothing from it")
        self.copy_box = QCheckBox("Copy files into the database")
        self.copy_box.setToolTip(tool_tip("Otherwise the files stay there and are linked"))
        self.says = QLabel("")
        self.says.setWordWrap(True)
        self.says.setTextFormat(Qt.TextFormat.PlainText)
        self.says.hide()
        buttons = QHBoxLayout()
        for widget in (self.add_button, self.pause_button, self.remove_button, self.copy_box):
            buttons.addWidget(widget)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(hint)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.says)
        layout.addLayout(buttons)
        self.add_button.clicked.connect(self.ask_to_add)
        self.remove_button.clicked.connect(self._remove)
        self.pause_button.clicked.connect(self._pause)
        self.copy_box.clicked.connect(self._copy)
        self._folders.states_changed.connect(self._show)
        self._folders.failed.connect(self._on_failed)
        session.opened.connect(self._update)
        self.refresh()

    def refresh(self) -> None:
        """Show how the folders are, and look again."""
        self.says.hide()
        self._show(self._folders.states)
        self._folders.look()

    def current(self) -> FolderState | None:
        """Return the chosen folder."""
        item = self.list.currentItem()
        return None if item is None else item.data(0, _STATE)

    def ask_to_add(self) -> None:
        """Let the user choose a folder, and watch it."""
        chosen = QFileDialog.getExistingDirectory(self, "Watch a folder")
        if chosen:
            self.add(Path(chosen))

    def add(self, path: Path, *, copy: bool = False) -> None:
        """Watch a folder."""
        self.says.hide()
        self._folders.watch(path, copy=copy)

    def _remove(self) -> None:
        state = self.current()
        if state is not None:
            self._folders.unwatch(state.folder.path)

    def _pause(self) -> None:
        state = self.current()
        if state is not None:
            folder = state.folder
            self._folders.watch(folder.path, copy=folder.copy, paused=not folder.paused)

    def _copy(self, checked: bool) -> None:
        state = self.current()
        if state is not None:
            self._folders.watch(state.folder.path, copy=checked, paused=state.folder.paused)

    def _on_failed(self, error: Exception) -> None:
        self.says.setText(one_line(str(error)))
        self.says.show()
        self.failed.emit(error)

    def _show(self, states: list[FolderState]) -> None:
        before = self.current()
        self.list.clear()
        for state in states:
            path = str(state.folder.path)
            files = "copied" if state.folder.copy else "linked"
            item = QTreeWidgetItem([one_line(path), files, state.text])
            item.setToolTip(0, tool_tip(path))
            item.setData(0, _STATE, state)
            self.list.addTopLevelItem(item)
            if before is not None and before.folder.path == state.folder.path:
                self.list.setCurrentItem(item)
        if self.list.currentItem() is None and states:
            self.list.setCurrentItem(self.list.topLevelItem(0))
        self._update()

    def _update(self, *_: object) -> None:
        state = self.current()
        database = self._session.database
        writes = database is not None and not database.read_only
        self.add_button.setEnabled(writes)
        for widget in (self.remove_button, self.pause_button, self.copy_box):
            widget.setEnabled(writes and state is not None)
        self.pause_button.setText(
            "Resume" if state is not None and state.folder.paused else "Pause"
        )
        self.copy_box.setChecked(state is not None and state.folder.copy)


class WatchedFoldersDialog(QDialog):
    """The list of watched folders in a window of its own.

    Parameters
    ----------
    actions : DatabaseActions
        Of the browser.
    """

    def __init__(self, actions: DatabaseActions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Watched folders")
        self.folders = WatchedFolders(actions.session)
        self.close_button = QPushButton("Close")
        self.close_button.setAutoDefault(False)
        self.close_button.clicked.connect(self.accept)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.addWidget(self.folders, 1)
        layout.addLayout(foot)
        self.resize(640, 320)
        actions.theme.changed.connect(self.apply_palette)
        self.apply_palette(actions.theme.palette)

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self.setStyleSheet(style_sheet(palette))

    def refresh(self) -> None:
        """Look how the folders are."""
        self.folders.refresh()


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tool_tip(tip))
    return button
