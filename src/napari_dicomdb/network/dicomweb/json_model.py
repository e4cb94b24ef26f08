"""The DICOM JSON model (PS3.18 Annex F): to values by keyword, and to an encoded data set.

What servers send is checked value by value: one that cannot be is left out and told,
never an error for the whole.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Bulk", "encode_item", "items_of", "text_of", "values_of"]

Bulk = Callable[[int, str], bytes | None]
"""Gets the value of a tag (int) that lies at a BulkDataURI; None leaves it out."""

_DEEPEST = 24
_LONGEST_TEXT = 65_536
_TAG = re.compile(r"[0-9A-Fa-f]{8}").fullmatch
_VR = re.compile(r"[A-Z]{2}").fullmatch
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BLANK_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SPECIFIC_CHARACTER_SET = 0x00080005

_NUMBERS = {
    "US": "<H", "SS": "<h", "UL": "<L", "SL": "<l", "UV": "<Q", "SV": "<q",
    "FL": "<f", "FD": "<d",
}  # fmt: skip
_BYTES = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_LONG = _BYTES | {"SQ", "UC", "UR", "UT", "SV", "UV"}
_FREE_TEXT = frozenset({"LT", "ST", "UT"})
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")

Problems = list[tuple[str, str]]


def items_of(answer: Any) -> list[Mapping[str, Any]]:
    """Return the data sets of a JSON answer.

    Raises
    ------
    NetworkError
        If it is not of the DICOM JSON model (reason "not-dicomweb").
    """
    if isinstance(answer, dict) and any(_TAG(key) for key in answer):
        return [answer]  # some servers give the only one without a list
    if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
        raise NetworkError(
            "the server's answer is JSON, but not of the DICOM JSON model: the URL is not that "
            "of a DICOMweb service",
            reason="not-dicomweb",
        )
    return answer


def text_of(item: Mapping[str, Any], tag: str) -> str:
    """Return the text of one element, by its tag as in JSON ("0020000D"); "" for none."""
    element = item.get(tag, item.get(tag.lower()))
    return _text(element) if isinstance(element, dict) else ""


def values_of(item: Mapping[str, Any], deep: int = 0) -> dict[str, Any]:
    """Return the values of a data set by keyword, as a `Match` has them.

    Parameters
    ----------
    item : mapping
        Of the DICOM JSON model.

    Returns
    -------
    dict
        Text, several values joined by backslashes; of a sequence a list of dicts.
        Private and unknown tags and bulk data are left out.
    """
    from pydicom.datadict import keyword_for_tag

    values: dict[str, Any] = {}
    for key, element in item.items():
        if not _TAG(key) or not isinstance(element, dict):
            continue
        keyword = keyword_for_tag(int(key, 16))
        if not keyword:
            continue
        if element.get("vr") == "SQ":
            given = element.get("Value")
            if deep < _DEEPEST and isinstance(given, list):
                values[keyword] = [
                    values_of(one, deep + 1) for one in given if isinstance(one, dict)
                ]
            continue
        if "BulkDataURI" not in element and "InlineBinary" not in element:
            values[keyword] = _text(element)
    return values


def _text(element: Mapping[str, Any]) -> str:
    given = element.get("Value")
    if not isinstance(given, list):
        return ""
    text = "\\".join(_one_text(value) for value in given)
    return _CONTROL.sub("�", text[:_LONGEST_TEXT])


def _one_text(value: Any) -> str:
    """Return one value as DICOM writes it."""
    if value is None:
        return ""
    if isinstance(value, dict):  # a person's name
        groups = [str(value.get(name) or "") for name in _GROUPS]
        return "=".join(groups).rstrip("=")
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


# -- encoding -----------------------------------------------------------------------------


def encode_item(
    item: Mapping[str, Any], *, bulk: Bulk | None = None, problems: Problems | None = None
) -> bytes:
    """Encode a data set of the DICOM JSON model as explicit VR little endian, UTF-8.

    Parameters
    ----------
    item : mapping
        Without file meta information; group lengths are left out.
    bulk : callable, optional
        Gets what lies at a BulkDataURI; by default that is left out.
    problems : list of (str, str), optional
        Receives reason code and words of what was left out.

    Returns
    -------
    bytes
    """
    notes: Problems = [] if problems is None else problems
    return _encoded(item, bulk, notes, 0)


def _encoded(item: Mapping[str, Any], bulk: Bulk | None, notes: Problems, deep: int) -> bytes:
    parts: list[bytes] = []
    for tag, element in sorted(_elements(item, notes)):
        if tag >> 16 < 8 or tag & 0xFFFF == 0:
            continue
        vr = str(element.get("vr") or "UN")
        if not _VR(vr):
            notes.append(("bad-vr", f"{tag:08X} has no usable VR"))
            continue
        try:
            value = _value(tag, vr, element, bulk, notes, deep)
        except (ArithmeticError, TypeError, ValueError, struct.error, binascii.Error) as error:
            notes.append(("bad-value", f"{tag:08X} {vr}: {type(error).__name__}"))
            continue
        if value is not None:
            parts.append(_element(tag, vr, value, notes))
    if deep == 0 and not any(p[:4] == b"\x08\0\x05\0" for p in parts[:1]):
        parts.insert(0, _element(_SPECIFIC_CHARACTER_SET, "CS", b"ISO_IR 192", notes))
    return b"".join(parts)


def _elements(item: Mapping[str, Any], notes: Problems) -> Iterator[tuple[int, Mapping[str, Any]]]:
    seen: set[int] = set()
    for key, element in item.items():
        if not _TAG(key) or not isinstance(element, dict):
            notes.append(("bad-element", "something is no element of the DICOM JSON model"))
        elif (tag := int(key, 16)) not in seen:
            seen.add(tag)
            yield tag, _Element(element)


class _Element(dict[str, Any]):
    """An element that sorting never compares."""

    def __lt__(self, other: object) -> bool:
        return False


def _element(tag: int, vr: str, value: bytes, notes: Problems) -> bytes:
    if len(value) % 2:
        value += b" " if vr not in _BYTES and vr != "UI" else b"\0"
    if vr not in _LONG and len(value) > 0xFFFE:
        notes.append(("long-value", f"{tag:08X} {vr} is too long for its VR"))
        vr = "UN"  # PS3.5 Section 6.2.2, note 2
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if vr in _LONG:
        return head + struct.pack("<HL", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def _value(
    tag: int,
    vr: str,
    element: Mapping[str, Any],
    bulk: Bulk | None,
    notes: Problems,
    deep: int,
) -> bytes | None:
    if tag == _SPECIFIC_CHARACTER_SET:
        return b"ISO_IR 192"  # what JSON is written in
    if "BulkDataURI" in element:
        return None if bulk is None else bulk(tag, str(element["BulkDataURI"]))
    if "InlineBinary" in element:
        return base64.b64decode(str(element["InlineBinary"]), validate=True)
    given = element.get("Value", [])
    if not isinstance(given, list):
        raise TypeError("Value is no list")
    if vr == "SQ":
        return _sequence(given, bulk, notes, deep)
    if vr in _BYTES:
        return b""
    if vr == "AT":
        tags = [int(str(one), 16) for one in given]
        return b"".join(struct.pack("<HH", one >> 16, one & 0xFFFF) for one in tags)
    if vr in _NUMBERS:
        return b"".join(struct.pack(_NUMBERS[vr], _number(vr, one)) for one in given)
    text = "\\".join(_one_text(one) for one in given)
    cleaned = _CONTROL.sub(" ", text) if vr in _FREE_TEXT else _BLANK_CONTROL.sub(" ", text)
    return cleaned.encode("utf-8", "replace")


def _number(vr: str, value: Any) -> float | int:
    if vr in ("FL", "FD"):
        # PS3.18 Section F.2.4: what is no number in JSON comes as text.
        return math.nan if value is None else float(value)
    return int(value)


def _sequence(given: list[Any], bulk: Bulk | None, notes: Problems, deep: int) -> bytes:
    if deep >= _DEEPEST:
        raise ValueError("nested too deep")
    parts = []
    for one in given:
        content = _encoded(one if isinstance(one, dict) else {}, bulk, notes, deep + 1)
        parts.append(struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content)
    return b"".join(parts)
