"""The elements of one header as the walk goes over them, for templates."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import NamedTuple

from napari_dicomdb.dicom._decode import LONG_VRS, NUMBER_VRS, TEXT_VRS, UnusualHeader
from napari_dicomdb.dicom._found import NUMBER_KEYWORDS, PIXELS, SEQUENCES, Found
from napari_dicomdb.dicom._meta import META_NAMES
from napari_dicomdb.dicom._sequences import UNDEFINED
from napari_dicomdb.dicom._walk import ORDERS, SYNTAXES, special_element, words_of
from napari_dicomdb.dicom._window import Window
from napari_dicomdb.dicom.keywords import CSA_HEADER, UNRESERVED_ELEMENTS
from napari_dicomdb.errors import HeaderError

__all__ = ["NUMBER", "RAW", "SKIP", "SPECIAL", "TEXT", "Element", "UnfitHeader", "elements_of"]

# What the walk does with an element.
TEXT, SKIP, NUMBER, RAW, SPECIAL = range(5)

# What is read depends on them, or completes them.
_FIXED = frozenset({"SpecificCharacterSet", "SOPClassUID", CSA_HEADER})
_CSA_CREATOR = b"SIEMENS CSA HEADER"
_SOURCE_IMAGES = b"\x08\x00\x12\x21"
_META_START = 132  # behind preamble and "DICM", PS3.10 Section 7.1
_ORDER = ORDERS[True]


class UnfitHeader(Exception):
    """No template can be made of this header."""


class Element(NamedTuple):
    """One element on the top level.

    Attributes
    ----------
    tag : int
    vr : str
        As in the file, of private elements in implicit VR as known; else "".
    start, value, end : int
        Offsets of the tag, the value, and the next element.
    action : int
        What the walk does with it: `TEXT`, `SKIP`, `NUMBER`, `RAW`, `SPECIAL`.
    name : str
        Keyword under which it is kept, or "".
    fixed : bool
        Other elements are read by what it says.
    """

    tag: int
    vr: str
    start: int
    value: int
    end: int
    action: int
    name: str
    fixed: bool


def elements_of(data: bytes, start: int, explicit: bool, found: Found) -> list[Element]:
    """List the elements of a header in little endian with meta information.

    Parameters
    ----------
    data : bytes
        The file up to the value of its pixel element.
    start : int
        Where the data set starts.
    explicit : bool
    found : Found
        Its `values` need SpecificCharacterSet and ImageType, if the file has them;
        takes the private elements known at the end.

    Raises
    ------
    UnfitHeader
        Elements are repeated or not in ascending order, or something is odd.
    """
    if data[128:132] != b"DICM":
        raise UnfitHeader("no preamble")
    list_data_set = _explicit if explicit else _implicit
    try:
        elements = _meta(data, start) + list_data_set(data, start, found)
    except (struct.error, UnusualHeader, HeaderError) as error:
        raise UnfitHeader(str(error)) from error
    tags = [element.tag for element in elements]
    names = [element.name for element in elements if element.name]
    if any(tag >= later for tag, later in pairwise(tags)):
        raise UnfitHeader("elements are not in ascending order")
    if len(names) > len(set(names)):
        raise UnfitHeader("a kept keyword is there twice")
    return elements


def _meta(data: bytes, start: int) -> list[Element]:
    elements = []
    pos = _META_START
    while pos < start:
        word, code, length = _ORDER.explicit(data, pos)
        value = pos + 8
        if code in LONG_VRS:
            (length,) = _ORDER.long(data, value)
            value += 4
        end = value + length
        fixed = word in META_NAMES
        elements.append(
            Element(_ORDER.word(word), code.decode(), pos, value, end, SKIP, "", fixed)
        )
        pos = end
    if pos != start:
        raise UnfitHeader("the file meta information ends elsewhere")
    return elements


def _explicit(data: bytes, pos: int, found: Found) -> list[Element]:
    order, syntax = _ORDER, SYNTAXES[True, True]
    window = Window(data, len(data), lambda offset, count: data[offset : offset + count])
    private = order.unreserved
    by_type = _is_read_by_type(data)
    elements: list[Element] = []
    while True:
        word, code, length = order.explicit(data, pos)
        tag = order.word(word)
        value, action = pos + 8, SKIP
        name = order.names.get(word, "")
        fixed = name in _FIXED or (by_type and name == "ImageType")
        if not name and word in private:
            _require_creator(found)
            name = private[word][0]
        if code in TEXT_VRS:
            end = value + length
            if name:
                action = TEXT
            elif word in order.creators:
                found.add_creator(*order.creators[word], data[value:end].decode("latin-1"))
                private = words_of(found.private, order)
                fixed = True
        elif code in LONG_VRS:
            if tag in PIXELS:
                return elements
            (length,) = order.long(data, value)
            value += 4
            end = value + length
            if length == UNDEFINED or word in order.special or word in private:
                action = SPECIAL
                end = special_element(window, pos, 12, code, length, found, order, syntax)
                if tag in SEQUENCES:
                    action, name = _of_sequence(tag, length, found)
                fixed = fixed or name in _FIXED
            elif word in order.creators and code == b"UN":
                found.add_creator(*order.creators[word], data[value:end].decode("latin-1"))
                private = words_of(found.private, order)
                fixed = True
        elif code in NUMBER_VRS:
            end = value + length
            if name:
                action = NUMBER if code == b"US" and name in NUMBER_KEYWORDS else RAW
        else:
            raise UnfitHeader(f"unknown VR {code!r}")
        if end < value:
            raise UnfitHeader("the header ends within an element")
        elements.append(Element(tag, code.decode(), pos, value, end, action, name, fixed))
        pos = end


def _implicit(data: bytes, pos: int, found: Found) -> list[Element]:
    order, syntax = _ORDER, SYNTAXES[False, True]
    window = Window(data, len(data), lambda offset, count: data[offset : offset + count])
    private = order.unreserved
    by_type = _is_read_by_type(data)
    elements: list[Element] = []
    while True:
        word, length = order.implicit(data, pos)
        tag = order.word(word)
        if tag in PIXELS:
            return elements
        value, action, vr = pos + 8, SKIP, ""
        end = value + length
        name = order.names.get(word, "")
        # Where the data set starts, the length tells implicit from explicit VR.
        fixed = name in _FIXED or (by_type and name == "ImageType") or not elements
        if word in private:
            _require_creator(found)
            name, vr = private[word]
            action = RAW
            fixed = fixed or name in _FIXED
        if word in order.text_names:
            action = TEXT
        elif word in order.special or vr == "SQ" or (length == UNDEFINED and action == SKIP):
            action = SPECIAL
            end = special_element(window, pos, 8, b"", length, found, order, syntax)
            if tag in SEQUENCES:
                action, name = _of_sequence(tag, length, found)
        elif word in order.creators:
            found.add_creator(*order.creators[word], data[value:end].decode("latin-1"))
            private = words_of(found.private, order)
            fixed = True
        if end < value or end > len(data):
            raise UnfitHeader("the header ends within an element")
        elements.append(Element(tag, vr, pos, value, end, action, name, fixed))
        pos = end


def _is_read_by_type(data: bytes) -> bool:
    """Tell whether ImageType decides what else is kept."""
    return _CSA_CREATOR in data or _SOURCE_IMAGES in data


def _of_sequence(tag: int, length: int, found: Found) -> tuple[int, str]:
    """Return what to do with a sequence that some objects keep, and its name if this one does."""
    entry = found.sequence(tag)
    if entry is None:
        return SKIP if length != UNDEFINED else SPECIAL, ""
    return SPECIAL, entry[0]


def _require_creator(found: Found) -> None:
    if found.private is UNRESERVED_ELEMENTS:
        raise UnfitHeader("private elements without a creator")
