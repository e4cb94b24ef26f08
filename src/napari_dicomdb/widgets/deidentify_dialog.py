"""Asks what anonymised copies shall keep, shows what will happen, and writes them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QPushButton,
    QWidget,
)

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.settings import write_whole
from napari_dicomdb.widgets._writing_dialog import WritingDialog, free_zip
from napari_dicomdb.widgets.deidentify_form import DeidentifyForm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.export.deidentification.report import DeidentificationReport
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["DeidentifyDialog"]

_FOLDER_KEY = "anonymise_folder"


class DeidentifyDialog(WritingDialog):
    """What is kept, how patients are named, what may show names; a preview by attribute.

    Parameters
    ----------
    database : Database
    records : sequence of records
        Patients, studies, series or instances.
    what : str
        For people: "2 series with 120 files".
    palette : Palette
    viewer : napari viewer, optional
        Where shapes may be drawn over images.
    """

    def __init__(
        self,
        database: Database,
        records: Sequence[Any],
        what: str,
        palette: Palette,
        parent: QWidget | None = None,
        *,
        viewer: Any = None,
    ) -> None:
        super().__init__("Anonymise", f"Anonymise {what}", "Anonymise", _FOLDER_KEY, parent)
        self._database = database
        self._records = list(records)
        self.form = DeidentifyForm(database, records, self, viewer=viewer)
        self.form.told.connect(self._tell)
        self.add_to = QCheckBox("Add the copies to this database")
        if database.read_only:
            self.add_to.setEnabled(False)
            self.add_to.setToolTip("The database was opened read-only")
        self._report: DeidentificationReport | None = None
        self.report_button = QPushButton("Save report…")
        self.report_button.setAutoDefault(False)
        self.report_button.setToolTip("What was done to which attribute, in numbers, as JSON")
        self.report_button.clicked.connect(self._save_report)
        self.report_button.hide()
        self.other_buttons.append(self.report_button)
        self.exported.connect(self._keep_report)
        self._arrange()
        self.apply_palette(palette)
        self._adapt()

    def _arrange(self) -> None:
        below = QFormLayout()
        below.addRow("To", self.place)
        more = QGridLayout()
        more.addWidget(self.dicomdir, 0, 0)
        more.addWidget(self.archive, 0, 1)
        more.addWidget(self.add_to, 1, 0, 1, 2)
        below.addRow("", more)
        self._lay_out(self.form, below)
        self.setMinimumWidth(620)

    def _keep_report(self, report: DeidentificationReport) -> None:
        self._report = report
        self.report_button.show()

    def _save_report(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Report", "report.json", "JSON (*.json)")
        if not name or self._report is None:
            return
        told = self._report.to_json()
        # Paths of originals may name patients: reasons are counted.
        told["rejected"] = dict(Counter(reason for _, reason, _ in self._report.rejected))
        try:
            write_whole(Path(name), json.dumps(told, indent=1) + "\n")
        except OSError as error:
            self._tell(f"{name} cannot be written: {error.strerror or error}", "error")
        else:
            self._tell(f"Saved to {name}.", "info")

    def _start(self) -> None:
        try:
            profile, kept = self.form.profile(), self.form.mapping.kept()
        except DicomDbError as error:
            self._tell(str(error), "error")
            return
        folder, archive = self._folder(), self.archive.isChecked()
        self.form.remember()
        self._write(
            self._database.deidentify,
            self._records,
            free_zip(folder, "Anonymised") if archive else folder,
            profile,
            dicomdir=self.dicomdir.isChecked(),
            archive=archive,
            **kept,
            add_to=self._database if self.add_to.isChecked() else None,
        )
