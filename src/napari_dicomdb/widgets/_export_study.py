"""The study that results belong to: one of the database, found by words, or a new one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.export.study import StudyForm
from napari_dicomdb.widgets._export_work import (
    StudyChoice,
    find_studies,
    study_of,
    with_patients,
)
from napari_dicomdb.widgets._text import isolated, one_line, study_title, tool_tip
from napari_dicomdb.widgets._upkeep_page import make_label

if TYPE_CHECKING:
    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import PatientRecord, StudyRecord
    from napari_dicomdb.widgets._tasks import Task, TaskRunner

__all__ = ["StudyChooser"]

_DELAY = 200  # ms; nobody is asked amid a word
_RECORD = Qt.ItemDataRole.UserRole
_FIELDS = (
    ("patient_name", "Name", "Family^Given, as DICOM writes it"),
    ("patient_id", "Patient ID *", "By which the patient is told from others"),
    ("patient_birth_date", "Born", "YYYY-MM-DD"),
    ("study_date", "Study date", "YYYY-MM-DD; empty for today"),
    ("study_description", "Study", "What the study is called"),
    ("study_id", "Study ID", ""),
    ("accession_number", "Accession", ""),
    ("referring_physician_name", "Referred by", "Family^Given"),
)
_SEXES = (("", ""), ("Female", "F"), ("Male", "M"), ("Other", "O"))


class StudyChooser(QWidget):
    """Which study results are written to.

    Parameters
    ----------
    runner : TaskRunner
        For questions to the database.
    """

    changed = Signal()
    failed = Signal(object)

    def __init__(self, runner: TaskRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._database: Database | None = None
        self._asking: Task | None = None
        self._looking: Task | None = None
        self.study: StudyRecord | None = None
        self._wanted = ""  # chosen before the database was open
        self.is_picked = False  # by the user: another layer's study does not replace it
        self.of_database = QRadioButton("A study of the database")
        self.new = QRadioButton("A new study")
        self.of_database.setChecked(True)
        group = QButtonGroup(self)
        for radio in (self.of_database, self.new):
            group.addButton(radio)
        self.title = make_label("No study chosen yet", "title")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search, e.g. meyer modality:CT")
        self.search.setAccessibleName("Search for a study")
        self.search.setClearButtonEnabled(True)
        self.list = QListWidget()
        self.list.setAccessibleName("Studies found")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setMinimumHeight(90)
        self.list.setMaximumHeight(170)
        self.known = QWidget()
        known = QVBoxLayout(self.known)
        known.setContentsMargins(20, 0, 0, 0)
        known.setSpacing(4)
        for part in (self.title, self.search, self.list):
            known.addWidget(part)
        self.form = QWidget()
        self._make_form()
        self.form.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        for part in (self.of_database, self.known, self.new, self.form):
            layout.addWidget(part)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(_DELAY)
        self._delay.timeout.connect(self.find)
        self.search.textChanged.connect(self._delay.start)
        self.search.returnPressed.connect(self.find)
        self.list.itemClicked.connect(self._pick)
        self.list.itemActivated.connect(self._pick)
        self.new.toggled.connect(self._switch)

    def _make_form(self) -> None:
        rows = QFormLayout(self.form)
        rows.setContentsMargins(20, 0, 0, 0)
        rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.fields: dict[str, QLineEdit] = {}
        self.problems: dict[str, QLabel] = {}
        self.sex = QComboBox()
        self.sex.setAccessibleName("Sex")
        for text, value in _SEXES:
            self.sex.addItem(text, value)
        for name, label, tip in _FIELDS:
            field = self.fields[name] = QLineEdit()
            field.setAccessibleName(label.removesuffix(" *"))
            field.setToolTip(tip)
            field.setPlaceholderText(tip if tip.startswith("YYYY") else "")
            problem = self.problems[name] = make_label("", "problem")
            problem.hide()
            rows.addRow(label, field)
            rows.addRow("", problem)
            if name == "patient_birth_date":
                rows.addRow("Sex", self.sex)
            field.textChanged.connect(self._check)
        self.sex.currentIndexChanged.connect(self._check)

    # -- what is chosen ---------------------------------------------------------------

    @property
    def choice(self) -> StudyChoice:
        """What is chosen now."""
        if self.new.isChecked():
            return StudyChoice(form=self.form_values())
        return StudyChoice(study=self.study)

    def form_values(self) -> StudyForm:
        """Return what is typed."""
        typed = {name: field.text() for name, field in self.fields.items()}
        return StudyForm(**typed, patient_sex=self.sex.currentData())

    def problem(self) -> str:
        """Return what is missing or wrong, "" when results can be written to it."""
        if not self.new.isChecked():
            return "" if self.study is not None else "choose a study, or fill in a new one"
        found = self.form_values().problems()
        titles = {name: label.removesuffix(" *") for name, label, _ in _FIELDS}
        return "; ".join(f"{titles.get(name, 'Sex')}: {text}" for name, text in found.items())

    def _check(self, *_: object) -> None:
        found = self.form_values().problems()
        for name, label in self.problems.items():
            # That an ID is missing is said where one looks when the rest is typed.
            typed = bool(self.fields[name].text())
            label.setText(found.get(name, ""))
            label.setVisible(name in found and typed)
        self.changed.emit()

    def _switch(self, new: bool) -> None:
        self.known.setVisible(not new)
        self.form.setVisible(new)
        self.is_picked = True
        self._check()

    # -- studies of the database ------------------------------------------------------

    def show_database(self, database: Database | None) -> None:
        """Offer the studies of another database."""
        self._database = database
        self.study, self.is_picked = None, bool(self._wanted)
        self.title.setText("No study chosen yet")
        self.find()
        if self._wanted:
            self.look_up(self._wanted)
        self.changed.emit()

    def suggest(self, study_uid: str) -> None:
        """Choose the study that a layer came from, unless the user chose one."""
        if not self.is_picked and study_uid and getattr(self.study, "uid", "") != study_uid:
            self.look_up(study_uid)

    def choose(self, study_uid: str) -> None:
        """Choose a study, as the user does."""
        self.of_database.setChecked(True)
        self.is_picked = True
        self._wanted = study_uid
        self.look_up(study_uid)

    def fill_patient(self, patient: PatientRecord) -> None:
        """Begin a new study of a patient of the database."""
        self.new.setChecked(True)
        known = {
            "patient_name": patient.name,
            "patient_id": patient.patient_id,
            "patient_birth_date": patient.birth_date,
        }
        for name, field in self.fields.items():
            field.setText(known.get(name, ""))
        self.sex.setCurrentIndex(max(self.sex.findData(patient.sex), 0))

    def look_up(self, uid: str) -> None:
        """Choose the study `uid`, if the database has it."""
        database = self._database
        if database is None:
            return

        def look() -> tuple[StudyRecord, str] | None:
            study = study_of(database, uid)
            return None if study is None else with_patients(database, [study])[0]

        if self._looking is not None:
            self._looking.cancel()
        self._looking = self._runner.submit(
            look, returned=partial(self._found, database), failed=self.failed.emit
        )

    def _found(self, database: Database, found: tuple[StudyRecord, str] | None) -> None:
        if database is self._database and found is not None:
            self._show(*found)

    def refresh(self) -> None:
        """Look whether the study chosen is still there, and list the studies again."""
        if self.study is not None and self._database is not None:
            database, uid = self._database, self.study.uid

            def look() -> bool:
                return study_of(database, uid) is None

            self._runner.submit(look, returned=partial(self._on_gone, uid))
        self.find()

    def _on_gone(self, uid: str, is_gone: bool) -> None:
        if is_gone and self.study is not None and self.study.uid == uid:
            self.study, self.is_picked = None, False
            self.title.setText("The study was removed from the database: choose another one")
            self.changed.emit()

    def find(self) -> None:
        """List the studies that the words find."""
        self._delay.stop()
        if self._asking is not None:
            self._asking.cancel()
        if self._database is None:
            self.list.clear()
            return
        self._asking = self._runner.submit(
            find_studies,
            self._database,
            self.search.text().strip(),
            returned=self._list_found,
            failed=self.failed.emit,
        )

    def _list_found(self, found: list[tuple[StudyRecord, str]]) -> None:
        self.list.clear()
        for study, patient in found:
            item = QListWidgetItem(_named(study, patient))
            item.setData(_RECORD, (study, patient))
            item.setToolTip(tool_tip(f"{_named(study, patient)}\n{study.uid}"))
            self.list.addItem(item)
            if self.study is not None and study.key == self.study.key:
                self.list.setCurrentItem(item)

    def _pick(self, item: QListWidgetItem) -> None:
        self.is_picked = True
        self._show(*item.data(_RECORD))

    def _show(self, study: StudyRecord, patient: str) -> None:
        self.study, self._wanted = study, ""
        self.title.setText(_named(study, patient))
        for row in range(self.list.count()):
            item = self.list.item(row)
            if item is not None and item.data(_RECORD)[0].key == study.key:
                self.list.setCurrentItem(item)
        self.changed.emit()


def _named(study: StudyRecord, patient: str) -> str:
    parts: list[Any] = [patient, study.date, study_title(study), " ".join(study.modalities)]
    return " · ".join(isolated(one_line(str(part))) for part in parts if part)
