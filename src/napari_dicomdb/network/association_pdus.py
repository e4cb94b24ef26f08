"""Requests for associations and the answers to them; theirs decoded, ours encoded.

Everything here comes from strangers: each length is looked at, nothing is believed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_dicomdb.dicom.file_meta import IMPLEMENTATION_NAME, IMPLEMENTATION_UID
from napari_dicomdb.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "AssociationAnswer",
    "AssociationRequest",
    "Offer",
    "decode_association_answer",
    "decode_association_request",
    "encode_acceptance",
    "encode_rejection",
]

_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
_MOST_CONTEXTS = 128
_MOST_SYNTAXES = 200
_FIXED = 68  # bytes before the items (PS3.8 Section 9.3.2)
_ITEM = struct.Struct(">BxH")
_SHORT = struct.Struct(">H")
_LONG = struct.Struct(">L")


@dataclass(frozen=True, slots=True)
class Offer:
    """A presentation context that a peer proposes.

    Attributes
    ----------
    number : int
        Odd, 1 to 255.
    abstract_syntax : str
    transfer_syntaxes : tuple of str
        In the order of the peer's wishes, as they came.
    """

    number: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AssociationRequest:
    """What an A-ASSOCIATE-RQ says.

    Attributes
    ----------
    version : int
        Of the protocol, a bit for each.
    called_aet, calling_aet : str
        Without the spaces around them.
    called_raw, calling_raw : bytes
        As they came: 16 bytes, to be given back.
    application_context : str
    offers : tuple of Offer
    max_pdu : int
        Largest PDU that the peer takes, bytes; 0: any.
    roles : dict of str to (bool, bool)
        By SOP class: whether the peer wants to be its user, its provider.
    """

    version: int
    called_aet: str
    calling_aet: str
    called_raw: bytes
    calling_raw: bytes
    application_context: str
    offers: tuple[Offer, ...]
    max_pdu: int = 0
    roles: dict[str, tuple[bool, bool]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AssociationAnswer:
    """What an A-ASSOCIATE-AC says.

    Attributes
    ----------
    contexts : dict of int to (int, str)
        By number: result (PS3.8 Table 9-18) and transfer syntax.
    max_pdu : int
        Largest PDU that the peer takes, bytes; 0: any.
    roles : dict of str to (bool, bool)
        By SOP class: whether we may be its user, its provider.
    extended : dict of str to bytes
        By SOP class: what is granted of its extended negotiation.
    """

    contexts: dict[int, tuple[int, str]] = field(default_factory=dict)
    max_pdu: int = 0
    roles: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    extended: dict[str, bytes] = field(default_factory=dict)


def decode_association_request(body: bytes) -> AssociationRequest:
    """Decode an A-ASSOCIATE-RQ.

    Parameters
    ----------
    body : bytes
        Of the PDU, after its head.

    Raises
    ------
    NetworkError
        If it is none (reason "bad-request").
    """
    if len(body) < _FIXED:
        raise _bad("it is too short")
    (version,) = _SHORT.unpack_from(body)
    called, calling = body[4:20], body[20:36]
    application = ""
    offers: dict[int, Offer] = {}
    max_pdu = 0
    roles: dict[str, tuple[bool, bool]] = {}
    for kind, content in _items(body[_FIXED:]):
        if kind == 0x10:
            application = _uid(content)
        elif kind == 0x20:
            offer = _offer(content)
            if offer.number in offers or not offer.number & 1:
                raise _bad("the number of a presentation context is wrong")
            offers[offer.number] = offer
            if len(offers) > _MOST_CONTEXTS:
                raise _bad("there are too many presentation contexts")
        elif kind == 0x50:
            max_pdu = _user_information(content, roles)
    return AssociationRequest(
        version, _title(called), _title(calling), called, calling, application,
        tuple(offers.values()), max_pdu, roles,
    )  # fmt: skip


def decode_association_answer(body: bytes) -> AssociationAnswer:
    """Decode an A-ASSOCIATE-AC.

    Parameters
    ----------
    body : bytes
        Of the PDU, after its head.

    Raises
    ------
    NetworkError
        If it is none (reason "bad-request").
    """
    if len(body) < _FIXED:
        raise _bad("it is too short")
    contexts: dict[int, tuple[int, str]] = {}
    max_pdu = 0
    roles: dict[str, tuple[bool, bool]] = {}
    extended: dict[str, bytes] = {}
    for kind, content in _items(body[_FIXED:]):
        if kind == 0x21:
            offer = _offer(content)
            contexts[offer.number] = content[2], (offer.transfer_syntaxes or ("",))[0]
        elif kind == 0x50:
            max_pdu = _user_information(content, roles)
            extended.update(_extended(value) for kind, value in _items(content) if kind == 0x56)
    return AssociationAnswer(contexts, max_pdu, roles, extended)


def _extended(value: bytes) -> tuple[str, bytes]:
    (length,) = _SHORT.unpack_from(value) if len(value) >= 2 else (0,)
    if not 0 < length <= len(value) - 2:
        raise _bad("the length of an extended negotiation is wrong")
    return _uid(value[2 : 2 + length]), value[2 + length :]


def _items(raw: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(raw):
        if place + 4 > len(raw):
            raise _bad("it ends within an item")
        kind, length = _ITEM.unpack_from(raw, place)
        place += 4
        if place + length > len(raw):
            raise _bad("the length of an item is wrong")
        yield kind, raw[place : place + length]
        place += length


def _offer(content: bytes) -> Offer:
    if len(content) < 4:
        raise _bad("a presentation context is too short")
    abstract = ""
    syntaxes: list[str] = []
    for kind, value in _items(content[4:]):
        if kind == 0x30:
            abstract = _uid(value)
        elif kind == 0x40 and len(syntaxes) < _MOST_SYNTAXES:
            syntaxes.append(_uid(value))
    return Offer(content[0], abstract, tuple(syntaxes))


def _user_information(content: bytes, roles: dict[str, tuple[bool, bool]]) -> int:
    max_pdu = 0
    for kind, value in _items(content):
        if kind == 0x51:
            if len(value) != 4:
                raise _bad("the largest PDU is no number")
            (max_pdu,) = _LONG.unpack(value)
        elif kind == 0x54:
            (length,) = _SHORT.unpack_from(value) if len(value) >= 4 else (-1,)
            if length + 4 != len(value):
                raise _bad("the length of a role is wrong")
            roles[_uid(value[2:-2])] = (bool(value[-2]), bool(value[-1]))
    if 0 < max_pdu < 16:
        raise _bad("the largest PDU that it takes is too small")
    return max_pdu


def _uid(raw: bytes) -> str:
    text = raw.rstrip(b"\0 ").lstrip(b" ").decode("latin_1")
    return text if len(text) <= 64 and text.isascii() and text.isprintable() else ""


def _title(raw: bytes) -> str:
    text = raw.decode("latin_1").strip(" \0")
    return "".join(c if c.isprintable() and c.isascii() else "?" for c in text)


def encode_acceptance(
    request: AssociationRequest,
    contexts: Mapping[int, tuple[int, str]],
    max_pdu: int,
    roles: Mapping[str, tuple[bool, bool]],
) -> bytes:
    """Encode the body of an A-ASSOCIATE-AC.

    Parameters
    ----------
    request : AssociationRequest
    contexts : mapping of int to (int, str)
        By number: result (PS3.8 Table 9-18) and transfer syntax.
    max_pdu : int
        Largest PDU that we take, bytes.
    roles : mapping of str to (bool, bool)
        Which of the roles asked for the peer gets: user, provider.
    """
    parts = [
        b"\0\1\0\0", request.called_raw, request.calling_raw, bytes(32),
        _item(0x10, _APPLICATION_CONTEXT.encode()),
    ]  # fmt: skip
    for number, (result, syntax) in contexts.items():
        value = bytes((number, 0, result, 0)) + _item(0x40, syntax.encode("ascii"))
        parts.append(_item(0x21, value))
    information = [
        _item(0x51, _LONG.pack(max_pdu)),
        _item(0x52, IMPLEMENTATION_UID.encode()),
        *(
            _item(0x54, _SHORT.pack(len(uid)) + uid.encode("ascii") + bytes(wanted))
            for uid, wanted in roles.items()
        ),
        _item(0x55, IMPLEMENTATION_NAME.encode()),
    ]
    parts.append(_item(0x50, b"".join(information)))
    return b"".join(parts)


def encode_rejection(result: int, source: int, reason: int) -> bytes:
    """Encode the body of an A-ASSOCIATE-RJ (PS3.8 Section 9.3.4)."""
    return bytes((0, result, source, reason))


def _item(kind: int, value: bytes) -> bytes:
    return _ITEM.pack(kind, len(value)) + value


def _bad(why: str) -> NetworkError:
    return NetworkError(f"the request for an association is wrong: {why}", reason="bad-request")
