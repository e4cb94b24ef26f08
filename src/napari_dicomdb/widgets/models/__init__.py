"""Qt models of the browser: they know the database, but no view."""

from napari_dicomdb.widgets.models._roles import (
    OpensAsRole,
    RecordRole,
    SecondaryTextRole,
    SeverityRole,
)
from napari_dicomdb.widgets.models.patient_tree import PatientTreeModel
from napari_dicomdb.widgets.models.report_table import ReportModel
from napari_dicomdb.widgets.models.series_table import SeriesColumn, SeriesTableModel

__all__ = [
    "OpensAsRole",
    "PatientTreeModel",
    "RecordRole",
    "ReportModel",
    "SecondaryTextRole",
    "SeriesColumn",
    "SeriesTableModel",
    "SeverityRole",
]
