"""The head of a DICOM file that arrives: what it is, and where its data set begins."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

from napari_dicomdb.dicom._meta import DEFLATED, EXPLICIT_BIG, IMPLICIT_LITTLE, META_NAMES
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.errors import HeaderError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["identity", "split_file"]

_LONGEST_META = 64 * 1024
_FIRST_ELEMENTS = 4096
_SOP_CLASS_UID, _SOP_INSTANCE_UID = 0x00080016, 0x00080018
_LONG_VRS = frozenset({b"OB", b"UN", b"UT", b"SQ", b"OW"})
_META_NAMES = {**META_NAMES, 0x00030002: "MediaStorageSOPInstanceUID"}


def split_file(pieces: Iterator[bytes]) -> tuple[dict[str, str], bytes]:
    """Take the file meta information off the front of a file; return it and what followed.

    Raises
    ------
    HeaderError
        If there is none ("not-dicom"), or it lacks a UID.
    """
    head = bytearray()
    while True:
        found = _meta_of(head)
        if found is not None:
            meta, end = found
            break
        piece = next(pieces, None)
        if piece is None:
            raise HeaderError("what the server sent ends within its header", reason="truncated")
        head += piece
    while len(head) < end + _FIRST_ELEMENTS and (piece := next(pieces, None)) is not None:
        head += piece
    lacking = [name for name in _META_NAMES.values() if not meta.get(name)]
    if lacking:
        raise HeaderError(f"what the server sent has no {', '.join(lacking)}", reason="bad-header")
    return meta, bytes(head[end:])


def identity(meta: dict[str, str], rest: bytes) -> tuple[str, str]:
    """Return SOP class and SOP instance UID: those of the data set, else of the file meta.

    There are archives whose file meta information names another object.
    """
    from pydicom.filereader import read_dataset

    known = meta["MediaStorageSOPClassUID"], meta["MediaStorageSOPInstanceUID"]
    syntax = meta["TransferSyntaxUID"]
    try:
        if syntax in DEFLATED:
            rest = zlib.decompressobj(-zlib.MAX_WBITS).decompress(rest, _FIRST_ELEMENTS)
        found = read_dataset(
            io.BytesIO(rest[: 2 * _FIRST_ELEMENTS]),
            syntax == IMPLICIT_LITTLE,
            syntax != EXPLICIT_BIG,
            stop_when=lambda tag, vr, length: tag > _SOP_INSTANCE_UID,
        )
        raw = [found.get_item(tag) for tag in (_SOP_CLASS_UID, _SOP_INSTANCE_UID)]
    except unreadable():
        return known
    said = [getattr(one, "value", None) for one in raw]
    own = [v.decode("latin_1").strip(" \0") if isinstance(v, bytes) else "" for v in said]
    return own[0] or known[0], own[1] or known[1]


def _meta_of(head: bytearray) -> tuple[dict[str, str], int] | None:
    """Walk the meta group, whatever its group length says; None: more is needed."""
    if len(head) < 140:
        return None
    if head[128:132] != b"DICM":
        raise HeaderError("what the server sent is no DICOM file", reason="not-dicom")
    meta: dict[str, str] = {}
    place = 132
    while True:
        if place > _LONGEST_META:
            raise HeaderError("the file meta information does not end", reason="bad-header")
        if len(head) < place + 12:
            return None
        group, element, vr, length = struct.unpack_from("<HH2sH", head, place)
        if group != 2:
            return meta, place
        start = place + 8
        if vr in _LONG_VRS:
            (length,) = struct.unpack_from("<L", head, start)
            start += 4
        if length > _LONGEST_META:
            raise HeaderError("the file meta information does not end", reason="bad-header")
        if len(head) < start + length:
            return None
        name = _META_NAMES.get(element << 16 | group)
        if name is not None:
            meta[name] = head[start : start + length].decode("latin_1").strip(" \0")
        place = start + length
