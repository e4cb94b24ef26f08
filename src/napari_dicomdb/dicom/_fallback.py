"""Reading by pydicom what the walker cannot, into the same representation."""

from __future__ import annotations

import struct
import warnings
from typing import TYPE_CHECKING, Any, BinaryIO

from napari_dicomdb.dicom._charset import charsets_of
from napari_dicomdb.dicom._decode import (
    LONG_VRS,
    UnusualHeader,
    decode_value,
    fit_to_vr,
    vr_of_bytes,
)
from napari_dicomdb.dicom._found import CREATORS, PIXELS, SEQUENCES, Found
from napari_dicomdb.dicom._sequences import (
    IMPLICIT_LITTLE,
    UNDEFINED,
    NeedMore,
    read_sequence,
)
from napari_dicomdb.dicom.functional_groups import items_of_sequence
from napari_dicomdb.dicom.keywords import CSA_HEADER, PRIVATE_TREES, REPEATED_TAGS, TAG_OF, VR_OF
from napari_dicomdb.dicom.unreadable import unreadable

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from napari_dicomdb.dicom._dictionary import Tree
    from napari_dicomdb.dicom._sequences import Item

__all__ = ["read_with_pydicom", "value_of"]

_CHARSET_TAG = 0x00080005


def read_with_pydicom(
    stream: BinaryIO, encoding: tuple[bool, bool] | None
) -> tuple[Found, dict[str, str]]:
    """Read the header in `stream` with pydicom.

    Parameters
    ----------
    stream : binary file
        A whole file, or only its data set when `encoding` is given.
    encoding : (explicit, little) or None
        How a bare data set (inflated) is encoded.

    Returns
    -------
    found : Found
        As from `walk`.
    meta : dict of str to str
        TransferSyntaxUID, MediaStorageSOPClassUID as far as present.

    Raises
    ------
    UnusualHeader
        pydicom cannot read it either.
    """
    from pydicom import dcmread
    from pydicom.filereader import read_dataset

    found = Found()
    meta: dict[str, str] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if encoding is None:
                dataset: Any = dcmread(stream, stop_before_pixels=True, force=True)
                for keyword in ("TransferSyntaxUID", "MediaStorageSOPClassUID"):
                    meta[keyword] = str(dataset.file_meta.get(keyword, "")).strip(" \0")
                implicit, little = dataset.original_encoding
            else:
                implicit, little = not encoding[0], encoding[1]
                dataset = read_dataset(
                    stream, implicit, little, stop_when=lambda tag, vr, length: tag in PIXELS
                )
            _collect(dataset, found, bool(little))
            _find_pixels(stream, found, bool(little))
        except unreadable(OSError) as error:
            raise UnusualHeader(f"{type(error).__name__}: {str(error)[:200]}") from error
    texts = {str(warning.message).partition("\n")[0][:200] for warning in caught}
    found.problems += [("pydicom-warning", text) for text in sorted(texts)]
    return found, meta


def _collect(dataset: Dataset, found: Found, little: bool) -> None:
    charset = value_of(dataset, _CHARSET_TAG, "CS")
    if charset is not None:
        found.values["SpecificCharacterSet"] = charset
    charsets = found.charsets
    image_type = value_of(dataset, TAG_OF["ImageType"], "CS")
    if image_type is not None:
        found.values["ImageType"] = image_type  # decides about private elements
    tags = sorted(map(int, dataset.keys()))
    for tag in tags:
        group, element = tag >> 16, tag & 0xFFFF
        if group in CREATORS and 0x10 <= element <= 0xFF:
            creator = value_of(dataset, tag, "LO")
            found.add_creator(group, element, str(creator or ""))
    repeated = ((keyword, tag) for tag, keyword in REPEATED_TAGS.items())
    for keyword, tag in (*TAG_OF.items(), *repeated):
        if tag in dataset and VR_OF[keyword] != "SQ":
            _note_cut(dataset, tag, found)
            value = value_of(dataset, tag, VR_OF[keyword], charsets)
            value = None if value is None else fit_to_vr(value, VR_OF[keyword])
            if value is not None:
                found.values[keyword] = value
    for tag, (keyword, vr) in found.private.items():
        if tag not in dataset:
            continue
        if vr == "SQ":
            items = dataset[tag].value
            wanted = PRIVATE_TREES[keyword]
            if isinstance(items, bytes):  # implicit VR: pydicom does not know what it is
                found.keep_items(keyword, _items_in(items, wanted, charsets))
            else:
                found.keep_items(keyword, items_of_sequence(items or [], wanted, charsets))
        elif keyword == CSA_HEADER:
            raw = dataset.get_item(tag).value
            found.keep_raw(keyword, raw if isinstance(raw, bytes) else b"", vr, little)
        else:
            value = value_of(dataset, tag, vr, charsets, private=True)
            if value is not None:
                found.values[keyword] = value
    for tag in sorted(SEQUENCES):  # as the walk comes by
        if tag in dataset and (entry := found.sequence(tag)) is not None:
            keyword, _, tree = entry
            items = dataset[tag].value
            if isinstance(items, bytes):
                raise UnusualHeader(f"{keyword} is no sequence")
            found.keep_items(keyword, items_of_sequence(items or [], tree or {}, charsets))
    for tag in tags[-1:]:
        _note_cut(dataset, tag, found)


def _items_in(raw: bytes, tree: Tree, charsets: tuple[str, ...]) -> list[Item]:
    try:
        return read_sequence(raw, 0, len(raw), IMPLICIT_LITTLE, tree, charsets)[0]
    except NeedMore as error:
        raise UnusualHeader("a private sequence is cut off") from error


def _note_cut(dataset: Dataset, tag: int, found: Found) -> None:
    element = dataset.get_item(tag)
    length = getattr(element, "length", None)
    value = getattr(element, "value", None)
    if not isinstance(length, int) or length == UNDEFINED or not isinstance(value, bytes):
        return
    if len(value) < length:
        found.cut = f"element ({tag >> 16:04X},{tag & 0xFFFF:04X}) ends beyond the file"


def _find_pixels(stream: BinaryIO, found: Found, little: bool) -> None:
    """Read the header of the element at which pydicom stopped, if it is the pixels."""
    start = stream.tell()
    head = stream.read(12)
    order = "<" if little else ">"
    if len(head) < 8:
        return
    group, element = struct.unpack_from(f"{order}HH", head)
    keyword = PIXELS.get(group << 16 | element)
    if keyword is None:
        return
    # pydicom reports the declared encoding, even where it read by another.
    implicit = head[4:6] not in LONG_VRS
    if implicit:
        (length,) = struct.unpack_from(f"{order}L", head, 4)
    elif len(head) == 12:
        (length,) = struct.unpack_from(f"{order}L", head, 8)
    else:
        found.cut = "the file ends within an element"
        return
    found.pixel_keyword = keyword
    found.pixel_offset = start + (8 if implicit else 12)
    found.pixel_length = None if length == UNDEFINED else length


def value_of(
    dataset: Dataset, tag: int, vr: str, charsets: tuple[str, ...] = (), *, private: bool = False
) -> Any:
    """Kept form of one element of a pydicom data set, None when it has none.

    Elements that pydicom has not converted yet are decoded from their bytes by
    the rules of the walker; others (data sets made in memory) from their value.
    """
    element: Any = dataset.get_item(tag) if tag in dataset else None
    if element is None:
        return None
    if not hasattr(element, "is_raw") or not element.is_raw:
        if vr == "OB" and isinstance(element.value, bytes):
            return decode_value(element.value, vr, True)
        return fit_to_vr(_plain(element.value), vr)
    read_vr = element.VR
    if read_vr in {None, "UN", "OB", "OW"}:
        read_vr = vr_of_bytes(element.value, vr) if private and element.value else vr
    if element.value is None:
        return ""
    return decode_value(element.value, read_vr, element.is_little_endian, charsets)


def _plain(value: Any) -> Any:
    """Return a converted pydicom value as JSON; None for what is not kept."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return None
    if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue":
        plain = [_plain(part) for part in value]
        if all(isinstance(part, str) for part in plain):
            return "\\".join(plain)
        return plain
    if type(value) in {int, float}:
        return value
    if isinstance(value, int) and type(value).__name__ == "BaseTag":
        return int(value)
    return str(value)


def charsets_in(dataset: Dataset, outside: tuple[str, ...]) -> tuple[str, ...]:
    """Terms of SpecificCharacterSet of an item, else those of the data set around it."""
    own = value_of(dataset, _CHARSET_TAG, "CS")
    return charsets_of(own) if isinstance(own, str) and own else outside
