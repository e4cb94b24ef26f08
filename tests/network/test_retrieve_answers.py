"""The answers to C-GET and C-MOVE, judged by their final status."""

from __future__ import annotations

import pytest

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.commands import C_GET_RQ, C_STORE_RQ, RESPONSE
from napari_dicomdb.network.framing import Message
from napari_dicomdb.network.identifiers import encode_identifier
from napari_dicomdb.network.retrieve_answers import ending_of, is_answer


def answer(status: int, data: bytes | None = None, **more: int | str) -> Message:
    command = {
        "CommandField": C_GET_RQ | RESPONSE,
        "MessageIDBeingRespondedTo": 7,
        "Status": status,
        **more,
    }
    return Message(1, command, data)


def test_pending_and_final() -> None:
    assert ending_of(answer(0xFF00)) is None
    ending = ending_of(answer(0, NumberOfCompletedSuboperations=4, NumberOfWarningSuboperations=1))
    assert ending is not None
    assert (ending.kind, ending.completed, ending.failed) == ("success", 5, None)


def test_failed_uids() -> None:
    listed = encode_identifier({"FailedSOPInstanceUIDList": "1.2\\1.3"})
    ending = ending_of(answer(0xB000, listed, NumberOfFailedSuboperations=2))
    assert ending is not None
    assert (ending.kind, ending.failed, ending.failed_uids) == ("warning", 2, ("1.2", "1.3"))
    assert ending.reason == "status-b000"


@pytest.mark.parametrize("status", [0xC000, 0xA801, 0x0110])
def test_a_destination_that_the_node_may_not_know(status: int) -> None:
    ending = ending_of(answer(status), destination="VIEWER")
    assert ending is not None
    assert "VIEWER" in ending.text
    assert "address and port" in ending.text
    without = ending_of(answer(status))
    assert without is not None
    assert "VIEWER" not in without.text
    other = ending_of(answer(0xAA02), destination="VIEWER")
    assert other is not None
    assert "VIEWER" not in other.text


def test_identifier_that_is_none() -> None:
    ending = ending_of(answer(0xA702, b"\1\2\3", ErrorComment="full"))
    assert ending is not None
    assert (ending.failed_uids, len(ending.remarks)) == ((), 1)
    assert "(full)" in ending.text


def test_answers_to_something_else() -> None:
    assert is_answer(answer(0), 7, C_GET_RQ)
    assert not is_answer(Message(1, {"CommandField": C_STORE_RQ}), 7, C_GET_RQ)
    for bad in (
        Message(1, {"CommandField": C_STORE_RQ | RESPONSE}),
        Message(1, {"CommandField": C_GET_RQ | RESPONSE, "MessageIDBeingRespondedTo": 8}),
        Message(1, {"CommandField": C_GET_RQ | RESPONSE, "MessageIDBeingRespondedTo": 7}),
        Message(1, {}),
    ):
        with pytest.raises(NetworkError):
            is_answer(bad, 7, C_GET_RQ)
