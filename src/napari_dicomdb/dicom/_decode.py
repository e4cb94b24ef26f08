"""Bytes of one element -> the JSON value that is kept of it; VR classes."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from napari_dicomdb.dicom._charset import decode_text, is_latin

if TYPE_CHECKING:
    from napari_dicomdb.dicom.values import Value

__all__ = [
    "CHARSET_VRS",
    "FREE_TEXT",
    "LONG_VRS",
    "MAX_LIST",
    "MAX_TEXT",
    "NUMBER_VRS",
    "PADDING",
    "TEXT_VRS",
    "UnusualHeader",
    "decode_value",
    "fit_to_vr",
    "is_number_vr",
    "vr_of_bytes",
]

PADDING = " \0"
TEXT_VRS = frozenset(
    b"AE AS CS DA DS DT IS LO LT PN SH ST TM UI".split()  # 16-bit lengths
)
NUMBER_VRS = frozenset(b"AT FL FD SL SS UL US".split())
LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())  # PS3.5 7.1.2
CHARSET_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_ALL_TEXT = frozenset(vr.decode() for vr in TEXT_VRS) | {"UC", "UR", "UT"}
FREE_TEXT = frozenset({"LT", "ST", "UT", "LO", "SH", "PN", "UC", "UR"})

MAX_TEXT = 10_240
"""Characters kept of one text: the most that any short text VR may have (LT)."""
MAX_LIST = 65_536
"""Bytes of a list of numbers, UIDs or codes; longer ones are not kept at all."""

_FORMATS = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d"}


class UnusualHeader(Exception):
    """The walker cannot read this; pydicom may."""


def is_number_vr(vr: str) -> bool:
    """Whether values of `vr` (possibly "US or SS") are kept as numbers."""
    return vr in _FORMATS or vr == "AT" or vr.startswith("US or")


def decode_value(
    raw: bytes, vr: str, little: bool, charsets: tuple[str, ...] = ()
) -> Value | None:
    """Return the kept form of one element's value.

    Parameters
    ----------
    raw : bytes
        Value field.
    vr : str
        Value representation, "US or SS" included (read as US).
    little : bool
        Byte order.
    charsets : tuple of str
        Terms of SpecificCharacterSet.

    Returns
    -------
    Value or None
        None for values that are not kept: lists that are too long. Of a binary
        blob the number of bytes at hand is kept: that it is there, not what it is.
    """
    if vr == "OB":
        return min(len(raw), MAX_LIST) or ""
    if vr in _ALL_TEXT:
        if len(raw) > MAX_TEXT:
            if vr not in FREE_TEXT and len(raw) > MAX_LIST:
                return None
            if vr in FREE_TEXT:
                raw = raw[: 2 * MAX_TEXT]
        latin = vr not in CHARSET_VRS or is_latin(charsets)
        text = raw.decode("latin_1") if latin else decode_text(raw, charsets, vr)
        text = text.strip(PADDING)
        return text[:MAX_TEXT] if vr in FREE_TEXT else text
    if not is_number_vr(vr) or len(raw) > MAX_LIST:
        return None
    order = "<" if little else ">"
    numbers: list[Value]
    if vr == "AT":
        halves = struct.unpack(f"{order}{len(raw) // 4 * 2}H", raw[: len(raw) // 4 * 4])
        numbers = [
            group << 16 | element for group, element in zip(halves[::2], halves[1::2], strict=True)
        ]
    else:
        code = _FORMATS.get(vr, "H")
        width = struct.calcsize(f"<{code}")
        count = len(raw) // width
        numbers = list(struct.unpack(f"{order}{count}{code}", raw[: count * width]))
    if not numbers:
        return ""
    return numbers[0] if len(numbers) == 1 else numbers


_ONLY_DIGITS = re.compile(rb"[-+0-9.eE\\ \0]+").fullmatch


def vr_of_bytes(raw: bytes, vr: str) -> str:
    """Return the VR that private real numbers have by their bytes, where `vr` cannot be.

    Systems that do not know a private element pass it on as UN or OB; what its
    owner wrote (8 bytes: double, 4: float, digits: text) depends on the release.
    """
    if vr not in {"FL", "FD"} or not raw:
        return vr
    if _ONLY_DIGITS(raw) and raw.strip(b" \0"):
        return "DS"
    if vr == "FL" and len(raw) == 8:
        return "FD"
    return "FL" if len(raw) % 8 == 4 else vr


def fit_to_vr(value: Value, vr: str) -> Value | None:
    """Bring a value that the file gives under another VR to the form of `vr`.

    Returns None when it has no such form.
    """
    if vr == "OB":
        return value if isinstance(value, int) or value == "" else None
    if is_number_vr(vr):
        if not isinstance(value, str) or not value:
            return value
        try:
            numbers: list[Value] = [
                float(part) if vr in {"FL", "FD"} else int(part) for part in value.split("\\")
            ]
        except ValueError:
            return None
        return numbers[0] if len(numbers) == 1 else numbers
    if isinstance(value, str):
        return value
    return "\\".join(str(part) for part in (value if isinstance(value, list) else [value]))
