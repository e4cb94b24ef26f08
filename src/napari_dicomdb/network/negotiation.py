"""The PDUs by which an association is negotiated: ours by pynetdicom, the answers read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.file_meta import IMPLEMENTATION_NAME, IMPLEMENTATION_UID
from napari_dicomdb.errors import MissingLibraryError, NetworkError
from napari_dicomdb.network.association_pdus import (
    AssociationAnswer,
    decode_association_answer,
)
from napari_dicomdb.network.secrets import secret_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pynetdicom.pdu_primitives import A_ASSOCIATE

    from napari_dicomdb.network.node import Node

__all__ = [
    "MOST_CONTEXTS",
    "Proposal",
    "decode_answer",
    "decode_extended",
    "decode_roles",
    "encode_request",
]

MOST_CONTEXTS = 128
"""Presentation contexts that one association can have: odd numbers of one byte."""

Proposal = tuple[str, str]
"""Abstract syntax (SOP class) and transfer syntax; each makes one presentation context."""

_HEAD = 6  # bytes of a PDU before its body
_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"


def encode_request(
    node: Node,
    proposals: Sequence[Proposal],
    *,
    roles: Sequence[str] = (),
    extended: Mapping[str, bytes] | None = None,
) -> bytes:
    """Encode an A-ASSOCIATE-RQ.

    Parameters
    ----------
    node : Node
    proposals : sequence of Proposal
        They get the numbers 1, 3, 5 ...
    roles : sequence of str
        SOP classes of which the node is to send us objects (C-GET), not we the node.
    extended : mapping of str to bytes, optional
        SOP class extended negotiation (PS3.7 D.3.3.5): what is asked of a SOP class.

    Raises
    ------
    ValueError
        If there are none, or more than `MOST_CONTEXTS`.
    MissingLibraryError
        If pynetdicom is not installed.
    NodeError
        If the password cannot be had from the keyring.
    """
    try:
        from pynetdicom.pdu import A_ASSOCIATE_RQ
        from pynetdicom.pdu_primitives import A_ASSOCIATE
        from pynetdicom.presentation import PresentationContext
    except ImportError as error:
        raise MissingLibraryError(
            'the network needs pynetdicom: pip install "napari-dicomdb[network]"'
        ) from error
    if not 0 < len(proposals) <= MOST_CONTEXTS:
        raise ValueError(f"{len(proposals)} presentation contexts: there can be {MOST_CONTEXTS}")
    primitive = A_ASSOCIATE()
    primitive.application_context_name = _APPLICATION_CONTEXT
    primitive.calling_ae_title = node.calling_aet
    primitive.called_ae_title = node.called_aet
    contexts = []
    for number, (abstract, transfer) in zip(range(1, 256, 2), proposals, strict=False):
        context = PresentationContext()
        context.context_id = number
        context.abstract_syntax = abstract
        context.transfer_syntax = [transfer]
        contexts.append(context)
    primitive.presentation_context_definition_list = contexts
    _add_user_information(primitive, node, roles, extended or {})
    request = A_ASSOCIATE_RQ()
    request.from_primitive(primitive)
    return request.encode()


def _add_user_information(
    primitive: A_ASSOCIATE,
    node: Node,
    roles: Sequence[str],
    extended: Mapping[str, bytes],
) -> None:
    from pynetdicom.pdu_primitives import (
        ImplementationClassUIDNotification,
        ImplementationVersionNameNotification,
        MaximumLengthNotification,
        SCP_SCU_RoleSelectionNegotiation,
        SOPClassExtendedNegotiation,
        UserIdentityNegotiation,
    )

    longest = MaximumLengthNotification()
    longest.maximum_length_received = node.limits.max_pdu
    uid = ImplementationClassUIDNotification()
    uid.implementation_class_uid = IMPLEMENTATION_UID
    name = ImplementationVersionNameNotification()
    name.implementation_version_name = IMPLEMENTATION_NAME
    items: list[Any] = [longest, uid, name]
    for sop_class_uid, information in extended.items():
        wish = SOPClassExtendedNegotiation()
        wish.sop_class_uid = sop_class_uid
        wish.service_class_application_information = information
        items.append(wish)
    if node.credentials != "none":
        identity = UserIdentityNegotiation()
        secret = secret_of(node).encode()
        if node.credentials == "basic":
            identity.user_identity_type = 2
            identity.primary_field, identity.secondary_field = node.user.encode(), secret
        else:
            identity.user_identity_type = 5  # JSON web token
            identity.primary_field = secret
        items.append(identity)
    for abstract in roles:
        role = SCP_SCU_RoleSelectionNegotiation()
        role.sop_class_uid = abstract
        role.scu_role, role.scp_role = False, True
        items.append(role)
    primitive.user_information = items


def decode_answer(answer: bytes) -> tuple[int, dict[int, tuple[int, str]]]:
    """Decode an A-ASSOCIATE-AC.

    Returns
    -------
    max_pdu : int
        Largest PDU that the node takes, bytes; 0: any.
    contexts : dict of int to (int, str)
        By number: result (PS3.8 Table 9-18) and transfer syntax.

    Raises
    ------
    ValueError
        If it is none.
    """
    accepted = _decoded(answer)
    return accepted.max_pdu, accepted.contexts


def decode_roles(answer: bytes) -> frozenset[str]:
    """Return the SOP classes of which an A-ASSOCIATE-AC agrees to send us objects.

    Raises
    ------
    ValueError
        If it is none.
    """
    roles = _decoded(answer).roles
    return frozenset(uid for uid, (_, provider) in roles.items() if provider)


def decode_extended(answer: bytes) -> dict[str, bytes]:
    """Return what an A-ASSOCIATE-AC grants by SOP class extended negotiation.

    Raises
    ------
    ValueError
        If it is none.
    """
    return _decoded(answer).extended


def _decoded(answer: bytes) -> AssociationAnswer:
    # pynetdicom would warn of each odd value, and it believes lengths.
    try:
        return decode_association_answer(answer[_HEAD:])
    except NetworkError as error:
        raise ValueError(f"no A-ASSOCIATE-AC: {error.reason}") from error
