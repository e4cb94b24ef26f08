"""The window of the nodes: the page, told changes, closed by keyboard."""

from __future__ import annotations

from qtpy.QtCore import Qt

from napari_dicomdb.network.node import Node
from napari_dicomdb.network.nodes import add_node, load_nodes
from napari_dicomdb.widgets.nodes_dialog import NodesDialog


def test_changes_are_told_and_escape_closes(qtbot, palette, user_folders):
    add_node(Node("alpha", host="127.0.0.1", port=11112, called_aet="ALPHA"))
    dialog = NodesDialog(palette)
    qtbot.addWidget(dialog)
    dialog.open()
    qtbot.waitUntil(dialog.page.remove_button.isEnabled)
    qtbot.mouseClick(dialog.page.remove_button, Qt.MouseButton.LeftButton)
    remove = dialog.page.question.buttons()[0]
    assert remove.text() == "Remove"
    with qtbot.waitSignal(dialog.changed):
        qtbot.mouseClick(remove, Qt.MouseButton.LeftButton)
    assert load_nodes() == []
    qtbot.keyClick(dialog.page.table, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
