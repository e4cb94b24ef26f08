"""Command sets of DIMSE: a few elements of group 0000, implicit VR little endian."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from napari_dicomdb.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "C_CANCEL_RQ",
    "C_ECHO_RQ",
    "C_FIND_RQ",
    "C_GET_RQ",
    "C_MOVE_RQ",
    "C_STORE_RQ",
    "NO_DATA_SET",
    "N_ACTION_RQ",
    "N_EVENT_REPORT_RQ",
    "RESPONSE",
    "WITH_DATA_SET",
    "Command",
    "decode_command",
    "encode_command",
]

# PS3.7 Annex E.1
_ELEMENTS = {
    "AffectedSOPClassUID": (0x0002, "UI"),
    "RequestedSOPClassUID": (0x0003, "UI"),
    "CommandField": (0x0100, "US"),
    "MessageID": (0x0110, "US"),
    "MessageIDBeingRespondedTo": (0x0120, "US"),
    "MoveDestination": (0x0600, "AE"),
    "Priority": (0x0700, "US"),
    "CommandDataSetType": (0x0800, "US"),
    "Status": (0x0900, "US"),
    "OffendingElement": (0x0901, "AT"),
    "ErrorComment": (0x0902, "LO"),
    "ErrorID": (0x0903, "US"),
    "AffectedSOPInstanceUID": (0x1000, "UI"),
    "RequestedSOPInstanceUID": (0x1001, "UI"),
    "EventTypeID": (0x1002, "US"),
    "AttributeIdentifierList": (0x1005, "AT"),
    "ActionTypeID": (0x1008, "US"),
    "NumberOfRemainingSuboperations": (0x1020, "US"),
    "NumberOfCompletedSuboperations": (0x1021, "US"),
    "NumberOfFailedSuboperations": (0x1022, "US"),
    "NumberOfWarningSuboperations": (0x1023, "US"),
    "MoveOriginatorApplicationEntityTitle": (0x1030, "AE"),
    "MoveOriginatorMessageID": (0x1031, "US"),
}
_NAMES = {element: (name, vr) for name, (element, vr) in _ELEMENTS.items()}
_ELEMENT = struct.Struct("<HHL")
_SHORT = struct.Struct("<H")
_TAG = struct.Struct("<HH")
_LONGEST = {"AE": 16, "LO": 64}

C_STORE_RQ = 0x0001
C_GET_RQ = 0x0010
C_FIND_RQ = 0x0020
C_MOVE_RQ = 0x0021
C_ECHO_RQ = 0x0030
N_EVENT_REPORT_RQ = 0x0100
N_ACTION_RQ = 0x0130
C_CANCEL_RQ = 0x0FFF
RESPONSE = 0x8000
"""Bit by which the command field of an answer differs from that of its request."""
NO_DATA_SET = 0x0101
WITH_DATA_SET = 0x0001

Command = dict[str, "int | str"]
"""Values of a command set by keyword; tags as "00100020", several with a backslash between."""


def encode_command(values: Mapping[str, int | str]) -> bytes:
    """Encode a command set, with its group length.

    Parameters
    ----------
    values : mapping of str to int or str
        By keyword, in any order.
    """
    parts = []
    for element, keyword in sorted((_ELEMENTS[name][0], name) for name in values):
        value = values[keyword]
        vr = _ELEMENTS[keyword][1]
        if isinstance(value, int):
            raw = _SHORT.pack(value)
        elif vr == "AT":
            tags = [int(tag, 16) for tag in value.split("\\")]
            raw = b"".join(_TAG.pack(tag >> 16, tag & 0xFFFF) for tag in tags)
        else:
            raw = value.encode("ascii", "replace")[: _LONGEST.get(vr)]
            raw += (b"\0" if vr == "UI" else b" ") * (len(raw) % 2)
        parts.append(_ELEMENT.pack(0, element, len(raw)) + raw)
    body = b"".join(parts)
    return _ELEMENT.pack(0, 0, 4) + struct.pack("<L", len(body)) + body


def decode_command(raw: bytes) -> Command:
    """Decode what we know of a command set; the rest is passed over.

    Raises
    ------
    NetworkError
        If it is no command set (reason "bad-answer").
    """
    found: Command = {}
    place = 0
    while place < len(raw):
        if place + 8 > len(raw):
            raise _bad("it ends within an element")
        group, element, length = _ELEMENT.unpack_from(raw, place)
        place += 8
        if group != 0 or place + length > len(raw):
            raise _bad("a length or a tag is wrong")
        name, vr = _NAMES.get(element, ("", ""))
        value = raw[place : place + length]
        place += length
        if not length:
            continue
        if vr == "US":
            if length != 2:
                raise _bad(f"{name} has {length} bytes")
            found[name] = _SHORT.unpack(value)[0]
        elif vr == "AT":
            if length % 4:
                raise _bad(f"{name} has {length} bytes")
            found[name] = "\\".join(f"{g:04X}{e:04X}" for g, e in _TAG.iter_unpack(value))
        elif name:
            text = value.decode("latin_1").strip(" \0")
            found[name] = text if text.isprintable() else _shown(text)
    return found


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _bad(why: str) -> NetworkError:
    return NetworkError(f"the node sent a wrong command set: {why}", reason="bad-answer")
