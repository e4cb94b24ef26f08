"""Settings that are lists: saved filters, watched folders, databases, views, the reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QTableView,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.settings import (
    forget_database,
    forget_filter,
    load_settings,
    save_filter,
    saved_filters,
    settings_path,
)
from napari_dicomdb.viewer.default_reader import reader_state, restore_readers, use_for_dicom
from napari_dicomdb.widgets._actions import show_in_folder
from napari_dicomdb.widgets._remembered import forget_all_views, forget_view
from napari_dicomdb.widgets._theme import style_sheet
from napari_dicomdb.widgets._upkeep_page import make_button, make_label, make_table
from napari_dicomdb.widgets.models.plain_table import PlainRow, PlainTable
from napari_dicomdb.widgets.notice import NoticeBox
from napari_dicomdb.widgets.watched_folders import WatchedFolders

if TYPE_CHECKING:
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.database_actions import DatabaseActions

__all__ = ["SettingsDialog"]


class SettingsDialog(QDialog):
    """Our own lists; numbers and switches are on napari's page of preferences.

    What is changed holds at once.

    Parameters
    ----------
    actions : DatabaseActions
    """

    def __init__(self, actions: DatabaseActions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings of the DICOM database")
        self._actions = actions
        self.notice = NoticeBox("error", closable=True)
        self.notice.hide()
        self.filters = _FiltersPage(self)
        self.databases = _DatabasesPage(self, actions)
        self.views = _ViewsPage(self, actions)
        self.reader = _ReaderPage(self)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.filters, "Saved filters")
        self.watched = WatchedFolders(actions.session)
        self.watched.failed.connect(self.fail)
        margins = QWidget()
        QVBoxLayout(margins).addWidget(self.watched)
        self.tabs.addTab(margins, "Watched folders")
        self.tabs.addTab(self.databases, "Databases")
        self.tabs.addTab(self.views, "Views")
        self.tabs.addTab(self.reader, "Opening files")
        place = make_label(
            "Switches and numbers are in napari: File > Preferences, at DICOM database.", "dim"
        )
        self.file_button = make_button(
            "Show the settings file", self._show_file, str(settings_path())
        )
        below = QHBoxLayout()
        below.addWidget(place, 1)
        below.addWidget(self.file_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 10)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.notice)
        layout.addLayout(below)
        self.resize(640, 420)
        actions.theme.changed.connect(self.apply_palette)
        self.apply_palette(actions.theme.palette)

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self.setStyleSheet(style_sheet(palette))
        self.notice.apply_palette(palette)

    def refresh(self) -> None:
        """Show what is set now."""
        self.notice.hide()
        for page in (self.filters, self.databases, self.reader):
            page.refresh()

    def fail(self, error: Exception) -> None:
        """Say what went wrong."""
        self.notice.show_text(str(error), "error")
        self.notice.show()

    def _show_file(self) -> None:
        path = settings_path()
        show_in_folder(path if path.exists() else path.parent)


class _FiltersPage(QWidget):
    """Saved searches: name and text."""

    def __init__(self, dialog: SettingsDialog) -> None:
        super().__init__()
        self._dialog = dialog
        self.model = PlainTable(("Name", "Search text"))
        self.table: QTableView = make_table(self.model, "Saved filters", self)
        self.table.setColumnWidth(0, 170)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._edit())
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name")
        self.name.setAccessibleName("Name of the filter")
        self.text = QLineEdit()
        self.text.setPlaceholderText("modality:CT slices:>100")
        self.text.setAccessibleName("Search text of the filter")
        self.text.returnPressed.connect(self.save)
        self.save_button = make_button("Save", self.save, "Keep it; @Name stands for it")
        self.forget_button = make_button("Forget", self.forget, "Forget the selected filter")
        row = QHBoxLayout()
        row.addWidget(self.name, 1)
        row.addWidget(self.text, 2)
        row.addWidget(self.save_button)
        row.addWidget(self.forget_button)
        column = QVBoxLayout(self)
        column.addWidget(
            make_label("In the search box, @Name stands for the text saved under it.", "dim")
        )
        column.addWidget(self.table, 1)
        column.addLayout(row)

    def refresh(self) -> None:
        rows = [PlainRow((name, text), data=name) for name, text in saved_filters().items()]
        self.model.show_rows(rows)
        self.forget_button.setEnabled(False)

    def _chosen(self) -> PlainRow | None:
        return _chosen_row(self.table, self.model)

    def _edit(self) -> None:
        row = self._chosen()
        self.forget_button.setEnabled(row is not None)
        if row is not None:
            self.name.setText(row.cells[0])
            self.text.setText(row.cells[1])

    def save(self) -> None:
        try:
            save_filter(self.name.text(), self.text.text().strip())
        except (DicomDbError, OSError) as error:
            self._dialog.fail(error)
            return
        self._dialog.notice.hide()
        self.refresh()

    def forget(self) -> None:
        row = self._chosen()
        if row is not None:
            forget_filter(row.data)
            self.refresh()


class _DatabasesPage(QWidget):
    """Known databases: forget one, or all that are gone."""

    def __init__(self, dialog: SettingsDialog, actions: DatabaseActions) -> None:
        super().__init__()
        self._actions = actions
        self.model = PlainTable(("Folder", ""))
        self.table: QTableView = make_table(self.model, "Known databases", self)
        self.table.setColumnWidth(0, 420)
        self.forget_button = make_button(
            "Forget", self.forget, "Take it off the list; the database stays where it is"
        )
        self.manage_button = make_button(
            "Manage databases…", actions.manage, "What they hold, move, back up, restore"
        )
        row = QHBoxLayout()
        row.addWidget(self.manage_button)
        row.addStretch(1)
        row.addWidget(self.forget_button)
        column = QVBoxLayout(self)
        column.addWidget(self.table, 1)
        column.addLayout(row)

    def refresh(self) -> None:
        settings = load_settings()
        self.model.show_rows(
            [
                PlainRow(
                    (str(path), "opened by default" if path == settings.database else ""),
                    data=path,
                )
                for path in settings.recent_databases
            ]
        )

    def forget(self) -> None:
        row = _chosen_row(self.table, self.model)
        if row is not None:
            forget_database(row.data)
            forget_view(row.data)
            self.refresh()


class _ViewsPage(QWidget):
    """Back to the columns, orders and sizes that we begin with."""

    def __init__(self, dialog: SettingsDialog, actions: DatabaseActions) -> None:
        super().__init__()
        self._actions = actions
        self.said = make_label("", "dim")
        self.this_button = make_button(
            "Reset the view of this database", self.reset_this, "Columns, order, sizes, sorting"
        )
        self.all_button = make_button(
            "Reset the views of all databases", self.reset_all, "Columns, order, sizes, sorting"
        )
        column = QVBoxLayout(self)
        column.addWidget(
            make_label(
                "Each database remembers its own columns, their order and width, the sorting "
                "and the sizes of the lists."
            )
        )
        for button in (self.this_button, self.all_button):
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.said)
        column.addStretch(1)

    def reset_this(self) -> None:
        path = self._actions.path
        if path is not None:
            forget_view(path)
            self._show_again("The view of this database is as new.")

    def reset_all(self) -> None:
        forget_all_views()
        self._show_again("The views of all databases are as new.")

    def _show_again(self, words: str) -> None:
        session = self._actions.session
        if session.database is not None:
            session.opened.emit(session.database)
        self.said.setText(words)


class _ReaderPage(QWidget):
    """Whether napari opens DICOM files with this plugin."""

    def __init__(self, dialog: SettingsDialog) -> None:
        super().__init__()
        self.state = make_label("", "title")
        self.details = make_label("", "dim")
        self.use_button = make_button(
            "Use this plugin for DICOM files in napari",
            self.use,
            "Writes napari's preference for *.dcm, *.dicom, *.dic, *.ima and DICOMDIR",
        )
        self.undo_button = make_button(
            "Undo", self.undo, "What was set before is set again, and no more"
        )
        row = QHBoxLayout()
        row.addWidget(self.use_button)
        row.addWidget(self.undo_button)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.addWidget(self.state)
        column.addWidget(self.details)
        column.addLayout(row)
        column.addWidget(
            make_label(
                "Nothing is set unless you press the button. napari lists its choices under "
                "File > Preferences > Plugins.",
                "dim",
            )
        )
        column.addStretch(1)

    def refresh(self) -> None:
        state = reader_state()
        self.state.setText(state.summary())
        self.details.setText(
            "\n".join(f"{pattern}: {reader}" for pattern, reader in sorted(state.readers.items()))
        )
        self.use_button.setEnabled(not state.is_ours)
        self.undo_button.setEnabled(state.can_undo)

    def use(self) -> None:
        use_for_dicom()
        self.refresh()

    def undo(self) -> None:
        restore_readers()
        self.refresh()


def _chosen_row(table: QTableView, model: PlainTable) -> PlainRow | None:
    rows = table.selectionModel().selectedRows()
    return model.rows[table.model().mapToSource(rows[0]).row()] if rows else None
