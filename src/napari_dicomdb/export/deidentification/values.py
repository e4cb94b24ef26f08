"""Values that stand for those that were: dummies by VR, and ages that tell nobody apart."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["DUMMY_TEXT", "capped_age", "dummy", "is_like_a_number", "may_say_words"]

DUMMY_TEXT = "ANONYMIZED"
_OLDEST = 89  # years; who is older is one of few

_DUMMIES: dict[str, Any] = {
    "AS": "000Y",
    "DA": "19000101",
    "DT": "19000101000000",
    "TM": "000000",
    "DS": "0",
    "IS": "0",
    "UR": "urn:anonymized",
    "AT": 0,
    **dict.fromkeys(("FL", "FD"), 0.0),
    **dict.fromkeys(("US", "SS", "UL", "SL", "UV", "SV"), 0),
    **dict.fromkeys(("OB", "OW", "UN"), b"\0\0"),
    **dict.fromkeys(("OF", "OL"), b"\0" * 4),
    **dict.fromkeys(("OD", "OV"), b"\0" * 8),
}


_NUMBERS = ("DS", "IS")
_WORDS = frozenset(("AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI",
                    "UR", "UT"))  # fmt: skip
_LIKE_A_NUMBER = re.compile(r"[\d\s.,:+\-eE\0]*|[+-]?(?:nan|inf)", re.IGNORECASE)


def dummy(vr: str) -> Any:
    """Return a value that any attribute of this VR may have; not for SQ and UI."""
    return _DUMMIES.get(vr, DUMMY_TEXT)


def capped_age(value: str) -> str:
    """Return an age string, that of everybody above 89 years as "090Y"; "" if unreadable."""
    match = re.fullmatch(r"(\d{1,3})([DWMY])", value.strip(" \0"))
    if match is None:
        return ""
    years = int(match[1]) / {"D": 365, "W": 52, "M": 12, "Y": 1}[match[2]]
    return "090Y" if years > _OLDEST else f"{int(match[1]):03d}{match[2]}"


def may_say_words(vr: str, wanted: str) -> bool:
    """Tell whether an element of this VR can hold words where its attribute has numbers.

    Parameters
    ----------
    vr : str
        As the file says.
    wanted : str
        As the dictionary says: "US", "US or SS".

    Examples
    --------
    >>> may_say_words("LO", "US"), may_say_words("IS", "IS"), may_say_words("LO", "CS")
    (True, True, False)
    """
    if vr in _WORDS:
        return not any(one in _WORDS for one in wanted.split(" or "))
    return vr in _NUMBERS and wanted in _NUMBERS


def is_like_a_number(value: str) -> bool:
    """Tell whether there are no words in a number, as careless writers have them, too.

    Examples
    --------
    >>> is_like_a_number("0,5 "), is_like_a_number("Jane")
    (True, False)
    """
    return _LIKE_A_NUMBER.fullmatch(value) is not None
