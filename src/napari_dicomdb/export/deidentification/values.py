"""Values that stand for those that were: dummies by VR, and ages that tell nobody apart."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["DUMMY_TEXT", "capped_age", "dummy"]

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
