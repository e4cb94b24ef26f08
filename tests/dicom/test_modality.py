"""Rescale, its types, modality tables and padding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut

from napari_dicomdb.dicom.modality import (
    LookupTable,
    PaddingRange,
    compact_dtype,
    fitting_range,
    is_within,
    modality_lut_of,
    modality_rescale,
    output_dtype,
    padding_range,
    rescale_into,
)
from napari_dicomdb.dicom.pixels import PixelDescription


def description(bits_stored=16, signed=True, allocated=16, **more):
    return PixelDescription(
        2,
        2,
        bits_allocated=allocated,
        bits_stored=bits_stored,
        high_bit=bits_stored - 1,
        pixel_representation=int(signed),
        **more,
    )


@pytest.mark.parametrize(
    ("bits", "signed", "slope", "intercept", "name"),
    [
        (16, True, 1, 0, "int16"),
        (12, False, 1, -1024, "int16"),  # 0..4095 at -1024
        (16, False, 1, -1024, "int32"),  # up to 64511
        (16, True, 1, -1024, "int32"),  # down to -33792
        (15, True, 1, -1024, "int16"),
        (12, False, 1, 0, "uint16"),
        (12, False, 1, 10, "uint16"),
        (12, False, 1, 0.5, "float32"),
        (12, False, 2, 0, "float32"),
        (12, False, 1.0, -1000.0, "int16"),
    ],
)
def test_type_of_the_result(bits, signed, slope, intercept, name):
    assert output_dtype(description(bits, signed), [slope], [intercept]).name == name


def test_type_holds_for_all_slices():
    d = description(12, False)
    assert output_dtype(d, [1, 1], [0, -1024]).name == "int16"
    assert output_dtype(d, [1, 1.5], [0, 0]).name == "float32"
    assert output_dtype(description(8, False, 8), [1], [-200]).name == "int16"
    assert output_dtype(description(16, True, 16, samples=3, photometric="RGB"), [2], [0]) == "i2"
    assert output_dtype(description(keyword="FloatPixelData", allocated=32), [1], [0]) == "f4"


@pytest.mark.parametrize(
    ("bits", "signed", "allocated", "slope", "intercept", "name"),
    [
        (16, True, 16, 1, -1024, "int16"),
        (16, False, 16, 1, -1024, "int16"),
        (16, False, 16, 1, 1000, "uint16"),
        (16, False, 16, 1, -8192, "int16"),
        (16, False, 16, 1, -32768, "int16"),  # all fit
        (16, False, 16, 1, -20000, "int32"),  # a gamble
        (32, True, 32, 1, -1024, "int32"),
        (8, False, 8, 1, -200, "int16"),
        (12, False, 16, 1, -1024, "int16"),
        (16, True, 16, 2, -1024, "float32"),
        (16, True, 16, 1, 0, "int16"),
    ],
)
def test_type_in_which_values_are_likely_to_fit(bits, signed, allocated, slope, intercept, name):
    d = description(bits, signed, allocated)
    assert compact_dtype(d, [slope], [intercept]).name == name


@given(
    stored=st.sampled_from(["i2", "u2"]),
    name=st.sampled_from(["i2", "u2"]),
    intercept=st.integers(-10000, 10000),
    values=st.lists(st.integers(-32768, 65535), min_size=1),
)
def test_what_is_within_fits_when_rescaled_and_the_rest_does_not(stored, name, intercept, values):
    cells = np.array(values, "i4").astype(stored)
    limits = np.iinfo(name)
    real = cells.astype(np.int64) + intercept
    fits = bool((real >= limits.min).all() and (real <= limits.max).all())
    assert is_within(cells, *fitting_range(np.dtype(name), intercept)) is fits


@given(
    bits=st.integers(2, 16),
    signed=st.booleans(),
    intercept=st.integers(-70000, 70000),
    data=st.data(),
)
def test_whole_shifts_never_overflow(bits, signed, intercept, data):
    d = description(bits, signed)
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    values = [low, high, data.draw(st.integers(low, high))]
    stored = np.array(values, d.dtype)
    dtype = output_dtype(d, [1], [intercept])
    result = modality_rescale(stored, 1, intercept, dtype)
    assert result.tolist() == [value + intercept for value in values]
    assert modality_rescale(stored, 1, intercept).tolist() == result.tolist()


@pytest.mark.parametrize(("slope", "intercept"), [(0.5, -3), (2, 0.25), (1, 0.5)])
def test_scaled_values_agree_with_pydicom(slope, intercept):
    stored = np.arange(-100, 100, dtype=np.int16)
    dataset = Dataset()
    dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept
    result = modality_rescale(stored, slope, intercept)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, apply_modality_lut(stored, dataset), rtol=1e-6)


def test_nothing_to_do_costs_nothing():
    stored = np.zeros(3, np.int16)
    assert modality_rescale(stored, 1, 0) is stored


def test_in_place_refuses_to_scale_integers():
    with pytest.raises(ValueError, match=r"slope 0\.5"):
        rescale_into(np.zeros(3, np.int16), 0.5, 0)


def test_an_intercept_that_the_type_itself_cannot_hold():
    # Unsigned 16 bits at -32768 fill int16 exactly, which has no 32768 to subtract.
    stored = np.array([0, 1, 32768, 65535], np.uint16)
    assert output_dtype(description(16, signed=False), [1], [-32768]) == np.int16
    out = stored.copy().view(np.int16)
    rescale_into(out, 1, -32768)
    assert out.tolist() == [-32768, -32767, 0, 32767]
    strided = np.zeros((4, 2), np.int16)[:, 0]
    strided[...] = [-32768, -1, 0, 32767]
    rescale_into(strided, 1, -1)
    assert strided[1:].tolist() == [-2, -1, 32766]


def test_modality_table_agrees_with_pydicom():
    dataset = Dataset()
    dataset.PixelRepresentation = 0
    item = Dataset()
    item.LUTDescriptor = [8, 3, 16]
    item.LUTData = [5, 10, 20, 40, 80, 160, 320, 640]
    item["LUTData"].VR = "US"
    item.ModalityLUTType = "OD"
    dataset.ModalityLUTSequence = [item]
    stored = np.arange(20, dtype=np.uint16)
    table = modality_lut_of(dataset)
    assert table is not None
    assert table.kind == "OD"
    np.testing.assert_array_equal(table.apply(stored), apply_modality_lut(stored, dataset))
    assert modality_lut_of(Dataset()) is None


@pytest.mark.parametrize(
    ("values", "signed", "expected"),
    [
        ({}, True, None),
        ({"PixelPaddingValue": ""}, True, None),
        ({"PixelPaddingValue": "junk"}, True, None),
        ({"PixelPaddingValue": -2000}, True, PaddingRange(-2000, -2000)),
        ({"PixelPaddingValue": 63536}, True, PaddingRange(-2000, -2000)),
        ({"PixelPaddingValue": -2000}, False, PaddingRange(63536, 63536)),
        ({"PixelPaddingValue": [0]}, False, PaddingRange(0, 0)),
        (
            {"PixelPaddingValue": 63536, "PixelPaddingRangeLimit": -1500},
            True,
            PaddingRange(-2000, -1500),
        ),
        (
            {"PixelPaddingValue": 100, "PixelPaddingRangeLimit": 50},
            False,
            PaddingRange(50, 100),
        ),
    ],
)
def test_padding_and_its_signedness(values, signed, expected):
    assert padding_range(values, description(16, signed)) == expected


def test_padding_is_found_in_stored_values():
    stored = np.array([-2000, -1999, -1500, -1499, 0])
    assert PaddingRange(-2000, -1500).mask(stored).tolist() == [True, True, True, False, False]
    assert PaddingRange(0, 0).mask(stored).tolist() == [False] * 4 + [True]
    assert PaddingRange(-2000, -1500).rescaled(2, 10) == (-3990, -2990)
    assert PaddingRange(0, 10).rescaled(-1, 0) == (-10, 0)


def test_limits_of_a_table_are_where_it_stops_changing():
    table = LookupTable(-10, np.array([3, 3, 3, 4, 9, 9, 11, 11, 11], np.uint16))
    assert table.limits() == (-8.0, -4.0)
    inputs = np.arange(-30, 30)
    mapped = table.apply(inputs)
    assert set(mapped[inputs <= -8]) == {3}
    assert set(mapped[inputs >= -4]) == {11}
    low, high = LookupTable(5, np.full(4, 7, np.uint16)).limits()
    assert low == high
