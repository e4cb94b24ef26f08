"""Asks where and how to export, and stays while it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QWidget

from napari_dicomdb.widgets._writing_dialog import WritingDialog, free_zip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["ExportDialog"]

_FORMS = (
    ("DICOM files, as they are", "dicom"),
    ("NIfTI volumes (.nii.gz)", ".nii.gz"),
    ("NRRD volumes (.nrrd)", ".nrrd"),
    ("Zarr volumes (.zarr)", ".zarr"),
)
_FOLDER_KEY = "export_folder"


class ExportDialog(WritingDialog):
    """Target, form and layout; then progress, with a way to cancel; then the outcome.

    Parameters
    ----------
    database : Database
    records : sequence of records
        Patients, studies, series or instances.
    what : str
        For people: "2 series with 120 files".
    palette : Palette
    """

    def __init__(
        self,
        database: Database,
        records: Sequence[Any],
        what: str,
        palette: Palette,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Export", f"Export {what}", "Export", _FOLDER_KEY, parent)
        self._database = database
        self._records = list(records)
        self.form = QComboBox()
        self.form.setAccessibleName("Form")
        for label, form in _FORMS:
            self.form.addItem(label, form)
        self.form.currentIndexChanged.connect(self._adapt)
        rows = QFormLayout()
        rows.addRow("Write", self.form)
        rows.addRow("To", self.place)
        rows.addRow("", self.dicomdir)
        rows.addRow("", self.archive)
        self.warning = QLabel(
            "The copies say who the patient is. Anonymise them before they leave the hospital."
        )
        self.warning.setObjectName("dim")
        self.warning.setWordWrap(True)
        self._lay_out(rows, self.warning)
        self.apply_palette(palette)
        self._adapt()

    def _adapt(self, *_: object) -> None:
        files = self.form.currentData() == "dicom"
        self.dicomdir.setVisible(files)
        self.archive.setVisible(files)
        self.warning.setVisible(files)
        super()._adapt()

    def _start(self) -> None:
        folder = self._folder()
        form = self.form.currentData()
        archive = form == "dicom" and self.archive.isChecked()
        self._write(
            self._database.export,
            self._records,
            free_zip(folder) if archive else folder,
            form=form,
            dicomdir=form == "dicom" and self.dicomdir.isChecked(),
            archive=archive,
        )
