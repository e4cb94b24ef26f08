"""Command sets, as pynetdicom reads and writes them."""

from __future__ import annotations

import io

import pytest
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.commands import decode_command, encode_command

STORE = {
    "AffectedSOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
    "CommandField": 1,
    "MessageID": 7,
    "Priority": 0,
    "CommandDataSetType": 1,
    "AffectedSOPInstanceUID": "1.2.34",
}


def test_pynetdicom_reads_what_we_write():
    raw = encode_command(STORE)
    read = decode(io.BytesIO(raw), True, True)
    found = {e.keyword: e.value for e in read}
    assert found.pop("CommandGroupLength") == len(raw) - 12
    assert found == STORE


def test_we_read_what_pynetdicom_writes():
    dataset = Dataset()
    dataset.CommandField = 0x8001
    dataset.MessageIDBeingRespondedTo = 7
    dataset.Status = 0xB000
    dataset.ErrorComment = "odd"
    dataset.OffendingElement = [0x00100010]
    raw = encode(dataset, True, True)
    assert decode_command(raw) == {
        "CommandField": 0x8001,
        "MessageIDBeingRespondedTo": 7,
        "Status": 0xB000,
        "ErrorComment": "odd",
        "OffendingElement": "00100010",
    }


def test_comment_that_would_drive_a_terminal():
    raw = encode_command({"ErrorComment": "a\x1b[2Jb"})
    assert decode_command(raw)["ErrorComment"] == "a\N{REPLACEMENT CHARACTER}[2Jb"


@pytest.mark.parametrize(
    "raw",
    [b"\0", b"\0\0\0\1\xff\xff\xff\xff", b"\x08\0\0\1\2\0\0\0ab", b"\0\0\0\x09\1\0\0\0a"],
)
def test_what_is_no_command_set(raw):
    with pytest.raises(NetworkError) as caught:
        decode_command(raw)
    assert caught.value.reason == "bad-answer"
