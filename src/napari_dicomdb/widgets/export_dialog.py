"""Asks where and how to export, and stays while it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QWidget

from napari_dicomdb.network.jobs.selection import named_by
from napari_dicomdb.widgets._upkeep_page import make_button
from napari_dicomdb.widgets._writing_dialog import WritingDialog, free_zip
from napari_dicomdb.widgets.deidentify_choice import DeidentifyRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_dicomdb.api import Database
    from napari_dicomdb.network.jobs import Job, JobQueue
    from napari_dicomdb.widgets._network_session import NetworkSession
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["ExportDialog"]

_FORMS = (
    ("DICOM files, as they are", "dicom"),
    ("NIfTI volumes (.nii.gz)", ".nii.gz"),
    ("NRRD volumes (.nrrd)", ".nrrd"),
    ("Zarr volumes (.zarr)", ".zarr"),
)
_FOLDER_KEY = "export_folder"
_JOB = "As a job, which survives a restart: see DICOM network > Jobs"
_NO_JOB = "A job would have to keep the passphrase: with a mapping, export at once"


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
    network : NetworkSession, optional
        Whose queue can do it in the background.
    viewer : napari viewer, optional
        Whose shapes may be blacked out of anonymised copies.
    """

    def __init__(
        self,
        database: Database,
        records: Sequence[Any],
        what: str,
        palette: Palette,
        parent: QWidget | None = None,
        *,
        network: NetworkSession | None = None,
        viewer: Any = None,
    ) -> None:
        super().__init__("Export", f"Export {what}", "Export", _FOLDER_KEY, parent)
        self._database = database
        self._records = list(records)
        self._network = network
        self.job_button = make_button(
            "In the background",
            self._start_job,
            _JOB,
        )
        self.job_button.setVisible(network is not None)
        self.other_buttons.append(self.job_button)
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
        self.anonymise = DeidentifyRow(database, records, what, palette, viewer=viewer)
        self.anonymise.changed.connect(self._adapt)
        self._lay_out(rows, self.anonymise, self.warning)
        self.apply_palette(palette)
        self._adapt()

    def _adapt(self, *_: object) -> None:
        files = self.form.currentData() == "dicom"
        self.dicomdir.setVisible(files)
        self.archive.setVisible(files)
        self.warning.setVisible(files and self.anonymise.profile() is None)
        super()._adapt()
        if self.anonymise.kept():
            self.job_button.setEnabled(False)
        self.job_button.setToolTip(_NO_JOB if self.anonymise.kept() else _JOB)

    def _how(self) -> tuple[Path, dict[str, Any]]:
        """Return the target and the options, as chosen."""
        folder = self._folder()
        form = self.form.currentData()
        archive = form == "dicom" and self.archive.isChecked()
        dicomdir = form == "dicom" and self.dicomdir.isChecked()
        how: dict[str, Any] = {"form": form, "dicomdir": dicomdir, "archive": archive}
        profile = self.anonymise.profile()
        if profile is not None:
            how["deidentify"] = profile.to_choices()
        return free_zip(folder) if archive else folder, how

    def _start(self) -> None:
        target, how = self._how()
        self._write(self._database.export, self._records, target, **how, **self.anonymise.kept())

    def _start_job(self) -> None:
        network, database, records = self._network, self._database, self._records
        if network is None:
            return
        target, how = self._how()

        def add(queue: JobQueue) -> Job:
            what = {**named_by(database, records), "to": str(target), **how}
            return queue.add("export", what)

        network.ask_queue(add, returned=lambda _: self.accept(), failed=self._not_added)

    def _not_added(self, error: Exception) -> None:
        self._tell(str(error), "error")
