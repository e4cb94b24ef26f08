"""What we propose, as pynetdicom decodes it; what is answered, as it encodes it."""

from __future__ import annotations

import pytest
from pynetdicom.pdu import A_ASSOCIATE_RQ

from napari_dicomdb.network.negotiation import (
    MOST_CONTEXTS,
    decode_answer,
    decode_extended,
    decode_roles,
    encode_request,
)
from napari_dicomdb.network.node import Node
from napari_dicomdb.network.secrets import keep_secret


def test_request(memory_keyring):
    node = Node(
        "n", host="h", called_aet="THEM", calling_aet="US",
        credentials="basic", user="me", secret=keep_secret("pass"),
    )  # fmt: skip
    read = A_ASSOCIATE_RQ()
    read.decode(encode_request(node, [("1.2.3", "1.2.840.10008.1.2"), ("1.2.4", "1.2.5")]))
    assert (read.called_ae_title.strip(), read.calling_ae_title.strip()) == ("THEM", "US")
    contexts = [
        (c.context_id, c.abstract_syntax, c.transfer_syntax) for c in read.presentation_context
    ]
    assert contexts == [(1, "1.2.3", ["1.2.840.10008.1.2"]), (3, "1.2.4", ["1.2.5"])]
    assert read.user_information.maximum_length == node.limits.max_pdu
    identity = read.user_information.user_identity
    assert (identity.primary, identity.secondary) == (b"me", b"pass")


def test_number_of_contexts():
    node = Node("n", host="h")
    for count in (0, MOST_CONTEXTS + 1):
        with pytest.raises(ValueError, match="presentation contexts"):
            encode_request(node, [("1.2.3", "1.2.5")] * count)


@pytest.mark.parametrize("junk", [b"", b"\2\0\0\0\0\4abcd", b"\2\0" + b"\xff" * 200])
def test_junk(junk):
    with pytest.raises(ValueError, match="no A-ASSOCIATE-AC"):
        decode_answer(junk)


def test_extended_negotiation():
    node = Node("n", host="h")
    wishes = {"1.2.3": b"\1\0\1\0", "1.2.4": b"\1"}
    read = A_ASSOCIATE_RQ()
    read.decode(encode_request(node, [("1.2.3", "1.2.840.10008.1.2")], extended=wishes))
    assert {str(i.uid): i.app_info for i in read.user_information.ext_neg} == wishes
    plain = A_ASSOCIATE_RQ()
    plain.decode(encode_request(node, [("1.2.3", "1.2.840.10008.1.2")]))
    assert plain.user_information.ext_neg == []
    # An answer has the same items in another PDU (PS3.8 Section 9.3.3).
    answer = bytearray(encode_request(node, [("1.2.3", "1.2.840.10008.1.2")], extended=wishes))
    answer[0] = 2
    assert decode_extended(bytes(answer)) == wishes
    with pytest.raises(ValueError, match="no A-ASSOCIATE-AC"):
        decode_extended(b"")


def test_roles():
    from pynetdicom.pdu import A_ASSOCIATE_AC
    from pynetdicom.pdu_primitives import A_ASSOCIATE, SCP_SCU_RoleSelectionNegotiation

    node = Node("n", host="h")
    asked = A_ASSOCIATE_RQ()
    asked.decode(encode_request(node, [("1.2.3", "1.2.840.10008.1.2")], roles=["1.2.3", "1.2.4"]))
    roles = asked.user_information.role_selection
    assert {uid: (r.scu_role, r.scp_role) for uid, r in roles.items()} == {
        "1.2.3": (0, 1),
        "1.2.4": (0, 1),
    }
    answer = asked.to_primitive()
    answer.result, answer.result_source = 0, 1
    information = [x for x in answer.user_information if not hasattr(x, "scp_role")]
    for uid, scp_role in (("1.2.3", True), ("1.2.4", False)):
        item = SCP_SCU_RoleSelectionNegotiation()
        item.sop_class_uid, item.scu_role, item.scp_role = uid, not scp_role, scp_role
        information.append(item)
    answer.user_information = information
    assert isinstance(answer, A_ASSOCIATE)
    answer.presentation_context_definition_results_list = []
    encoded = A_ASSOCIATE_AC()
    encoded.from_primitive(answer)
    assert decode_roles(encoded.encode()) == {"1.2.3"}
    with pytest.raises(ValueError, match="A-ASSOCIATE-AC"):
        decode_roles(b"")
