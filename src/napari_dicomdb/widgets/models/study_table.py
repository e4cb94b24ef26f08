"""Studies as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt

from napari_dicomdb.widgets._text import day, number, one_line, study_title, tool_tip
from napari_dicomdb.widgets.models._columns import Column
from napari_dicomdb.widgets.models.paged_table import PagedTable

if TYPE_CHECKING:
    from napari_dicomdb.database.records import StudyRecord
    from napari_dicomdb.widgets._tasks import TaskRunner

__all__ = ["STUDY_COLUMNS", "StudyTable"]

STUDY_COLUMNS = (
    Column("date", "Date", lambda s: s.date, "date", "2000-00-00", 1),
    Column("description", "Study", lambda s: study_title(s), "description", "W" * 14, 0),
    Column(
        "modalities", "Modality", lambda s: one_line(" ".join(s.modalities)), "modalities",
        "CT MR PT", 2,
    ),
    Column("series", "Series", lambda s: number(s.series_count), "series_count", "000", 3, True),
    Column(
        "accession", "Accession", lambda s: one_line(s.accession_number), "accession_number",
        "A00000000", 4, hint="Accession number",
    ),
    Column("added", "Added", lambda s: day(s.added), "added", "2000-00-00", 5),
    Column("time", "Time", lambda s: s.time[:8], "", "00:00:00", 6, shown=False),
    Column("id", "Study ID", lambda s: one_line(s.study_id), "study_id", "0000000", 7,
           shown=False),
    Column(
        "files", "Files", lambda s: number(s.instance_count), "instance_count", "00 000", 8, True,
        False,
    ),
    Column("institution", "Institution", lambda s: one_line(s.institution), "institution",
           "Hospital of W", 9, shown=False),
    Column(
        "referring", "Referred by", lambda s: one_line(s.referring_physician.replace("^", " ")),
        "referring_physician", "Family Given", 10, shown=False,
    ),
)  # fmt: skip


class StudyTable(PagedTable):
    """The studies of patients, or of a search."""

    def __init__(self, runner: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(STUDY_COLUMNS, runner, parent)

    def other_data(self, row: int, column: Column, role: int) -> Any:  # noqa: D102
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(_tip(self._rows[row]))
        return None


def _tip(study: StudyRecord) -> str:
    facts = (
        ("Date", f"{study.date} {study.time}".strip()),
        ("Modality", " ".join(study.modalities)),
        ("Accession number", study.accession_number),
        ("Institution", study.institution),
        ("Referring physician", study.referring_physician),
    )
    lines = [study_title(study)]
    lines += [f"{label}: {one_line(value)}" for label, value in facts if value]
    return "\n".join(lines)
