"""Sending by hand: to which node, progress, cancel, and what became of each instance."""

from __future__ import annotations

import csv
import socket
import subprocess
import time
from contextlib import suppress

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_dicomdb.network.node import Node
from napari_dicomdb.network.nodes import add_node
from napari_dicomdb.widgets.send_dialog import SendDialog


@pytest.fixture
def peer(tmp_path, program):
    """A running storescp, kept as the node "peer", and the folder that it writes to."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    folder = tmp_path / "received"
    folder.mkdir()
    words = [program("storescp"), "--bit-preserving", "-od", str(folder), str(port)]
    process = subprocess.Popen(words)
    deadline = time.monotonic() + 20
    while True:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        assert time.monotonic() < deadline
    add_node(Node("peer", host="127.0.0.1", port=port))
    yield folder
    process.kill()
    process.wait()


@pytest.fixture
def make(database, palette, qtbot):
    def open_dialog(records=None):
        records = database.series() if records is None else records
        made = SendDialog(database, records, "4 series", palette)
        qtbot.addWidget(made)
        made.open()
        return made

    return open_dialog


def _send(qtbot, dialog):
    with qtbot.waitSignal(dialog.sent, timeout=20_000) as caught:
        qtbot.mouseClick(dialog.send_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(dialog.send_button.isEnabled)
    return caught.args[0]


def test_without_a_node_there_is_only_the_way_to_add_one(qtbot, make):
    dialog = make()
    assert not dialog.send_button.isEnabled()
    assert not dialog.test_button.isEnabled()
    qtbot.mouseClick(dialog.nodes_button, Qt.MouseButton.LeftButton)
    nodes = dialog.nodes_dialog
    qtbot.mouseClick(nodes.page.add_button, Qt.MouseButton.LeftButton)
    form = nodes.page.form
    for line, text in ((form.name, "pacs"), (form.host, "localhost"), (form.called, "PACS")):
        line.setFocus()
        qtbot.keyClicks(line, text)
    qtbot.keyClick(form.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(nodes.page.model.rows))
    assert [row.cells[0] for row in nodes.page.model.rows] == ["pacs"]
    qtbot.mouseClick(nodes.close_button, Qt.MouseButton.LeftButton)
    assert dialog.node.currentText() == "pacs"
    assert dialog.send_button.isEnabled()


def test_all_is_sent_and_told(qtbot, make, peer, database, tmp_path, monkeypatch):
    dialog = make()
    report = _send(qtbot, dialog)
    files = [i.path for i in database.instances()]
    assert report.ok
    assert len(list(peer.iterdir())) == len(files) == dialog.model.rowCount()
    assert f"{len(files)} of {len(files)} instances sent to peer" in dialog.work.outcome.text()
    assert dialog.table.isVisible()
    target = tmp_path / "sent.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    qtbot.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
    rows = list(csv.DictReader(target.read_text(encoding="utf-8").splitlines()))
    assert {row["uid"] for row in rows} == {i.uid for i in database.instances()}
    assert {row["state"] for row in rows} == {"sent"}
    qtbot.mouseClick(dialog.close_button, Qt.MouseButton.LeftButton)
    assert not dialog.isVisible()
    assert make().node.currentText() == "peer"


def test_by_keyboard(qtbot, make, peer):
    dialog = make()
    dialog.node.setFocus()
    with qtbot.waitSignal(dialog.sent, timeout=20_000):
        qtbot.keyClick(dialog, Qt.Key.Key_Return)
    qtbot.waitUntil(dialog.send_button.isEnabled)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_the_node_is_tested(qtbot, make, peer):
    dialog = make()
    qtbot.mouseClick(dialog.test_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "answers" in dialog.work.outcome.text(), timeout=20_000)
    assert dialog.work.outcome.severity == "info"


def test_node_that_is_not_there_is_told_in_words(qtbot, make):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        add_node(Node("gone", host="127.0.0.1", port=taken.getsockname()[1]))
        dialog = make()
        qtbot.mouseClick(dialog.send_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: "nothing listens" in dialog.work.outcome.text(), timeout=20_000)
    assert dialog.work.outcome.severity == "error"
    assert dialog.send_button.isEnabled()


def test_cancel_while_the_node_says_nothing(qtbot, make):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        add_node(Node("silent", host="127.0.0.1", port=silent.getsockname()[1]))
        dialog = make()
        qtbot.mouseClick(dialog.send_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: dialog.work.is_busy)
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
        assert dialog.isVisible()
        with qtbot.waitSignal(dialog.sent, timeout=20_000) as caught:
            pass
    assert caught.args[0].cancelled
    assert "cancelled" in dialog.work.outcome.text()
    assert {row.cells[0] for row in dialog.model.rows} == {"Not sent"}
