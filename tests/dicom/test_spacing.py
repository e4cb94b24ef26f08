"""Pixel spacing: each case of PS3.3 10.7.1.3 (reference/pixels.md PX-7)."""

from __future__ import annotations

from typing import Any

import pydicom
import pytest
from pydicom.data import get_testdata_file

from napari_dicomdb.dicom.findings import FindingCode, Severity
from napari_dicomdb.dicom.spacing import choose_spacing

DETECTOR = "mm at detector plane (uncalibrated)"


@pytest.mark.parametrize(
    ("values", "row", "column", "label", "calibrated"),
    [
        ({"Modality": "CT", "PixelSpacing": "0.7\\0.5"}, 0.7, 0.5, "mm", True),
        ({"Modality": "OT", "PixelSpacing": [0.7, 0.5]}, 0.7, 0.5, "mm", True),
        ({"Modality": "CR", "PixelSpacing": "0.2\\0.2"}, 0.2, 0.2, DETECTOR, False),
        (
            {"Modality": "DX", "PixelSpacing": "0.14\\0.14", "ImagerPixelSpacing": "0.14\\0.14"},
            0.14,
            0.14,
            DETECTOR,
            False,
        ),
        (
            {
                "Modality": "DX",
                "PixelSpacing": "0.139\\0.139",
                "ImagerPixelSpacing": "0.139001\\.139",
            },
            0.139,
            0.139,
            DETECTOR,
            False,
        ),
        (
            {"Modality": "DX", "PixelSpacing": "0.1\\0.1", "ImagerPixelSpacing": "0.14\\0.14"},
            0.1,
            0.1,
            "mm, calibrated",
            True,
        ),
        (
            {
                "Modality": "XA",
                "PixelSpacing": "0.1\\0.1",
                "ImagerPixelSpacing": "0.14\\0.14",
                "PixelSpacingCalibrationType": "FIDUCIAL",
            },
            0.1,
            0.1,
            "mm, calibrated (fiducial)",
            True,
        ),
        (
            {
                "Modality": "CR",
                "PixelSpacing": "0.1\\0.1",
                "PixelSpacingCalibrationType": "GEOMETRY",
            },
            0.1,
            0.1,
            "mm, calibrated (geometry)",
            True,
        ),
        ({"Modality": "XA", "ImagerPixelSpacing": "0.2\\0.3"}, 0.2, 0.3, DETECTOR, False),
        (
            {
                "Modality": "MG",
                "ImagerPixelSpacing": "0.1\\0.1",
                "EstimatedRadiographicMagnificationFactor": "1.25",
                "DistanceSourceToDetector": "660",
                "DistanceSourceToPatient": "330",
            },
            0.08,
            0.08,
            "mm, divided by the estimated magnification 1.25",
            False,
        ),
        (
            {
                "Modality": "XA",
                "ImagerPixelSpacing": "0.3\\0.3",
                "DistanceSourceToDetector": "1200",
                "DistanceSourceToPatient": "800",
            },
            0.2,
            0.2,
            "mm, divided by the estimated magnification 1.5",
            False,
        ),
        (
            {
                "Modality": "XA",
                "ImagerPixelSpacing": "0.3\\0.3",
                "DistanceSourceToDetector": "800",
                "DistanceSourceToPatient": "1200",
            },
            0.3,
            0.3,
            DETECTOR,
            False,
        ),
        (
            {"Modality": "RTIMAGE", "ImagePlanePixelSpacing": "0.4\\0.4", "RTImageSID": "1500"},
            0.4,
            0.4,
            "mm at image plane",
            False,
        ),
        (
            {"Modality": "OT", "NominalScannedPixelSpacing": "0.085\\0.085"},
            0.085,
            0.085,
            "mm on the scanned film (nominal)",
            False,
        ),
        ({"Modality": "US", "PixelAspectRatio": "4\\3"}, 4 / 3, 1.0, "pixel", False),
        ({"Modality": "US"}, 1.0, 1.0, "pixel", False),
        ({"PixelSpacing": "", "PixelAspectRatio": []}, 1.0, 1.0, "pixel", False),
        ({"PixelSpacing": "0.5"}, 0.5, 0.5, "mm", True),
    ],
)
def test_choices(
    values: dict[str, Any], row: float, column: float, label: str, calibrated: bool
) -> None:
    spacing = choose_spacing(values)
    assert (spacing.row, spacing.column) == (pytest.approx(row), pytest.approx(column))
    assert spacing.label == label
    assert spacing.calibrated is calibrated
    assert spacing.has_spacing is (label != "pixel")
    # Whatever is not lengths in the patient is said.
    assert (spacing.finding is None) is calibrated


@pytest.mark.parametrize("junk", ["0\\0", "-1\\1", "abc\\def", "1\\2\\3", "1e400\\1", "nan\\1"])
def test_junk_is_not_taken_for_a_spacing(junk: str) -> None:
    spacing = choose_spacing({"Modality": "CT", "PixelSpacing": junk})
    assert spacing.label == "pixel"
    assert spacing.finding is not None
    assert spacing.finding.code is FindingCode.NO_SPACING
    assert spacing.finding.severity is Severity.WARNING
    assert "PixelSpacing" in spacing.finding.text


def test_junk_does_not_hide_a_good_value() -> None:
    values = {"Modality": "DX", "PixelSpacing": "0\\0", "ImagerPixelSpacing": "0.2\\0.2"}
    assert choose_spacing(values).label == DETECTOR


def test_modality_may_be_given() -> None:
    assert choose_spacing({"PixelSpacing": "1\\1"}, modality="CR").label == DETECTOR


def test_values_of_a_pydicom_dataset() -> None:
    path = get_testdata_file("CT_small.dcm")
    assert path is not None
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    values = {e.keyword: e.value for e in ds if e.keyword}
    spacing = choose_spacing(values)
    assert [spacing.row, spacing.column] == [float(v) for v in ds.PixelSpacing]
    assert spacing.calibrated
