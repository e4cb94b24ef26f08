"""Counts and words of a report."""

from __future__ import annotations

import csv
import json

from napari_dicomdb.network.send_report import SendOutcome, SendReport

REPORT = SendReport(
    "pacs",
    [
        SendOutcome("1", "a", "sent", "stored", status=0, attempts=1),
        SendOutcome("2", "b", "warning", "stored; changed", status=0xB000, attempts=1),
        SendOutcome("3", "c", "failed", "no, \"never\"", "status-c000", 0xC000, attempts=2),
        SendOutcome("4", "d", "not-sent", "cancelled", "cancelled"),
    ],
    transcoded=1,
)  # fmt: skip


def test_counts_and_words():
    assert REPORT.counts == {"sent": 1, "warning": 1, "failed": 1, "not-sent": 1}
    assert (REPORT.stored, REPORT.ok) == (2, False)
    assert [path for path, _, _ in REPORT.rejected] == ["c", "d"]
    summary = REPORT.summary()
    for words in ("2 of 4 instances sent to pacs", "1 of them with a remark", "1 failed"):
        assert words in summary


def test_machine_readable():
    found = json.loads(json.dumps(REPORT.to_json()))
    assert found["outcomes"][1]["status"] == 0xB000
    rows = list(csv.DictReader(REPORT.to_csv().splitlines()))
    assert rows[2]["text"] == 'no, "never"'
    assert [row["status"] for row in rows] == ["0000H", "B000H", "C000H", ""]
