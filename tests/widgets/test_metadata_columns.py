"""Columns over a series on screen: table, plot, export."""

from __future__ import annotations

import csv
import json

import pytest
from pydicom import dcmread
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog

from napari_dicomdb.loading.columns import sorted_instances
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.metadata_columns import MetadataColumns


@pytest.fixture
def page(qtbot, palette, database, phantom):
    runner = TaskRunner("test-columns")
    made = MetadataColumns(runner, palette)
    qtbot.addWidget(made)
    made.resize(560, 600)
    made.show_instances(sorted_instances(database.instances(phantom["axial-ct"].series_uid)))
    with qtbot.waitSignal(made.filled):
        made.show()
    yield made
    runner.close()


def titles(page):
    model = page.table.model()
    return [model.headerData(k, Qt.Orientation.Horizontal) for k in range(model.columnCount())]


def cells(page, column):
    model = page.table.model()
    return [model.index(row, column).data() for row in range(model.rowCount())]


def add(qtbot, page, text):
    with qtbot.waitSignal(page.filled):
        qtbot.keyClicks(page.input, text)
        page.input.completer().popup().hide()
        qtbot.keyClick(page.input, Qt.Key.Key_Return)


def test_columns_are_typed(qtbot, page, phantom):
    add(qtbot, page, "ImagePositionPatient")
    add(qtbot, page, "0008,0018")
    assert titles(page) == ["#", "Slice Location (mm)", "Image Position (Patient) (mm)",
                            "SOP Instance UID"]  # fmt: skip
    wanted = sorted(
        (dcmread(p) for p in phantom["axial-ct"].paths), key=lambda d: d.InstanceNumber
    )
    assert cells(page, 3) == [d.SOPInstanceUID for d in wanted]
    assert len(page.plot.lines) == 3 + (1 if cells(page, 1)[0] else 0)
    line = next(x for x in page.plot.lines if x.name.endswith(" z"))
    assert line.values == pytest.approx([float(d.ImagePositionPatient[2]) for d in wanted])


def test_numbers_sort_as_numbers(qtbot, page):
    page.clear()
    add(qtbot, page, "InstanceNumber")
    page.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert [int(x) for x in cells(page, 1)] == sorted(range(1, 9), reverse=True)


def test_unknown_names_are_said(qtbot, page):
    qtbot.keyClicks(page.input, "NoSuchThing")
    qtbot.mouseClick(page.add_button, Qt.MouseButton.LeftButton)
    assert "no attribute" in page.notice.text()
    assert page.input.text() == "NoSuchThing"


def test_columns_are_removed(qtbot, page):
    (remove, _) = page.header_menu(1).actions()
    with qtbot.waitSignal(page.filled):
        remove.trigger()
    assert titles(page) == ["#"]
    assert not page.plot.isVisible()


def test_copy_and_export(qtbot, page, tmp_path, monkeypatch):
    add(qtbot, page, "Modality")
    page.table.selectAll()
    qtbot.keyClick(page.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().split("\n")
    assert len(lines) == 8
    assert lines[0].split("\t")[-1] == "CT"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "v"), "CSV table (*.csv)")
    )
    qtbot.mouseClick(page.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "v.csv" in page.notice.text())
    with (tmp_path / "v.csv").open(encoding="utf-8", newline="") as file:
        assert [row["Modality"] for row in csv.DictReader(file)] == ["CT"] * 8
    page.export(tmp_path / "v.json")
    qtbot.waitUntil(lambda: "v.json" in page.notice.text())
    assert len(json.loads((tmp_path / "v.json").read_text(encoding="utf-8"))) == 8


def test_a_click_leads_to_the_instance(qtbot, page):
    spot = page.table.visualRect(page.table.model().index(3, 0)).center()
    qtbot.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    with qtbot.waitSignal(page.instance_chosen) as chosen:
        qtbot.keyClick(page.table, Qt.Key.Key_Return)
    assert chosen.args == [3]
