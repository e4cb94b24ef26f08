"""Our storage commitment, asked by Orthanc and by ourselves."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from napari_dicomdb.errors import NodeError
from napari_dicomdb.network import commitment_service
from napari_dicomdb.network.association import Association
from napari_dicomdb.network.commands import N_ACTION_RQ
from napari_dicomdb.network.commitment import request_commitment
from napari_dicomdb.network.commitment_data import (
    COMMITMENT_INSTANCE,
    CommitmentRequest,
    CommitmentResult,
    decode_result,
    encode_request,
)
from napari_dicomdb.network.commitment_service import (
    Courier,
    check_commitment,
    event_command,
    node_of,
)
from napari_dicomdb.network.node import Node
from napari_dicomdb.network.nodes import add_node
from napari_dicomdb.network.sending import send_instances
from napari_dicomdb.network.storage_classes import STORAGE_COMMITMENT

CT = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT = "1.2.840.10008.1.2"


def test_orthanc_sends_and_asks(receiver, orthanc, phantom_paths):
    """Orthanc ends its association and takes the result on one of ours."""
    ours = receiver(pauses=(0.2, 0.5))
    peer = orthanc(DicomModalities={"us": ["DICOMDB", "127.0.0.1", ours.port]})
    add_node(replace(peer.node, name="the other"))
    for path in phantom_paths[:4]:
        peer.ask("/instances", path.read_bytes())
    wish = {"Resources": [peer.ask("/studies")[0]], "StorageCommitment": True, "Synchronous": True}
    answer = peer.ask("/modalities/us/store", json.dumps(wish).encode())
    uid = answer["StorageCommitmentTransactionUID"]
    assert ours.wait_for("committed")[0].reason == ""  # Orthanc has kept it, then answered
    state = peer.ask(f"/storage-commitment/{uid}")
    assert state["Status"] == "Success"
    assert len(state["Success"]) == 4


def test_what_is_not_here_is_not_committed(receiver, phantom_database):
    ours = receiver()
    records = phantom_database.instances()
    assert send_instances(records[:3], ours.node).ok
    lost = ours.file(records[2].uid)
    lost.unlink()
    found = request_commitment(
        ours.node,
        [
            (CT, records[0].uid),
            ("1.2.840.10008.5.1.4.1.1.4", records[1].uid),
            (CT, records[2].uid),
            (CT, records[3].uid),
        ],
    )
    assert [found.states[r.uid] for r in records[:4]] == [
        ("committed", "the node keeps it"),
        ("failed", "the node has it under another SOP class"),
        ("failed", "the node does not have it"),
        ("failed", "the node does not have it"),
    ]


def test_check_indexes_first(receiver, phantom_database):
    ours = receiver()
    records = phantom_database.instances()
    send_instances(records, ours.node)
    wish = CommitmentRequest("1.2", tuple((CT, record.uid) for record in records))
    result = check_commitment(ours.listener.inbox, wish)
    assert result == CommitmentResult("1.2", wish.references)
    assert event_command(result)["EventTypeID"] == 1


@pytest.mark.parametrize(
    ("changes", "data", "status"),
    [
        ({"ActionTypeID": 2}, None, 0x0123),
        ({"RequestedSOPInstanceUID": "1.2.3"}, None, 0x0112),
        ({}, b"nonsense", 0x0115),
    ],
)
def test_wrong_requests(receiver, changes, data, status):
    ours = receiver()
    association = Association.request(ours.node, [(STORAGE_COMMITMENT, IMPLICIT)])
    command = {
        "RequestedSOPClassUID": STORAGE_COMMITMENT,
        "CommandField": N_ACTION_RQ,
        "CommandDataSetType": 1,
        "RequestedSOPInstanceUID": COMMITMENT_INSTANCE,
        "ActionTypeID": 1,
        **changes,
    }
    content = data or encode_request(CommitmentRequest("1.2", ((CT, "1.2.3"),)), IMPLICIT)
    message = association.send_request(1, command, content)
    assert association.read_answer(message)["Status"] == status
    association.release()


def test_several_requests_are_reported_on_one_association(receiver):
    ours = receiver()
    association = Association.request(ours.node, [(STORAGE_COMMITMENT, IMPLICIT)])
    for number in range(3):
        content = encode_request(CommitmentRequest(f"1.2.{number}", ((CT, "1.2.3"),)), IMPLICIT)
        association.send_request(
            1,
            {
                "RequestedSOPClassUID": STORAGE_COMMITMENT,
                "CommandField": N_ACTION_RQ,
                "CommandDataSetType": 1,
                "RequestedSOPInstanceUID": COMMITMENT_INSTANCE,
                "ActionTypeID": 1,
            },
            content,
        )
    told = set()
    while len(told) < 3:
        message = association.read_message()
        if message.data is not None:
            result = decode_result(message.data, IMPLICIT)
            assert result.failed == {(CT, "1.2.3"): 0x0112}
            assert message.command["EventTypeID"] == 2
            told.add(result.transaction_uid)
            association.send_response(
                1,
                {
                    "CommandField": 0x8100,
                    "MessageIDBeingRespondedTo": message.command["MessageID"],
                    "CommandDataSetType": 0x0101,
                    "Status": 0,
                },
            )
    association.release()
    assert told == {"1.2.0", "1.2.1", "1.2.2"}
    assert len(ours.wait_for("committed", 3)) == 3


def test_node_by_title_and_address():
    add_node(Node("a", host="10.0.0.1", port=1, called_aet="PACS"))
    add_node(Node("b", host="10.0.0.2", port=2, called_aet="PACS"))
    found = node_of("PACS", "10.0.0.2", "US")
    assert (found.name, found.calling_aet) == ("b", "US")
    assert node_of("PACS", "10.0.0.9", "US").name == "a"
    assert node_of("OTHER", "10.0.0.1", "US") is None


def test_courier_gives_up_and_says_so(quick):
    told = []
    add_node(Node("gone", host="127.0.0.1", port=9, called_aet="GONE", limits=quick))
    courier = Courier(lambda *words: told.append(words), pauses=(0.01,))
    courier.send(CommitmentResult("1.2.3"), "GONE", "127.0.0.1", "US")
    courier.send(CommitmentResult("1.2.3"), "UNKNOWN", "127.0.0.1", "US")
    courier.stop()
    assert [(ok, node) for ok, node, _ in sorted(told)] == [(False, ""), (False, "gone")]


def test_courier_ends_at_once_beside_a_silent_node(answering):
    told = []
    node = Node("silent", host="127.0.0.1", port=answering(None), called_aet="SILENT")
    add_node(node)  # with a minute's patience
    courier = Courier(lambda *words: told.append(words))
    courier.send(CommitmentResult("1.2.3"), "SILENT", "127.0.0.1", "US")
    courier.stop()
    courier.send(CommitmentResult("1.2.4"), "SILENT", "127.0.0.1", "US")
    assert [(ok, name) for ok, name, _ in told] == [(False, "silent")]


def test_courier_says_that_the_list_of_nodes_cannot_be_read(monkeypatch):
    def broken():
        raise NodeError("the list of nodes cannot be read")

    monkeypatch.setattr(commitment_service, "load_nodes", broken)
    told = []
    courier = Courier(lambda *words: told.append(words))
    courier.send(CommitmentResult("1.2.3"), "PACS", "127.0.0.1", "US")
    courier.stop()
    assert told == [(False, "", "the list of nodes cannot be read")]
