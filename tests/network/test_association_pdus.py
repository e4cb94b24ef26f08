"""Requests for associations: those of pynetdicom, and bytes of any kind."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.association_pdus import (
    decode_association_answer,
    decode_association_request,
    encode_acceptance,
    encode_rejection,
)
from napari_dicomdb.network.framing import encode_pdu
from napari_dicomdb.network.negotiation import encode_request
from napari_dicomdb.network.node import Limits, Node

CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
IMPLICIT, JPEG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.4.70"


def request(**known):
    node = Node("n", host="h", called_aet="THEM", calling_aet="US", limits=Limits(max_pdu=32_768))
    return encode_request(node, [(CT, IMPLICIT), (MR, JPEG)], **known)[6:]


def test_request_of_pynetdicom():
    found = decode_association_request(request(roles=[MR]))
    assert (found.version, found.called_aet, found.calling_aet) == (1, "THEM", "US")
    assert found.application_context == "1.2.840.10008.3.1.1.1"
    assert [(o.number, o.abstract_syntax, o.transfer_syntaxes) for o in found.offers] == [
        (1, CT, (IMPLICIT,)),
        (3, MR, (JPEG,)),
    ]
    assert found.max_pdu == 32_768
    assert found.roles == {MR: (False, True)}


def test_pynetdicom_reads_our_acceptance():
    asked = decode_association_request(request())
    body = encode_acceptance(asked, {1: (0, IMPLICIT), 3: (4, JPEG)}, 65_536, {CT: (True, False)})
    read = A_ASSOCIATE_AC()
    read.decode(encode_pdu(2, body))
    assert [(c.context_id, c.result, c.transfer_syntax) for c in read.presentation_context] == [
        (1, 0, IMPLICIT),
        (3, 4, JPEG),
    ]
    assert read.user_information.maximum_length == 65_536
    assert read.user_information.implementation_version_name == "NAPARI_DICOMDB"
    role = read.user_information.role_selection[CT]
    assert (role.scu, role.scp) == (True, False)


def test_pynetdicom_reads_our_rejection():
    read = A_ASSOCIATE_RJ()
    read.decode(encode_pdu(3, encode_rejection(1, 1, 7)))
    assert (read.result, read.source, read.reason_diagnostic) == (1, 1, 7)


def changed(raw, place, new):
    return raw[:place] + new + raw[place + len(new) :]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        request()[:67],
        request()[:-1],
        changed(request(), 70, b"\xff\xff"),
        request()[:68] + b"\x20\0\0\2\1\0",
        request()[:68] + b"\x20\0\0\4\2\0\0\0",
        request()[:68] + b"\x20\0\0\4\1\0\0\0" * 2,
        request()[:68] + b"\x50\0\0\5\x51\0\0\1\1",
        request()[:68] + b"\x50\0\0\x08\x51\0\0\4\0\0\0\1",
        request()[:68] + b"\x50\0\0\x08\x54\0\0\4\0\x09ab",
    ],
)
def test_wrong_requests(raw):
    with pytest.raises(NetworkError) as caught:
        decode_association_request(raw)
    assert caught.value.reason == "bad-request"


def test_hostile_texts_are_harmless():
    raw = changed(request(), 20, b"\x1b[31m\xff\n\0        ")
    found = decode_association_request(raw)
    assert found.calling_aet.isprintable()
    uid = b"../../etc/passwd\n"
    item = b"\x20\0" + struct.pack(">H", 8 + len(uid)) + b"\1\0\0\0\x30\0"
    found = decode_association_request(request()[:68] + item + struct.pack(">H", len(uid)) + uid)
    assert found.offers[0].abstract_syntax == ""


@given(st.binary(max_size=400))
def test_any_bytes(tail):
    try:
        decode_association_request(request()[:68] + tail)
    except NetworkError as error:
        assert error.reason == "bad-request"


def test_answer():
    roles, syntaxes = {CT: (False, True), MR: (True, False)}, {1: (0, JPEG), 3: (4, IMPLICIT)}
    asked = decode_association_request(request())
    body = encode_acceptance(asked, syntaxes, 32_768, roles)
    found = decode_association_answer(body)
    assert (found.contexts, found.max_pdu, found.roles) == (syntaxes, 32_768, roles)
    odd = body.replace(b"2.25.", b"\0\0\0\0\0")  # no UID: nothing to us, and nobody is warned
    assert decode_association_answer(odd).contexts == syntaxes
    more = struct.pack(">HH", 0x5600, 9) + struct.pack(">H", 3) + b"1.2\1\2\3\4"
    head, information = body.split(b"\x50\0", 1)
    (length,) = struct.unpack_from(">H", information)
    granted = head + b"\x50\0" + struct.pack(">H", length + len(more)) + information[2:] + more
    assert decode_association_answer(granted).extended == {"1.2": b"\1\2\3\4"}
    for cut in range(len(body)):
        try:
            assert decode_association_answer(body[:cut]).max_pdu == 0
        except NetworkError as error:
            assert error.reason == "bad-request"


@given(st.binary(max_size=200))
def test_any_answer(content):
    try:
        decode_association_answer(bytes(68) + content)
    except NetworkError as error:
        assert error.reason == "bad-request"
