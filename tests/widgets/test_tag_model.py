"""The tag tree as a Qt model: complete, lazy, filtered."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from qtpy.QtCore import QModelIndex, Qt

from napari_dicomdb.dicom.attribute_search import find_attributes
from napari_dicomdb.dicom.attributes import read_attributes
from napari_dicomdb.widgets.models.tag_model import TAG_TITLES, TagModel

CT = Path(get_testdata_file("CT_small.dcm"))


@pytest.fixture
def tree():
    return read_attributes(CT)


@pytest.fixture
def model(qapp, tree):
    made = TagModel()
    made.show(tree, tree.top())
    return made


def rows(model, parent=QModelIndex()):  # noqa: B008
    while model.canFetchMore(parent):
        model.fetchMore(parent)
    for row in range(model.rowCount(parent)):
        index = model.index(row, 0, parent)
        assert model.parent(index) == parent
        yield index
        yield from rows(model, index)


def test_all_rows_are_those_of_the_tree(model, tree, qtmodeltester):
    shown = [model.attribute(index) for index in rows(model)]
    assert shown == list(tree.walk())
    assert [model.headerData(k, Qt.Orientation.Horizontal) for k in range(5)] == list(TAG_TITLES)
    qtmodeltester.check(model, force_py=True)


def test_cells(model):
    index = model.index_of("00100020")
    assert [index.siblingAtColumn(k).data() for k in range(5)] == [
        "Patient ID", "(0010,0020)", "LO", "1", "1CT1",
    ]  # fmt: skip
    assert "PatientID" in index.data(Qt.ItemDataRole.ToolTipRole)


def test_a_path_leads_to_its_row(model):
    index = model.index_of("00101002[2].00100020")
    assert index.siblingAtColumn(4).data() == "1234ABCD"
    assert not model.index_of("00101002[9].00100020").isValid()
    assert not model.index_of("00990099").isValid()


def test_hits_below_what_leads_to_them(model, tree):
    model.show_found(tree, find_attributes(tree, "1234abcd"))
    shown = list(rows(model))
    assert [index.data() for index in shown] == [
        "Other Patient IDs Sequence", "Item 2", "Patient ID",
    ]  # fmt: skip
    assert shown[-1].data(Qt.ItemDataRole.FontRole).bold()
    assert shown[0].data(Qt.ItemDataRole.FontRole) is None


def test_many_items_come_in_portions(qapp, tmp_path):
    dataset = dcmread(CT)
    items = []
    for k in range(4000):
        item = Dataset()
        item.ReferencedSOPInstanceUID = f"1.2.{k}"
        items.append(item)
    dataset.ReferencedImageSequence = items
    dataset.save_as(tmp_path / "many.dcm")
    tree = read_attributes(tmp_path / "many.dcm")
    model, asked = TagModel(), []
    model.heavy.connect(asked.append)
    model.show(tree, tree.top())
    index = model.index_of("00081140")
    assert model.hasChildren(index)
    model.fetchMore(index)
    model.fetchMore(index)
    assert model.rowCount(index) == 0
    assert [one.path for one in asked] == ["00081140"]
    tree.count(asked[0])  # what the worker does
    model.opened(asked[0])
    assert 0 < model.rowCount(index) < 4000
    assert len([i for i in rows(model, index) if i.parent() == index]) == 4000


def test_nothing_shown(model):
    model.show(None)
    assert model.rowCount() == 0
    assert model.attribute(QModelIndex()) is None
