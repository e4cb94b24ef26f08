"""Patients side by side: who seems to be one person, merge, split, and take it back."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.database.records import PatientIdentity, PatientRecord, StudyRecord
from napari_dicomdb.widgets._text import count, one_line, study_title, tool_tip
from napari_dicomdb.widgets._theme import SEVERITY_COLOURS, current_palette, mix, style_sheet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.patients import PatientChange, SimilarPatients
    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._tasks import Task, TaskRunner
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["PatientDialog", "patient_entries"]

_WHAT = Qt.ItemDataRole.UserRole
_TITLES = ("Patient", "ID", "Issuer", "Birth date", "Sex", "Studies")
_FACTS = ("patient_id", "issuer", "birth_date", "sex")

Found = tuple[list[tuple[PatientRecord, list[StudyRecord]]], list[Any], list[Any]]
"""Patients with their studies, suggestions, changes."""


def patient_entries(records: Sequence[Any]) -> list[str]:
    """Return what a context menu offers for records, each opens a `PatientDialog`.

    "Merge patients…" for several patients, "Split…" for studies of one patient,
    "Patient identities…" for a patient.
    """
    if not records:
        return []
    if all(isinstance(record, PatientRecord) for record in records):
        return ["Merge patients…"] if len(records) > 1 else ["Patient identities…"]
    if all(isinstance(record, StudyRecord) for record in records):
        return ["Split…"] if len({record.patient_key for record in records}) == 1 else []
    return []


class PatientDialog(QDialog):
    """Identities of patients, suggestions, and the changes that can be undone.

    Files are never edited. All questions to the database run in `runner`.

    Parameters
    ----------
    session : DatabaseSession
        Its `changed` follows every merge, split and undo.
    runner : TaskRunner
    records : sequence of PatientRecord or StudyRecord
        Patients to compare, or studies to split off from their patient.
    palette : Palette, optional
        Colours of napari's theme.
    """

    filled = Signal()
    failed = Signal(object)  # error

    def __init__(
        self,
        session: DatabaseSession,
        runner: TaskRunner,
        records: Sequence[PatientRecord | StudyRecord] = (),
        *,
        palette: Palette | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Patient identities")
        self._session = session
        self._runner = runner
        self._reading: Task | None = None
        self.tabs = QTabWidget()
        self.tabs.addTab(self._identities(), "Identities")
        self.tabs.addTab(self._suggestions(), "Suggestions")
        self.tabs.addTab(self._history(), "History")
        self.says = QLabel("")
        self.says.setWordWrap(True)
        self.says.setTextFormat(Qt.TextFormat.PlainText)
        note = QLabel("Files are never changed, and everything here can be undone.")
        note.setObjectName("dim")
        self.close_button = QPushButton("Close")
        self.close_button.clicked.connect(self.accept)
        foot = QHBoxLayout()
        foot.addWidget(note, 1)
        foot.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(8)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.says)
        layout.addLayout(foot)
        self.resize(720, 420)
        self.apply_palette(palette or current_palette())
        self.show_records(records)
        session.opened.connect(self._forget_all)

    def _forget_all(self, _: Database) -> None:
        self.show_records(())  # those shown are of another database

    def show_records(self, records: Sequence[PatientRecord | StudyRecord]) -> None:
        """Compare these patients, or offer to split these studies off."""
        self._patients = list(
            dict.fromkeys(r.patient_key if isinstance(r, StudyRecord) else r.key for r in records)
        )
        self._checked = {r.key for r in records if isinstance(r, StudyRecord)}
        self.says.setText("")
        self.tabs.setCurrentIndex(0)
        self._update()
        self.refresh()

    def apply_palette(self, palette: Palette) -> None:
        """Take the colours of a theme."""
        # On light grey the yellow alone could not be read.
        share = 0.9 if palette.is_dark else 0.45
        self._mark = mix(QColor(SEVERITY_COLOURS["warning"]), palette.text, share)
        box = f"border: 1px solid {palette.dim.name()}; border-radius: 2px;"
        self.setStyleSheet(
            f"{style_sheet(palette)}\n"
            f"QTreeView::indicator {{ width: 11px; height: 11px; {box} }}\n"
            f"QTreeView::indicator:checked {{ background-color: {palette.current.name()}; }}"
        )

    def _identities(self) -> QWidget:
        self.tree = _tree(_TITLES, "Patients, their merged identities and studies")
        self.tree.currentItemChanged.connect(self._update)
        self.tree.itemChanged.connect(self._update)
        self.merge_button = QPushButton("Merge")
        self.merge_button.setObjectName("primaryButton")
        self.merge_button.clicked.connect(self._merge)
        self.split_button = QPushButton("Split off")
        self.split_button.setToolTip(tool_tip("Check the studies that belong to somebody else"))
        self.split_button.clicked.connect(self._split)
        return _page(
            "Select the patient whose name and ID stay, or check studies that are not theirs. "
            "What differs is marked.",
            self.tree,
            (self.merge_button, self.split_button),
        )

    def _suggestions(self) -> QWidget:
        self.similar = _tree(_TITLES, "Patients that may be one person")
        self.similar.currentItemChanged.connect(self._update)
        self.similar.itemDoubleClicked.connect(lambda *_: self._compare())
        self.compare_button = QPushButton("Compare")
        self.compare_button.setToolTip(tool_tip("Show these side by side, to merge them or not"))
        self.compare_button.clicked.connect(self._compare)
        return _page(
            "Same ID, or same name and birth date: perhaps one person, perhaps not.",
            self.similar,
            (self.compare_button,),
        )

    def _history(self) -> QWidget:
        self.changes = _tree(("When", "What"), "Merges and splits in force, the latest first")
        self.changes.header().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.changes.currentItemChanged.connect(self._update)
        self.undo_button = QPushButton("Undo")
        self.undo_button.clicked.connect(self._undo)
        return _page("Merges and splits, the latest first.", self.changes, (self.undo_button,))

    # -- reading ----------------------------------------------------------------------

    def refresh(self) -> None:
        """Read everything again."""
        database = self._session.database
        if self._reading is not None:
            self._reading.cancel()
        if database is not None:
            self._reading = self._runner.submit(
                _read, database, list(self._patients), returned=self._fill, failed=self._tell
            )

    def _fill(self, found: Found) -> None:
        patients, suggestions, changes = found
        self._patients = [patient.key for patient, _ in patients]
        self.tree.blockSignals(True)
        self.tree.clear()
        differing = _differing([patient for patient, _ in patients])
        for patient, studies in patients:
            self._add_patient(patient, studies, differing)
        self.tree.expandAll()
        self.tree.setCurrentItem(self.tree.topLevelItem(0))
        self.tree.blockSignals(False)
        self._checked.clear()
        self.similar.clear()
        for one in suggestions:
            self._add_suggestion(one)
        self.similar.expandAll()
        self.similar.setCurrentItem(self.similar.topLevelItem(0))
        self.changes.clear()
        for change in changes:
            when = datetime.fromtimestamp(change.at).strftime("%Y-%m-%d %H:%M")
            item = QTreeWidgetItem([when, one_line(str(change))])
            item.setData(0, _WHAT, change)
            self.changes.addTopLevelItem(item)
        self.changes.setCurrentItem(self.changes.topLevelItem(0))
        for number, (title, rows) in enumerate(
            (("Identities", patients), ("Suggestions", suggestions), ("History", changes))
        ):
            self.tabs.setTabText(number, f"{title} ({len(rows)})" if rows else title)
        if not patients and suggestions and self.tabs.currentIndex() == 0:
            self.tabs.setCurrentIndex(1)
        self._update()
        self.filled.emit()

    def _add_patient(
        self, patient: PatientRecord, studies: Sequence[StudyRecord], differing: set[str]
    ) -> None:
        top = _item(patient, differing, self._mark)
        if patient.is_split:
            top.setText(0, f"{top.text(0)} (split off)")
        self.tree.addTopLevelItem(top)
        for other in patient.others:
            under = _item(other, set(), self._mark)
            under.setText(0, f"merged: {under.text(0)}")
            under.setFlags(under.flags() & ~Qt.ItemFlag.ItemIsSelectable)
            top.addChild(under)
        for study in studies:
            title = f"{study.date} {study_title(study)}".strip()
            item = QTreeWidgetItem([title, "", "", "", "", ", ".join(study.modalities)])
            item.setToolTip(0, tool_tip(study.uid))
            item.setData(0, _WHAT, study)
            checked = study.key in self._checked
            item.setCheckState(0, Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
            top.addChild(item)

    def _add_suggestion(self, one: SimilarPatients) -> None:
        top = QTreeWidgetItem([one.reason])
        top.setData(0, _WHAT, one)
        self.similar.addTopLevelItem(top)
        top.setFirstColumnSpanned(True)
        differing = _differing(one.patients)
        for patient in one.patients:
            top.addChild(_item(patient, differing, self._mark))

    # -- what can be done -------------------------------------------------------------

    def chosen(self) -> PatientRecord | None:
        """Return the patient whose name and ID stay in a merge."""
        item = self.tree.currentItem()
        while item is not None and item.parent() is not None:
            item = item.parent()
        return None if item is None else item.data(0, _WHAT)

    def checked_studies(self) -> list[StudyRecord]:
        """Return the studies that are checked."""
        found: list[StudyRecord] = []
        for top in range(self.tree.topLevelItemCount()):
            patient = self.tree.topLevelItem(top)
            for row in range(patient.childCount()):
                item = patient.child(row)
                study = item.data(0, _WHAT)
                checked = item.checkState(0) == Qt.CheckState.Checked
                if isinstance(study, StudyRecord) and checked:
                    found.append(study)
        return found

    def _update(self, *_: object) -> None:
        database = self._session.database
        writes = database is not None and not database.read_only
        chosen, studies = self.chosen(), self.checked_studies()
        several = self.tree.topLevelItemCount() > 1
        self.merge_button.setEnabled(writes and several and chosen is not None)
        name = "" if chosen is None or not several else one_line(chosen.display_name)
        self.merge_button.setText(f"Merge as {name}".replace("&", "&&") if name else "Merge")
        owners = {study.patient_key for study in studies}
        self.split_button.setEnabled(writes and len(owners) == 1)
        self.split_button.setText(
            f"Split off {count(len(studies), 'study', 'studies')}" if studies else "Split off"
        )
        self.compare_button.setEnabled(self.similar.currentItem() is not None)
        self.undo_button.setEnabled(writes and self.changes.currentItem() is not None)

    def _merge(self) -> None:
        into = self.chosen()
        if into is not None:
            others = [key for key in self._patients if key != into.key]
            self._do(lambda database: database.merge_patients(into, others), _keys_of_record)

    def _split(self) -> None:
        studies = self.checked_studies()
        if studies:
            owner = studies[0].patient_key
            self._do(
                lambda database: database.split_patient(owner, studies),
                lambda made: [*self._patients, made.key],
            )

    def _compare(self) -> None:
        item = self.similar.currentItem()
        if item is None:
            return
        one = (item.parent() or item).data(0, _WHAT)
        self._patients = [patient.key for patient in one.patients]
        self.tabs.setCurrentIndex(0)
        self.refresh()

    def _undo(self) -> None:
        item = self.changes.currentItem()
        if item is not None:
            change: PatientChange = item.data(0, _WHAT)
            self._do(
                lambda database: database.undo_patient_change(change),
                lambda done: [*self._patients, done.patient.key, done.other.key],
            )

    def _do(
        self, change: Callable[[Database], Any], shown: Callable[[Any], Sequence[int]]
    ) -> None:
        database = self._session.database
        if database is None:
            return
        self.says.setText("")

        def done(result: Any) -> None:
            self._patients = list(dict.fromkeys(shown(result)))
            self._session.changed.emit()
            self.refresh()

        self._runner.submit(change, database, returned=done, failed=self._tell)

    def _tell(self, error: Exception) -> None:
        self.says.setText(one_line(str(error)))
        self.failed.emit(error)


def _keys_of_record(record: PatientRecord) -> list[int]:
    return [record.key]


def _read(database: Database, keys: Sequence[int]) -> Found:
    patients = []
    listed = {p.key: p for p in database.patients_with(keys)}
    for key in keys:
        if key in listed:
            patients.append((listed[key], database.studies(key, descending=True)))
    return patients, database.similar_patients(100), database.patient_changes()


def _differing(patients: Sequence[PatientRecord]) -> set[str]:
    names = ("name", *_FACTS)
    return {name for name in names if len({getattr(p, name) for p in patients}) > 1}


def _item(
    patient: PatientRecord | PatientIdentity, differing: set[str], mark: QColor
) -> QTreeWidgetItem:
    texts = [patient.display_name, *(getattr(patient, fact) for fact in _FACTS)]
    studies = str(patient.study_count) if isinstance(patient, PatientRecord) else ""
    item = QTreeWidgetItem([*(one_line(text) for text in texts), studies])
    item.setData(0, _WHAT, patient)
    for column, fact in enumerate(("name", *_FACTS)):
        item.setToolTip(column, tool_tip(one_line(getattr(patient, fact))))
        if fact in differing:
            item.setForeground(column, QBrush(mark))
            font = item.font(column)
            font.setBold(True)
            item.setFont(column, font)
    return item


def _tree(titles: Sequence[str], name: str) -> QTreeWidget:
    tree = QTreeWidget()
    tree.setHeaderLabels(list(titles))
    tree.setAccessibleName(name)
    tree.setUniformRowHeights(True)
    header = tree.header()
    header.setStretchLastSection(False)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    if len(titles) == len(_TITLES):
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    return tree


def _page(text: str, tree: QTreeWidget, buttons: Sequence[QPushButton]) -> QWidget:
    page = QWidget()
    hint = QLabel(text)
    hint.setWordWrap(True)
    hint.setObjectName("dim")
    row = QHBoxLayout()
    row.addStretch(1)
    for button in buttons:
        button.setAutoDefault(False)
        row.addWidget(button)
    layout = QVBoxLayout(page)
    layout.addWidget(hint)
    layout.addWidget(tree, 1)
    layout.addLayout(row)
    return page
