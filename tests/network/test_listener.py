"""Our listener against storescu, dcmsend, echoscu and Orthanc, and peers that misbehave."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pydicom
import pytest
from tests.servers import PATIENCE

from napari_dicomdb import Database
from napari_dicomdb.errors import DatabaseError, NetworkError
from napari_dicomdb.network import served_association
from napari_dicomdb.network.association import Association
from napari_dicomdb.network.echo import check_node
from napari_dicomdb.network.listener import Listener, ListenerSettings, ListenerTls
from napari_dicomdb.network.node import Node, Tls
from napari_dicomdb.network.sending import send_instances
from napari_dicomdb.network.storage_service import StoreOperation

ECHO = "1.2.840.10008.1.1"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
NODELAY = {**os.environ, "TCP_NODELAY": "1"}


def run(*words):
    return subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, env=NODELAY, timeout=60
    )


def store(association, path, data_set_of):
    """Send the bytes of a file as they are; return the answer."""
    meta = pydicom.filereader.read_file_meta_info(path)
    content = data_set_of(path)
    proposal = (str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID))
    message = association.send_request(
        association.accepted[proposal],
        {
            "AffectedSOPClassUID": proposal[0],
            "CommandField": 1,
            "Priority": 0,
            "CommandDataSetType": 1,
            "AffectedSOPInstanceUID": str(meta.MediaStorageSOPInstanceUID),
        },
        content + b"\0" * (len(content) % 2),
    )
    return association.read_answer(message)


def test_echo(receiver, program):
    ours = receiver()
    done = run(program("echoscu"), "-aec", "DICOMDB", "127.0.0.1", ours.port)
    assert done.returncode == 0, done.stderr
    ours.wait_for("released")
    assert ours.kinds() == ["listening", "associated", "echo", "released"]
    assert ours.listener.statistics.associations == 1
    assert check_node(ours.node).ok


def test_reference_data_is_stored_byte_for_byte(receiver, reference_data, data_set_of):
    ours = receiver()
    paths = {}
    folders = ("charset", "compressed", "bad", "cine", "seg", "sr", "rgb_sc", "enhanced")
    for path in sorted(p for f in folders for p in (reference_data / f).rglob("*") if p.is_file()):
        if path.stat().st_size > 20_000_000:
            continue
        with open(path, "rb") as file:
            if file.read(132)[128:] != b"DICM":
                continue
        meta = pydicom.filereader.read_file_meta_info(path)
        if (
            meta.get("FileMetaInformationGroupLength")
            and "TransferSyntaxUID" in meta
            and "MediaStorageSOPInstanceUID" in meta
        ):
            key = str(meta.MediaStorageSOPInstanceUID)
            paths.setdefault(key, (path, str(meta.MediaStorageSOPClassUID), meta))
    proposals = list({(c, str(m.TransferSyntaxUID)) for _, c, m in paths.values()})
    stored, refused = {}, {}
    association = Association.request(ours.node, proposals[:128])
    for uid, (path, class_uid, meta) in paths.items():
        if (class_uid, str(meta.TransferSyntaxUID)) in association.accepted:
            answer = store(association, path, data_set_of)
            (stored if answer["Status"] == 0 else refused)[uid] = path
    association.release()
    assert len(stored) > 40, (len(stored), refused)
    syntaxes = {
        str(pydicom.filereader.read_file_meta_info(p).TransferSyntaxUID) for p in stored.values()
    }
    assert len(syntaxes) > 8
    assert "1.2.840.10008.1.2.1.99" in syntaxes  # deflated
    for uid, path in stored.items():
        received = ours.file(uid)
        sent = data_set_of(path)
        assert data_set_of(received)[: len(sent)] == sent, path
        assert len(data_set_of(received)) == len(sent) + len(sent) % 2
        meta = pydicom.filereader.read_file_meta_info(received)
        assert meta.MediaStorageSOPInstanceUID == uid
        assert meta.SourceApplicationEntityTitle == "DICOMDB"
        assert uid not in received.name
    assert len(ours.wait_for("refused", len(refused)) if refused else []) == len(refused)


@pytest.mark.parametrize("sender", ["storescu", "dcmsend"])
def test_dcmtk_sends_the_same_to_us_as_to_storescp(
    receiver, storescp, program, phantom_paths, data_set_of, sender
):
    ours, theirs = receiver(), storescp()
    for port, title in ((ours.port, "DICOMDB"), (theirs.node.port, "ANY-SCP")):
        done = run(program(sender), "-aec", title, "127.0.0.1", port, *phantom_paths)
        assert done.returncode == 0, done.stderr
    assert len(theirs.received) == len(phantom_paths)
    for uid, path in theirs.received.items():
        assert data_set_of(ours.file(uid)) == data_set_of(path)
    assert ours.listener.statistics.stored == len(phantom_paths)
    assert ours.listener.statistics.size == sum(
        len(data_set_of(path)) for path in theirs.received.values()
    )
    assert ours.partial() == []
    (series,) = ours.database.series()
    assert series.instance_count == len(phantom_paths)


def test_orthanc_stores_here(receiver, orthanc, phantom_paths, data_set_of):
    ours = receiver()
    peer = orthanc(DicomModalities={"us": ["DICOMDB", "127.0.0.1", ours.port]})
    for path in phantom_paths:
        peer.ask("/instances", path.read_bytes())
    peer.ask("/modalities/us/store", b'["%s"]' % peer.ask("/studies")[0].encode())
    for path in phantom_paths:
        uid = str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
        assert pydicom.dcmread(ours.file(uid)) == pydicom.dcmread(path)


def test_tls_with_certificates_of_both(receiver, certificates):
    files = ListenerTls(certificates.server, certificates.server_key, certificates.ca)
    ours = receiver(tls=files)
    node = Node(
        "ours",
        host="localhost",
        port=ours.port,
        called_aet="DICOMDB",
        tls=Tls(certificates.ca, certificates.client, certificates.client_key),
    )
    assert check_node(node).ok
    for tls in (
        Tls(certificates.ca),
        Tls(certificates.ca, certificates.stranger, certificates.stranger_key),
        None,
    ):
        other = Node(
            "other", host="localhost", port=ours.port, called_aet="DICOMDB", tls=tls
        )  # fmt: skip
        assert not check_node(other).ok
    assert check_node(node).ok
    assert "tls-client-certificate" in {event.reason for event in ours.wait_for("broken", 2)}


def test_echoscu_by_tls(receiver, certificates, program):
    ours = receiver(tls=ListenerTls(certificates.server, certificates.server_key))
    done = run(
        program("echoscu"), "+tla", "+cf", certificates.ca,
        "-aec", "DICOMDB", "localhost", ours.port,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("settings", "request_of", "expected"),
    [
        ({}, {"called": b"OTHER"}, (1, 1, 7)),
        ({"allowed_aets": ("SCANNER",)}, {}, (1, 1, 3)),
        ({"allowed_addresses": ("10.0.0.0/8",)}, {}, (1, 1, 1)),
        ({}, {"version": 2}, (1, 2, 2)),
        ({}, {"application": b"1.2.3"}, (1, 1, 2)),
    ],
)
def test_rejections(receiver, raw_peer, settings, request_of, expected):
    ours = receiver(**settings)
    peer = raw_peer(ours.port)
    peer.send(peer.request((1, ECHO, IMPLICIT), **request_of))
    kind, body = peer.read()
    assert (kind, tuple(body[1:])) == (3, expected)
    assert peer.read() == (0, b"")
    ours.wait_for("rejected")
    assert ours.listener.statistics.rejected_associations == 1
    assert ours.listener.statistics.associations == 0


def test_allowed_peers_and_other_called_titles(receiver, raw_peer):
    ours = receiver(allowed_aets=("RAW",), allowed_addresses=("127.0.0.0/8",), any_called_aet=True)
    peer = raw_peer(ours.port)
    peer.send(peer.request((1, ECHO, IMPLICIT), called=b"WHATEVER"))
    assert peer.read()[0] == 2


def test_too_many_associations_are_told_to_come_later(receiver, raw_peer):
    ours = receiver(max_associations=2)
    peers = [raw_peer(ours.port) for _ in range(3)]
    answers = []
    for peer in peers:
        peer.send(peer.request((1, ECHO, IMPLICIT)))
        answers.append(peer.read())
    assert [kind for kind, _ in answers] == [2, 2, 3]
    assert tuple(answers[2][1][1:]) == (2, 3, 2)
    peers[0].send(peers[0].pdu(5))
    assert peers[0].read()[0] == 6
    # From now on there is room, though the connection is still open.
    assert ours.listener.statistics.open_associations == 1
    fourth = raw_peer(ours.port)
    fourth.send(fourth.request((1, ECHO, IMPLICIT)))
    assert fourth.read()[0] == 2
    assert ours.listener.statistics.open_associations == 2
    peers[1].send(peers[1].pdu(7))
    ours.wait_for("broken")
    assert ours.listener.statistics.open_associations == 1


HOSTILE = {
    "nothing": b"",
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(32),
    "no-request": b"\x05\0\0\0\0\x04\0\0\0\0",
    "endless-request": b"\x01\0\xff\xff\xff\xff",
    "short-request": b"\x01\0\0\0\0\x04\0\1\0\0",
    "cut-request": b"\x01\0\0\0\x01\0" + bytes(40),
    "unknown-pdu": b"\x99\0\0\0\0\x04abcd",
    "wrong-item": b"\x01\0\0\0\0\x48\0\1\0\0" + bytes(64) + b"\x10\0\xff\xff",
    "abort": b"\x07\0\0\0\0\x04\0\0\0\0",
}


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_first_words(receiver, raw_peer, said):
    ours = receiver()
    peer = raw_peer(ours.port)
    peer.send(said)
    with suppress(OSError):  # it may have hung up
        peer.socket.shutdown(socket.SHUT_WR)
    while peer.read()[0]:
        continue
    assert check_node(ours.node).ok
    assert ours.listener.statistics.stored == 0


def _command(values):
    from napari_dicomdb.network.commands import encode_command

    return encode_command(values)


STORE = {
    "AffectedSOPClassUID": CT,
    "CommandField": 1,
    "MessageID": 1,
    "Priority": 0,
    "CommandDataSetType": 1,
    "AffectedSOPInstanceUID": "1.2.3",
}
WRONG_MESSAGES = {
    "data-first": lambda peer: peer.value(1, 2, b"abcd"),
    "other-context": lambda peer: peer.value(3, 3, _command(STORE)),
    "even-context": lambda peer: peer.value(2, 3, _command(STORE)),
    "data-in-other-context": lambda peer: (
        peer.value(1, 3, _command(STORE)) + peer.value(3, 2, b"ab")
    ),
    "command-in-data": lambda peer: peer.value(1, 3, _command(STORE)) + peer.value(1, 3, b"ab"),
    "value-too-long": lambda peer: peer.pdu(4, b"\0\0\xff\xff\1\3abcd"),
    "value-too-short": lambda peer: peer.pdu(4, b"\0\0\0\1\1\3"),
    "no-value": lambda peer: peer.pdu(4, b""),
    "pdu-too-large": lambda peer: b"\4\0\x7f\xff\xff\xff",
    "release-within": lambda peer: peer.value(1, 3, _command(STORE)) + peer.pdu(5),
    "no-command": lambda peer: peer.value(1, 3, b"\xff" * 40),
    "no-message-id": lambda peer: peer.value(
        1, 3, _command({"CommandField": 0x30, "CommandDataSetType": 0x101})
    ),
    "answer-to-nothing": lambda peer: peer.value(
        1, 3, _command({**STORE, "CommandField": 0x8001, "CommandDataSetType": 0x101})
    ),
    "empty-values-forever": lambda peer: peer.value(1, 1, b"") * 2000,
    "second-request": lambda peer: peer.request((1, ECHO, IMPLICIT)),
}


@pytest.mark.parametrize("say", WRONG_MESSAGES.values(), ids=WRONG_MESSAGES.keys())
def test_wrong_messages_break_the_association_off_alone(receiver, raw_peer, say):
    ours = receiver()
    peer = raw_peer(ours.port)
    peer.send(peer.request((1, CT, IMPLICIT)))
    assert peer.read()[0] == 2
    peer.send(say(peer))
    assert peer.read()[0] in (7, 0)
    (event,) = ours.wait_for("broken")
    assert event.reason
    assert check_node(ours.node).ok
    ours.listener.stop()
    assert ours.database.series() == []
    assert ours.partial() == []


def test_refused_objects_get_the_right_status(receiver, phantom_paths, data_set_of):
    ours = receiver(max_object_bytes=60_000)
    path = phantom_paths[0]
    dataset = pydicom.dcmread(path)
    uid, syntax = str(dataset.SOPInstanceUID), str(dataset.file_meta.TransferSyntaxUID)
    association = Association.request(ours.node, [(CT, syntax)])
    content = data_set_of(path)

    def status(content, **changes):
        values = {**STORE, "AffectedSOPInstanceUID": uid, **changes}
        values.pop("MessageID")
        message = association.send_request(1, values, content)
        return association.read_answer(message)["Status"]

    assert status(content, AffectedSOPInstanceUID="1.2.3") == 0xA900
    assert status(content, AffectedSOPClassUID="1.2.840.10008.5.1.4.1.1.4") == 0x0122
    assert status(content, AffectedSOPInstanceUID="../../../etc/passwd") == 0x0117
    assert status(content, AffectedSOPInstanceUID="") == 0x0117
    assert status(content, AffectedSOPInstanceUID="1." * 40) == 0x0117
    assert status(bytes(70_000)) == 0xA700
    assert status(b"this is no data set at all") == 0xC000
    assert status(b"") == 0xC000
    assert status(content[: len(content) // 2]) == 0xC000
    assert status(None, CommandDataSetType=0x0101) == 0xC000
    assert status(content) == 0x0000
    association.release()
    assert [event.reason for event in ours.events if event.kind == "refused"][:3] == [
        "uid-mismatch",
        "wrong-class",
        "bad-uid",
    ]
    assert data_set_of(ours.file(uid)) == content
    assert ours.partial() == []
    assert ours.listener.statistics.stored == 1


def test_full_disk_refuses_and_keeps_what_was_acknowledged(
    receiver, phantom_paths, data_set_of, monkeypatch
):
    from napari_dicomdb.database import arriving

    ours = receiver()
    syntax = str(pydicom.filereader.read_file_meta_info(phantom_paths[0]).TransferSyntaxUID)
    association = Association.request(ours.node, [(CT, syntax)])
    assert store(association, phantom_paths[0], data_set_of)["Status"] == 0

    class Full:
        free = 0

    monkeypatch.setattr(arriving.shutil, "disk_usage", lambda path: Full)
    answer = store(association, phantom_paths[1], data_set_of)
    assert answer["Status"] == 0xA700
    monkeypatch.undo()

    def full(self, data):
        raise DatabaseError("the disk is full", reason="disk-full")

    monkeypatch.setattr(arriving.Arrival, "write", full)
    assert store(association, phantom_paths[1], data_set_of)["Status"] == 0xA700
    monkeypatch.undo()
    assert store(association, phantom_paths[2], data_set_of)["Status"] == 0
    association.release()
    ours.listener.stop()
    assert ours.database.info()["instances"] == 2
    assert ours.partial() == []


def test_other_services_are_not_offered(receiver):
    ours = receiver()
    find = "1.2.840.10008.5.1.4.1.2.2.1"
    association = Association.request(
        ours.node, [(find, IMPLICIT), (ECHO, IMPLICIT), (ECHO, "1.2.840.10008.1.2.4.70")]
    )
    assert association.refused == {
        (find, IMPLICIT): 3,
        (ECHO, "1.2.840.10008.1.2.4.70"): 4,
    }
    message = association.send_request(
        3, {"AffectedSOPClassUID": ECHO, "CommandField": 0x20, "CommandDataSetType": 0x101}
    )
    assert association.read_answer(message)["Status"] == 0x0211
    association.send_cancel(3, message)
    message = association.send_request(
        3, {"AffectedSOPClassUID": ECHO, "CommandField": 0x30, "CommandDataSetType": 0x101}
    )
    assert association.read_answer(message)["Status"] == 0
    association.release()


def test_silent_peers_are_broken_off(receiver, raw_peer):
    ours = receiver(idle_seconds=0.2)
    peer = raw_peer(ours.port)
    begun = peer.value(1, 3, _command(STORE)) + peer.value(1, 0, bytes(1000))
    peer.send(peer.request((1, CT, IMPLICIT)) + begun)
    assert peer.read()[0] == 2
    assert peer.read()[0] == 7
    (event,) = ours.wait_for("broken")
    assert event.reason == "timeout"
    assert ours.partial() == []


def test_cut_associations_lose_nothing(receiver, proxy, phantom_database, data_set_of):
    ours = receiver()
    size = sum(i.file_size for i in phantom_database.instances())
    cuts = [size * share // 20 for share in range(1, 15)]
    between = proxy(ours.port, *cuts)
    node = Node("cut", host="127.0.0.1", port=between.port, called_aet="DICOMDB")
    report = send_instances(phantom_database.instances(), node, pauses=[0.0] * 20)
    assert report.ok, report.summary()
    for record in phantom_database.instances():
        assert data_set_of(ours.file(record.uid)) == data_set_of(record.path)
    assert ours.partial() == []


def test_stop_in_the_midst_of_an_object(receiver, raw_peer, phantom_database, data_set_of):
    ours = receiver()
    port = ours.port
    report = send_instances(phantom_database.instances()[:3], ours.node)
    assert report.ok
    peer = raw_peer(port)
    peer.send(peer.request((1, CT, IMPLICIT)))
    assert peer.read()[0] == 2
    stopper = threading.Thread(target=ours.listener.stop)
    stopper.start()
    assert peer.read()[0] in (7, 0)  # idle: broken off
    stopper.join()
    assert not ours.listener.is_running
    assert ours.database.info()["instances"] == 3
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), PATIENCE)
    ours.listener.stop()
    assert ours.kinds()[-1] == "stopped"
    ours.listener.start()
    assert check_node(ours.node).ok


def test_object_on_its_way_arrives_though_it_is_stopped(
    receiver, raw_peer, phantom_paths, data_set_of, monkeypatch
):
    begun = threading.Event()

    class Watched(StoreOperation):
        def write(self, content):
            super().write(content)
            begun.set()

    monkeypatch.setattr(served_association, "StoreOperation", Watched)
    ours = receiver()
    dataset = pydicom.dcmread(phantom_paths[0])
    uid, syntax = str(dataset.SOPInstanceUID), str(dataset.file_meta.TransferSyntaxUID)
    content = data_set_of(phantom_paths[0])
    peer = raw_peer(ours.port)
    peer.send(peer.request((1, CT, syntax)))
    assert peer.read()[0] == 2
    peer.send(peer.value(1, 3, _command({**STORE, "AffectedSOPInstanceUID": uid})))
    peer.send(peer.value(1, 0, content[:1000]))
    assert begun.wait(PATIENCE)
    stopper = threading.Thread(target=ours.listener.stop)
    stopper.start()
    peer.send(peer.value(1, 2, content[1000:]))
    assert peer.read()[0] == 4
    stopper.join()
    (record,) = ours.database.instances(uid=uid)
    assert data_set_of(record.path) == content


def test_thousand_connections(receiver, raw_peer):
    ours = receiver(max_associations=8)
    for number in range(1000):
        with socket.create_connection(("127.0.0.1", ours.port), 20) as one:
            if number % 2:
                one.sendall(b"\x01\0\0\0")
    node = ours.node
    deadline = time.monotonic() + PATIENCE
    while not check_node(node).ok:
        assert time.monotonic() < deadline
    for _ in range(50):
        result = check_node(node)
        assert result.ok or result.reason == "busy", result
    assert ours.listener.is_running


def test_port_in_use_names_its_owner(receiver):
    ours = receiver()
    other = Listener(None, ListenerSettings(port=ours.port))
    with pytest.raises(NetworkError) as caught:
        other.start()
    assert caught.value.reason == "port-in-use"
    if sys.platform == "linux":
        assert f"process {os.getpid()}" in str(caught.value)
    assert not other.is_running
    other.stop()


def test_address_that_is_not_ours_and_read_only_database(tmp_path):
    with pytest.raises(NetworkError) as caught:
        Listener(None, ListenerSettings(port=0, bind="203.0.113.1")).start()
    assert caught.value.reason == "no-such-address"
    with pytest.raises(NetworkError) as caught:
        Listener(None, ListenerSettings(port=0, tls=ListenerTls("/no/such.pem"))).start()
    assert caught.value.reason == "tls-files"
    Database.open(tmp_path / "db", create=True).close()
    with Database.open(tmp_path / "db", read_only=True) as database:
        listener = Listener(database, ListenerSettings(port=0))
        with pytest.raises(DatabaseError):
            listener.start()
        assert not listener.is_running


def test_without_a_database_only_echo(receiver):
    ours = receiver(stores=False)
    association = Association.request(ours.node, [(CT, IMPLICIT), (ECHO, IMPLICIT)])
    assert association.refused == {(CT, IMPLICIT): 3}
    association.release()
