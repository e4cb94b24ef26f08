"""What anonymised copies shall keep, and what will happen to each attribute then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QInputDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.errors import DicomDbError, ExportError
from napari_dicomdb.export.deidentification.profile import RETAINABLE, Profile
from napari_dicomdb.export.deidentification.regions import (
    BlackoutPreset,
    Rectangle,
    blackout_presets,
    parse_rectangle,
)
from napari_dicomdb.widgets._deidentify_sample import keep_preset, sample_of
from napari_dicomdb.widgets._session import end_with, recall, remember
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._text import count
from napari_dicomdb.widgets.mapping_choice import MappingChoice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.export.deidentification.report import DeidentificationReport
    from napari_dicomdb.widgets._tasks import Task

__all__ = ["DeidentifyForm"]

_DATES = (
    ("Remove them", "remove"),
    ("Shift them, the same for all of a patient", "shift"),
    ("Keep them", "keep"),
)
_CHOICES_KEY = "anonymise_choices"
_NO_PROJECT = "None: another pseudonym each time"
_SETTLED = 300  # ms after the last change, until the preview is made anew


class DeidentifyForm(QWidget):
    """Choices of a profile, series that may show names, and a preview by attribute.

    Parameters
    ----------
    database : Database
    records : sequence of records
        Patients, studies, series or instances.
    viewer : napari viewer, optional
        Where shapes may be drawn over images.
    """

    previewed = Signal(object)  # DeidentificationReport of the files looked at
    told = Signal(str, str)  # words for the user, and their severity

    def __init__(
        self,
        database: Database,
        records: Sequence[Any],
        parent: QWidget | None = None,
        *,
        viewer: Any = None,
    ) -> None:
        super().__init__(parent)
        self._database = database
        self._records = list(records)
        self._viewer = viewer
        self._runner = TaskRunner("anonymise")
        self._looking: Task | None = None
        self._sample: tuple[list[Any], int] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLED)
        self._timer.timeout.connect(self._preview)
        self._build_choices()
        self._build_preview()
        self._arrange()
        self._recall()
        self._connect()
        end_with(self, TaskRunner.close, self._runner)
        self._preview()

    # -- making -----------------------------------------------------------------------

    def _build_choices(self) -> None:
        from napari_dicomdb.export.deidentification.project import project_names

        self.dates = QComboBox()
        self.dates.setAccessibleName("Dates")
        for label, value in _DATES:
            self.dates.addItem(label, value)
        self.project = QComboBox()
        self.project.setAccessibleName("Project")
        self.project.setEditable(True)
        self.project.addItems(["", *project_names()])
        line = self.project.lineEdit()
        if line is not None:
            line.setPlaceholderText(_NO_PROJECT)
        self.project.setToolTip(
            "In a project the same patient gets the same pseudonym, UIDs and shift each time. "
            "Its key stays on this computer."
        )
        self.patient_id = QLineEdit("{code}")
        self.patient_id.setAccessibleName("New patient ID")
        self.patient_id.setToolTip("{code} is a keyed code, {number} counts the patients")
        self.mapping = MappingChoice()
        self.options: dict[str, QCheckBox] = {}
        for option in RETAINABLE:
            box = QCheckBox(option.label)
            box.setToolTip(option.tip)
            self.options[option.name] = box
        self.blackout = QLineEdit()
        self.blackout.setAccessibleName("Rectangles to black out")
        self.blackout.setPlaceholderText("x,y,width,height@US; …")
        self.blackout.setToolTip(
            "Pixels made black in all frames; after @ a modality or a series UID"
        )
        self.shapes_button = QPushButton("From shapes")
        self.shapes_button.setAutoDefault(False)
        self.shapes_button.setToolTip("What shapes cover of images that are open in the viewer")
        self.shapes_button.setVisible(self._viewer is not None)
        self.preset_button = QPushButton("Keep…")
        self.preset_button.setAutoDefault(False)
        self.preset_button.setToolTip(
            "Keep these rectangles for all images of the same device and size"
        )
        self.preset_button.clicked.connect(self.ask_for_preset)
        self.outside_regions = QCheckBox("All outside of ultrasound regions")
        self.outside_regions.setToolTip(
            "Ultrasound images may say where their pictures are; all else of them goes black"
        )
        self.presets = QCheckBox("Rectangles kept for devices")
        self.recompress = QCheckBox("Compress again what was compressed")
        self.recompress.setToolTip("Without loss, as the images were; else they stay larger")
        self.recompress.setChecked(True)
        self._show_presets()

    def _build_preview(self) -> None:
        self.warned = QLabel()
        self.warned.setWordWrap(True)
        # Else the rows above are squeezed when it appears: Qt does not ask its height.
        self.warned.setMinimumHeight(2 * self.warned.fontMetrics().lineSpacing() + 4)
        self.warned.setText(
            "These images may show names, burned into their pixels. They are left out, unless "
            "you black out rectangles, or tick those that you have looked at:"
        )
        self.blocked = QListWidget()
        self.blocked.setAccessibleName("Series that may show names")
        self.blocked.setMaximumHeight(70)
        self.table = QTableWidget(0, 3)
        self.table.setAccessibleName("What happens to each attribute")
        self.table.setHorizontalHeaderLabels(["Tag", "Attribute", "What happens"])
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        rows, columns = self.table.verticalHeader(), self.table.horizontalHeader()
        if rows is not None and columns is not None:
            rows.hide()
            rows.setDefaultSectionSize(24)
            rows.setDefaultSectionSize(self.fontMetrics().height() + 8)
            columns.setHighlightSections(False)
            left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            columns.setDefaultAlignment(left)
            columns.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.table.setMinimumHeight(110)
        self.seen = QLabel("Looking…")
        self.seen.setObjectName("dim")
        self.seen.setWordWrap(True)
        for widget in (self.warned, self.blocked):
            widget.hide()

    def _arrange(self) -> None:
        kept = QGridLayout()
        for number, box in enumerate(self.options.values()):
            kept.addWidget(box, number // 2, number % 2)
        rows = QFormLayout()
        rows.addRow("Dates", self.dates)
        rows.addRow("Also keep", kept)
        rows.addRow("Project", self.project)
        rows.addRow("New ID", self.patient_id)
        rows.addRow("Mapping", self.mapping)
        black = QHBoxLayout()
        black.addWidget(self.blackout, 1)
        black.addWidget(self.shapes_button)
        black.addWidget(self.preset_button)
        rows.addRow("Black out", black)
        ways = QGridLayout()
        ways.addWidget(self.outside_regions, 0, 0)
        ways.addWidget(self.recompress, 0, 1)
        ways.addWidget(self.presets, 1, 0)
        rows.addRow("", ways)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addLayout(rows)
        for widget in (self.warned, self.blocked, self.table, self.seen):
            layout.addWidget(widget, 1 if widget is self.table else 0)

    def _connect(self) -> None:
        self.dates.currentIndexChanged.connect(self._changed)
        self.project.currentTextChanged.connect(self._changed)
        self.patient_id.textChanged.connect(self._changed)
        self.blackout.textChanged.connect(self._changed)
        self.shapes_button.clicked.connect(self._take_shapes)
        ways = (self.outside_regions, self.presets, self.recompress)
        for box in (*self.options.values(), *ways):
            box.toggled.connect(self._changed)

    # -- choices ----------------------------------------------------------------------

    def profile(self) -> Profile:
        """Return what is asked for.

        Raises
        ------
        ExportError
            If a rectangle, the project or the new ID is not possible.
        """
        template = self.patient_id.text().strip()
        return Profile.retaining(
            [name for name, box in self.options.items() if box.isChecked()],
            dates=self.dates.currentData(),
            project=self.project.currentText().strip(),
            patient_id=template,
            patient_name=template,
            blackout=self._rectangles(),
            outside_regions=self.outside_regions.isChecked(),
            presets=blackout_presets() if self.presets.isChecked() else (),
            recompress=self.recompress.isChecked(),
            pixels_confirmed=frozenset(self._confirmed()) or False,
        )

    def _confirmed(self) -> list[str]:
        items = (self.blocked.item(row) for row in range(self.blocked.count()))
        return [
            item.data(Qt.ItemDataRole.UserRole)
            for item in items
            if item is not None and item.checkState() == Qt.CheckState.Checked
        ]

    def _take_shapes(self) -> None:
        """Add what the viewer's shapes cover to the rectangles."""
        from napari_dicomdb.viewer.rectangles import rectangles_over

        made = [
            f"{r.x},{r.y},{r.width},{r.height}@{r.where}"
            for r in rectangles_over(self._viewer.layers)
        ]
        if not made:
            self.told.emit("No shapes lie over an image: add a shapes layer and draw.", "info")
            return
        there = [text.strip() for text in self.blackout.text().split(";") if text.strip()]
        self.blackout.setText("; ".join(dict.fromkeys([*there, *made])))

    def _show_presets(self) -> None:
        kept = blackout_presets()
        self.presets.setVisible(bool(kept))
        self.presets.setToolTip("\n".join(one.name for one in kept))

    def ask_for_preset(self) -> None:
        """Keep the rectangles for the device of the first image that they concern."""
        try:
            rectangles = self._rectangles()
        except ExportError as error:
            self.told.emit(str(error), "error")
            return
        if not rectangles or self._sample is None:
            self.told.emit("Type rectangles, or take them from shapes, to keep them.", "info")
            return
        name, agreed = QInputDialog.getText(self, "Keep rectangles", "Name, such as the device")
        if agreed and name.strip():
            self._runner.submit(
                keep_preset,
                name,
                rectangles,
                self._sample[0],
                returned=self._preset_kept,
                failed=lambda error: self.told.emit(str(error), "error"),
            )

    def _preset_kept(self, preset: BlackoutPreset) -> None:
        self._show_presets()
        self.told.emit(
            f"Kept as {preset.name} for images of {preset.columns} x {preset.rows} pixels.", "info"
        )

    def _rectangles(self) -> tuple[Rectangle, ...]:
        texts = [text for text in self.blackout.text().split(";") if text.strip()]
        return tuple(parse_rectangle(text) for text in texts)

    def _recall(self) -> None:
        """Choose as last time; rectangles and ticks are of these images alone."""
        choices = recall(_CHOICES_KEY, {})
        place = self.dates.findData(choices.get("dates", "remove"))
        self.dates.setCurrentIndex(max(place, 0))
        for name in choices.get("keep", ()):
            if name in self.options:
                self.options[name].setChecked(True)
        self.outside_regions.setChecked(choices.get("outside_regions", False) is True)
        self.recompress.setChecked(choices.get("recompress", True) is not False)
        self.presets.setChecked(choices.get("presets", False) is True)
        self.project.setCurrentText(choices.get("project", ""))
        self.patient_id.setText(choices.get("patient_id", "{code}"))

    def show_for_these(self, profile: Profile) -> None:
        """Show the rectangles and confirmations of a profile that was made for these images."""
        self.blackout.setText("; ".join(map(str, profile.blackout)))
        if not isinstance(profile.pixels_confirmed, bool):
            for uid in sorted(profile.pixels_confirmed):
                self._list_blocked(uid, self._database.find_series(uid).modality, "", ticked=True)
            self._show_whether_blocked()

    def remember(self) -> None:
        """Choose so the next time."""
        kept = [name for name, box in self.options.items() if box.isChecked()]
        choices = {
            "dates": self.dates.currentData(),
            "keep": kept,
            "outside_regions": self.outside_regions.isChecked(),
            "presets": self.presets.isChecked(),
            "recompress": self.recompress.isChecked(),
            "project": self.project.currentText().strip(),
            "patient_id": self.patient_id.text().strip(),
        }
        remember(_CHOICES_KEY, choices)

    # -- preview ----------------------------------------------------------------------

    def _changed(self, *_: object) -> None:
        if self._looking is not None:
            self._looking.cancel()  # what it finds holds no longer
        self.seen.setText("Looking…")
        self._timer.start()

    def _preview(self) -> None:
        """Find out what would happen, on a few files of each series."""
        try:
            profile = self.profile()
        except ExportError as error:
            self.seen.setText(str(error))
            return

        def work(*, progress: Any) -> tuple[DeidentificationReport, int]:
            if self._sample is None:
                self._sample = sample_of(self._database, self._records)
            seen, total = self._sample
            report = self._database.deidentify(
                seen, "preview", profile, dry_run=True, progress=progress
            )
            return report, total

        self._looking = self._runner.submit(
            work,
            pass_progress=True,
            returned=lambda found: self._show_preview(*found),
            failed=lambda error: self.seen.setText(
                str(error) if isinstance(error, DicomDbError) else "It cannot be told."
            ),
        )

    def _show_preview(self, report: DeidentificationReport, total: int) -> None:
        self.table.setRowCount(len(report.effects))
        for row, effect in enumerate(report.effects):
            done = ", ".join(f"{action} ({n})" for action, n in effect.actions.items())
            for column, text in enumerate((effect.tag, effect.name, done)):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                self.table.setItem(row, column, item)
        self.table.resizeColumnToContents(0)
        self.table.resizeColumnToContents(2)
        self._show_blocked(report)
        looked = report.instances + len(report.rejected)
        others = len(report.rejected) - sum(b.count for b in report.blocked)
        told = [f"Looked at {looked} of {count(total, 'file')}."]
        told += [f"{others} of them cannot be anonymised."] if others else []
        told += [f"{remark}." for remark in report.remarks]
        self.seen.setText("\n".join(told))
        self.previewed.emit(report)

    def _show_blocked(self, report: DeidentificationReport) -> None:
        """Add what holds names; what was ticked stays in the list."""
        rows = [self.blocked.item(row) for row in range(self.blocked.count())]
        ticked = self._confirmed()
        for row in reversed(range(len(rows))):
            item = rows[row]
            if item is not None and item.data(Qt.ItemDataRole.UserRole) not in ticked:
                self.blocked.takeItem(row)
        for one in report.blocked:
            self._list_blocked(one.series_uid, one.modality, one.reason)
        self._show_whether_blocked()

    def _list_blocked(
        self, series_uid: str, modality: str, reason: str, *, ticked: bool = False
    ) -> None:
        series = self._database.find_series(series_uid)
        label = f"{modality} {series.description or series_uid}: {reason or 'was looked at'}"
        item = QListWidgetItem(label)
        item.setData(Qt.ItemDataRole.UserRole, series_uid)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
        item.setToolTip(label)
        self.blocked.addItem(item)

    def _show_whether_blocked(self) -> None:
        some = self.blocked.count() > 0
        self.warned.setVisible(some)
        self.blocked.setVisible(some)
