"""What a value of each VR may look like (PS3.5 Table 6.2-1)."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from napari_dicomdb.dicom.values import parse_date, parse_datetime, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["BINARY_VRS", "encodes", "problems_of", "vm_problem"]

BINARY_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN", "SQ"})
_LONGEST = {"AE": 16, "CS": 16, "DS": 16, "IS": 12, "LO": 64, "LT": 10240, "SH": 16, "ST": 1024,
            "UI": 64, "DT": 26, "TM": 14}  # fmt: skip
_RANGES = {"US": (0, 2**16 - 1), "SS": (-(2**15), 2**15 - 1), "UL": (0, 2**32 - 1),
           "SL": (-(2**31), 2**31 - 1), "UV": (0, 2**64 - 1), "SV": (-(2**63), 2**63 - 1),
           "IS": (-(2**31), 2**31 - 1)}  # fmt: skip
_PATTERNS: dict[str, tuple[str, str]] = {
    "AE": (r"[\x20-\x5B\x5D-\x7E]*", "plain ASCII without backslash"),
    "AS": (r"\d{3}[DWMY]", "three digits and one of D, W, M, Y, as 018M"),
    "CS": (r"[A-Z0-9_ ]*", "upper case letters, digits, blank and underscore"),
    "DA": (r"\d{8}", "a date as YYYYMMDD"),
    "DS": (r" *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)? *", "a decimal number"),
    "IS": (r" *[+-]?\d+ *", "a whole number"),
    "DT": (r"\d{4}[\d.]*([+-]\d{4})?", "a date and time as YYYYMMDDHHMMSS.FFFFFF&ZZXX"),
    "TM": (r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)? *", "a time as HHMMSS.FFFFFF"),
    "UI": (r"(0|[1-9]\d*)(\.(0|[1-9]\d*))*", "numbers without leading zeros, joined by dots"),
    "AT": (r"\(?[0-9A-Fa-f]{4},?[0-9A-Fa-f]{4}\)?", "a tag as (0018,0081)"),
    "UR": (r"[\x21-\x7E]+ *", "a URI in ASCII, without blanks"),
}
_PARSED: dict[str, tuple[Callable[[str], str], str]] = {
    "DA": (parse_date, "there is no such date"),
    "TM": (parse_time, "there is no such time"),
    "DT": (parse_datetime, "there is no such date and time"),
}
_BREAKS = "\t\n\f\r"
_FREE_TEXT = frozenset({"LT", "ST", "UT"})
_DICTIONARY_VRS = frozenset({"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO",
                             "LT", "PN", "SH", "SL", "SS", "ST", "SV", "TM", "UC", "UI", "UL",
                             "UR", "US", "UT", "UV"})  # fmt: skip


def problems_of(vr: str, value: str, charset: str) -> list[str]:
    """Return what is wrong with one value of a VR; nothing when it may be written.

    Parameters
    ----------
    vr : str
    value : str
        One of a multi-valued attribute's values.
    charset : str
        SpecificCharacterSet, its terms separated by backslashes.
    """
    if vr in BINARY_VRS or vr not in _DICTIONARY_VRS:
        return [f"values of VR {vr} cannot be typed"]
    if not value:
        return []
    found = []
    if vr in _RANGES:
        found += _range_problems(vr, value)
    if vr in ("FL", "FD", "DS"):
        found += _float_problems(vr, value)
    longest = _LONGEST.get(vr)
    if longest is not None and len(value) > longest:
        found.append(f"it has {len(value)} characters, at most {longest} fit")
    if vr in _PATTERNS and vr not in _RANGES:
        pattern, words = _PATTERNS[vr]
        if not re.fullmatch(pattern, value, re.ASCII):
            found.append(f"{vr} takes {words}")
        elif vr in _PARSED and not _PARSED[vr][0](value):
            found.append(_PARSED[vr][1])
    if vr == "PN":
        found += _name_problems(value)
    if vr in {"LO", "LT", "PN", "SH", "ST", "UC", "UT"}:
        found += _text_problems(vr, value, charset)
    return found


def vm_problem(vm: str, count: int) -> str:
    """Return "" when the dictionary's multiplicity ("1", "3", "1-n", "2-2n") allows `count`.

    Examples
    --------
    >>> vm_problem("2-2n", 4), vm_problem("1", 2)
    ('', 'it takes 1 value, not 2')
    """
    low, _, high = vm.partition("-")
    if not low.isdigit() or count == 0:
        return ""
    least = int(low)
    step = int(high[:-1] or 1) if high.endswith("n") else 0
    if not high:
        fits = count == least
    elif step:
        fits = count >= least and (step == 1 or count % step == 0)
    else:
        fits = least <= count <= int(high)
    return "" if fits else f"it takes {vm} value{'' if vm == '1' else 's'}, not {count}"


def encodes(value: str, charset: str) -> bool:
    """Say whether the character sets of `charset` have all characters of `value`."""
    return not _not_encoded(value, charset)


def _not_encoded(value: str, charset: str) -> str:
    """Return the characters that the character sets do not have."""
    if value.isascii():
        return ""
    return "".join(c for c in dict.fromkeys(value) if not c.isascii() and not any(
        _has(codec, c) for codec in codecs_of(charset)))  # fmt: skip


def codecs_of(charset: str) -> list[str]:
    """Return Python's codecs for the terms of a SpecificCharacterSet."""
    from pydicom.charset import convert_encodings

    from napari_dicomdb.dicom._attribute_reading import quiet

    terms: Sequence[str] = charset.split("\\") if charset else [""]
    with quiet():
        return [str(codec) for codec in convert_encodings([term.strip() for term in terms])]


def _has(codec: str, character: str) -> bool:
    # pydicom's name for the default repertoire decodes as Latin 1; it has ASCII alone.
    if codec == "iso8859":
        return False
    codec = "latin_1" if codec == "latin_1" else codec
    try:
        character.encode(codec)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _range_problems(vr: str, value: str) -> list[str]:
    if not re.fullmatch(r" *[+-]?\d{1,40} *", value, re.ASCII):
        return [f"{vr} takes a whole number"]
    low, high = _RANGES[vr]
    if not low <= int(value) <= high:
        return [f"{vr} takes {low} to {high}"]
    return []


def _float_problems(vr: str, value: str) -> list[str]:
    if vr == "DS":
        return []  # its pattern says all
    try:
        number = float(value if value.isascii() else "")
    except ValueError:
        return [f"{vr} takes a number"]
    if vr == "FL" and math.isfinite(number) and abs(number) > 3.4028235e38:
        return ["the number is too large for FL"]
    return []


def _name_problems(value: str) -> list[str]:
    groups = value.split("=")
    found = []
    if len(groups) > 3:
        found.append("a name has at most 3 groups, separated by =")
    if any(len(group) > 64 for group in groups):
        found.append("a group of a name has at most 64 characters")
    if any(group.count("^") > 4 for group in groups):
        found.append("a name has at most 5 parts, separated by ^")
    return found


def _text_problems(vr: str, value: str, charset: str) -> list[str]:
    found = []
    odd = [c for c in value if ord(c) < 32 or 0x7F <= ord(c) < 0xA0]
    if vr in _FREE_TEXT:
        odd = [c for c in odd if c not in _BREAKS]
    if odd:
        found.append("control characters are not allowed")
    missing = _not_encoded(value, charset)
    if missing:
        shown = "".join(missing[:5])
        found.append(
            f"the character set {charset or 'of the file (ASCII)'} does not have {shown!r}: "
            "use UTF-8 (ISO_IR 192)"
        )
    return found
