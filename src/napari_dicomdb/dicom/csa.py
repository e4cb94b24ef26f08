"""Siemens CSA headers: the few values of (0029,xx10) that place and time mosaics.

The bytes come from a file, so nothing in them is believed: every step moves on,
and what does not fit ends the reading with what was found so far.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_dicomdb.dicom.values import Value

__all__ = ["CSA_KEYWORDS", "csa_elements", "csa_values", "is_csa_wanted"]

CSA_KEYWORDS: dict[str, bool] = {
    "NumberOfImagesInMosaic": True,
    "SliceNormalVector": True,
    "ProtocolSliceNumber": True,
    "MosaicRefAcqTimes": True,
    "PhaseEncodingDirectionPositive": True,
    "B_value": True,
    "B_matrix": True,
    "DiffusionGradientDirection": True,
    "DiffusionDirectionality": False,
}
"""Elements that are kept, and whether they are numbers."""

_COUNT = struct.Struct("<L").unpack_from
_TAG = struct.Struct("<64sl4slll").unpack_from  # name, VM, VR, syngo type, items, 77 or 205
_TAG_SIZE = 84
_ITEM = struct.Struct("<llll").unpack_from
_ITEM_SIZE = 16
_MOST_TAGS = 1024
_MOST_VALUES = 512


def is_csa_wanted(image_type: object) -> bool:
    r"""Return whether images of this ImageType keep anything in their CSA header alone.

    Examples
    --------
    >>> is_csa_wanted("ORIGINAL\\PRIMARY\\M\\ND\\MOSAIC")
    True
    >>> is_csa_wanted("ORIGINAL\\PRIMARY\\AXIAL")
    False
    """
    text = str(image_type or "").upper()
    return "MOSAIC" in text or "DIFFUSION" in text


def csa_values(raw: bytes) -> dict[str, Value]:
    """Return what is kept of a CSA image header, as ``"SIEMENS_CSA_<name>"``.

    Parameters
    ----------
    raw : bytes
        Value of the element CSAImageHeaderInfo.

    Returns
    -------
    dict
        Numbers as numbers (a list when there are several), text as text;
        what is empty or no number is left out.
    """
    kept: dict[str, Value] = {}
    for name, texts in csa_elements(raw).items():
        if not CSA_KEYWORDS[name]:
            kept[f"SIEMENS_CSA_{name}"] = texts[0]
            continue
        try:
            numbers = [float(text) for text in texts]
        except ValueError:
            continue
        if name == "MosaicRefAcqTimes":
            # They differ in their last digit from volume to volume.
            numbers = [round(number, 2) for number in numbers]
        if all(math.isfinite(number) for number in numbers):
            values: list[Value] = [int(n) if n.is_integer() else n for n in numbers]
            kept[f"SIEMENS_CSA_{name}"] = values[0] if len(values) == 1 else values
    return kept


def csa_elements(raw: bytes) -> dict[str, list[str]]:
    """Return the values, as text, of the elements in `CSA_KEYWORDS` that are not empty.

    Notes
    -----
    The format is undocumented. Syngo VB and later start with ``SV10`` (CSA2); the
    older CSA1 starts with the number of elements, and its lengths of items are
    offset by the number of items of its first element.
    """
    found: dict[str, list[str]] = {}
    is_new = raw[:4] == b"SV10"
    pos = 8 if is_new else 0
    if len(raw) < pos + 8:
        return found
    (count,) = _COUNT(raw, pos)
    if not 1 <= count <= _MOST_TAGS:
        return found
    pos += 8
    offset: int | None = None
    for _ in range(count):
        if pos + _TAG_SIZE > len(raw):
            break
        name, multiplicity, _, _, items, _ = _TAG(raw, pos)
        pos += _TAG_SIZE
        if items < 0:
            break
        if offset is None:
            offset = items
        texts, pos = _read_items(raw, pos, items, None if is_new else offset)
        keyword = name.split(b"\0", 1)[0].decode("latin_1").strip()
        if keyword in CSA_KEYWORDS:
            # VM 0 stands for as many as there are.
            filled = [text for text in texts if text]
            kept = filled[: multiplicity if multiplicity > 0 else _MOST_VALUES][:_MOST_VALUES]
            if kept:
                found[keyword] = kept
        if pos < 0:
            break
    return found


def _read_items(raw: bytes, pos: int, count: int, offset: int | None) -> tuple[list[str], int]:
    """Read the items of one element; where the next one starts, -1 when there is none."""
    texts: list[str] = []
    for _ in range(count):
        if pos + _ITEM_SIZE > len(raw):
            return texts, -1
        first, second, _, _ = _ITEM(raw, pos)
        pos += _ITEM_SIZE
        length = second if offset is None else first - offset
        if length < 0 or pos + length > len(raw):
            # CSA1 ends lists with items whose length means nothing.
            return texts, -1 if offset is None else pos
        text = raw[pos : pos + length].split(b"\0", 1)[0].decode("latin_1").strip()
        texts.append(text)
        pos += (length + 3) // 4 * 4
    return texts, pos
