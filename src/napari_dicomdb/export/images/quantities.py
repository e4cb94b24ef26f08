"""Codes of quantities and of their units, for maps of real-world values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import ExportError

if TYPE_CHECKING:
    from pydicom.sr.coding import Code

__all__ = ["QUANTITIES", "UNITS", "quantity_code", "unit_code"]

QUANTITIES: dict[str, tuple[str, str, str]] = {
    "value": ("246205007", "SCT", "Quantity"),
    "adc": ("113041", "DCM", "Apparent Diffusion Coefficient"),
    "fa": ("110808", "DCM", "Fractional Anisotropy"),
    "t1": ("113063", "DCM", "T1"),
    "t2": ("113065", "DCM", "T2"),
    "t2star": ("113064", "DCM", "T2*"),
    "suvbw": ("126401", "DCM", "SUVbw"),
    "attenuation": ("112031", "DCM", "Attenuation Coefficient"),
    "ktrans": ("126312", "DCM", "Ktrans"),
    "ve": ("126314", "DCM", "ve"),
    "probability": ("C0033204", "UMLS", "Probability"),
}
"""Code, scheme and meaning by the names of our options (CID 7180, 7466 and others)."""

UNITS = {
    "HU": "[hnsf'U]",
    "BQML": "Bq/ml",
    "GML": "g/ml",
    "CNTS": "{counts}",
    "PROPCPS": "{propcps}",
    "%": "%",
    "mm^2/s": "mm2/s",
    "": "1",
}
"""UCUM for the units that images have."""

_MEANINGS = {"1": "no units", "[hnsf'U]": "Hounsfield unit"}
_LONGEST = 16


def quantity_code(key: str) -> Code:
    """Return the code of a quantity.

    Raises
    ------
    ExportError
        "bad-option": there is no such quantity.
    """
    from pydicom.sr.coding import Code as Coded

    if key not in QUANTITIES:
        raise ExportError(f"no quantity {key!r}: use one of {', '.join(QUANTITIES)}",
                          reason="bad-option")  # fmt: skip
    made: Any = Coded(*QUANTITIES[key])
    return made  # type: ignore[no-any-return]


def unit_code(unit: str) -> Code:
    """Return the UCUM code of a unit.

    Raises
    ------
    ExportError
        "bad-value": it is no UCUM unit as DICOM can hold it (16 characters of ASCII).
    """
    from pydicom.sr.coding import Code as Coded

    unit = UNITS.get(unit, unit) or "1"
    letters = unit.isascii() and unit.isprintable() and not set(unit) & {" ", "\\"}
    if len(unit) > _LONGEST or not letters:
        raise ExportError(
            f"the unit {unit!r} is no UCUM code of at most {_LONGEST} characters",
            reason="bad-value",
        )
    made: Any = Coded(unit, "UCUM", _MEANINGS.get(unit, unit))
    return made  # type: ignore[no-any-return]
