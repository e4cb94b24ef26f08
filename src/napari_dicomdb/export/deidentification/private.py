"""Private attributes that may stay: those the standard lists as safe, and our own list."""

from __future__ import annotations

import re
import struct
from functools import cache
from typing import TYPE_CHECKING, Any

from pydicom import DataElement
from pydicom.tag import Tag

from napari_dicomdb.dicom import _attribute_values as text
from napari_dicomdb.dicom.csa import CSA_KEYWORDS, csa_elements
from napari_dicomdb.export.deidentification.table import safe_private_rows

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["CSA_IMAGE_HEADER", "EXTENDED", "allowed_vr", "filter_csa", "filtered_csa", "is_of"]

_NUMBER = re.compile(r"|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WIDTHS = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "UV": 8, "SV": 8}

CSA_IMAGE_HEADER = (0x0029, 0x10, "SIEMENS CSA HEADER")
"""Kept by the extended list, but for all of it that is not about geometry and diffusion."""

_GE, _SIEMENS = "GEMS_ACQU_01", "SIEMENS MR HEADER"
_SIEMENS_SDI, _PHILIPS = "SIEMENS MR SDI 02", "Philips MR Imaging DD 001"

EXTENDED: tuple[tuple[int, int, str, str, str], ...] = (
    (0x0019, 0xBB, _GE, "DS", "diffusion gradient, x"),
    (0x0019, 0xBC, _GE, "DS", "diffusion gradient, y"),
    (0x0019, 0xBD, _GE, "DS", "diffusion gradient, z"),
    (0x0019, 0xCC, _GE, "SS", "velocity encode scale"),
    (0x0019, 0xE0, _GE, "DS", "number of diffusion directions"),
    (0x0043, 0x2C, "GEMS_PARM_01", "SS", "effective echo spacing"),
    (0x0043, 0x2F, "GEMS_PARM_01", "SS", "kind of image: magnitude, phase, real, imaginary"),
    (0x0019, 0x0A, _SIEMENS, "US", "number of images in a mosaic"),
    (0x0019, 0x0B, _SIEMENS, "DS", "duration of a slice"),
    (0x0019, 0x28, _SIEMENS, "FD", "bandwidth per pixel, phase encoding"),
    (0x0019, 0x29, _SIEMENS, "FD", "acquisition times of the slices of a mosaic"),
    (0x0051, 0x0B, _SIEMENS, "SH", "acquisition matrix"),
    (0x0021, 0x58, _SIEMENS_SDI, "SH", "kind of image: magnitude, phase"),
    (0x2005, 0xB0, _PHILIPS, "FL", "diffusion direction, right to left"),
    (0x2005, 0xB1, _PHILIPS, "FL", "diffusion direction, front to back"),
    (0x2005, 0xB2, _PHILIPS, "FL", "diffusion direction, foot to head"),
    (0x2005, 0x11, _PHILIPS, "CS", "kind of image: magnitude, phase"),
    (0x0065, 0x09, "Image Private Header", "FD", "b value (United Imaging)"),
    (0x0065, 0x37, "Image Private Header", "FD", "diffusion direction (United Imaging)"),
)
"""Group, last byte of the element, creator, VR and meaning of what is kept beyond E.3.10."""


@cache
def _allowed(safe: bool, extended: bool) -> dict[tuple[int, int, str], str]:
    found = {(g, e, c): vr for g, e, c, vr in safe_private_rows()} if safe else {}
    if extended:
        found.update({(g, e, c): vr for g, e, c, vr, _ in EXTENDED})
    return found


def allowed_vr(tag: int, creator: str, *, safe: bool, extended: bool) -> str:
    """Return the VR of a private attribute that may stay, "" when it may not.

    Parameters
    ----------
    tag : int
    creator : str
        Who reserved its block.
    safe, extended : bool
        Which of the lists hold.
    """
    if not creator or tag & 0xFFFF < 0x1000:
        return ""
    return _allowed(safe, extended).get((tag >> 16, tag & 0xFF, creator), "")


def is_of(element: Any, vr: str) -> bool:
    """Tell whether a private value is what its VR asks for: numbers, where numbers are listed.

    Parameters
    ----------
    element : DataElement or RawDataElement
    vr : str
        Of the list that it is on.
    """
    raw = text.raw_bytes(element)
    if vr in ("DS", "IS"):
        value = element.value if raw is None else raw.decode("latin_1")
        values = value.split("\\") if isinstance(value, str) else value
        parts = [values] if isinstance(values, int | float) else list(values or ())
        return all(_NUMBER.fullmatch(str(part).strip(" \0")) for part in parts)
    width = _WIDTHS.get(vr, 0)
    return raw is None or not width or len(raw) % width == 0


def filtered_csa(raw: bytes) -> bytes:
    """Return a Siemens CSA image header with the few elements that place and weight images.

    b"" when it has none of them. Whatever is in them that is no number is left out.
    """
    kept = {
        name: values
        for name, values in csa_elements(raw).items()
        if all(_is_harmless(value, CSA_KEYWORDS[name]) for value in values)
    }
    if not kept:
        return b""
    header = b"SV10\4\3\2\1" + struct.pack("<LL", len(kept), 77)
    for name, values in kept.items():
        vr = b"FD" if CSA_KEYWORDS[name] else b"CS"
        items = len(values)
        header += struct.pack("<64sl4slll", name.encode(), items, vr, 4, items, 77)
        for value in values:
            data = value.encode("ascii") + b"\0"
            header += struct.pack("<llll", len(data), len(data), 77, len(data))
            header += data + b"\0" * (-len(data) % 4)
    return header + b"\0" * (len(header) % 2)


def filter_csa(dataset: Dataset, tag: int) -> bool:
    """Replace a Siemens CSA image header by what may stay of it; tell whether there is any."""
    element: Any = dataset.get_item(tag)
    new = filtered_csa(element.value) if isinstance(element.value, bytes) else b""
    if new:
        dataset[tag] = DataElement(Tag(tag), "OB", new)
    return bool(new)


def _is_harmless(value: str, is_number: bool) -> bool:
    if is_number:
        return re.fullmatch(r"[+-]?\d*\.?\d*(?:[eE][+-]?\d+)?", value) is not None
    return value in ("NONE", "DIRECTIONAL", "BMATRIX", "ISOTROPIC")
