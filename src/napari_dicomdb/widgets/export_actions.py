"""What the menus of rows offer for writing: export, anonymised copies, layers as DICOM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_dicomdb.database.records import PatientRecord, SeriesRecord, StudyRecord
from napari_dicomdb.viewer.browse import show_export
from napari_dicomdb.widgets._actions import named, outermost
from napari_dicomdb.widgets._record_menu import MenuEntry
from napari_dicomdb.widgets._text import count
from napari_dicomdb.widgets.export_dialog import ExportDialog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._theme import ThemeWatcher
    from napari_dicomdb.widgets.deidentify_dialog import DeidentifyDialog

__all__ = ["ExportActions"]


class ExportActions(QObject):
    """Contributes *Export…*, *Anonymise…* and *Write layers…* to the menus of rows.

    Parameters
    ----------
    session : DatabaseSession
    theme : ThemeWatcher
    viewer : napari viewer or None
        Whose shapes can be blacked out, and whose layers written.
    host : QWidget
        Parent of the dialogs.
    """

    def __init__(
        self, session: DatabaseSession, theme: ThemeWatcher, viewer: Any, host: QWidget
    ) -> None:
        super().__init__(host)
        self._viewer = viewer
        self._session = session
        self._theme = theme
        self._host = host
        self.dialog: ExportDialog | DeidentifyDialog | None = None

    def entries(self, records: Sequence[Any]) -> list[MenuEntry]:
        """Return what can be written of `records`."""
        entries = [
            MenuEntry(
                "Export…",
                lambda: self.show(ExportDialog, records),
                tip="Copy the files, or write volumes",
            ),
            MenuEntry(
                "Anonymise…",
                lambda: self.show(_deidentify_dialog(), records),
                tip="Copies that do not tell who the patient is; the originals stay",
            ),
        ]
        if self._viewer is None or len(records) != 1:
            return entries
        is_patient = isinstance(records[0], PatientRecord)
        there = len(self._viewer.layers) > 0
        tip = "Images, segmentations and results as DICOM, in the dock DICOM export"
        return [
            *entries,
            MenuEntry(
                f"Write layers to {'a new' if is_patient else 'this'} study…",
                lambda: self.write_layers(records[0]),
                tip=tip if there else "Open or draw something first",
                enabled=there,
            ),
        ]

    def write_layers(self, record: PatientRecord | StudyRecord | SeriesRecord) -> None:
        """Open the export dock with the study of `record` chosen, or a new one of a patient."""
        dock = show_export(self._viewer)
        if isinstance(record, PatientRecord):
            dock.fill_patient(record)
        else:
            dock.choose_study(record.uid if isinstance(record, StudyRecord) else record.study_uid)

    def show(
        self, kind: type[ExportDialog] | type[DeidentifyDialog], records: Sequence[Any]
    ) -> None:
        """Open a dialog for `records`."""
        database = self._session.database
        if database is None or not records:
            return
        chosen = outermost(records)
        files = sum(record.instance_count for record in chosen)
        what = f"{named(chosen)} with {count(files, 'file')}"
        more: dict[str, Any] = {"viewer": self._viewer}
        if kind is ExportDialog:
            more["network"] = self._session.network
        dialog = kind(database, chosen, what, self._theme.palette, self._host, **more)
        dialog.exported.connect(lambda *_: self._session.changed.emit())
        dialog.finished.connect(dialog.deleteLater)
        self.dialog = dialog
        dialog.open()


def _deidentify_dialog() -> type[DeidentifyDialog]:
    # With it comes pydicom: the browser opens without.
    from napari_dicomdb.widgets.deidentify_dialog import DeidentifyDialog

    return DeidentifyDialog
