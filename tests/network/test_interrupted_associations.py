"""A thousand associations that are cut, delayed and corrupted: nothing acknowledged is lost."""

from __future__ import annotations

import random
import socket
import struct

import pydicom
import pytest

from napari_dicomdb.network.commands import decode_command, encode_command
from napari_dicomdb.network.echo import check_node

CT = "1.2.840.10008.5.1.4.1.1.2"
ROUNDS, PARTS = 1000, 4


@pytest.fixture(scope="module")
def small_object(tmp_path_factory):
    """A small CT image; path and bytes of its data set."""
    from napari_dicomdb.viewer.phantom import write_phantom_study

    folder = tmp_path_factory.mktemp("small")
    (series,) = write_phantom_study(folder, ("axial-ct",), matrix=16, slices=4)
    return series.paths[0]


def objects(path, content):
    """Yield endless objects: UID and data set, all the same but for their UID."""
    uid = str(pydicom.dcmread(path).SOPInstanceUID)
    number = 0
    while True:
        number += 1
        other = f"1.2.826.0.1.{number:09d}".ljust(len(uid), "7")[: len(uid)]
        yield other, content.replace(uid.encode(), other.encode())


def message(peer, uid, content, number):
    command = {
        "AffectedSOPClassUID": CT,
        "CommandField": 1,
        "MessageID": number,
        "Priority": 0,
        "CommandDataSetType": 1,
        "AffectedSOPInstanceUID": uid,
    }
    half = len(content) // 2
    return (
        peer.value(1, 3, encode_command(command))
        + peer.value(1, 0, content[:half])
        + peer.value(1, 2, content[half:])
    )


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_acknowledged_is_lost(receiver, raw_peer, small_object, data_set_of, part):
    ours = receiver(max_associations=200, idle_seconds=20)
    syntax = str(pydicom.filereader.read_file_meta_info(small_object).TransferSyntaxUID)
    chance = random.Random(part)
    source = objects(small_object, data_set_of(small_object))
    acknowledged, sent, corrupted = {}, {}, set()
    for _ in range(ROUNDS // PARTS):
        peer = raw_peer(ours.port)
        peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        said = peer.request((1, CT, syntax))
        if chance.random() < 0.05:
            peer.send(said[: chance.randrange(len(said))])
            peer.socket.close()
            continue
        peer.send(said)
        assert peer.read()[0] == 2
        for number in range(1, 1 + chance.randrange(1, 4)):
            uid, content = next(source)
            sent[uid] = content
            said = message(peer, uid, content, number)
            fate = chance.random()
            if fate < 0.4:
                peer.send(said)
                kind, body = peer.read()
                assert kind == 4
                answer = decode_command(body[6:])
                assert (answer["Status"], answer["MessageIDBeingRespondedTo"]) == (0, number)
                acknowledged[uid] = content
                continue
            if fate < 0.7:  # cut
                peer.send(said[: chance.randrange(len(said))])
            elif fate < 0.85:  # whole, but nobody waits for the answer
                peer.send(said)
            else:  # corrupted: a byte of the framing or of the command
                corrupted.add(uid)
                place = chance.randrange(200)
                wrong = bytes((said[place] ^ chance.randrange(1, 256),))
                peer.send(said[:place] + wrong + said[place + 1 :])
            if chance.random() < 0.5:  # a reset instead of an end
                linger = struct.pack("ii", 1, 0)
                peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            break
        peer.socket.close()
    assert check_node(ours.node).ok
    ours.listener.stop()
    assert ours.partial() == []
    found = {record.uid: record for record in ours.database.instances()}
    assert len(acknowledged) > ROUNDS // PARTS // 4
    assert set(acknowledged) <= set(found)
    for uid, record in found.items():
        raw = data_set_of(record.path)
        # What was corrupted on the way is as it came; it is whole, and was never acknowledged.
        assert raw == sent.get(uid, raw) or (uid in corrupted and len(raw) == len(sent[uid]))
    assert not corrupted & set(acknowledged)
    assert ours.listener.statistics.stored >= len(acknowledged)
