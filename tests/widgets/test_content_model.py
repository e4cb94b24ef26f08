"""The tree of an object's content as a Qt model."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtGui import QColor

from napari_dicomdb.dicom.content import ContentNode, ContentTree
from napari_dicomdb.widgets.models.content_model import ContentModel, ReferenceRole, node_lines

DEEP = ContentNode("Length", "12 mm", (ContentNode("Method", "Caliper"),))
IMAGE = ContentNode("Image", "", (), "1.2.3")
TREE = ContentTree("Report", "1.1", "1.9", (ContentNode("Finding", "", (DEEP, IMAGE)), DEEP))


@pytest.fixture
def model(qapp):
    made = ContentModel()
    made.show(TREE)
    return made


def test_structure(model, qtmodeltester):
    assert [model.index(r, 0).data() for r in range(model.rowCount())] == ["Finding", "Length"]
    finding = model.index(0, 0)
    length = model.index(0, 0, finding)
    assert (length.data(), length.siblingAtColumn(1).data()) == ("Length", "12 mm")
    assert model.index(0, 0, length).data() == "Method"
    assert model.index(0, 0, length).parent() == length
    assert model.node(length) is DEEP
    assert model.node(QModelIndex()) is None
    qtmodeltester.check(model)


def test_other_content_takes_its_place(model):
    model.show(None)
    assert model.rowCount() == 0
    model.show(TREE)
    assert model.rowCount() == 2


def test_links(model, qtbot):
    image = model.index(1, 1, model.index(0, 0))
    assert image.data(ReferenceRole) == "1.2.3"
    assert image.data() == "1.2.3"
    assert image.data(Qt.ItemDataRole.ForegroundRole) is None
    model.set_link_colour(QColor("red"))
    with qtbot.waitSignal(model.dataChanged):
        model.show_targets({"1.2.3": "CT <b>Thorax"}, ())
    assert image.data() == "CT <b>Thorax"
    assert image.data(Qt.ItemDataRole.ForegroundRole) == QColor("red")
    assert "&lt;b&gt;" in image.data(Qt.ItemDataRole.ToolTipRole)
    model.show_targets({}, {"1.2.3"})
    assert image.data() == "1.2.3"
    assert "not in the database" in image.data(Qt.ItemDataRole.ToolTipRole)


def test_depth_is_no_matter(qapp):
    node = ContentNode("end")
    for _ in range(3000):
        node = ContentNode("level", "", (node,))
    model = ContentModel()
    model.show(ContentTree("deep", "", "", (node,)))
    index, depth = model.index(0, 0), 0
    while model.rowCount(index):
        index, depth = model.index(0, 0, index), depth + 1
    assert depth == 3000
    assert node_lines(node).count("\n") == 3000


def test_lines():
    assert node_lines(DEEP) == "Length: 12 mm\n  Method: Caliper"
