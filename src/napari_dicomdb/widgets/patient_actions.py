"""What the menus of patients and studies offer about identities; each opens the dialog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_dicomdb.widgets._record_menu import MenuEntry
from napari_dicomdb.widgets.patient_dialog import PatientDialog, patient_entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._tasks import TaskRunner

__all__ = ["PatientActions"]

_NEVER = "Files are never changed, and this can be undone."


class PatientActions(QObject):
    """Contributes to the menus of patients and studies.

    Parameters
    ----------
    session : DatabaseSession
    runner : TaskRunner
        Where the database is asked.
    host : QWidget
        Parent of the dialog.
    """

    failed = Signal(object)

    def __init__(self, session: DatabaseSession, runner: TaskRunner, host: QWidget) -> None:
        super().__init__(host)
        self._session = session
        self._runner = runner
        self._host = host
        self.dialog: PatientDialog | None = None

    def entries(self, records: Sequence[Any]) -> list[MenuEntry]:
        """Return what can be done with the identities of `records`."""
        writes = not getattr(self._session.database, "read_only", False)
        return [
            MenuEntry(
                label,
                lambda: self.show(records),
                enabled=writes or label == "Patient identities…",
                tip=_NEVER,
            )
            for label in patient_entries(records)
        ]

    def show(self, records: Sequence[Any] = ()) -> None:
        """Show patients side by side, or studies to split off; suggestions without any."""
        if self.dialog is None:
            self.dialog = PatientDialog(self._session, self._runner, records, parent=self._host)
        else:
            self.dialog.show_records(records)
        self.dialog.open()
