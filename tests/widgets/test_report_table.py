"""Rows of a report as a Qt model."""

from __future__ import annotations

from qtpy.QtCore import Qt

from napari_dicomdb.database.report import ImportReport
from napari_dicomdb.widgets.models.report_table import (
    ReportModel,
    ReportRow,
    report_rows,
    rows_to_csv,
)


def test_gravest_first():
    report = ImportReport(
        notes=[("/a", "note", "n")],
        missing=[("/b", "missing", "m")],
        rejected=[("/c", "bad", "b")],
    )
    assert [(r.status, r.path) for r in report_rows(report)] == [
        ("refused", "/c"),
        ("missing", "/b"),
        ("note", "/a"),
    ]


def test_model(qtbot, qtmodeltester):
    model = ReportModel([ReportRow("error", "/cd/x/IM1", "truncated", "too short")])
    qtmodeltester.check(model)
    assert [model.index(0, c).data() for c in range(4)] == ["", "IM1", "truncated", "too short"]
    assert model.index(0, 0).data(Qt.ItemDataRole.DecorationRole) is not None
    model.show([])
    assert model.rowCount() == 0


def test_formulas_and_commas_survive_csv():
    text = rows_to_csv([ReportRow("info", "/a,b", "note", 'say "hi"\nthere')])
    assert '"/a,b"' in text
    assert '"say ""hi""\nthere"' in text
