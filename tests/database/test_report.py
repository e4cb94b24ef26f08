"""Reports for people and machines."""

from __future__ import annotations

import json

from napari_dicomdb.database.report import ImportReport, RemovalReport


def test_import_report() -> None:
    report = ImportReport(added=3, unchanged=2, duplicates=1)
    report.rejected += [
        ("/a", "not-dicom", "no"),
        ("/b", "truncated", "t"),
        ("/c", "not-dicom", ""),
    ]
    report.missing.append(("/cd/\udce9", "dicomdir-file-missing", "gone"))
    report.stopped = "the disk is full"
    report.cancelled = report.dry_run = True
    assert report.seen == 9
    assert list(report.reasons().items()) == [("not-dicom", 2), ("truncated", 1)]
    summary = report.summary()
    for words in ("dry run", "3 added", "2 unchanged", "1 duplicate,", "3 refused", "cancelled"):
        assert words in summary
    assert "updated" not in summary
    assert repr(report) == f"<ImportReport: {summary}>"
    parsed = json.loads(json.dumps(report.to_json(), ensure_ascii=False).encode("utf-8"))
    assert parsed["rejected"][0] == {"path": "/a", "reason": "not-dicom", "text": "no"}
    assert parsed["missing"][0]["path"] == "/cd/\\xe9"


def test_what_was_rolled_back_is_taken_back() -> None:
    report = ImportReport(added=3, unchanged=2)
    report.notes.append(("/a", "odd-uid", "odd"))
    mark = report.mark()
    report.added, report.unchanged = 5, 4
    report.notes.append(("/b", "odd-uid", "odd"))
    report.rejected.append(("/c", "not-dicom", "no"))
    report.back_to(mark)
    assert (report.added, report.unchanged, len(report.notes), report.rejected) == (3, 4, 1, [])


def test_removal_report() -> None:
    report = RemovalReport(
        series=1, instances=4, files_deleted=2, files_kept=["/x"], vacuumed=True
    )
    assert report.summary() == (
        "4 instances of 1 series removed from the index, 2 copies deleted, "
        "1 copies left in the database directory, with all that is in them"
    )
    assert json.loads(json.dumps(report.to_json()))["rejected"] == []
