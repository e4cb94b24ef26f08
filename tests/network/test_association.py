"""An association with storescp, and with a peer that answers wrongly."""

from __future__ import annotations

import io
import struct

import pytest

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.association import Association
from napari_dicomdb.network.commands import C_ECHO_RQ, NO_DATA_SET, encode_command
from napari_dicomdb.network.node import Node

ECHO = ("1.2.840.10008.1.1", "1.2.840.10008.1.2")
CT = "1.2.840.10008.5.1.4.1.1.2"
COMMAND = {
    "AffectedSOPClassUID": ECHO[0],
    "CommandField": C_ECHO_RQ,
    "CommandDataSetType": NO_DATA_SET,
}


def test_negotiation_and_several_messages(storescp):
    peer = storescp("-pdu", "20000")
    jpeg = (CT, "1.2.840.10008.1.2.4.70")
    association = Association.request(peer.node, [ECHO, (CT, ECHO[1]), jpeg])
    assert association.accepted == {ECHO: 1, (CT, ECHO[1]): 3}
    assert association.refused == {jpeg: 4}
    assert association.peer_max_pdu == 20_000
    for number in (1, 2, 3):
        message = association.send_request(1, COMMAND)
        assert message == number
        assert association.read_answer(message)["Status"] == 0
    association.release()
    association.release()
    assert not association.is_open


def test_file_that_ends_too_early_breaks_the_association_off(storescp):
    peer = storescp()
    association = Association.request(peer.node, [(CT, ECHO[1])])
    with pytest.raises(EOFError):
        association.send_request(1, {**COMMAND, "CommandField": 1}, io.BytesIO(b"abc"), 1000)
    assert not association.is_open
    assert peer.received == {}


def test_answer_to_something_else(storescp):
    association = Association.request(storescp().node, [ECHO])
    message = association.send_request(1, COMMAND)
    with pytest.raises(NetworkError) as caught:
        association.read_answer(message + 1)
    assert caught.value.reason == "bad-answer"
    assert not association.is_open


@pytest.mark.parametrize(
    "answer",
    [
        struct.pack(">BxLLBB", 4, 6, 99, 1, 3),
        struct.pack(">BxLLBB", 4, 6, 2, 1, 0),
        struct.pack(">BxL", 4, 1 << 30),
        struct.pack(">BxLLBB", 4, 14, 10, 1, 3) + b"\0\0\0\1\xff\0\0\0",
        struct.pack(">BxL", 5, 4) + b"\0\0\0\0",
    ],
)
def test_wrong_pdus(storescp, answer):
    association = Association.request(storescp().node, [ECHO])

    class Told:
        host = "peer"
        content = io.BytesIO(answer)

        def receive_into(self, view, seconds):
            count = self.content.readinto(view)
            if not count:
                raise NetworkError("gone", reason="closed")
            return count

        def send(self, content, seconds):
            assert content[0] == 7  # we break it off

    association.framing.stream = Told()
    with pytest.raises(NetworkError):
        association.read_answer(1)
    assert not association.is_open


def test_dicomweb_node_is_refused():
    web = Node("w", kind="dicomweb", url="https://host/")
    with pytest.raises(NetworkError) as caught:
        Association.request(web, [ECHO])
    assert caught.value.reason == "wrong-kind"
    assert encode_command({"Status": 0})
