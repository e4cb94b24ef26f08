"""Items of sequences: skipping them, and reading the few elements that are kept."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom._charset import charsets_of
from napari_dicomdb.dicom._decode import (
    LONG_VRS,
    NUMBER_VRS,
    PADDING,
    TEXT_VRS,
    UnusualHeader,
    decode_value,
)
from napari_dicomdb.errors import HeaderError

if TYPE_CHECKING:
    from napari_dicomdb.dicom._dictionary import Tree

__all__ = ["UNDEFINED", "Item", "NeedMore", "Syntax", "only_reference", "read_sequence"]

Item = dict[str, Any]
"""Keyword -> value, or list of items for a nested sequence."""

UNDEFINED = 0xFFFFFFFF
MAX_DEPTH = 48
_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_SHORT_VRS = TEXT_VRS | NUMBER_VRS
_CHARSET_TAG = 0x00080005
_EXPLICIT_ITEM = struct.Struct("<LLL2sH").unpack_from
_IMPLICIT_ITEM = struct.Struct("<LLLL").unpack_from
_EXPLICIT_UI = struct.Struct("<L2sH").unpack_from
_IMPLICIT_UI = struct.Struct("<LL").unpack_from
_REFERENCE = (0xE000FFFE, 0x11500008, 0x11550008)
"""Item, ReferencedSOPClassUID and ReferencedSOPInstanceUID as words of little endian."""


class NeedMore(Exception):
    """The sequence goes on beyond the bytes at hand."""


class Syntax:
    """Explicit or implicit VR, byte order, and the unpackers that go with it."""

    __slots__ = ("element", "explicit", "item", "little", "long")

    def __init__(self, explicit: bool, little: bool) -> None:
        order = "<" if little else ">"
        self.explicit = explicit
        self.little = little
        self.element = struct.Struct(f"{order}HH2sH" if explicit else f"{order}HHL").unpack_from
        self.item = struct.Struct(f"{order}HHL").unpack_from
        self.long = struct.Struct(f"{order}L").unpack_from


IMPLICIT_LITTLE = Syntax(explicit=False, little=True)


def read_sequence(
    buffer: bytes,
    pos: int,
    length: int,
    syntax: Syntax,
    tree: Tree | None,
    charsets: tuple[str, ...] = (),
    depth: int = 0,
) -> tuple[list[Item], int]:
    """Read or skip the items of one sequence.

    Parameters
    ----------
    buffer : bytes
    pos : int
        First byte of the sequence's value in `buffer`.
    length : int
        Its length, possibly `UNDEFINED`.
    syntax : Syntax
    tree : Tree or None
        What to read of each item; None skips.
    charsets : tuple of str
        SpecificCharacterSet outside; an item may have its own.
    depth : int
        How many sequences this one is in.

    Returns
    -------
    items : list of Item
        Empty when `tree` is None.
    end : int
        Where the next element starts.

    Raises
    ------
    NeedMore
        `buffer` ends first.
    UnusualHeader
        This is no sequence as PS3.5 Section 7.5 has them.
    HeaderError
        Nested too deeply.
    """
    if depth > MAX_DEPTH:
        raise HeaderError(
            f"sequences are nested more than {MAX_DEPTH} deep", reason="nested-too-deep"
        )
    items: list[Item] = []
    end = len(buffer) + 8 if length == UNDEFINED else pos + length
    if length != UNDEFINED and end > len(buffer):
        raise NeedMore
    try:
        while pos < end:
            group, element, size = syntax.item(buffer, pos)
            tag = group << 16 | element
            pos += 8
            if tag == _SEQUENCE_END:
                return items, pos
            if tag != _ITEM:
                raise UnusualHeader(f"({group:04X},{element:04X}) where an item should start")
            if size == UNDEFINED or tree is not None:
                item, pos = _read_item(buffer, pos, size, syntax, tree, charsets, depth)
                items.append(item)
            else:
                pos += size
                if pos > len(buffer):
                    raise NeedMore
    except struct.error:
        raise NeedMore from None
    return items, pos


def only_reference(buffer: bytes, pos: int, length: int, explicit: bool) -> str | None:
    """Return the ReferencedSOPInstanceUID of a sequence of one item that has nothing else.

    Parameters
    ----------
    buffer : bytes
    pos, length : int
        Place of the sequence's value; little endian.
    explicit : bool

    Returns
    -------
    str or None
        None where it is any other sequence: `read_sequence` reads it.
    """
    vr = more = b"UI"
    try:
        if explicit:
            item, size, first, vr, count = _EXPLICIT_ITEM(buffer, pos)
            at = pos + 16 + count
            second, more, rest = _EXPLICIT_UI(buffer, at)
        else:
            item, size, first, count = _IMPLICIT_ITEM(buffer, pos)
            at = pos + 16 + count
            second, rest = _IMPLICIT_UI(buffer, at)
    except struct.error:
        return None
    start, end = at + 8, at + 8 + rest
    if (
        (item, first, second) == _REFERENCE
        and vr == more == b"UI"
        and size == length - 8
        and end == pos + length <= len(buffer)
    ):
        return str(buffer[start:end], "latin-1").strip(PADDING)
    return None


def _read_item(
    buffer: bytes,
    pos: int,
    size: int,
    syntax: Syntax,
    tree: Tree | None,
    charsets: tuple[str, ...],
    depth: int,
) -> tuple[Item, int]:
    item: Item = {}
    end = len(buffer) + 8 if size == UNDEFINED else pos + size
    if size != UNDEFINED and end > len(buffer):
        raise NeedMore
    explicit, unpack = syntax.explicit, syntax.element
    while pos < end:
        if explicit:
            group, element, code, length = unpack(buffer, pos)
            pos += 8
            if group == 0xFFFE:
                return item, pos
            if code in LONG_VRS:
                (length,) = syntax.long(buffer, pos)
                pos += 4
            elif code not in _SHORT_VRS:
                raise UnusualHeader(f"unknown VR {code!r} in ({group:04X},{element:04X})")
        else:
            group, element, length = unpack(buffer, pos)
            pos += 8
            if group == 0xFFFE:
                return item, pos
            code = b""
        tag = group << 16 | element
        entry = tree.get(tag) if tree is not None else None
        if length == UNDEFINED or (entry is not None and entry[1] == "SQ"):
            # PS3.5 Section 6.2.2: UN of undefined length holds implicit little endian.
            inner = IMPLICIT_LITTLE if code == b"UN" else syntax
            below = entry[2] if entry is not None else None
            found, pos = read_sequence(buffer, pos, length, inner, below, charsets, depth + 1)
            if entry is not None:
                item[entry[0]] = found
            continue
        start, pos = pos, pos + length
        if pos > len(buffer):
            raise NeedMore
        if entry is not None:
            vr = entry[1] if code in {b"", b"UN", b"OB"} else code.decode("ascii")
            value = decode_value(buffer[start:pos], vr, syntax.little, charsets)
            if value is not None:
                item[entry[0]] = value
        elif tag == _CHARSET_TAG and tree is not None:
            charsets = charsets_of(buffer[start:pos].decode("latin_1"))
    return item, pos
