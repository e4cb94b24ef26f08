"""Qt models of the browser: they know the database, but no view."""

from napari_dicomdb.widgets.models._columns import Column, place_of
from napari_dicomdb.widgets.models._roles import (
    DepthRole,
    ExpandRole,
    MissingRole,
    OpensAsRole,
    RecordRole,
    SecondaryTextRole,
    SeverityRole,
)
from napari_dicomdb.widgets.models.paged_table import PagedTable
from napari_dicomdb.widgets.models.patient_table import PATIENT_COLUMNS, PatientTable
from napari_dicomdb.widgets.models.report_table import ReportModel
from napari_dicomdb.widgets.models.series_columns import SERIES_COLUMNS
from napari_dicomdb.widgets.models.series_table import SeriesTable, WayRow
from napari_dicomdb.widgets.models.study_table import STUDY_COLUMNS, StudyTable

__all__ = [
    "PATIENT_COLUMNS",
    "SERIES_COLUMNS",
    "STUDY_COLUMNS",
    "Column",
    "DepthRole",
    "ExpandRole",
    "MissingRole",
    "OpensAsRole",
    "PagedTable",
    "PatientTable",
    "RecordRole",
    "ReportModel",
    "SecondaryTextRole",
    "SeriesTable",
    "SeverityRole",
    "StudyTable",
    "WayRow",
    "place_of",
]
