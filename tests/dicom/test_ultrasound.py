from __future__ import annotations

from math import hypot

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from napari_dicomdb.dicom.header import scan_file
from napari_dicomdb.dicom.ultrasound import (
    UltrasoundRegion,
    choose_region,
    region_spacing,
    regions_of,
)

SEQUENCE = "SequenceOfUltrasoundRegions"


def region(left=0, top=0, right=99, bottom=99, *, delta=0.02, **changes):
    values = {
        "spatial_format": 1,
        "data_type": 1,
        "top": top,
        "left": left,
        "bottom": bottom,
        "right": right,
        "unit_codes": (3, 3),
        "deltas": (delta, delta),
    }
    return UltrasoundRegion(**{**values, **changes})


def columns(*regions):
    def each(name):
        return [getattr(r, name) for r in regions]

    return {
        SEQUENCE: len(regions),
        f"{SEQUENCE}.RegionSpatialFormat": each("spatial_format"),
        f"{SEQUENCE}.RegionDataType": each("data_type"),
        f"{SEQUENCE}.RegionLocationMinX0": each("left"),
        f"{SEQUENCE}.RegionLocationMinY0": each("top"),
        f"{SEQUENCE}.RegionLocationMaxX1": each("right"),
        f"{SEQUENCE}.RegionLocationMaxY1": each("bottom"),
        f"{SEQUENCE}.PhysicalUnitsYDirection": [r.unit_codes[0] for r in regions],
        f"{SEQUENCE}.PhysicalUnitsXDirection": [r.unit_codes[1] for r in regions],
        f"{SEQUENCE}.PhysicalDeltaY": [r.deltas[0] for r in regions],
        f"{SEQUENCE}.PhysicalDeltaX": [r.deltas[1] for r in regions],
    }


@pytest.mark.parametrize("name", ["examples_palette.dcm", "examples_ybr_color.dcm"])
def test_regions_are_those_that_pydicom_reads(name):
    path = get_testdata_file(name)
    found = regions_of(scan_file(path).values)
    items = dcmread(path, stop_before_pixels=True).SequenceOfUltrasoundRegions
    assert len(found) == len(items)
    for one, item in zip(found, items, strict=True):
        assert (one.left, one.top) == (item.RegionLocationMinX0, item.RegionLocationMinY0)
        assert (one.right, one.bottom) == (item.RegionLocationMaxX1, item.RegionLocationMaxY1)
        assert one.deltas == (item.PhysicalDeltaY, item.PhysicalDeltaX)
        assert one.unit_codes == (item.PhysicalUnitsYDirection, item.PhysicalUnitsXDirection)
        x, y = item.get("ReferencePixelX0", 0), item.get("ReferencePixelY0", 0)
        assert one.reference_pixel == (y, x)


def test_spacing_is_ten_times_delta_in_centimetres():
    spacing = region_spacing(columns(region(deltas=(0.03, 0.02))), 100, 100)
    assert (spacing.row, spacing.column) == pytest.approx((0.3, 0.2))
    assert spacing.label == "mm, calibrated (ultrasound region)"
    assert spacing.calibrated
    assert spacing.finding is None


def test_a_region_beyond_the_image_is_not_trusted():
    """pydicom's examples were made smaller, and keep the regions of the originals."""
    path = get_testdata_file("examples_ybr_color.dcm")
    values = scan_file(path).values
    spacing = region_spacing(values, values["Rows"], values["Columns"])
    item = dcmread(path, stop_before_pixels=True).SequenceOfUltrasoundRegions[0]
    assert spacing.row == pytest.approx(10 * item.PhysicalDeltaY)
    assert not spacing.calibrated
    assert "unverified" in spacing.label
    assert "row 414, column 595 of an image of 240 × 320" in spacing.finding.text
    assert region_spacing(columns(region(right=100)), 100, 100).calibrated


def test_the_scale_is_that_of_the_machines_own_caliper():
    """pydicom's palette example shows "Dist Mag 1.06 cm" between two crosses."""
    path = get_testdata_file("examples_palette.dcm")
    values = scan_file(path).values
    spacing = region_spacing(values, values["Rows"], values["Columns"])
    assert spacing.calibrated  # it was cropped from below: the scale holds
    first, second = (290.5, 459.5), (301.5, 498.5)  # middles of the crosses
    rows, columns = second[0] - first[0], second[1] - first[1]
    assert hypot(rows * spacing.row, columns * spacing.column) == pytest.approx(10.6, abs=0.05)


def test_regions_of_another_scale_are_said():
    trace = region(0, 60, 99, 99, spatial_format=3, data_type=3, unit_codes=(7, 4))
    picture = region(0, 0, 99, 59, deltas=(0.03, -0.02))
    spacing = region_spacing(columns(trace, picture), 100, 100)
    assert (spacing.row, spacing.column) == pytest.approx((0.3, 0.2))
    assert spacing.label == "mm in the region of 2D tissue"
    assert "rows 0 to 59, columns 0 to 99" in spacing.finding.text
    assert "spectral PW Doppler" in spacing.finding.text


def test_the_picture_wins_then_the_centre_then_size():
    graphics = region(data_type=14)
    corner, middle = region(right=40, bottom=40), region(45, 45, 60, 60)
    small, large = region(right=9, bottom=9), region(right=19, bottom=19)
    assert choose_region((graphics, corner), 100, 100) is corner
    assert choose_region((corner, middle), 100, 100) is middle
    assert choose_region((small, large), 100, 100) is large
    m_mode = region(spatial_format=2, unit_codes=(3, 4))
    assert choose_region((m_mode,), 100, 100) is None
    assert region_spacing(columns(m_mode), 100, 100) is None


def test_two_regions_of_one_scale_need_no_remark():
    spacing = region_spacing(columns(region(right=49), region(left=50)), 100, 100)
    assert spacing.finding is None


def test_physical_values_count_from_the_reference_pixel_of_the_region():
    trace = region(
        10, 100, 309, 199,
        spatial_format=3,
        data_type=3,
        unit_codes=(7, 4),
        deltas=(-2.0, 0.01),
        reference_pixel=(50, 0),
        reference_values=(0.0, 1.5),
    )  # fmt: skip
    assert trace.units == ("cm/s", "s")
    assert trace.physical(150, 10) == (0.0, 1.5)
    assert trace.physical(100, 110) == pytest.approx((100.0, 2.5))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {SEQUENCE: ""},
        {SEQUENCE: 1},
        {**columns(region()), f"{SEQUENCE}.RegionLocationMaxX1": [""]},
        columns(region(right=-5)),
    ],
)
def test_what_is_no_region_is_left_out(values):
    assert regions_of(values) == ()


def test_labels_of_unknown_codes():
    assert region(spatial_format=0, data_type=0).label == "region"
    assert region(spatial_format=99, unit_codes=(0, 99)).units == ("", "")
