"""How much the database holds."""

from __future__ import annotations

from napari_dicomdb.widgets.status_line import StatusLine, counted


def test_counts(qtbot):
    line = StatusLine()
    qtbot.addWidget(line)
    line.show_counts({"patients": 1, "studies": 2, "series": 1200, "instances": 10**6})
    assert line.text() == "1 patient · 2 studies · 1\u2009200 series · 1\u2009000\u2009000 files"


def test_hits_of_a_search(qtbot, database, phantom):
    line = StatusLine()
    qtbot.addWidget(line)
    line.show_counts(*counted(database, "modality:CT"))
    total = sum(1 for _ in database.series())
    hits = sum(1 for one in database.series() if one.modality == "CT")
    assert 0 < hits < total
    assert line.text() == f"{hits} series found of {total}"
    line.show_counts(*counted(database, ""))
    assert line.text().startswith("1 patient · ")
