"""How large a pixel is, and at which place in space that holds (PS3.3 Section 10.7.1.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.values import parse_ds, split_values

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PROJECTION_MODALITIES", "InPlaneSpacing", "choose_spacing"]

PROJECTION_MODALITIES = frozenset({"CR", "DX", "MG", "XA", "RF", "IO", "PX", "RG", "RTIMAGE"})
"""X-rays through the patient: a pixel has no one size along a ray."""

SAME_SPACING = 1e-3
"""Relative difference below which PixelSpacing repeats ImagerPixelSpacing: some
systems write one with four digits and the other with seven."""

_CALIBRATIONS = {
    "GEOMETRY": "mm, calibrated (geometry)",
    "FIDUCIAL": "mm, calibrated (fiducial)",
}


@dataclass(frozen=True, slots=True)
class InPlaneSpacing:
    """Distance between pixel centres, and what it means.

    Parameters
    ----------
    row : float
        Between rows (vertical), mm; pixels when `label` is "pixel".
    column : float
        Between columns (horizontal).
    label : str
        What the numbers are, for a scale bar: "mm", "mm at detector plane
        (uncalibrated)", "mm, calibrated (fiducial)", "pixel", ...
    calibrated : bool
        Whether lengths measured in the image are lengths in the patient.
    finding : Finding or None
        What somebody who measures must know.
    """

    row: float
    column: float
    label: str
    calibrated: bool
    finding: Finding | None = None

    @property
    def has_spacing(self) -> bool:
        """Whether the numbers are mm."""
        return self.label != "pixel"


def choose_spacing(values: Mapping[str, Any], *, modality: str | None = None) -> InPlaneSpacing:
    r"""Choose the spacing of a 2D image from all that a header may say.

    Parameters
    ----------
    values : mapping of str to str, number or list
        Header values by keyword: PixelSpacing, ImagerPixelSpacing,
        PixelSpacingCalibrationType, EstimatedRadiographicMagnificationFactor,
        DistanceSourceToDetector, DistanceSourceToPatient,
        NominalScannedPixelSpacing, ImagePlanePixelSpacing, PixelAspectRatio,
        Modality; others are ignored.
    modality : str, optional
        Instead of that in `values`.

    Returns
    -------
    InPlaneSpacing

    Notes
    -----
    PixelSpacing wins wherever it is. In projection images it is calibrated
    when it says so (PixelSpacingCalibrationType) or differs from
    ImagerPixelSpacing; equal to it, or alone, it holds at the detector only.
    ImagerPixelSpacing is divided by the magnification when that is known.
    Without any of them the unit is the pixel, never 1 mm.

    Examples
    --------
    >>> choose_spacing({"Modality": "MR", "PixelSpacing": "0.5\\0.4"})
    InPlaneSpacing(row=0.5, column=0.4, label='mm', calibrated=True, finding=None)
    >>> choose_spacing({"Modality": "DX", "ImagerPixelSpacing": "0.14\\0.14"}).label
    'mm at detector plane (uncalibrated)'
    """
    if modality is None:
        modality = str(values.get("Modality", ""))
    bad: list[str] = []
    pixel = _pair(values, "PixelSpacing", bad)
    imager = _pair(values, "ImagerPixelSpacing", bad)
    if pixel is not None:
        if imager is None and modality not in PROJECTION_MODALITIES:
            return InPlaneSpacing(*pixel, "mm", True)
        calibration = str(values.get("PixelSpacingCalibrationType", "")).strip().upper()
        if calibration:
            label = _CALIBRATIONS.get(calibration, f"mm, calibrated ({calibration.lower()})")
            return InPlaneSpacing(*pixel, label, True)
        if imager is not None and not _same(pixel, imager):
            return InPlaneSpacing(*pixel, "mm, calibrated", True)
        return _at_detector(pixel, "PixelSpacing", "PixelSpacing is not calibrated")
    if imager is not None:
        return _demagnified(imager, values)
    plane = _pair(values, "ImagePlanePixelSpacing", bad)
    if plane is not None:
        return _at_image_plane(plane, values)
    film = _pair(values, "NominalScannedPixelSpacing", bad)
    if film is not None:
        return InPlaneSpacing(
            *film,
            "mm on the scanned film (nominal)",
            False,
            _uncalibrated(
                "NominalScannedPixelSpacing",
                film,
                "The spacing is that of the film scanner: lengths hold on the film, "
                "not in the patient",
            ),
        )
    return _in_pixels(values, bad)


def _pair(values: Mapping[str, Any], keyword: str, bad: list[str]) -> tuple[float, float] | None:
    """Two positive numbers, or None; what is there and unusable goes to `bad`."""
    value = values.get(keyword)
    if value is None or value == "" or value == []:
        return None
    numbers = _numbers(value)
    if len(numbers) == 1:
        numbers *= 2  # one value written for a square pixel
    if len(numbers) != 2 or not all(0 < number < float("inf") for number in numbers):
        bad.append(f"{keyword} {value!r}")
        return None
    return numbers[0], numbers[1]


def _numbers(value: Any) -> tuple[float, ...]:
    """All numbers of a value, or none when one of its parts is no number."""
    # pydicom's MultiValue and DSfloat come here too, when there is no index.
    parts = split_values(value) if isinstance(value, str) else value
    if isinstance(parts, int | float):
        parts = [parts]
    try:
        return tuple(number for part in parts for number in parse_ds(str(part)))
    except ValueError:
        return ()


def _number(values: Mapping[str, Any], keyword: str) -> float:
    """One positive number, or 0."""
    value = values.get(keyword)
    numbers = () if value is None or value == "" else _numbers(value)
    return numbers[0] if len(numbers) == 1 and 0 < numbers[0] < float("inf") else 0.0


def _same(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return all(abs(x - y) <= SAME_SPACING * y for x, y in zip(a, b, strict=True))


def _uncalibrated(keyword: str, spacing: tuple[float, float], text: str) -> Finding:
    return Finding(
        FindingCode.UNCALIBRATED_SPACING,
        Severity.INFO,
        text,
        {"keyword": keyword, "row_mm": spacing[0], "column_mm": spacing[1]},
    )


def _at_detector(spacing: tuple[float, float], keyword: str, why: str) -> InPlaneSpacing:
    return InPlaneSpacing(
        *spacing,
        "mm at detector plane (uncalibrated)",
        False,
        _uncalibrated(
            keyword,
            spacing,
            f"{why}: lengths hold at the detector and are magnified in the patient",
        ),
    )


def _demagnified(imager: tuple[float, float], values: Mapping[str, Any]) -> InPlaneSpacing:
    magnification = _number(values, "EstimatedRadiographicMagnificationFactor")
    if not magnification:
        detector = _number(values, "DistanceSourceToDetector")
        patient = _number(values, "DistanceSourceToPatient")
        if 0 < patient <= detector:
            magnification = detector / patient
    if magnification < 1:  # unknown, or nonsense: rays from a point diverge
        return _at_detector(imager, "ImagerPixelSpacing", "Only ImagerPixelSpacing is given")
    spacing = imager[0] / magnification, imager[1] / magnification
    return InPlaneSpacing(
        *spacing,
        f"mm, divided by the estimated magnification {magnification:.4g}",
        False,
        _uncalibrated(
            "ImagerPixelSpacing",
            spacing,
            f"The spacing is estimated from a magnification of {magnification:.4g}: lengths "
            "hold at the height of the patient for which that was given",
        ),
    )


def _at_image_plane(plane: tuple[float, float], values: Mapping[str, Any]) -> InPlaneSpacing:
    """RT Image: the plane is at RTImageSID from the source (PS3.3 Section C.8.8.2)."""
    distance = _number(values, "RTImageSID")
    where = f" {distance:.5g} mm from the source" if distance else ""
    return InPlaneSpacing(
        *plane,
        "mm at image plane",
        False,
        _uncalibrated(
            "ImagePlanePixelSpacing", plane, f"Lengths hold in the image plane{where} only"
        ),
    )


def _in_pixels(values: Mapping[str, Any], bad: list[str]) -> InPlaneSpacing:
    row, column = 1.0, 1.0
    # Vertical size over horizontal size (PS3.3 Section C.7.6.3.1.7).
    aspect = _pair(values, "PixelAspectRatio", bad)
    if aspect is not None:
        row = aspect[0] / aspect[1]
    numbers = {"aspect": row}
    if bad:
        finding = Finding(
            FindingCode.NO_SPACING,
            Severity.WARNING,
            f"Unusable spacing in the header ({'; '.join(bad)}): sizes are in pixels, not in mm",
            numbers,
        )
    else:
        finding = Finding(
            FindingCode.NO_SPACING,
            Severity.INFO,
            "The header gives no pixel spacing: sizes are in pixels, not in mm",
            numbers,
        )
    return InPlaneSpacing(row, column, "pixel", False, finding)
