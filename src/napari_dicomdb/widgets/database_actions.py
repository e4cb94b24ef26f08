"""What can be done with databases from the menu: new, open, take over, move, manage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_dicomdb.database.slicer import SLICER_INDEX
from napari_dicomdb.errors import DatabaseError, DicomDbError
from napari_dicomdb.viewer.preferences import preference
from napari_dicomdb.widgets._actions import show_in_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QDialog

    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._tasks import TaskRunner
    from napari_dicomdb.widgets._theme import ThemeWatcher

__all__ = ["DatabaseActions"]

_INDEX = "dicomdb.sqlite"
_OWN_FOLDER = "DICOM database"


class DatabaseActions(QObject):
    """Asks where, then has the session do it.

    Parameters
    ----------
    session : DatabaseSession
    runner : TaskRunner
        Where disks are looked at.
    theme : ThemeWatcher
    host : QWidget
        Parent of dialogs.

    Signals
    -------
    failed : Exception
    presence_known : list of Path
        Those of `look_for` that are not there.
    """

    failed = Signal(object)
    presence_known = Signal(object)

    def __init__(
        self, session: DatabaseSession, runner: TaskRunner, theme: ThemeWatcher, host: QWidget
    ) -> None:
        super().__init__(host)
        self.session = session
        self.runner = runner
        self.theme = theme
        self.host = host
        self._dialogs: dict[str, QDialog] = {}

    @property
    def path(self) -> Path | None:
        """The directory of the database that is shown, or that failed to open."""
        failure = self.session.failure
        if failure is not None:
            return failure.request.directory
        database = self.session.database
        return None if database is None else database.path

    @property
    def menu_length(self) -> int:
        """How many databases the menu lists."""
        return int(preference("databases", "recent_count", 10))

    def look_for(self, paths: Sequence[Path]) -> None:
        """Find out in the background which are absent; `presence_known` tells."""

        def absent() -> list[Path]:
            return [path for path in paths if not path.is_dir()]

        self.runner.submit(absent, returned=self.presence_known.emit)

    # -- one after the other ------------------------------------------------------------

    def new(self) -> None:
        """Make a database in a folder that is asked for."""
        folder = self._ask("Choose or make a folder for the new database")
        if folder is not None:
            self.session.open(own_folder(folder), create=True)

    def open_other(self) -> None:
        """Open the database in a folder that is asked for."""
        self._open("Choose the folder of a database", read_only=False)

    def open_read_only(self) -> None:
        """Open a database without the right to change anything."""
        self._open("Choose the folder of a database to open read-only", read_only=True)

    def _open(self, title: str, *, read_only: bool) -> None:
        folder = self._ask(title)
        if folder is not None:
            directory = folder.parent if folder.name == _INDEX else folder
            self.session.open(directory, read_only=read_only, create=False)

    def take_over(self) -> None:
        """Make a database of all that one of 3D Slicer's lists."""
        source = self._ask("Choose the folder of a 3D Slicer database")
        if source is None:
            return
        if not (source / SLICER_INDEX).is_file():
            self.failed.emit(
                DatabaseError(
                    f"{source} is no database of 3D Slicer: it has no {SLICER_INDEX}. Slicer "
                    "shows the folder in its DICOM module under Settings."
                )
            )
            return
        target = self._ask("Choose or make a folder for the new database; Slicer's stays as it is")
        if target is not None:
            try:
                self.session.take_over(source, own_folder(target))
            except DicomDbError as error:
                self.failed.emit(error)

    def move(self) -> None:
        """Move the database that is shown; the dialog of all databases tells how far it is."""
        if self.path is not None:
            self.manage().ask_to_move(self.path)

    def show_in_folder(self) -> None:
        """Open the folder in the desktop's file browser."""
        if self.path is not None:
            show_in_folder(self.path)

    # -- dialogs --------------------------------------------------------------------------

    def manage(self) -> Any:
        """Show all known databases."""
        from napari_dicomdb.widgets.databases_dialog import DatabasesDialog

        return self._show("manage", lambda: DatabasesDialog(self, self.host))

    def show_watched_folders(self) -> Any:
        """Show the folders whose new files are imported."""
        from napari_dicomdb.widgets.watched_folders import WatchedFoldersDialog

        return self._show("watched", lambda: WatchedFoldersDialog(self, self.host))

    def show_patients(self) -> Any:
        """Show which patients may be one person, and which were merged or split."""
        from napari_dicomdb.widgets.patient_dialog import PatientDialog

        def make() -> PatientDialog:
            palette = self.theme.palette
            dialog = PatientDialog(self.session, self.runner, palette=palette, parent=self.host)
            self.theme.changed.connect(dialog.apply_palette)
            return dialog

        return self._show("patients", make)

    def show_upkeep(self, page: str = "") -> Any:
        """Show what keeps the database sound."""
        from napari_dicomdb.widgets.upkeep_dialog import UpkeepDialog

        dialog = self._show("upkeep", lambda: UpkeepDialog(self, self.host))
        if page:
            dialog.show_page(page)
        return dialog

    def show_settings(self) -> Any:
        """Show the settings that are lists."""
        from napari_dicomdb.widgets.settings_dialog import SettingsDialog

        return self._show("settings", lambda: SettingsDialog(self, self.host))

    def _show(self, name: str, make: Any) -> Any:
        dialog = self._dialogs.get(name)
        if dialog is None:
            dialog = self._dialogs[name] = make()
        dialog.refresh()
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()
        return dialog

    def _ask(self, title: str) -> Path | None:
        start = "" if self.path is None else str(self.path.parent)
        name = QFileDialog.getExistingDirectory(self.host, title, start)
        return Path(name) if name else None


def own_folder(folder: Path) -> Path:
    """Return where a database goes: `folder`, or one in it if it holds other things."""
    if (folder / _INDEX).is_file() or not any(folder.iterdir()):
        return folder
    return folder / _OWN_FOLDER
