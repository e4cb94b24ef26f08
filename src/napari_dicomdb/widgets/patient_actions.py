"""Merge patients, split one, undo it: shown in the database, never written into files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.database.records import PatientRecord, StudyRecord
from napari_dicomdb.widgets._record_menu import MenuEntry
from napari_dicomdb.widgets._text import count, isolated, one_line, patient_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._tasks import TaskRunner

__all__ = ["IdentitiesDialog", "MergeDialog", "PatientActions"]

_NEVER = "Files are never changed, and this can be undone."


def _named(patient: Any) -> str:
    return f"{isolated(one_line(patient.display_name))}  ({patient_facts(patient)})"


class MergeDialog(QDialog):
    """Asks as whom several patients are shown from now on."""

    def __init__(self, patients: Sequence[PatientRecord], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Merge patients")
        self._patients = list(patients)
        layout = QVBoxLayout(self)
        text = QLabel(f"Show these {len(patients)} as one patient, named as: ")
        layout.addWidget(text)
        self._choice = QButtonGroup(self)
        for number, patient in enumerate(self._patients):
            button = QRadioButton(_named(patient).replace("&", "&&"))
            button.setChecked(number == 0)
            self._choice.addButton(button, number)
            layout.addWidget(button)
        note = QLabel(_NEVER)
        note.setObjectName("dim")
        layout.addWidget(note)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.merge_button = buttons.addButton("Merge", QDialogButtonBox.ButtonRole.AcceptRole)
        self.merge_button.setObjectName("primaryButton")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)

    def chosen(self) -> tuple[PatientRecord, list[PatientRecord]]:
        """Return whose name stays, and the others."""
        number = max(self._choice.checkedId(), 0)
        rest = [p for k, p in enumerate(self._patients) if k != number]
        return self._patients[number], rest


class IdentitiesDialog(QDialog):
    """Lists merges and splits, and undoes the chosen one."""

    undo_requested = Signal(object)  # PatientChange

    def __init__(self, changes: Sequence[Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Patient identities")
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel("Merged and split patients, the latest first:"))
        self.list = QListWidget()
        self.list.setAccessibleName("Merges and splits")
        for change in changes:
            item = QListWidgetItem(one_line(str(change)))
            item.setData(0x0100, change)
            self.list.addItem(item)
        layout.addWidget(self.list)
        note = QLabel(_NEVER)
        note.setObjectName("dim")
        layout.addWidget(note)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.undo_button = QPushButton("Undo")
        buttons.addButton(self.undo_button, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.reject)
        self.undo_button.clicked.connect(self._undo)
        self.list.currentItemChanged.connect(self._show_choice)
        layout.addWidget(buttons)
        self.list.setCurrentRow(0)
        self._show_choice()
        self.resize(460, 280)

    def _show_choice(self, *_: object) -> None:
        self.undo_button.setEnabled(self.list.currentItem() is not None)

    def _undo(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self.accept()
            self.undo_requested.emit(item.data(0x0100))


class PatientActions(QObject):
    """Contributes to the menus of patients and studies.

    Parameters
    ----------
    session : DatabaseSession
    runner : TaskRunner
        Where the database is asked.
    host : QWidget
        Parent of dialogs.
    """

    failed = Signal(object)

    def __init__(self, session: DatabaseSession, runner: TaskRunner, host: QWidget) -> None:
        super().__init__(host)
        self._session = session
        self._runner = runner
        self._host = host
        self.dialog: QDialog | None = None

    def entries(self, records: Sequence[Any]) -> list[MenuEntry]:
        """Return what can be done with the identities of `records`."""
        database = self._session.database
        writes = not getattr(database, "read_only", False)
        if isinstance(records[0], PatientRecord):
            return self._of_patients(list(records), writes)
        if isinstance(records[0], StudyRecord):
            owners = {study.patient_key for study in records}
            what = count(len(records), "study", "studies") if len(records) > 1 else "study"
            return [
                MenuEntry(
                    f"Split {what} off as another patient",
                    lambda: self.split(records),
                    enabled=writes and len(owners) == 1,
                    tip=_NEVER,
                )
            ]
        return []

    def _of_patients(self, patients: list[PatientRecord], writes: bool) -> list[MenuEntry]:
        if len(patients) > 1:
            return [
                MenuEntry("Merge patients…", lambda: self.ask_to_merge(patients), enabled=writes)
            ]
        others = getattr(patients[0], "others", ())
        if not others and not getattr(patients[0], "is_split", False):
            return []
        return [
            MenuEntry("Patient identities…", lambda: self.show_identities(patients[0]),
                      enabled=writes)
        ]  # fmt: skip

    def ask_to_merge(self, patients: Sequence[PatientRecord]) -> None:
        """Ask whose name stays, then merge."""
        dialog = self.dialog = MergeDialog(patients, self._host)

        def merge() -> None:
            into, others = dialog.chosen()
            self._do(lambda database: database.merge_patients(into, others))

        dialog.accepted.connect(merge)
        dialog.open()

    def split(self, studies: Sequence[StudyRecord]) -> None:
        """Show studies under a patient of their own."""
        owner = studies[0].patient_key
        self._do(lambda database: database.split_patient(owner, list(studies)))

    def show_identities(self, patient: PatientRecord) -> None:
        """List the merges and splits of `patient`, to undo them."""
        database = self._session.database
        if database is None:
            return

        def show(changes: list[Any]) -> None:
            mine = [c for c in changes if patient.key in (c.patient.key, c.other.key)]
            dialog = self.dialog = IdentitiesDialog(mine or changes, self._host)
            dialog.undo_requested.connect(
                lambda change: self._do(lambda database: database.undo_patient_change(change))
            )
            dialog.open()

        self._runner.submit(database.patient_changes, returned=show, failed=self.failed.emit)

    def _do(self, change: Callable[[Any], Any]) -> None:
        database = self._session.database
        if database is not None:
            self._runner.submit(
                change,
                database,
                failed=self.failed.emit,
                finished=self._session.changed.emit,
            )
