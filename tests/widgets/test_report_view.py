"""The import report: every refused file with its reason, saved as CSV and JSON."""

from __future__ import annotations

import csv
import json

import pytest
from qtpy.QtCore import Qt

from napari_dicomdb.database.report import ImportReport
from napari_dicomdb.widgets.models.report_table import report_rows
from napari_dicomdb.widgets.report_view import (
    ReportDialog,
    ReportView,
    report_sentence,
    report_severity,
    save_report,
)


@pytest.fixture
def report():
    return ImportReport(
        added=31,
        unchanged=2,
        rejected=[
            ("/cd/README.txt", "not-dicom", "it begins with text"),
            ("/cd/IM1", "truncated", 'the header ends in "Rows", at byte 1,024'),
        ],
        notes=[("/cd/IM2", "truncated-pixels", "1 024 bytes are missing")],
        missing=[("/cd/IM9", "missing", "listed in the DICOMDIR")],
        series_uids=["1.2.3"],
    )


def shown(view):
    model = view.table.model()
    return [tuple(model.index(r, c).data() for c in range(1, 4)) for r in range(model.rowCount())]


def test_every_file_is_shown_with_its_reason(qtbot, report):
    view = ReportView()
    qtbot.addWidget(view)
    view.show_report(report)
    assert shown(view) == [
        ("IM1", "truncated", 'the header ends in "Rows", at byte 1,024'),
        ("IM9", "missing", "listed in the DICOMDIR"),
        ("README.txt", "not-dicom", "it begins with text"),
        ("IM2", "truncated-pixels", "1 024 bytes are missing"),
    ]
    assert (
        view.model.index(2, 1)
        .data(Qt.ItemDataRole.ToolTipRole)
        .startswith("<qt>refused: /cd/README.txt")
    )
    assert view.sentence.severity == "warning"


def test_filter(qtbot, report):
    view = ReportView()
    qtbot.addWidget(view)
    view.show_report(report)
    qtbot.keyClicks(view.search, "TRUNC")
    assert [row[0] for row in shown(view)] == ["IM1", "IM2"]


def test_saved_files_hold_everything(tmp_path, report):
    table = save_report(report, tmp_path / "report.csv")
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(r["status"], r["path"], r["reason"]) for r in rows] == [
        ("refused", "/cd/IM1", "truncated"),
        ("missing", "/cd/IM9", "missing"),
        ("refused", "/cd/README.txt", "not-dicom"),
        ("note", "/cd/IM2", "truncated-pixels"),
    ]
    assert rows[0]["text"] == 'the header ends in "Rows", at byte 1,024'
    saved = json.loads(save_report(report, tmp_path / "report.json").read_text(encoding="utf-8"))
    assert saved == report.to_json()


def test_save_button(qtbot, report, tmp_path, monkeypatch):
    from qtpy.QtWidgets import QFileDialog

    target = tmp_path / "chosen.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    view = ReportView()
    qtbot.addWidget(view)
    assert not view.save_button.isEnabled()
    view.show_report(report)
    qtbot.mouseClick(view.save_button, Qt.MouseButton.LeftButton)
    assert "README.txt" in target.read_text(encoding="utf-8")


def test_nothing_refused(qtbot):
    view = ReportView()
    qtbot.addWidget(view)
    view.show()
    view.show_report(ImportReport(added=1))
    assert not view.table.isVisible()
    assert view.nothing.isVisible()
    assert report_severity(view.report) == "info"


def test_sentences(report):
    assert report_sentence(report) == (
        "31 files added, 2 already known, 2 refused, 1 missing, 1 note"
    )
    assert report_sentence(ImportReport(unchanged=1), dry_run=True) == "Dry run: 1 already known"
    assert report_sentence(ImportReport()) == "No files found"
    stopped = ImportReport(added=1, stopped="the disk is full")
    assert report_sentence(stopped) == "1 file added; stopped: the disk is full"
    assert report_severity(stopped) == "error"
    cancelled = ImportReport(added=2, cancelled=True)
    assert report_sentence(cancelled) == "2 files added before it was cancelled"


def test_dialog(qtbot, report):
    dialog = ReportDialog()
    qtbot.addWidget(dialog)
    dialog.view.show_report(report)
    dialog.show()
    assert dialog.view.table.model().rowCount() == 4


def test_a_running_import_is_shown_as_it_grows(qtbot):
    view = ReportView()
    qtbot.addWidget(view)
    view.clear("wait")
    growing = ImportReport(added=3)
    view.show_progress(growing)
    assert "3 files added so far" in view.sentence.text()
    assert shown(view) == []
    assert view.save_button.isEnabled()
    growing.rejected.append(("/cd/a.txt", "not-dicom", "/cd/a.txt: it is text"))
    view.show_progress(growing)
    growing.notes.append(("/cd/b", "truncated-pixels", "4 bytes are missing"))
    growing.rejected.append(("/cd/c", "truncated", "cut"))
    view.show_progress(growing)
    view.show_progress(growing)
    assert {row[:2] for row in shown(view)} == {
        ("a.txt", "not-dicom"),
        ("b", "truncated-pixels"),
        ("c", "truncated"),
    }
    assert len(shown(view)) == 3


def test_what_a_batch_took_back_is_not_shown_twice(qtbot):
    view = ReportView()
    qtbot.addWidget(view)
    report = ImportReport(rejected=[("/cd/a", "truncated", "cut"), ("/cd/b", "truncated", "cut")])
    view.show_progress(report)
    del report.rejected[1:]
    view.show_progress(report)
    assert [row[0] for row in shown(view)] == ["a"]


def test_another_import_begins_with_an_empty_table(qtbot, report):
    view = ReportView()
    qtbot.addWidget(view)
    view.show_progress(report)
    view.show_progress(ImportReport())
    assert shown(view) == []


def test_letters_on_a_cd_are_no_mistake():
    letters = ImportReport(added=3, rejected=[("/cd/README.txt", "not-dicom", "text")])
    assert report_severity(letters) == "info"
    (row,) = report_rows(letters)
    assert (row.severity, row.status) == ("info", "refused")
    letters.rejected.append(("/cd/IM1", "truncated", "cut"))
    assert report_severity(letters) == "warning"
    assert [r.severity for r in report_rows(letters)] == ["error", "info"]
