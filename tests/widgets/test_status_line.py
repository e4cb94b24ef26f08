"""How much the database holds."""

from __future__ import annotations

from napari_dicomdb.widgets.status_line import StatusLine


def test_counts(qtbot):
    line = StatusLine()
    qtbot.addWidget(line)
    line.show_counts({"patients": 1, "studies": 2, "series": 1200, "instances": 10**6})
    assert line.text() == "1 patient · 2 studies · 1\u2009200 series · 1\u2009000\u2009000 files"
