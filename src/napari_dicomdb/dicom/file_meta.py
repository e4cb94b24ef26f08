"""File meta information for a data set that came without a file, written from its three UIDs."""

from __future__ import annotations

import struct

from napari_dicomdb.errors import HeaderError

__all__ = ["IMPLEMENTATION_NAME", "IMPLEMENTATION_UID", "encode_file_meta", "require_uid"]

IMPLEMENTATION_UID = "2.25.269447812233184407110338021561190297011"
IMPLEMENTATION_NAME = "NAPARI_DICOMDB"
_LONGEST_UID = 64
_LONGEST_TITLE = 16
_SHORT = struct.Struct("<HH2sH")  # group, element, VR, length
_LONG = struct.Struct("<HH2s2xL")


def require_uid(uid: str, what: str) -> str:
    """Return a UID without its padding.

    Parameters
    ----------
    uid : str
        As another computer gave it.
    what : str
        Its keyword, for the message.

    Raises
    ------
    HeaderError
        "bad-uid": there is none, it is too long, or it holds what no text of DICOM does.
    """
    plain = uid.strip("\0 ")
    if not plain:
        raise HeaderError(f"no {what}", reason="bad-uid")
    if len(plain) > _LONGEST_UID or not (plain.isascii() and plain.isprintable()):
        raise HeaderError(f"{what} is no UID", reason="bad-uid")
    return plain


def encode_file_meta(
    sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, source: str = ""
) -> bytes:
    """Return preamble, prefix and file meta information (PS3.10 Section 7.1).

    Parameters
    ----------
    sop_class_uid, sop_instance_uid, transfer_syntax_uid : str
        Of the data set that follows.
    source : str
        AE title that it came from; left out when it is none.

    Raises
    ------
    HeaderError
        "bad-uid": one of the UIDs cannot be one.
    """
    elements = [
        _LONG.pack(2, 0x0001, b"OB", 2) + b"\0\1",
        _text(0x0002, b"UI", require_uid(sop_class_uid, "SOPClassUID")),
        _text(0x0003, b"UI", require_uid(sop_instance_uid, "SOPInstanceUID")),
        _text(0x0010, b"UI", require_uid(transfer_syntax_uid, "TransferSyntaxUID")),
        _text(0x0012, b"UI", IMPLEMENTATION_UID),
        _text(0x0013, b"SH", IMPLEMENTATION_NAME),
    ]
    title = source.strip()
    if title and len(title) <= _LONGEST_TITLE and title.isascii() and title.isprintable():
        elements.append(_text(0x0016, b"AE", title))
    group = b"".join(elements)
    length = _SHORT.pack(2, 0, b"UL", 4) + struct.pack("<L", len(group))
    return bytes(128) + b"DICM" + length + group


def _text(element: int, vr: bytes, value: str) -> bytes:
    raw = value.encode("ascii")
    if len(raw) % 2:
        raw += b"\0" if vr == b"UI" else b" "
    return _SHORT.pack(2, element, vr, len(raw)) + raw
