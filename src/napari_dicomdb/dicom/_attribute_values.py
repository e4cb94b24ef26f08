"""Values of single elements as text, decoded from their bytes by our own rules."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom._charset import charsets_of, decode_text

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset
    from pydicom.dataelem import RawDataElement

__all__ = [
    "CHARSET_VRS",
    "KNOWN_VRS",
    "NUMBER_FORMATS",
    "SINGLE_TEXT_VRS",
    "TEXT_VRS",
    "charsets_in",
    "names_of",
    "raw_bytes",
    "shown",
    "tag_text",
    "values_of",
    "vm_of",
    "vr_of",
]

CHARSET_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
SINGLE_TEXT_VRS = frozenset({"LT", "ST", "UT", "UR"})
TEXT_VRS = CHARSET_VRS | {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"}
NUMBER_FORMATS = {
    "US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d", "UV": "Q", "SV": "q",
}  # fmt: skip
KNOWN_VRS = TEXT_VRS | NUMBER_FORMATS.keys() | {
    "AT", "OB", "OD", "OF", "OL", "OV", "OW", "SQ", "UN",
}  # fmt: skip
_HEX_SHOWN = 16  # bytes
_CHARSET = 0x00080005
_PIXEL_REPRESENTATION = 0x00280103


def tag_text(tag: int) -> str:
    """Return a tag as "(0010,0020)"."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def charsets_in(dataset: Dataset, outside: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the character sets of a data set, of those around it where it tells none."""
    if _CHARSET not in dataset:
        return outside
    element: Any = dataset.get_item(_CHARSET, keep_deferred=True)
    value: Any = element.value
    if isinstance(value, bytes):
        return charsets_of(value.decode("latin_1").strip(" \0"))
    if isinstance(value, str):
        return charsets_of(value)
    return tuple(str(one) for one in value) if value else outside


def _creator(dataset: Dataset, tag: int) -> str:
    """Return who reserved the block of a private element, "" when nobody did."""
    place = tag & 0xFFFF0000 | (tag >> 8 & 0xFF)
    if place not in dataset:
        return ""
    value = raw_bytes(dataset.get_item(place, keep_deferred=True))
    if value is not None:
        return value.decode("latin_1").strip(" \0")
    return str(dataset[place].value or "").strip()


def names_of(dataset: Dataset, tag: int) -> tuple[str, str]:
    """Return keyword ("" for private elements) and name of an element of `dataset`."""
    from pydicom.datadict import (
        dictionary_description,
        dictionary_has_tag,
        keyword_for_tag,
        private_dictionary_description,
    )

    group, element = tag >> 16, tag & 0xFFFF
    if element == 0:
        return "", "Group Length"
    if group % 2:
        if 0x10 <= element <= 0xFF:
            return "", "Private Creator"
        creator = _creator(dataset, tag)
        if not creator:
            return "", "Private"
        try:
            return "", f"{private_dictionary_description(tag, creator)} [{creator}]"
        except KeyError:
            return "", f"Private [{creator}]"
    try:
        name = dictionary_description(tag)
    except KeyError:  # neither an element nor one of a repeating group
        return "", "Unknown"
    return (keyword_for_tag(tag) if dictionary_has_tag(tag) else ""), name


def _dictionary_vr(dataset: Dataset, tag: int) -> str:
    from pydicom.datadict import dictionary_VR, private_dictionary_VR

    if tag & 0xFFFF == 0:
        return "UL"
    try:
        if tag >> 16 & 1:
            if 0x10 <= tag & 0xFFFF <= 0xFF:
                return "LO"
            return str(private_dictionary_VR(tag, _creator(dataset, tag)))
        return str(dictionary_VR(tag))
    except KeyError:
        return "UN"


def vr_of(dataset: Dataset, element: DataElement | RawDataElement) -> str:
    """Return the VR of an element, from the dictionary where the file does not tell it."""
    vr = str(element.VR or "")
    if vr in ("", "UN"):
        vr = _dictionary_vr(dataset, int(element.tag))
    if " or " not in vr:
        return vr
    if vr.startswith("OB"):
        return "OW"
    # US or SS (or OW): as the pixels are.
    found = dataset.get_item(_PIXEL_REPRESENTATION) if _PIXEL_REPRESENTATION in dataset else None
    value = found.value if found is not None else 0
    return "SS" if value in (1, b"\1\0", b"\0\1") else "US"


def raw_bytes(element: Any) -> bytes | None:
    """Return the bytes of an element that nobody has converted yet, else None."""
    if element is None or not getattr(element, "is_raw", False):
        return None
    return element.value if isinstance(element.value, bytes) else b""


def values_of(
    element: DataElement | RawDataElement,
    vr: str,
    charsets: tuple[str, ...],
    *,
    most: int | None = None,
) -> list[str | int | float] | bytes:
    """Return the values of an element that is no sequence; bytes for those of no text.

    Parameters
    ----------
    element : DataElement or RawDataElement
    vr : str
        From `vr_of`.
    charsets : tuple of str
        Of the data set that the element is in.
    most : int, optional
        Numbers at most.
    """
    raw = raw_bytes(element)
    if raw is None:
        return _converted(element.value, most)
    if vr in TEXT_VRS:
        text = decode_text(raw, charsets if vr in CHARSET_VRS else (), vr)
        if vr in SINGLE_TEXT_VRS:
            return [text.rstrip(" \0")] if text.strip(" \0") else []
        parts: list[str | int | float] = [one.strip(" \0") for one in text.split("\\")]
        return parts if parts != [""] else []
    little = bool(getattr(element, "is_little_endian", True))
    order = "<" if little else ">"
    if vr in NUMBER_FORMATS:
        one = NUMBER_FORMATS[vr]
        width = struct.calcsize("<" + one)
        count = len(raw) // width if most is None else min(len(raw) // width, most)
        return list(struct.unpack_from(f"{order}{count}{one}", raw))
    if vr == "AT":
        pairs = struct.iter_unpack(order + "HH", raw[: len(raw) // 4 * 4])
        return [tag_text(group << 16 | number) for group, number in pairs]
    return raw


def _converted(value: Any, most: int | None) -> list[str | int | float] | bytes:
    if value is None:
        return []
    if isinstance(value, bytes):
        return value
    if (
        isinstance(value, str | int | float)
        or hasattr(value, "components")
        or not hasattr(value, "__iter__")
    ):
        value = [value]
    found: list[str | int | float] = []
    for one in list(value)[:most]:
        if type(one).__name__ == "BaseTag":
            found.append(tag_text(int(one)))
        elif hasattr(one, "original_string") and not hasattr(one, "components"):
            # DS and IS as they are written; names have bytes there, or nothing.
            found.append(str(one.original_string))
        else:
            found.append(one if type(one) in (int, float) else str(one))
    return found if found != [""] else []


def vm_of(element: DataElement | RawDataElement, vr: str, values: object) -> int:
    """Return how many values an element has; bytes that are no text are one."""
    raw = raw_bytes(element)
    if raw is not None and vr in NUMBER_FORMATS:
        return len(raw) // struct.calcsize("<" + NUMBER_FORMATS[vr])
    if isinstance(values, bytes):
        return 1 if values else 0
    return len(values) if isinstance(values, list) else 0


def shown(values: list[str | int | float] | bytes, vr: str, vm: int) -> str:
    """Return values as text: UIDs and tags with their names, bytes as size and hex."""
    if isinstance(values, bytes):
        return _shown_bytes(values, vr)
    if vr == "UI":
        return "\\".join(_with_uid_name(str(one)) for one in values)
    if vr == "AT":
        return "\\".join(_with_tag_name(str(one)) for one in values)
    text = "\\".join(_number(one) for one in values)
    return text if vm <= len(values) else f"{text}\\... ({vm} values)"


def _number(value: str | int | float) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _with_uid_name(uid: str) -> str:
    from pydicom.uid import UID

    name = UID(uid).name if uid else ""
    return uid if name == uid else f"{uid} ({name})"


def _with_tag_name(text: str) -> str:
    from pydicom.datadict import dictionary_description

    try:
        return f"{text} {dictionary_description(int(text[1:5] + text[6:10], 16))}"
    except (KeyError, ValueError):
        return text


def _shown_bytes(raw: bytes, vr: str) -> str:
    if not raw:
        return ""
    text = raw.rstrip(b" \0")
    if vr == "UN" and text and all(32 <= byte < 127 for byte in text):
        return text.decode("ascii")
    return size_and_hex(len(raw), raw[:_HEX_SHOWN])


def size_and_hex(size: int, head: bytes) -> str:
    """Return "1024 bytes: 00 01 02 ..."."""
    more = " ..." if size > len(head) else ""
    begin = f": {head.hex(' ').upper()}{more}" if head else ""
    return f"{size} byte{'' if size == 1 else 's'}{begin}"
