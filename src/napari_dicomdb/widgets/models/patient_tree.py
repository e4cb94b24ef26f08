"""Patients and their studies as a Qt tree model that pages lazily."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractItemModel, QModelIndex, QObject, Qt, Signal

from napari_dicomdb.widgets._text import one_line, patient_facts, study_title, tool_tip
from napari_dicomdb.widgets.models._paging import Query, read_page
from napari_dicomdb.widgets.models._roles import (
    RecordRole,
    SecondaryTextRole,
)

if TYPE_CHECKING:
    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import PatientRecord, StudyRecord
    from napari_dicomdb.widgets._tasks import TaskRunner

__all__ = ["PatientTreeModel"]


_TITLES = ("Patient / study", "Modality", "Date", "Series")
# The database's orders behind each column; a patient has no modality of its own.
_PATIENT_ORDERS = ("name", "name", "last_study_date", "series_count")
_STUDY_ORDERS = ("description", "modalities", "date", "series_count")


@dataclass
class _Branch:
    """Rows below one parent, and how far they have been read."""

    records: list[Any] = field(default_factory=list)
    has_more: bool = True
    is_waiting: bool = False


class PatientTreeModel(QAbstractItemModel):
    """Two levels: patients, and studies below them.

    Rows come in pages from worker threads (`fetchMore`); nothing here asks the
    database on the GUI thread. An index carries the patient's row plus one for
    a study, 0 for a patient.

    Parameters
    ----------
    runner : TaskRunner
        Where queries run.
    """

    loaded = Signal()  # a page of patients has arrived, or there are none
    failed = Signal(object)

    def __init__(self, runner: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._database: Database | None = None
        self._generation = 0
        self._patients = _Branch(has_more=False)
        self._studies: list[_Branch] = []
        self._text = ""
        self._sort: tuple[int, bool] | None = None

    # -- what is listed ---------------------------------------------------------------

    def show(self, database: Database | None, text: str = "") -> None:
        """List `database`, or only the patients and studies that a search text finds."""
        self._database, self._text = database, text
        self._reset()

    def _reset(self) -> None:
        self.beginResetModel()
        self._generation += 1
        self._studies = []
        self._patients = _Branch(has_more=self._database is not None)
        self.endResetModel()
        self.fetchMore(QModelIndex())

    def record(self, index: QModelIndex) -> Any:
        """Return the `PatientRecord` or `StudyRecord` at `index`, None for the root."""
        if not index.isValid():
            return None
        parent_row = index.internalId() - 1
        branch = self._patients if parent_row < 0 else self._studies[parent_row]
        return branch.records[index.row()]

    def is_study(self, index: QModelIndex) -> bool:
        """Whether `index` is a study rather than a patient."""
        return index.isValid() and index.internalId() > 0

    def index_of_patient(self, key: int) -> QModelIndex:
        """Return the index of the patient with this key, if it has been read."""
        for row, record in enumerate(self._patients.records):
            if record.key == key:
                return self.index(row, 0)
        return QModelIndex()

    def index_of_study(self, patient_key: int, key: int) -> QModelIndex:
        """Return the index of a study, if it has been read."""
        parent = self.index_of_patient(patient_key)
        if parent.isValid():
            for row, record in enumerate(self._studies[parent.row()].records):
                if record.key == key:
                    return self.index(row, 0, parent)
        return QModelIndex()

    # -- Qt: structure ----------------------------------------------------------------

    def _branch(self, parent: QModelIndex) -> _Branch | None:
        if not parent.isValid():
            return self._patients
        if self.is_study(parent) or parent.column() > 0:
            return None
        return self._studies[parent.row()]

    def index(self, row: int, column: int, parent: QModelIndex = QModelIndex()) -> QModelIndex:  # noqa: B008, D102
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, parent.row() + 1 if parent.isValid() else 0)

    def parent(self, index: QModelIndex = QModelIndex()) -> QModelIndex:  # noqa: B008, D102
        if not self.is_study(index):
            return QModelIndex()
        return self.createIndex(index.internalId() - 1, 0, 0)

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, D102
        branch = self._branch(parent)
        return 0 if branch is None else len(branch.records)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, D102
        return len(_TITLES)

    def hasChildren(self, parent: QModelIndex = QModelIndex()) -> bool:  # noqa: B008, D102
        if parent.isValid() and not self.is_study(parent):
            return bool(self._patients.records[parent.row()].study_count)
        return self.rowCount(parent) > 0

    def canFetchMore(self, parent: QModelIndex) -> bool:  # noqa: D102
        branch = self._branch(parent)
        return branch is not None and branch.has_more and not branch.is_waiting

    def fetchMore(self, parent: QModelIndex) -> None:
        """Ask for the next page below `parent`; it arrives later."""
        if not self.canFetchMore(parent):
            return
        branch, database = self._branch(parent), self._database
        assert branch is not None and database is not None
        if parent.isValid():
            patient = self._patients.records[parent.row()]
            query: Query = partial(database.studies, patient=patient, text=self._text)
            orders = _STUDY_ORDERS
        else:
            query = partial(database.patients, text=self._text)
            orders = _PATIENT_ORDERS
        branch.is_waiting = True
        generation, row = self._generation, parent.row() if parent.isValid() else -1
        self._runner.submit(
            read_page,
            query,
            len(branch.records),
            None if self._sort is None else (orders[self._sort[0]], self._sort[1]),
            returned=lambda page: self._append(generation, row, page),
            failed=lambda error: self._fail(generation, row, error),
        )

    def _append(self, generation: int, row: int, page: tuple[list[Any], bool]) -> None:
        if generation != self._generation:
            return
        records, has_more = page
        parent = QModelIndex() if row < 0 else self.index(row, 0)
        branch = self._branch(parent)
        assert branch is not None
        branch.is_waiting, branch.has_more = False, has_more
        if records:
            first = len(branch.records)
            self.beginInsertRows(parent, first, first + len(records) - 1)
            branch.records.extend(records)
            if row < 0:
                self._studies.extend(_Branch() for _ in records)
            self.endInsertRows()
        if row < 0:
            self.loaded.emit()

    def _fail(self, generation: int, row: int, error: Exception) -> None:
        if generation == self._generation:
            branch = self._patients if row < 0 else self._studies[row]
            branch.is_waiting = branch.has_more = False
            self.failed.emit(error)

    # -- Qt: content ------------------------------------------------------------------

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        record = self.record(index)
        if record is None:
            return None
        if role == RecordRole:
            return record
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == 3:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if self.is_study(index):
            return _study_data(record, index.column(), role)
        return _patient_data(record, index.column(), role)

    def headerData(  # noqa: D102
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and section == 3:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    # -- Qt: order --------------------------------------------------------------------

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort patients, and studies within each, by a column; -1: the database's order."""
        self._sort = None if column < 0 else (column, order == Qt.SortOrder.DescendingOrder)
        self._reset()


def _patient_data(patient: PatientRecord, column: int, role: int) -> Any:
    if role == Qt.ItemDataRole.DisplayRole:
        return (
            one_line(patient.display_name),
            "",
            patient.last_study_date,
            str(patient.series_count),
        )[column]
    if role == SecondaryTextRole and column == 0:
        return patient_facts(patient)
    if role == Qt.ItemDataRole.ToolTipRole:
        return tool_tip(f"{one_line(patient.display_name)}\n{patient_facts(patient)}")
    return None


def _study_data(study: StudyRecord, column: int, role: int) -> Any:
    if role == Qt.ItemDataRole.DisplayRole:
        return (
            study_title(study),
            " ".join(study.modalities),
            study.date,
            str(study.series_count),
        )[column]
    if role == Qt.ItemDataRole.ToolTipRole:
        lines = [study_title(study)]
        lines += [
            f"{label}: {one_line(value)}"
            for label, value in (
                ("Date", f"{study.date} {study.time}".strip()),
                ("Accession number", study.accession_number),
                ("Institution", study.institution),
                ("Referring physician", study.referring_physician),
            )
            if value
        ]
        return tool_tip("\n".join(lines))
    return None
