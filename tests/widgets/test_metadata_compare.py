"""The comparison on screen."""

from __future__ import annotations

import csv
import json

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication

from napari_dicomdb.loading.comparing import compare_records
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.metadata_compare import MetadataCompare


@pytest.fixture
def page(qtbot, palette):
    runner = TaskRunner("test-compare")
    made = MetadataCompare(runner, palette)
    qtbot.addWidget(made)
    made.resize(560, 500)
    made.show()
    yield made
    runner.close()


@pytest.fixture
def compared(qtbot, page, database, phantom):
    """Two series on show."""
    pair = [database.find_series(phantom[n].series_uid) for n in ("axial-ct", "oblique-mr")]
    with qtbot.waitSignal(page.compared):
        page.compare(database, *pair)
    return pair


def cells(page, column):
    model = page.table.model()
    return [model.index(row, column).data() for row in range(model.rowCount())]


def test_only_the_differences_until_all_are_asked_for(qtbot, page, compared, database):
    wanted = compare_records(database, *compared)
    assert cells(page, 0) == [d.path for d in wanted.differences]
    assert cells(page, 2) == [d.left for d in wanted.differences]
    assert "PatientID" not in cells(page, 0)
    with qtbot.waitSignal(page.compared):
        page.everything.click()
    assert "PatientID" in cells(page, 0)


def test_search_swap_and_sort(qtbot, page, compared):
    qtbot.keyClicks(page.search, "modality")
    assert (cells(page, 2)[0], cells(page, 3)[0]) == ("CT", "MR")
    with qtbot.waitSignal(page.compared):
        qtbot.mouseClick(page.swap_button, Qt.MouseButton.LeftButton)
    assert (cells(page, 2)[0], cells(page, 3)[0]) == ("MR", "CT")
    page.search.clear()
    page.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert cells(page, 0) == sorted(cells(page, 0), key=str.casefold)


def test_copy_and_export(qtbot, page, compared, tmp_path):
    page.table.selectRow(0)
    qtbot.keyClick(page.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text().split("\t")[0] == cells(page, 0)[0]
    for name in ("d.csv", "d.json"):
        page.export(tmp_path / name)
        qtbot.waitUntil(lambda name=name: name in page.notice.text())
    with (tmp_path / "d.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 1 + len(cells(page, 0))
    told = json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))
    assert [d["path"] for d in told["differences"]] == cells(page, 0)


def test_what_cannot_be_compared_is_said(qtbot, page, compared, database):
    page.compare(database, compared[0], database.studies()[0])
    qtbot.waitUntil(lambda: "only two" in page.notice.text())
    assert not page.cancel_button.isVisible()
