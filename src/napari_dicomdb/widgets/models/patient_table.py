"""Patients as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt

from napari_dicomdb.widgets._text import (
    count,
    day,
    number,
    one_line,
    patient_facts,
    tool_tip,
)
from napari_dicomdb.widgets.models._columns import Column
from napari_dicomdb.widgets.models._roles import SecondaryTextRole
from napari_dicomdb.widgets.models.paged_table import PagedTable

if TYPE_CHECKING:
    from napari_dicomdb.database.records import PatientRecord
    from napari_dicomdb.widgets._tasks import TaskRunner

__all__ = ["PATIENT_COLUMNS", "PatientTable"]

PATIENT_COLUMNS = (
    Column("name", "Patient", lambda p: one_line(p.display_name), "name", "W" * 14, 0),
    Column("id", "ID", lambda p: one_line(p.patient_id), "patient_id", "ABC-0000000", 1),
    Column("birth", "Born", lambda p: p.birth_date, "birth_date", "2000-00-00", 2),
    Column("sex", "Sex", lambda p: one_line(p.sex), "sex", "M", 4),
    Column("studies", "Studies", lambda p: number(p.study_count), "study_count", "000", 3, True),
    Column("last", "Last study", lambda p: p.last_study_date, "last_study_date", "2000-00-00", 5),
    Column("added", "Added", lambda p: day(p.added), "added", "2000-00-00", 6),
    Column(
        "series", "Series", lambda p: number(p.series_count), "series_count", "0 000", 7, True,
        False,
    ),
    Column(
        "files", "Files", lambda p: number(p.instance_count), "instance_count", "00 000", 8, True,
        False,
    ),
    Column("issuer", "ID issuer", lambda p: one_line(p.issuer), "issuer", "HOSPITAL", 9, False,
           False, "Who gave the patient ID"),
)  # fmt: skip


class PatientTable(PagedTable):
    """All patients, or those of a search."""

    def __init__(self, runner: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(PATIENT_COLUMNS, runner, parent)

    def other_data(self, row: int, column: Column, role: int) -> Any:  # noqa: D102
        patient = self._rows[row]
        if role == SecondaryTextRole:
            return patient_facts(patient)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(_tip(patient))
        return None


def _tip(patient: PatientRecord) -> str:
    holds = (
        count(patient.study_count, "study", "studies"),
        count(patient.series_count, "series", "series"),
        count(patient.instance_count, "file"),
    )
    lines = [one_line(patient.display_name), patient_facts(patient), " · ".join(holds)]
    others = getattr(patient, "others", ())
    if others:
        lines.append("Merged with " + ", ".join(one_line(str(other)) for other in others))
    return "\n".join(lines)
