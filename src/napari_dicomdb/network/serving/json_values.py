"""Kept values in the DICOM JSON model (PS3.18 Annex F)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.key_search import COMPUTED
from napari_dicomdb.dicom.keywords import TAG_OF, VR_OF

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Json", "element", "json_of", "tag_of", "tag_text"]

Json = dict[str, Any]

_COMPUTED_TAGS = {
    "ModalitiesInStudy": 0x00080061,
    "SOPClassesInStudy": 0x00080062,
    "NumberOfStudyRelatedSeries": 0x00201206,
    "NumberOfStudyRelatedInstances": 0x00201208,
    "NumberOfSeriesRelatedInstances": 0x00201209,
    "AvailableTransferSyntaxUID": 0x00083002,
    "InstanceAvailability": 0x00080056,
    "RetrieveURL": 0x00081190,
}
_VRS = {"InstanceAvailability": "CS", "RetrieveURL": "UR"}
_INTEGERS = frozenset({"IS", "US", "SS", "UL", "SL", "UV", "SV"})
_REALS = frozenset({"DS", "FL", "FD"})
_SEPARATORS = {"DA": ".", "TM": ":"}
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_PASSED_OVER = frozenset({"SQ", "OB", "OW", "AT", "UN"})


def tag_of(keyword: str) -> int | None:
    """Return the tag of a keyword that answers can have."""
    return TAG_OF.get(keyword) or _COMPUTED_TAGS.get(keyword)


def tag_text(tag: int) -> str:
    """Return a tag as JSON has it: "0020000D"."""
    return f"{tag:08X}"


def json_of(values: Mapping[str, Any]) -> Json:
    """Return kept values by tag; sequences, of which the index has a part, are left out.

    Parameters
    ----------
    values : mapping of keyword to value
        Text (several values with a backslash between), numbers, lists.
    """
    found: Json = {}
    for keyword, value in values.items():
        tag = tag_of(keyword)
        if tag is None:
            continue
        vr = _VRS.get(keyword) or COMPUTED.get(keyword, ("", ""))[1] or VR_OF.get(keyword, "UN")
        if vr == "US or SS":
            vr = "SS" if _is_negative(value) else "US"
        if vr not in _PASSED_OVER:
            found[tag_text(tag)] = element(vr, value)
    return dict(sorted(found.items()))


def element(vr: str, value: Any) -> Json:
    """Return one element; without "Value" when it is empty.

    Examples
    --------
    >>> element("PN", "Yamada^Tarou=山田^太郎")["Value"]
    [{'Alphabetic': 'Yamada^Tarou', 'Ideographic': '山田^太郎'}]
    """
    if isinstance(value, list):
        parts = value
    elif isinstance(value, str) and vr not in {"ST", "LT", "UT", "UR"}:
        parts = value.split("\\") if value else []
    else:
        parts = [] if value in (None, "") else [value]
    values = [_value(vr, part) for part in parts]
    if not any(one is not None for one in values):
        return {"vr": vr}
    return {"vr": vr, "Value": values}


def _value(vr: str, part: Any) -> Any:
    if vr == "PN":
        groups = [group.rstrip() for group in str(part).split("=")[:3]]
        named = {name: text for name, text in zip(_GROUPS, groups, strict=False) if text}
        return named or None
    if vr in _INTEGERS or vr in _REALS:
        return _number(vr, part)
    text = str(part)
    if vr in _SEPARATORS:  # as older files have them: 1997.04.24, 10:20:30
        text = text.replace(_SEPARATORS[vr], "")
    return text.strip(" \0") if vr not in {"ST", "LT", "UT"} else text.rstrip(" \0") or None


def _number(vr: str, part: Any) -> Any:
    if part in (None, "") or (isinstance(part, str) and not part.strip()):
        return None
    try:
        number = float(part)
    except (TypeError, ValueError):
        return str(part)  # as a string it may say anything (PS3.18 Section F.2.3)
    if not math.isfinite(number):
        return None
    return int(number) if vr in _INTEGERS and number.is_integer() else number


def _is_negative(value: Any) -> bool:
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, int | float) and first < 0
