"""The form of a node: what is typed is kept, what is wrong is told."""

from __future__ import annotations

from qtpy.QtCore import Qt

from napari_dicomdb.network.node import Limits, Node, Tls
from napari_dicomdb.network.nodes import add_node, load_nodes, nodes_path
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
    qtbot.waitUntil(lambda: not form.isVisible())
    assert load_nodes() == [form.node]
    assert form.node.called_aet == "PACS"


def test_what_the_form_does_not_show_stays(qtbot, palette):
    node = Node("n", host="h", retrieve="move", limits=Limits(3.0), character_set="ISO_IR 192")
    add_node(node)
    form = NodeForm(palette, node)
    qtbot.addWidget(form)
    form.open()
    assert not form.ca.isVisible()
    form.tls.setFocus()
    qtbot.keyClick(form.tls, Qt.Key.Key_Space)
    assert form.ca.isVisible()
    qtbot.keyClicks(form.ca.line, "/etc/ca.pem")
    qtbot.mouseClick(form.save_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not form.isVisible())
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
        form.sign_in.setFocus()
        qtbot.keyClick(form.sign_in, Qt.Key.Key_Down)
        qtbot.mouseClick(form.save_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(form.notice.isVisible)
    finally:
        keyring.set_keyring(before)
    assert "no keyring" in form.notice.text()
    assert load_nodes() == []


def test_dicomweb_node_with_a_token_in_the_keyring(qtbot, palette, memory_keyring):
    form = NodeForm(palette)
    qtbot.addWidget(form)
    form.open()
    assert not form.url.isVisible()
    form.kind.setFocus()
    qtbot.keyClick(form.kind, Qt.Key.Key_Down)
    assert form.url.isVisible()
    assert not (form.host.isVisible() or form.calling.isVisible() or form.retrieve.isVisible())
    form.sign_in.setFocus()
    qtbot.keyClick(form.sign_in, Qt.Key.Key_End)
    assert form.token.isVisible()
    assert not form.user.isVisible()
    for field, text in (
        (form.name, "web"), (form.url, "https://example.org/dicom-web"), (form.token, "abc"),
    ):  # fmt: skip
        qtbot.keyClicks(field, text)
    qtbot.keyClick(form.url, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not form.isVisible())
    (kept,) = load_nodes()
    assert (kept.kind, kept.url) == ("dicomweb", "https://example.org/dicom-web")
    assert kept.credentials == "bearer"
    assert list(memory_keyring.values()) == ["abc"]
    assert "abc" not in nodes_path().read_text()
    again = NodeForm(palette, kept)
    qtbot.addWidget(again)
    again.open()
    assert "Kept" in again.token.placeholderText()
    qtbot.mouseClick(again.save_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not again.isVisible())
    assert load_nodes() == [kept]


def test_limits_and_character_set(qtbot, palette):
    form = NodeForm(palette)
    qtbot.addWidget(form)
    form.open()
    assert not form.max_results.isVisible()
    qtbot.mouseClick(form.more, Qt.MouseButton.LeftButton)
    assert form.max_results.isVisible()
    for field, text in ((form.name, "n"), (form.host, "h"), (form.called, "N")):
        qtbot.keyClicks(field, text)
    form.connect_seconds.setFocus()
    form.connect_seconds.selectAll()
    qtbot.keyClicks(form.connect_seconds, "3")
    form.max_results.selectAll()
    qtbot.keyClicks(form.max_results, "50")
    form.character_set.lineEdit().selectAll()
    qtbot.keyClicks(form.character_set, "Klingon")
    qtbot.mouseClick(form.save_button, Qt.MouseButton.LeftButton)
    assert "no character set of DICOM" in form.notice.text()
    form.character_set.lineEdit().selectAll()
    qtbot.keyClicks(form.character_set, "ISO_IR 192")
    qtbot.mouseClick(form.save_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not form.isVisible())
    (kept,) = load_nodes()
    assert kept.limits == Limits(connect_seconds=3.0, max_results=50)
    assert kept.character_set == "ISO_IR 192"
