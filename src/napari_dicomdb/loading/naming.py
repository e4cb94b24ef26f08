"""Names of the parts of a series, for people: "4: T1 AX, echo 2"."""

from __future__ import annotations

from typing import Any

from napari_dicomdb.dicom.values import parse_time

__all__ = ["name_of_part"]

_WORDS = {
    "AcquisitionNumber": "acquisition",
    "AcquisitionTime": "acquired at",
    "ContentTime": "created at",
    "EchoNumbers": "echo",
    "EchoTime": "TE",
    "EffectiveEchoTime": "TE",
    "TemporalPositionIdentifier": "time point",
    "TriggerTime": "trigger",
    "InversionTime": "TI",
    "InversionTimes": "TI",
    "FlipAngle": "flip angle",
    "RepetitionTime": "TR",
    "DiffusionBValue": "b",
    "MRDiffusionSequence.DiffusionBValue": "b",
    "GE_0043_1039": "b",
    "SIEMENS_0019_100C": "b",
    "PHILIPS_2001_1003": "b",
    "UIH_0065_1009": "b",
    "DiffusionGradientOrientation": "gradient",
    "GE_0019_10BB": "gradient",
    "SIEMENS_0019_100E": "gradient",
    "PHILIPS_2005_10B0": "gradient",
    "UIH_0065_1037": "gradient",
    "NominalPercentageOfCardiacPhase": "cardiac phase",
    "NominalPercentageOfRespiratoryPhase": "respiratory phase",
    "ConvolutionKernel": "kernel",
    "SliceThickness": "thickness",
    "StackID": "stack",
    "PixelSpacing": "pixel spacing",
    "Rows": "rows",
    "Columns": "columns",
    "KVP": "kV",
    "repeat": "repeat",
}
_CLOCKS = frozenset({"AcquisitionTime", "ContentTime"})
_UNITS = {
    "EchoTime": " ms",
    "EffectiveEchoTime": " ms",
    "TriggerTime": " ms",
    "InversionTime": " ms",
    "InversionTimes": " ms",
    "RepetitionTime": " ms",
    "SliceThickness": " mm",
    "NominalPercentageOfCardiacPhase": " %",
    "NominalPercentageOfRespiratoryPhase": " %",
}


def name_of_part(series: str, labels: tuple[tuple[str, Any], ...]) -> str:
    """Return the name of a series with what tells the part from its siblings.

    Examples
    --------
    >>> name_of_part("4: T1 AX", (("EchoNumbers", "2"), ("EchoTime", 4.6)))
    '4: T1 AX, echo 2, TE 4.6 ms'
    """
    words = [text for keyword, value in labels if (text := _label(keyword, value))]
    return ", ".join([series, *words])


def _label(keyword: str, value: Any) -> str:
    if keyword in ("localizer", "colour"):
        return keyword if value else ""
    if value is None:
        return f"no {_WORDS.get(keyword, keyword)}"
    if keyword == "orientation":
        return str(value)
    if keyword == "FrameOfReferenceUID":
        return f"frame of reference …{str(value)[-6:]}"
    if keyword == "ImageType":
        parts = [part for part in str(value).replace("\\", " ").split() if part]
        return "/".join(parts[2:] or parts)
    text = _text(value)
    if keyword in _CLOCKS:
        text = parse_time(text) or text
    return f"{_WORDS.get(keyword, keyword)} {text}{_UNITS.get(keyword, '')}"


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + ", ".join(_text(v) for v in value) + ")"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value).replace("\\", "/")
