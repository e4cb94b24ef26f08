"""The list of nodes, by mouse and keyboard."""

from __future__ import annotations

import json
import socket

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_dicomdb.network.node import Node
from napari_dicomdb.network.nodes import add_node, load_nodes
from napari_dicomdb.widgets.nodes_dialog import NodesDialog


@pytest.fixture
def dialog(qtbot, palette, user_folders):
    add_node(Node("alpha", host="127.0.0.1", port=11112, called_aet="ALPHA"))
    add_node(Node("beta", kind="dicomweb", url="https://example.org/dicom-web"))
    made = NodesDialog(palette)
    qtbot.addWidget(made)
    made.open()
    return made


def test_shows_what_is_kept(dialog):
    assert [row.cells[:2] for row in dialog.model.rows] == [
        ("alpha", "ALPHA at 127.0.0.1:11112"),
        ("beta", "https://example.org/dicom-web"),
    ]
    assert dialog.chosen().name == "alpha"
    dialog.table.selectRow(1)
    assert not dialog.change_button.isEnabled()


def test_change_and_remove_by_keyboard(qtbot, dialog):
    dialog.table.setFocus()
    qtbot.keyClick(dialog.table, Qt.Key.Key_Return)
    form = dialog.form
    qtbot.waitUntil(form.isVisible)
    form.port.setValue(11113)
    qtbot.mouseClick(form.save_button, Qt.MouseButton.LeftButton)
    assert form.notice.text() == ""
    assert load_nodes()[0].port == 11113
    with qtbot.waitSignal(dialog.changed):
        qtbot.keyClick(dialog.table, Qt.Key.Key_Delete)
    assert [node.name for node in load_nodes()] == ["beta"]


def test_state_after_a_test(qtbot, dialog):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        node = Node("alpha", host="127.0.0.1", port=taken.getsockname()[1])
        add_node(node, replacing="alpha")
        dialog.refresh("alpha")
        qtbot.mouseClick(dialog.test_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: "nothing listens" in dialog.model.rows[0].cells[4], timeout=20_000)
    assert dialog.work.outcome.severity == "error"


def test_export_and_import(qtbot, dialog, tmp_path, monkeypatch):
    path = tmp_path / "nodes.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    qtbot.mouseClick(dialog.export_button, Qt.MouseButton.LeftButton)
    assert [n["name"] for n in json.loads(path.read_text())["nodes"]] == ["alpha", "beta"]
    qtbot.mouseClick(dialog.remove_button, Qt.MouseButton.LeftButton)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    qtbot.mouseClick(dialog.import_button, Qt.MouseButton.LeftButton)
    assert [node.name for node in load_nodes()] == ["alpha", "beta"]
    assert "1 nodes added" in dialog.work.outcome.text()
    assert "beta: there is a node of this name already" in dialog.work.outcome.text()
    path.write_text("no JSON")
    qtbot.mouseClick(dialog.import_button, Qt.MouseButton.LeftButton)
    assert "no list of nodes" in dialog.work.outcome.text()
