"""All known databases in one table: what they hold, how they are, what to do with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSortFilterProxyModel, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFileDialog,
    QGridLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.database.inspecting import DatabaseState, State, inspect_database
from napari_dicomdb.settings import forget_database, remember_database
from napari_dicomdb.widgets._actions import show_in_folder
from napari_dicomdb.widgets._remembered import forget_view
from napari_dicomdb.widgets._text import file_size
from napari_dicomdb.widgets._theme import style_sheet
from napari_dicomdb.widgets.database_actions import own_folder
from napari_dicomdb.widgets.database_button import known_databases
from napari_dicomdb.widgets.models.plain_table import SORT_ROLE, PlainRow, PlainTable
from napari_dicomdb.widgets.work_strip import WorkStrip

if TYPE_CHECKING:
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.database_actions import DatabaseActions

__all__ = ["DatabasesDialog"]

_TITLES = ("Database", "State", "Patients", "Studies", "Series", "Files", "Index", "Folder")


class DatabasesDialog(QDialog):
    """Known databases and what can be done with each.

    Parameters
    ----------
    actions : DatabaseActions
    """

    def __init__(self, actions: DatabaseActions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("DICOM databases")
        self._actions = actions
        self._session = actions.session
        self.model = PlainTable(_TITLES, numbers=(2, 3, 4, 5, 6))
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self.model)
        self._proxy.setSortRole(SORT_ROLE)
        self.table = QTableView()
        self.table.setModel(self._proxy)
        self.table.setAccessibleName("Known databases")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.verticalHeader().hide()
        self.table.setTabKeyNavigation(False)
        header = self.table.horizontalHeader()
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)  # the order of use
        self.table.setSortingEnabled(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for column, width in enumerate((150, 100, 68, 68, 68, 76, 76)):
            self.table.setColumnWidth(column, width)
        self.table.doubleClicked.connect(lambda _: self.open_chosen())
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._update())
        self.says = QLabel("")
        self.says.setObjectName("dim")
        self.says.setWordWrap(True)
        self.work = WorkStrip(actions.runner)
        self.work.busy_changed.connect(lambda _: self._update())
        self.buttons = self._make_buttons()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(8)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.says)
        layout.addWidget(self.work)
        grid = QGridLayout()
        grid.setSpacing(6)
        for place, button in enumerate(self.buttons.values()):
            grid.addWidget(button, place // 5, place % 5)
        layout.addLayout(grid)
        self.resize(860, 420)
        self._session.opened.connect(self._on_opened)
        self._session.open_failed.connect(self._on_open_failed)
        self._session.changed.connect(self._refresh_if_visible)
        actions.theme.changed.connect(self.apply_palette)
        self.apply_palette(actions.theme.palette)

    def _make_buttons(self) -> dict[str, QPushButton]:
        entries: tuple[tuple[str, str, Any, str], ...] = (
            ("open", "Open", self.open_chosen, "Show this database"),
            ("read-only", "Open read-only", self.open_read_only, "Show it, change nothing"),
            ("new", "New…", self._actions.new, "Make a database in a folder"),
            ("add", "Add…", self.add, "Put a database that is there on this list"),
            ("folder", "Show in folder", self.show_folder, "Open its folder"),
            ("move", "Move…", self.ask_to_move, "Move it to another folder or drive"),
            ("backup", "Back up…", self.ask_to_back_up, "Write a copy of the index"),
            ("restore", "Restore…", self.ask_to_restore, "Make a database from a backup"),
            ("upkeep", "Upkeep…", self._actions.show_upkeep, "Check the one that is open"),
            ("forget", "Forget", self.forget, "Take it off this list; it stays where it is"),
        )
        buttons = {}
        for name, label, call, tip in entries:
            button = QPushButton(label)
            button.setToolTip(tip)
            button.setAutoDefault(False)
            button.clicked.connect(lambda _=False, call=call: call())
            buttons[name] = button
        return buttons

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self.setStyleSheet(style_sheet(palette))
        self.model.set_dim(palette.dim)
        self.work.apply_palette(palette)

    # -- rows ---------------------------------------------------------------------------

    def refresh(self) -> None:
        """Look at all known databases again."""
        chosen = self.chosen()
        paths = known_databases(self._actions.path)
        known = {row.data.path: row for row in self.model.rows if row.data is not None}
        self.model.show_rows([known.get(path) or _row_of_path(path) for path in paths])
        self.choose(chosen.path if chosen is not None else self._actions.path)
        for path in paths:
            self._actions.runner.submit(inspect_database, path, returned=self._show_state)
        self._update()

    def _refresh_if_visible(self) -> None:
        if self.isVisible():
            self.refresh()

    def _show_state(self, state: DatabaseState) -> None:
        for number, row in enumerate(self.model.rows):
            if row.data.path == state.path:
                self.model.replace(number, _row_of_state(state, self._actions.path))
        self._update()

    def choose(self, path: Path | None) -> None:
        """Select the row of `path`."""
        for number, row in enumerate(self.model.rows):
            if row.data.path == path:
                index = self._proxy.mapFromSource(self.model.index(number, 0))
                self.table.setCurrentIndex(index)

    def chosen(self) -> DatabaseState | None:
        """Return what is known of the selected one."""
        rows = self.table.selectionModel().selectedRows()
        if not rows:
            return None
        found: DatabaseState = self.model.rows[self._proxy.mapToSource(rows[0]).row()].data
        return found

    def _update(self) -> None:
        chosen, busy = self.chosen(), self.work.is_busy
        is_current = chosen is not None and self._is_shown(chosen.path)
        there = chosen is not None and chosen.state not in (State.MISSING, State.EMPTY)
        whole = chosen is not None and chosen.can_open
        for name, enabled in {
            "open": there and not is_current,
            "read-only": there and not (is_current and self._session.is_read_only),
            "folder": there,
            "move": whole and chosen is not None and chosen.state != State.READ_ONLY,
            "backup": whole,
            "upkeep": is_current,
            "forget": chosen is not None and not is_current,
        }.items():
            self.buttons[name].setEnabled(enabled and not busy)
        for name in ("new", "add", "restore"):
            self.buttons[name].setEnabled(not busy)
        self.says.setText("" if chosen is None else f"{chosen.path}: {chosen.text}")

    def _is_shown(self, path: Path) -> bool:
        database = self._session.database
        return database is not None and database.path == path and self._session.failure is None

    # -- what can be done -----------------------------------------------------------------

    def open_chosen(self) -> None:
        """Switch to the selected database."""
        self._open(read_only=False)

    def open_read_only(self) -> None:
        """Switch to the selected database without the right to change it."""
        self._open(read_only=True)

    def _open(self, *, read_only: bool) -> None:
        chosen = self.chosen()
        if chosen is not None:
            self._session.open(chosen.path, read_only=read_only, create=False)

    def _on_opened(self, database: Any) -> None:
        if self.isVisible():
            self.refresh()
            self.choose(database.path)

    def _on_open_failed(self, error: Exception) -> None:
        if self.isVisible():
            self.work.tell_error(error)
            self.refresh()

    def show_folder(self) -> None:
        """Open the folder of the selected one."""
        chosen = self.chosen()
        if chosen is not None:
            show_in_folder(chosen.path)

    def add(self) -> None:
        """Put the database in a folder that is asked for on the list, without opening it."""
        name = QFileDialog.getExistingDirectory(self, "Choose the folder of a database")
        if name:
            self._actions.runner.submit(inspect_database, name, returned=self._add)

    def _add(self, state: DatabaseState) -> None:
        if state.state in (State.MISSING, State.EMPTY, State.FOREIGN):
            self.work.tell(f"{state.path}: {state.text}", "error")
            return
        remember_database(state.path)
        self.refresh()
        self.choose(state.path)

    def forget(self) -> None:
        """Take the selected one off the list."""
        chosen = self.chosen()
        if chosen is not None:
            forget_database(chosen.path)
            forget_view(chosen.path)
            self.refresh()

    def ask_to_move(self, path: Path | None = None) -> None:
        """Ask for the new place, then move."""
        row = self.chosen()
        source = path if path is not None else None if row is None else row.path
        if source is None:
            return
        name = QFileDialog.getExistingDirectory(self, "Choose or make the new folder")
        if not name:
            return
        chosen = Path(name)
        target = chosen / source.name if any(chosen.iterdir()) else chosen

        def moved(target: Path) -> None:
            self.work.tell(f"Moved to {target}.")
            self.refresh()
            self.choose(target)

        self.work.start(
            "Moving",
            lambda **told: _submit_move(self._session.move, source, target, told),
            moved,
        )

    def ask_to_back_up(self) -> None:
        """Ask where to, then write a backup of the selected one."""
        chosen = self.chosen()
        name = chosen and QFileDialog.getExistingDirectory(self, "Choose a folder for the backup")
        if chosen and name:
            self.work.run(
                "Backing up", _back_up, chosen.path, Path(name), returned=self._backed_up
            )

    def _backed_up(self, told: str) -> None:
        self.work.tell(told)

    def ask_to_restore(self) -> None:
        """Ask for a backup and a folder, then make a database of it."""
        backup = QFileDialog.getExistingDirectory(self, "Choose the folder of a backup")
        name = backup and QFileDialog.getExistingDirectory(
            self, "Choose or make an empty folder for the database"
        )
        if name:
            target = own_folder(Path(name))
            self.work.run("Restoring", _restore, Path(backup), target, returned=self._restored)

    def _restored(self, target: Path) -> None:
        remember_database(target)
        self.work.tell(f"Restored to {target}.")
        self.refresh()
        self.choose(target)


def _submit_move(move: Any, source: Path, target: Path, told: dict[str, Any]) -> Any:
    ended = told.pop("finished")
    told.pop("cancelled")  # the session says so itself, as a failure

    def after(callback: Any) -> Any:
        def call(value: Any) -> None:
            if callback is not None:
                callback(value)
            ended()

        return call

    return move(
        source,
        target,
        progressed=told["progressed"],
        returned=after(told["returned"]),
        failed=after(told["failed"]),
    )


def _back_up(path: Path, target: Path, progress: Any) -> str:
    from napari_dicomdb.api import Database

    with Database.open(path, read_only=True) as database:
        return str(database.backup(target / path.name, progress=progress).summary())


def _restore(backup: Path, target: Path, progress: Any) -> Path:
    from napari_dicomdb.api import Database

    return Path(Database.restore(backup, target, progress=progress).path)


def _row_of_path(path: Path) -> PlainRow:
    state = DatabaseState(path, State.OK, "Looking…")
    name = path.name or str(path)
    return PlainRow((name, "…", "", "", "", "", "", str(path)), tip=str(path), data=state)


def _row_of_state(state: DatabaseState, current: Path | None) -> PlainRow:
    known = state.can_open
    counts = (state.patients, state.studies, state.series, state.instances)
    name = state.path.name or str(state.path)
    shown = f"{name} (shown)" if state.path == current else name
    return PlainRow(
        (
            shown,
            state.state.value,
            *(f"{n:,}".replace(",", "\u2009") if known else "" for n in counts),
            file_size(state.size) if state.size else "",
            str(state.path),
        ),
        (name.casefold(), state.state.value, *counts, state.size, str(state.path)),
        tip=f"{state.path}\n{state.text}",
        dim=state.state in (State.MISSING, State.EMPTY),
        data=state,
    )
