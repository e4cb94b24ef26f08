"""The tag tree on screen: searching, turning over instances, copying, exporting."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog

from napari_dicomdb.loading.columns import sorted_instances
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.metadata_tree import MetadataTree


@pytest.fixture
def tree(qtbot, palette, database, phantom):
    runner = TaskRunner("test-metadata", 2)
    made = MetadataTree(runner, palette)
    qtbot.addWidget(made)
    made.resize(520, 640)
    made.show()
    instances = sorted_instances(database.instances(phantom["axial-ct"].series_uid))
    with qtbot.waitSignal(made.shown):
        made.show_instances(instances)
    yield made
    runner.close()


def texts(model, parent=QModelIndex()):  # noqa: B008
    found = []
    for row in range(model.rowCount(parent)):
        index = model.index(row, 0, parent)
        found.append(index.siblingAtColumn(1).data() or index.data())
        found += texts(model, index)
    return found


def copied():
    return QGuiApplication.clipboard().text()


def search(qtbot, tree, text):
    with qtbot.waitSignal(tree.searched):
        tree.search.selectAll()
        qtbot.keyClicks(tree.search, text)
        qtbot.keyClick(tree.search, Qt.Key.Key_Return)


def test_searching_by_keyboard(qtbot, tree):
    everything = texts(tree.model)
    qtbot.keyClick(tree.tree, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    search(qtbot, tree, "vr:PN")
    dataset = dcmread(tree.instance.path)
    wanted = {
        f"({e.tag.group:04X},{e.tag.element:04X})" for e in dataset.iterall() if e.VR == "PN"
    }
    assert set(texts(tree.model)) == wanted
    search(qtbot, tree, "0010,0020")
    assert texts(tree.model) == ["(0010,0020)"]
    assert tree.hits.text() == "1 match"
    search(qtbot, tree, "nothing like it")
    assert texts(tree.model) == []
    assert tree.hits.text() == "0 matches"
    tree.search.clear()
    qtbot.waitUntil(lambda: texts(tree.model) == everything)


def test_the_slider_stays_at_the_tag(qtbot, tree):
    assert tree.go_to("00200013")
    assert tree.tree.currentIndex().siblingAtColumn(4).data() == "1"
    with qtbot.waitSignal(tree.shown), qtbot.waitSignal(tree.turned) as turned:
        qtbot.keyClick(tree.slider, Qt.Key.Key_Right)
    assert turned.args == [1]
    current = tree.tree.currentIndex()
    assert current.siblingAtColumn(1).data() == "(0020,0013)"
    assert current.siblingAtColumn(4).data() == "2"
    assert tree.spin.text() == "2 of 8"
    with qtbot.waitSignal(tree.shown):
        tree.spin.setValue(8)
    assert tree.tree.currentIndex().siblingAtColumn(4).data() == "8"


def test_what_is_searched_stays_searched(qtbot, tree):
    search(qtbot, tree, "InstanceNumber")
    with qtbot.waitSignal(tree.searched):
        tree.slider.setValue(3)
    values = [tree.model.index(r, 4).data() for r in range(tree.model.rowCount())]
    assert values == ["3"]


def test_copying(qtbot, tree):
    tree.go_to("00080060")
    qtbot.keyClick(tree.tree, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert copied() == "(0008,0060)\tCS\tModality\tCT"
    entries = {a.text().split("\t")[0]: a for a in tree.menu(tree.tree.currentIndex()).actions()}
    entries["Copy tag"].trigger()
    assert copied() == "(0008,0060)"
    entries["Copy name"].trigger()
    assert copied() == "Modality"
    entries["Copy value"].trigger()
    qtbot.waitUntil(lambda: copied() == "CT")
    entries["Copy all as text"].trigger()
    qtbot.waitUntil(lambda: "(0008,0060) CS Modality: CT" in copied().splitlines())


def test_the_menu_leads_to_columns_and_edits(qtbot, tree):
    tree.go_to("00080060")
    entries = {a.text(): a for a in tree.menu(tree.tree.currentIndex()).actions()}
    with qtbot.waitSignal(tree.column_requested) as column:
        entries["Show over the series"].trigger()
    with qtbot.waitSignal(tree.edit_requested) as edit:
        entries["Edit in a copy…"].trigger()
    assert column.args == edit.args == ["Modality"]
    tree.go_to("00020010")
    entries = {a.text(): a for a in tree.menu(tree.tree.currentIndex()).actions()}
    assert not entries["Edit in a copy…"].isEnabled()


def test_exporting(qtbot, tree, tmp_path, monkeypatch):
    answers = iter([("tags", "DICOM JSON (*.json)"), ("tags", "CSV table (*.csv)"),
                    ("tags.txt", "Text (*.txt)"), ("", "")])  # fmt: skip

    def choose(*_):
        name, kind = next(answers)
        return (str(tmp_path / name) if name else ""), kind

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    for name in ("tags.json", "tags.csv", "tags.txt"):
        qtbot.mouseClick(tree.export_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda name=name: name in tree.notice.text())
    qtbot.mouseClick(tree.export_button, Qt.MouseButton.LeftButton)
    model = json.loads((tmp_path / "tags.json").read_text(encoding="utf-8"))
    assert model["00080060"]["Value"] == ["CT"]
    with (tmp_path / "tags.csv").open(encoding="utf-8", newline="") as file:
        table = {row["Keyword"]: row["Value"] for row in csv.DictReader(file)}
    assert table["Modality"] == "CT"
    assert "Modality: CT" in (tmp_path / "tags.txt").read_text(encoding="utf-8")


def test_damaged_files_and_those_that_are_gone(qtbot, tree, tmp_path):
    from dataclasses import replace

    whole = tree.instance
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(Path(whole.path).read_bytes()[:900])
    gone = replace(whole, path=tmp_path / "gone.dcm")
    with qtbot.waitSignal(tree.shown):
        tree.show_instances([replace(whole, path=cut), gone])
    assert "cut" in tree.notice.text()
    assert tree.notice.isVisible()
    assert "(0008,0060)" in texts(tree.model)
    tree.slider.setValue(2)
    qtbot.waitUntil(lambda: "gone.dcm" in tree.notice.text())
    assert tree.model.rowCount() == 0


def test_sequences_unfold_by_key_and_stay(qtbot, tree):
    from dataclasses import replace

    one = replace(tree.instance, path=Path(get_testdata_file("CT_small.dcm")))
    with qtbot.waitSignal(tree.shown):
        tree.show_instances([one, one])
    assert tree.go_to("00101002")
    qtbot.keyClick(tree.tree, Qt.Key.Key_Right)
    assert tree.tree.isExpanded(tree.tree.currentIndex())
    assert tree.go_to("00101002[2].00100020")
    with qtbot.waitSignal(tree.shown):
        tree.slider.setValue(2)
    assert tree.tree.isExpanded(tree.model.index_of("00101002"))
    assert tree.tree.currentIndex().siblingAtColumn(4).data() == "1234ABCD"
