"""What the menus of patients, studies and series offer about sending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt

from napari_dicomdb.database.records import PatientRecord, StudyRecord
from napari_dicomdb.widgets._record_menu import MenuEntry
from napari_dicomdb.widgets._text import count
from napari_dicomdb.widgets.send_dialog import SendDialog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._theme import ThemeWatcher

__all__ = ["SendActions"]


class SendActions(QObject):
    """Contributes "Send…" to the menus.

    Parameters
    ----------
    session : DatabaseSession
    theme : ThemeWatcher
    host : QWidget
        Parent of the dialog.
    viewer : napari viewer, optional
        Whose shapes may be blacked out of anonymised copies.
    """

    def __init__(
        self, session: DatabaseSession, theme: ThemeWatcher, host: QWidget, viewer: Any = None
    ) -> None:
        super().__init__(host)
        self._viewer = viewer
        self._session = session
        self._theme = theme
        self._host = host
        self.dialog: SendDialog | None = None

    def entries(self, records: Sequence[Any]) -> list[MenuEntry]:
        """Return what can be done with `records`."""
        tip = "To a PACS or another DICOM program"
        return [MenuEntry("Send…", lambda: self.show(records), tip=tip)]

    def show(self, records: Sequence[Any]) -> None:
        """Ask to which node, and send."""
        if self._session.database is None or not records:
            return
        self.dialog = SendDialog(
            self._session.network,
            records,
            _named(records),
            self._theme.palette,
            self._host,
            viewer=self._viewer,
        )
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.open()


def _named(records: Sequence[Any]) -> str:
    if isinstance(records[0], PatientRecord):
        kind, many = "patient", "patients"
    elif isinstance(records[0], StudyRecord):
        kind, many = "study", "studies"
    else:
        kind, many = "series", "series"
    files = sum(record.instance_count for record in records)
    return f"{count(len(records), kind, many)} with {count(files, 'file')}"
