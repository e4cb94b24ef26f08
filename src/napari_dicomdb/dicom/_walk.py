"""The fast walk over the top level of a data set, up to its pixels.

This is the innermost loop of an import: about 150 elements a file, thousands of
files a second. Therefore it calls nothing per element but `struct`, reads text
as slices of one Latin-1 string of the whole window, and lets `struct.error`,
not a comparison, say that the window has ended.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from napari_dicomdb.dicom._decode import (
    LONG_VRS,
    MAX_LIST,
    NUMBER_VRS,
    PADDING,
    TEXT_VRS,
    UnusualHeader,
)
from napari_dicomdb.dicom._found import CREATORS, NUMBER_KEYWORDS, PIXELS, SEQUENCES, Found
from napari_dicomdb.dicom._sequences import (
    IMPLICIT_LITTLE,
    UNDEFINED,
    NeedMore,
    Syntax,
    read_sequence,
)
from napari_dicomdb.dicom.keywords import (
    KEPT_KEYWORDS,
    REPEATED_TAGS,
    TAG_OF,
    UNRESERVED_ELEMENTS,
    VR_OF,
)

if TYPE_CHECKING:
    from napari_dicomdb.dicom._dictionary import Tree
    from napari_dicomdb.dicom._window import Window

__all__ = ["ORDERS", "SYNTAXES", "special_element", "walk", "words_of"]


class _Order:
    """Tables of the hot loop for one byte order: tags as they unpack as one word."""

    def __init__(self, little: bool) -> None:
        order = "<" if little else ">"
        self.little = little
        self.explicit = struct.Struct(f"{order}L2sH").unpack_from
        self.implicit = struct.Struct(f"{order}LL").unpack_from
        self.short = struct.Struct(f"{order}H").unpack_from
        self.long = struct.Struct(f"{order}L").unpack_from
        self.odd = 1 if little else 0x10000

        self.names = {self.word(TAG_OF[k]): k for k in KEPT_KEYWORDS if VR_OF[k] != "SQ"}
        self.names |= {self.word(tag): k for tag, k in REPEATED_TAGS.items()}
        self.creators = {
            self.word(group << 16 | block): (group, block)
            for group in CREATORS
            for block in range(0x10, 0x100)
        }
        self.unreserved = {self.word(tag): e for tag, e in UNRESERVED_ELEMENTS.items()}
        self.text_names = {w: k for w, k in self.names.items() if k not in NUMBER_KEYWORDS}
        special = set(PIXELS) | set(SEQUENCES) | {TAG_OF[k] for k in KEPT_KEYWORDS}
        self.special = frozenset(map(self.word, special | set(REPEATED_TAGS)))

    def word(self, tag: int) -> int:
        """Return the tag as one unpacked word (and back: its own inverse)."""
        return (tag & 0xFFFF) << 16 | tag >> 16 if self.little else tag


ORDERS = {little: _Order(little) for little in (True, False)}
SYNTAXES = {
    (explicit, little): Syntax(explicit, little)
    for explicit in (True, False)
    for little in (True, False)
}


def walk(window: Window, pos: int, explicit: bool, little: bool) -> Found:
    """Walk the data set that starts at `pos` of `window`.

    Raises
    ------
    UnusualHeader
        Something that pydicom should have a look at.
    HeaderError
        Something hostile.
    """
    found = Found()
    if explicit:
        _walk_explicit(window, pos, found, ORDERS[little], SYNTAXES[True, little])
    else:
        _walk_implicit(window, pos, found, ORDERS[little], SYNTAXES[False, little])
    found.end = found.pixel_offset or window.size
    return found


def words_of(private: dict[int, tuple[str, str]], order: _Order) -> dict[int, tuple[str, str]]:
    return {order.word(tag): entry for tag, entry in private.items()}


def _walk_explicit(window: Window, pos: int, found: Found, order: _Order, syntax: Syntax) -> None:
    unpack, unpack_short, unpack_long = order.explicit, order.short, order.long
    name_of, special, odd, creators = order.names.get, order.special, order.odd, order.creators
    text_vrs, number_vrs, long_vrs, padding = TEXT_VRS, NUMBER_VRS, LONG_VRS, PADDING
    values, private = found.values, order.unreserved
    while pos >= 0:
        buffer = window.buffer
        text = str(buffer, "latin-1")
        start = pos
        try:
            while True:
                word, vr, length = unpack(buffer, pos)
                start = pos
                if vr in text_vrs:
                    pos += 8
                    name = name_of(word)
                    if name is not None:
                        values[name] = text[pos : pos + length].strip(padding)
                    elif word & odd:
                        if word in private:
                            values[private[word][0]] = text[pos : pos + length].strip(padding)
                        elif word in creators:
                            found.add_creator(*creators[word], text[pos : pos + length])
                            private = words_of(found.private, order)
                    pos += length
                elif vr in long_vrs:
                    (length,) = unpack_long(buffer, pos + 8)
                    if length != UNDEFINED and word not in special and word not in private:
                        end = pos + 12 + length
                        if word in creators and vr == b"UN":
                            # Passed on by a system that did not know the group.
                            if end > len(text) and pos > 0 and not window.at_end:
                                window.load(window.base + pos)
                                pos = 0
                                break
                            found.add_creator(*creators[word], text[pos + 12 : end])
                            private = words_of(found.private, order)
                        # Nothing of it is wanted: what it cuts at the end is not missed.
                        start = pos = end
                        continue
                    pos = special_element(window, pos, 12, vr, length, found, order, syntax)
                    break
                elif vr in number_vrs:
                    name = name_of(word)
                    if name is None and word in private:
                        name = private[word][0]
                    if name is not None:
                        if length == 2 and vr == b"US" and name in NUMBER_KEYWORDS:
                            (values[name],) = unpack_short(buffer, pos + 8)
                        else:
                            raw = buffer[pos + 8 : pos + 8 + length]
                            vr_text = vr.decode("ascii")
                            found.keep_raw(name, raw, vr_text, order.little, stated=True)
                    pos += 8 + length
                elif not any(buffer[pos:]) and window.at_end:
                    return  # padded with zeros
                else:
                    raise UnusualHeader(f"unknown VR {vr!r}")
        except struct.error:
            pos = _move_on(window, start, pos, found, order)


def _walk_implicit(window: Window, pos: int, found: Found, order: _Order, syntax: Syntax) -> None:
    unpack, odd, padding = order.implicit, order.odd, PADDING
    text_name_of, special, creators = order.text_names.get, order.special, order.creators
    values, private = found.values, order.unreserved
    while pos >= 0:
        buffer = window.buffer
        size = len(buffer)
        text = str(buffer, "latin-1")
        start = pos
        try:
            while True:
                word, length = unpack(buffer, pos)
                start = pos
                end = pos + 8 + length
                if end > size and word not in creators:
                    pos = special_element(window, pos, 8, b"", length, found, order, syntax)
                    break
                name = text_name_of(word)
                if name is not None:
                    values[name] = text[pos + 8 : end].strip(padding)
                elif word in special:
                    pos = special_element(window, pos, 8, b"", length, found, order, syntax)
                    break
                elif word & odd:
                    if word in private:
                        name, vr = private[word]
                        if vr == "SQ":
                            pos = special_element(
                                window, pos, 8, b"", length, found, order, syntax
                            )
                            break
                        found.keep_raw(name, buffer[pos + 8 : end], vr, order.little)
                    elif word in creators:
                        found.add_creator(*creators[word], text[pos + 8 : end])
                        private = words_of(found.private, order)
                pos = end
        except struct.error:
            pos = _move_on(window, start, pos, found, order)


def _move_on(window: Window, start: int, pos: int, found: Found, order: _Order) -> int:
    """Decide what it means that the window ends, and move it; -1 ends the walk.

    `start` is the last element whose header was read, `pos` what is to be read
    next; both equal when nothing between them matters.
    """
    held = len(window.buffer)
    if pos > held and start < pos and not window.at_end:
        window.load(window.base + start)
        return 0
    absolute = window.base + pos
    if absolute > window.size or (pos > held and window.at_end):
        if start < pos:
            (word,) = order.long(window.buffer, start)
            found.values.pop(order.names.get(word, ""), None)
            found.cut = f"element {_tag_text(order.word(word))} ends beyond the file"
        else:
            found.cut = "an element ends beyond the file"
        return -1
    if window.at_end:
        if any(window.buffer[pos:]):
            found.cut = "the file ends within an element"
        return -1
    window.load(absolute)
    return 0


def _tag_text(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def special_element(
    window: Window,
    start: int,
    header: int,
    vr: bytes,
    length: int,
    found: Found,
    order: _Order,
    syntax: Syntax,
) -> int:
    """Treat an element that the hot loop leaves alone; return where to go on, -1 to end."""
    (word,) = order.long(window.buffer, start)
    tag = order.word(word)
    absolute = window.base + start + header
    if tag in PIXELS:
        found.pixel_keyword = PIXELS[tag]
        found.pixel_offset = absolute
        found.pixel_length = None if length == UNDEFINED else length
        return -1
    entry = found.sequence(tag)
    if length == UNDEFINED or (entry is not None and vr in {b"SQ", b"UN", b""}):
        inner = IMPLICIT_LITTLE if vr == b"UN" else syntax
        return _sequence(window, start, header, length, inner, entry, found)
    name, known_vr = order.names.get(word), ""
    if name is not None:
        known_vr = VR_OF[name]
    elif tag in found.private:
        name, known_vr = found.private[tag]
    if absolute + length > window.size:
        found.cut = f"element {_tag_text(tag)} ends beyond the file"
        return -1
    if name is not None:
        kept = min(length, MAX_LIST + 1)
        if start + header + kept > len(window.buffer):
            window.load(window.base + start, header + kept)
            start = 0
        raw = window.buffer[start + header : start + header + kept]
        stated = vr not in {b"", b"UN", b"OB", b"OW"}
        vr_text = vr.decode("ascii") if stated else known_vr
        found.keep_raw(name, raw, vr_text, order.little, stated=stated)
    pos = absolute + length - window.base
    if pos > len(window.buffer):
        window.load(absolute + length)
        pos = 0
    return pos


def _sequence(
    window: Window,
    start: int,
    header: int,
    length: int,
    syntax: Syntax,
    entry: tuple[str, str, Tree | None] | None,
    found: Found,
) -> int:
    need = header + (length if length != UNDEFINED else 0)
    absolute = window.base + start
    if length != UNDEFINED and absolute + need > window.size:
        found.cut = f"sequence {entry[0] if entry else ''} ends beyond the file"
        return -1
    if start + need > len(window.buffer):
        window.load(absolute, need)
        start = 0
    while True:
        try:
            items, pos = read_sequence(
                window.buffer,
                start + header,
                length,
                syntax,
                entry[2] if entry is not None else None,
                found.charsets,
            )
        except NeedMore:
            if window.at_end or length != UNDEFINED:
                found.cut = "a sequence is not ended"
                return -1
            window.load(absolute, 4 * len(window.buffer))
            start = 0
            continue
        if entry is not None:
            found.keep_items(entry[0], items)
        return pos
