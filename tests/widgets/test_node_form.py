"""The form of a node: what is typed is kept, what is wrong is told."""

from __future__ import annotations

from qtpy.QtCore import Qt

from napari_dicomdb.network.node import Limits, Node, Tls
from napari_dicomdb.network.nodes import add_node, load_nodes
from napari_dicomdb.widgets.node_form import NodeForm


def test_wrong_values_are_told_and_nothing_is_kept(qtbot, palette):
    form = NodeForm(palette)
    qtbot.addWidget(form)
    form.open()
    qtbot.keyClicks(form.name, "pacs")
    qtbot.keyClicks(form.host, "localhost")
    qtbot.keyClicks(form.called, "THIS IS MUCH TOO LONG")
    qtbot.mouseClick(form.save_button, Qt.MouseButton.LeftButton)
    assert "called AE title" in form.notice.text()
    assert form.isVisible()
    assert load_nodes() == []
    form.called.clear()
    qtbot.keyClicks(form.called, "PACS")
    qtbot.mouseClick(form.save_button, Qt.MouseButton.LeftButton)
    assert load_nodes() == [form.node]
    assert form.node.called_aet == "PACS"


def test_what_the_form_does_not_show_stays(qtbot, palette):
    node = Node("n", host="h", retrieve="move", limits=Limits(3.0), character_set="ISO_IR 192")
    add_node(node)
    form = NodeForm(palette, node)
    qtbot.addWidget(form)
    form.open()
    assert not form.ca.isEnabled()
    qtbot.mouseClick(form.tls, Qt.MouseButton.LeftButton, pos=form.tls.rect().center() * 0.1)
    form.tls.setChecked(True)
    qtbot.keyClicks(form.ca.line, "/etc/ca.pem")
    qtbot.mouseClick(form.save_button, Qt.MouseButton.LeftButton)
    (kept,) = load_nodes()
    assert kept.tls == Tls(ca="/etc/ca.pem")
    assert (kept.retrieve, kept.limits, kept.character_set) == ("move", Limits(3.0), "ISO_IR 192")


def test_password_without_a_keyring_is_told(qtbot, palette):
    import keyring
    from keyring.backends.fail import Keyring

    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())
    try:
        form = NodeForm(palette)
        qtbot.addWidget(form)
        form.open()
        for line, text in (
            (form.name, "p"), (form.host, "h"), (form.called, "C"), (form.user, "me"),
            (form.password, "secret"),
        ):  # fmt: skip
            qtbot.keyClicks(line, text)
        qtbot.mouseClick(form.save_button, Qt.MouseButton.LeftButton)
    finally:
        keyring.set_keyring(before)
    assert "no keyring" in form.notice.text()
    assert load_nodes() == []
