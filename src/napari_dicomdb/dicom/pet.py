"""What PET headers say of their values: quantity, unit, corrections, what SUV is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SERIES_FACTS", "SLICE_FACTS", "correction_findings", "is_suv", "quantity_of"]

SERIES_FACTS: tuple[str, ...] = (
    "Units",
    "SUVType",
    "DecayCorrection",
    "DecayCorrectionDateTime",
    "CorrectedImage",
    "SeriesType",
    "SeriesDate",
    "SeriesTime",
    "PatientSex",
    "PatientSize",
    "PatientWeight",
    "Manufacturer",
    "GE_0009_100D",
    "PHILIPS_7053_1000",
    "PHILIPS_7053_1009",
    "RadiopharmaceuticalInformationSequence.Radiopharmaceutical",
    "RadiopharmaceuticalInformationSequence.RadiopharmaceuticalStartTime",
    "RadiopharmaceuticalInformationSequence.RadiopharmaceuticalStartDateTime",
    "RadiopharmaceuticalInformationSequence.RadionuclideTotalDose",
    "RadiopharmaceuticalInformationSequence.RadionuclideHalfLife",
    "RadiopharmaceuticalInformationSequence.RadionuclideCodeSequence.CodeValue",
    "RadiopharmaceuticalInformationSequence.RadionuclideCodeSequence.CodeMeaning",
)
"""Header values from which standardised uptake values are computed, of the whole series."""

SLICE_FACTS: tuple[str, ...] = (
    "AcquisitionDate",
    "AcquisitionTime",
    "AcquisitionDateTime",
    "FrameReferenceTime",
    "FrameReferenceDateTime",
    "ActualFrameDuration",
    "DecayFactor",
)
"""The same, of each slice."""

# Units (PS3.3 Section C.8.9.1.1.3) -> quantity, UCUM
_QUANTITIES = {
    "BQML": ("Activity concentration", "Bq/ml"),
    "CNTS": ("Counts", "{counts}"),
    "CPS": ("Count rate", "{counts}/s"),
    "PROPCNTS": ("Proportional to counts", ""),
    "PROPCPS": ("Proportional to count rate", ""),
    "PCNT": ("Per cent", "%"),
    "1CM": ("Attenuation", "/cm"),
    "MLMINML": ("Blood flow", "ml/min/ml"),
    "MLMING": ("Blood flow", "ml/min/g"),
    "MGMINML": ("Metabolic rate", "mg/min/ml"),
    "UMOLMINML": ("Metabolic rate", "umol/min/ml"),
    "MLG": ("Distribution volume", "ml/g"),
    "STDDEV": ("Standard deviations", "{stddev}"),
}
# SUVType (PS3.3 Section C.8.9.1.1.3) -> name, UCUM
_UPTAKES = {
    "": ("SUVbw", "{SUVbw}g/ml"),
    "BW": ("SUVbw", "{SUVbw}g/ml"),
    "LBM": ("SUVlbm", "{SUVlbm}g/ml"),
    "LBMJAMES128": ("SUVlbm (James)", "{SUVlbm}g/ml"),
    "LBMJANMA": ("SUVlbm (Janmahasatian)", "{SUVlbm}g/ml"),
    "IBW": ("SUVibw", "{SUVibw}g/ml"),
    "BSA": ("SUVbsa", "{SUVbsa}cm2/ml"),
}


def quantity_of(values: Mapping[str, Any]) -> tuple[str, str]:
    """Return what PET values are, for people, and their unit in UCUM.

    Parameters
    ----------
    values : mapping of keyword to value
        Units and SUVType as kept from the header.

    Examples
    --------
    >>> quantity_of({"Units": "BQML"})
    ('Activity concentration', 'Bq/ml')
    >>> quantity_of({"Units": "GML", "SUVType": "LBM"})
    ('SUVlbm', '{SUVlbm}g/ml')
    """
    units = str(values.get("Units") or "").strip().upper()
    kind = str(values.get("SUVType") or "").strip().upper()
    if units == "GML":
        return _UPTAKES.get(kind, (f"SUV ({kind})", "g/ml"))
    if units == "CM2ML":
        return _UPTAKES["BSA"]
    return _QUANTITIES.get(units, ("", ""))


def is_suv(units: str) -> bool:
    """Return whether values in Units `units` are standardised uptake values already."""
    return units.strip().upper() in ("GML", "CM2ML")


def correction_findings(values: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Tell which corrections a PET image lacks without which its values do not compare.

    Parameters
    ----------
    values : mapping of keyword to value
        CorrectedImage and DecayCorrection; nothing is said where they are absent.
    """
    lacking = []
    corrected = str(values.get("CorrectedImage") or "").upper().split("\\")
    if corrected != [""]:
        if "ATTN" not in corrected:
            lacking.append("attenuation")
        if "DECY" not in corrected and values.get("DecayCorrection") != "START":
            lacking.append("decay")
    elif values.get("DecayCorrection") == "NONE":
        lacking.append("decay")
    if not lacking:
        return ()
    return (
        Finding(
            FindingCode.NOT_CORRECTED,
            Severity.INFO,
            f"Not corrected for {' and '.join(lacking)}: values do not compare with those of "
            "images that are",
            {"lacking": lacking},
        ),
    )
