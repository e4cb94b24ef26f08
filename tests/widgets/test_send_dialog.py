"""Sending by hand: to which node, progress, cancel, and what became of each instance."""

from __future__ import annotations

import csv
import socket

import pydicom
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog
from tests.servers import free_port, running
from tests.widgets.anonymising import press, tick, type_mapping

from napari_dicomdb.export.deidentification.mapping import read_mapping
from napari_dicomdb.network.node import Node
from napari_dicomdb.network.nodes import add_node, load_nodes
from napari_dicomdb.widgets.send_dialog import SendDialog


@pytest.fixture
def peer(tmp_path, program):
    """A running storescp, kept as the node "peer", and the folder that it writes to."""
    port = free_port()
    folder = tmp_path / "received"
    folder.mkdir()
    words = [program("storescp"), "--bit-preserving", "-od", str(folder), str(port)]
    with running(words, [port], tmp_path):
        add_node(Node("peer", host="127.0.0.1", port=port))
        yield folder


@pytest.fixture
def make(database, network, palette, qtbot):
    def open_dialog(records=None):
        records = database.series() if records is None else records
        made = SendDialog(network, records, "4 series", palette)
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


def test_node_that_is_not_there_is_told_and_tried_again(qtbot, make, network):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        add_node(Node("gone", host="127.0.0.1", port=taken.getsockname()[1]))
        dialog = make()
        qtbot.mouseClick(dialog.send_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: "nothing listens" in dialog.work.label.text(), timeout=20_000)
    assert "tries again" in dialog.work.label.text()
    qtbot.mouseClick(dialog.work.cancel_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(dialog.send_button.isEnabled, timeout=20_000)
    assert dialog.work.outcome.text() == "Cancelled."
    assert [job.state for job in network.jobs] == ["cancelled"]


def test_cancel_while_the_node_says_nothing(qtbot, make, network):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        add_node(Node("silent", host="127.0.0.1", port=silent.getsockname()[1]))
        dialog = make()
        qtbot.mouseClick(dialog.send_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: [job.state for job in network.jobs] == ["running"], timeout=20_000)
        assert not dialog.send_button.isEnabled()
        qtbot.mouseClick(dialog.work.cancel_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(dialog.send_button.isEnabled, timeout=20_000)
    assert [job.state for job in network.jobs] == ["cancelled"]


def test_goes_on_when_the_dialog_is_closed(qtbot, make, network, peer, proxy, database):
    (node,) = load_nodes()
    add_node(Node("peer", host="127.0.0.1", port=proxy(node.port).port), replacing="peer")
    dialog = make()
    qtbot.mouseClick(dialog.send_button, Qt.MouseButton.LeftButton)
    assert dialog.close_button.text() == "In the background"
    with qtbot.waitSignal(network.session.changed, timeout=20_000):
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
        assert not dialog.isVisible()
    assert [job.state for job in network.jobs] == ["done"]
    assert len(list(peer.iterdir())) == len(database.instances())


def test_what_is_refused_is_listed(qtbot, make, storescp):
    add_node(storescp("--refuse").node)
    dialog = make()
    qtbot.mouseClick(dialog.send_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(dialog.work.outcome.isVisible, timeout=20_000)
    assert dialog.work.outcome.severity == "error"


def test_commitment_is_asked_for(qtbot, make, orthanc, network):
    from napari_dicomdb.network.listener import Listener, ListenerSettings

    with Listener(None, ListenerSettings(port=0, any_called_aet=True)) as listener:
        peer = {"DICOMDB": ["DICOMDB", "127.0.0.1", listener.address[1]]}
        add_node(orthanc(DicomModalities=peer).node)
        dialog = make()
        dialog.commitment.setFocus()
        qtbot.keyClick(dialog.commitment, Qt.Key.Key_Space)
        report = _send(qtbot, dialog)
    assert sum(report.committed.values()) == dialog.model.rowCount()
    assert all(row.cells[4] for row in dialog.model.rows)


def test_anonymised_copies_are_sent(qtbot, make, peer, database):
    dialog = make()
    dialog.anonymise.tick.click()
    dialog.anonymise.dialog.accept()
    assert not dialog.warning.isVisible()
    report = _send(qtbot, dialog)
    files = list(peer.iterdir())
    assert len(files) == report.stored == len(database.instances())
    for path in files:
        copy = pydicom.dcmread(path)
        assert copy.PatientIdentityRemoved == "YES"
    assert {o.path for o in report.outcomes} == {str(i.path) for i in database.instances()}


def test_a_mapping_tells_what_was_sent(qtbot, make, peer, database, network, tmp_path):
    """Sent at once, not as a job; in one project, what is sent twice has the same UIDs."""
    sent = []
    for number in range(2):
        dialog = make()
        choices = tick(qtbot, dialog.anonymise)
        place = tmp_path / f"who-{number}.json"
        type_mapping(
            qtbot, choices.form, place, "correct horse", project="" if number else "Trial"
        )
        press(qtbot, choices, "Ok")
        assert "encrypted mapping" in dialog.anonymise.told.text()
        report = _send(qtbot, dialog)
        assert report.ok
        assert f"{report.stored} of {report.stored} instances sent" in dialog.work.outcome.text()
        copies = {str(pydicom.dcmread(path).SOPInstanceUID) for path in peer.iterdir()}
        mapping = read_mapping(place, "correct horse")
        assert copies == {mapping.uids[i.uid] for i in database.instances()}
        sent.append(mapping)
        for path in peer.iterdir():
            path.unlink()
    assert sent[0] == sent[1]
    assert network.jobs == []
    # It is there now: told, and nothing is sent.
    qtbot.mouseClick(dialog.send_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "exists: choose another name" in dialog.work.outcome.text())
    qtbot.waitUntil(dialog.send_button.isEnabled)
    assert not list(peer.iterdir())


def test_closing_stops_what_is_sent_with_a_mapping(qtbot, make, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        add_node(Node("silent", host="127.0.0.1", port=silent.getsockname()[1]))
        dialog = make()
        choices = tick(qtbot, dialog.anonymise)
        type_mapping(qtbot, choices.form, tmp_path / "who.json")
        press(qtbot, choices, "Ok")
        qtbot.mouseClick(dialog.send_button, Qt.MouseButton.LeftButton)
        assert dialog.close_button.text() == "Close"
        qtbot.waitUntil((tmp_path / "who.json").exists, timeout=20_000)
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
        assert dialog.isVisible()
        qtbot.waitUntil(dialog.send_button.isEnabled, timeout=20_000)
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
        assert not dialog.isVisible()
