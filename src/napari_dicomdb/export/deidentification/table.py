"""What PS3.15 Table E.1-1 says of an attribute, and PS3.3 of its type."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["COLUMNS", "Row", "attribute_type", "edition", "row_of", "rows", "safe_private_rows"]

COLUMNS = (
    "uids",
    "device",
    "institution",
    "characteristics",
    "full_dates",
    "modified_dates",
    "descriptors",
    "structured",
    "graphics",
)
"""The options' columns of the table, by our names."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of Table E.1-1.

    Parameters
    ----------
    name : str
    basic : str
        Action of the Basic Profile: D, Z, X, K, C, U or a compound such as "X/Z/D".
    options : dict of str to str
        "K" or "C" by the columns of `COLUMNS` that have one.
    listed : bool
        False for what the table lacks and we treat by its VR.
    """

    name: str
    basic: str
    options: dict[str, str]
    listed: bool = True


# Attributes that dictionaries know and the table does not (yet): by their VR, as the
# table treats their kind. Nothing that names a person or tells a day passes unnoticed.
_BY_VR = {"PN": "X/Z/D", "DA": "X/Z/D", "DT": "X/Z/D", "AS": "X", "AE": "X", "UR": "X"}
_SAFE_URLS = frozenset((0x0008010E, 0x00080120))  # of coding schemes
# Text as long as people like, in attributes that the table lacks.
_LONG_TEXTS = ("LT", "ST", "UT")
# Those of them that are written by programs.
_OF_PROGRAMS = frozenset(
    (0x00080108, 0x00080114, 0x00080115, 0x00080116, 0x0008030E, 0x0008030F, 0x00160017,
     0x00160020, 0x00286190, 0x00480107, 0x00620020, 0x00660032, 0x20100010, 0x300A007B)
)  # fmt: skip
_DESCRIPTIONS = frozenset(
    (0x00400255, 0x00700068, 0x00700081, 0x0074100C, 0x00741202, 0x00741204, 0x30100022)
)
# Dates in words of another calendar, and what names a device.
_BY_OPTION = {
    0x00100033: {"full_dates": "K"},
    0x00100034: {"full_dates": "K"},
    0x00181003: {"device": "K"},
    0x00181803: {"device": "K"},
    0x30020020: {"device": "K"},
}
# Free text that the table lacks, in which people write what they like; never required.
_COMMENTS = frozenset(
    (0x00080402, 0x00080418, 0x0018003A, 0x00240044, 0x00281351, 0x00400400, 0x0040A16A,
     0x0040A224, 0x0040A33A, 0x00440003, 0x00620006, 0x01000424)
)  # fmt: skip
_BY_TAG = {
    # In the table only as part of sequences that may be dropped, which we keep.
    0x0040A160: Row("Text Value", "D", {"structured": "C"}, listed=False),
    # As the values of all other VRs.
    0x0072006F: Row("Selector UC Value", "D", {}, listed=False),
}
_CLASS_LIKE = ("ClassUID", "TransferSyntaxUID", "ClassesInStudy", "ClassesInSeries",
               "ClassesSupported", "ClassUIDInFile", "SyntaxUIDInFile")  # fmt: skip
_NAMES_A_KIND = frozenset(
    ("CodingSchemeUID", "ContextUID", "MappingResourceUID", "ContextGroupExtensionCreatorUID",
     "PrivateInformationCreatorUID", "CreatorVersionUID", "SegmentationTemplateUID")
)  # fmt: skip


def _read(name: str) -> Any:
    folder = files("napari_dicomdb.export.deidentification").joinpath("data")
    return json.loads(folder.joinpath(f"{name}.json").read_text(encoding="utf-8"))


@cache
def _table() -> dict[str, Row]:
    found: dict[str, Row] = {}
    for tag, cells in _read("confidentiality")["attributes"].items():
        options = {c: cells[c] for c in COLUMNS if c in cells}
        found[tag] = Row(cells["name"], cells["basic"], options)
    return found


def edition() -> str:
    """Return where the table is from."""
    return str(_read("confidentiality")["origin"]).partition(";")[0]


def rows() -> dict[str, Row]:
    """Return all rows by tag in hexadecimal, "60xx3000" for repeating groups."""
    return dict(_table())


@cache
def row_of(tag: int) -> Row | None:
    """Return the row that holds for a public attribute, None when it is kept.

    Parameters
    ----------
    tag : int
        Of an even group.
    """
    text = f"{tag:08x}"
    table = _table()
    if text in table:
        return table[text]
    if tag >> 24 == 0x50:  # in groups that no standard allows as well
        return table["50xxxxxx"]
    if tag >> 24 == 0x60:
        # Where the overlay goes all of its group does: without data it means nothing.
        return Row("Overlay", "X", {"graphics": "C"}, f"60xx{text[4:]}" in table)
    return _unlisted(tag)


def _unlisted(tag: int) -> Row | None:
    from pydicom.datadict import dictionary_description, dictionary_VR, keyword_for_tag

    if tag in _BY_TAG:
        return _BY_TAG[tag]
    if tag in _SAFE_URLS:
        return None
    try:
        vr, name = dictionary_VR(tag), dictionary_description(tag)
    except KeyError:  # no dictionary knows it: who can tell what it says
        return Row("Unknown", "X", {}, listed=False)
    if tag in _COMMENTS:
        return Row(name, "X", {"descriptors": "C"}, listed=False)
    if tag in _BY_OPTION:
        return Row(name, "X/Z/D", _BY_OPTION[tag], listed=False)
    if tag in _DESCRIPTIONS or (vr in _LONG_TEXTS and tag not in _OF_PROGRAMS):
        return Row(name, "X/Z/D", {"descriptors": "C"}, listed=False)
    if vr in _BY_VR:
        dates = {"full_dates": "K", "modified_dates": "C"} if vr in ("DA", "DT") else {}
        return Row(name, _BY_VR[vr], dates, listed=False)
    keyword = keyword_for_tag(tag)
    if vr == "UI" and not keyword.endswith(_CLASS_LIKE) and keyword not in _NAMES_A_KIND:
        return Row(name, "U", {"uids": "K"}, listed=False)
    return None


@cache
def _types() -> tuple[dict[str, int], list[dict[str, str]]]:
    read = _read("attribute_types")
    return read["classes"], read["tables"]


def attribute_type(sop_class: str, keyword: str, sequence: str = "") -> str:
    """Return the type of an attribute in the IOD of a SOP class.

    Parameters
    ----------
    sop_class, keyword : str
    sequence : str
        Keyword of the sequence it is in, "" at the top.

    Returns
    -------
    str
        "1", "1C", "2", "2C", "3", or "" when the IOD is not known. Only attributes
        with compound actions are known, of the table and of `row_of`.
    """
    classes, tables = _types()
    if sop_class not in classes:
        return ""
    key = f"{sequence}.{keyword}" if sequence else keyword
    return tables[classes[sop_class]].get(key, "3")


@cache
def safe_private_rows() -> tuple[tuple[int, int, str, str], ...]:
    """Return Table E.3.10-1: group, last byte of the element, creator, VR."""
    return tuple(
        (int(r["group"], 16), int(r["element"], 16), r["creator"], r["vr"])
        for r in _read("safe_private")["attributes"]
    )
