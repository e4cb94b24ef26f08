"""The question before nodes are forgotten: what it says, and that keeping is the default."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_dicomdb.network.node import Node
from napari_dicomdb.widgets._node_removal import ask_to_remove, removal_words

PLAIN = Node("alpha", host="h")
SECRET = Node("beta", host="h", credentials="basic", user="me", secret="beta-1")


def test_passwords_are_mentioned_where_there_are_any():
    assert removal_words([PLAIN]) == ("Remove “alpha”?", "This cannot be undone.")
    question, more = removal_words([SECRET])
    assert question == "Remove “beta”?"
    assert "password" in more
    question, more = removal_words([PLAIN, SECRET])
    assert question == "Remove 2 nodes?"
    assert "passwords" in more


def test_escape_and_return_keep_them(qtbot):
    host, removed = QWidget(), []
    qtbot.addWidget(host)
    host.show()
    for key in (Qt.Key.Key_Escape, Qt.Key.Key_Return):
        box = ask_to_remove(host, [PLAIN], lambda: removed.append(1))
        with qtbot.waitSignal(box.finished):
            qtbot.keyClick(box, key)
    assert removed == []
    box = ask_to_remove(host, [PLAIN], lambda: removed.append(1))
    qtbot.mouseClick(box.buttons()[0], Qt.MouseButton.LeftButton)
    assert removed == [1]
