"""Windows against the formulas of PS3.3 Section C.11.2 and pydicom's implementation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_voi, apply_windowing

from napari_dicomdb.dicom.modality import PaddingRange
from napari_dicomdb.dicom.voi import (
    CT_PRESETS,
    LookupTable,
    Window,
    choose_limits,
    first_choice,
    presets,
    voi_lut,
    voi_luts_of,
    windows_of,
    windows_of_slices,
)


def windowed_by_pydicom(values, window):
    dataset = Dataset()
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsStored = 16
    dataset.PixelRepresentation = 1
    dataset.WindowCenter, dataset.WindowWidth = window.center, window.width
    dataset.VOILUTFunction = window.function
    # pydicom spreads the result over the stored range -32768 to 32767.
    with np.errstate(over="ignore"):
        return (apply_windowing(values, dataset) + 32768) / 65535


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(40, 400), (-600, 1500), (0.5, 2), (128, 1000)])
def test_grey_agrees_with_pydicom(function, center, width):
    values = np.arange(-2000, 2000, dtype=np.int16)
    window = Window(center, width, function=function)
    expected = windowed_by_pydicom(values, window)
    np.testing.assert_allclose(window.apply(values), expected, atol=2e-5)


@given(center=st.floats(-1e4, 1e4), width=st.floats(2, 1e4))
def test_limits_follow_the_standard(center, width):
    low, high = Window(center, width).limits()
    assert low == pytest.approx(center - 0.5 - (width - 1) / 2)
    assert high == pytest.approx(center - 0.5 + (width - 1) / 2)
    low, high = Window(center, width, function="LINEAR_EXACT").limits()
    assert (low, high) == pytest.approx((center - width / 2, center + width / 2))


def test_a_width_of_one_is_a_step():
    grey = Window(10, 1).apply(np.array([9, 10, 11]))
    assert grey.tolist() == [0, 1, 1]  # x <= c - 0.5 is black


def test_several_windows_with_explanations():
    windows = windows_of(
        {
            "WindowCenter": "40\\-600",
            "WindowWidth": "400\\1500",
            "WindowCenterWidthExplanation": "MEDIASTINUM\\LUNG",
        }
    )
    assert windows == (Window(40, 400, "MEDIASTINUM"), Window(-600, 1500, "LUNG"))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"WindowCenter": "", "WindowWidth": ""},
        {"WindowCenter": "40"},
        {"WindowCenter": "40", "WindowWidth": "0"},
        {"WindowCenter": "nan", "WindowWidth": "10"},
        {"WindowCenter": "forty", "WindowWidth": "400"},
        {"WindowCenter": 40.0, "WindowWidth": -400.0},
    ],
)
def test_windows_that_cannot_be_used_are_left_out(values):
    assert windows_of(values) == ()


def test_numbers_lists_and_unequal_counts():
    assert windows_of({"WindowCenter": 1, "WindowWidth": 2}) == (Window(1, 2),)
    found = windows_of({"WindowCenter": [1, 2, 3], "WindowWidth": [10, 20]})
    assert [w.center for w in found] == [1, 2]
    assert windows_of(
        {"WindowCenter": "1", "WindowWidth": "0.5", "VOILUTFunction": "linear_exact"}
    ) == (Window(1, 0.5, "", "LINEAR_EXACT"),)


def test_slices_with_their_own_windows_give_that_of_the_middle():
    slices = [(Window(float(k), 100.0),) for k in range(5)]
    (window,) = windows_of_slices(slices)
    assert (window.center, window.width) == (2, 100)
    assert "middle slice" in window.label
    assert windows_of_slices([slices[0]] * 4) == slices[0]
    assert windows_of_slices([(), (), slices[3]]) == slices[3]
    assert windows_of_slices([]) == ()


def test_ct_in_hounsfield_units_is_offered_the_usual_presets():
    mine = (Window(1, 2),)
    assert presets(mine, "CT", "HU") == mine + CT_PRESETS
    assert presets(mine, "MR") == mine
    assert presets(mine, "CT", "US") == mine
    lung = next(w for w in CT_PRESETS if w.label == "CT lung")
    assert (lung.width, lung.center) == (1500, -600)


def test_limits_come_from_the_first_sane_window():
    sample = np.arange(1000)
    chosen = choose_limits([Window(40, math.nan), Window(40, 400)], sample)
    assert chosen == Window(40, 400).limits()


def test_a_window_beside_all_values_is_passed_over():
    sample = np.linspace(0, 1, 1001)
    low, high = choose_limits([Window(2000, 100)], sample)
    assert (low, high) == pytest.approx((0.005, 0.995))


def test_padding_does_not_count():
    sample = np.concatenate([np.full(5000, -2000), np.arange(1001)])
    low, high = choose_limits([], sample, PaddingRange(-2000, -2000))
    assert (low, high) == pytest.approx((5, 995))
    assert choose_limits([], sample, (-2000.0, -1500.0)) == pytest.approx((5, 995))


@pytest.mark.parametrize(
    ("sample", "modality", "expected"),
    [
        (None, "CT", (-160.0, 239.0)),
        (None, "MR", (0.0, 1.0)),
        (np.zeros(9), "", (0.0, 1.0)),
        (np.full(9, np.nan), "", (0.0, 1.0)),
        (np.array([0.0] * 999 + [7.0]), "", (0.0, 7.0)),
    ],
)
def test_limits_of_little_are_still_limits(sample, modality, expected):
    assert choose_limits([], sample, modality=modality) == expected


def voi_dataset(bits=12, first=0, data=None):
    dataset = Dataset()
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelRepresentation = 0
    item = Dataset()
    data = list(range(100, 100 + 16 * 16, 16)) if data is None else data
    item.LUTDescriptor = [len(data), first, bits]
    item.LUTData = data
    item.LUTExplanation = "S curve"
    dataset.VOILUTSequence = [item]
    return dataset


@pytest.mark.parametrize("first", [0, 5])
def test_lookup_table_agrees_with_pydicom(first):
    dataset = voi_dataset(first=first)
    dataset["VOILUTSequence"][0]["LUTData"].VR = "US"
    values = np.arange(30, dtype=np.uint16)
    (table,) = voi_luts_of(dataset)
    assert table.explanation == "S curve"
    np.testing.assert_array_equal(table.apply(values), apply_voi(values, dataset))
    np.testing.assert_allclose(
        voi_lut(values, table), apply_voi(values, dataset) / 4095, rtol=1e-6
    )


def test_first_value_is_signed_when_inputs_are():
    dataset = voi_dataset(first=65536 - 1024)
    dataset.RescaleIntercept = -1024
    (table,) = voi_luts_of(dataset)
    assert table.first == -1024


def test_octets_and_words_of_a_table():
    octets = LookupTable.from_item({"LUTDescriptor": [4, 0, 8], "LUTData": b"\x01\x02\x03\x04"})
    words = LookupTable.from_item({"LUTDescriptor": [2, 0, 16], "LUTData": b"\x01\x02\x03\x04"})
    assert octets.entries.tolist() == [1, 2, 3, 4]
    assert words.entries.tolist() == [0x0201, 0x0403]


def test_a_table_without_data_is_refused():
    with pytest.raises(ValueError, match="LUTDescriptor"):
        LookupTable.from_item({"LUTDescriptor": [4, 0, 8]})
    dataset = Dataset()
    dataset.VOILUTSequence = [Dataset()]
    assert voi_luts_of(dataset) == ()


def test_monochrome1_is_inverted_on_display_only():
    values = np.array([0, 100])
    window = Window(50.5, 101)
    assert voi_lut(values, window).tolist() == [0, 1]
    assert voi_lut(values, window, invert=True).tolist() == [1, 0]


def test_a_table_is_chosen_when_no_window_shows_anything():
    sample = np.arange(100, dtype=np.int16)
    table = LookupTable(0, np.arange(100, dtype=np.uint16))
    beside, through = Window(5000, 10), Window(50, 10)
    assert first_choice((beside, through), (table,), sample) is through
    assert first_choice((beside,), (table,), sample) is table
    assert first_choice((beside, Window(50, math.nan)), (), sample) is None
    # Flat over all values, as a table of other data would be.
    assert first_choice((), (LookupTable(1000, table.entries),), sample) is None
    # Only the padding is in reach of the window.
    assert first_choice((Window(0, 3),), (table,), sample, (-10, 20)) is table


def test_uptake_values_have_windows_of_their_own() -> None:
    offered = presets((), "PT", "GML")
    assert [w.limits() for w in offered] == [(0, 6), (0, 4), (0, 10)]
    assert presets((), "PT", "BQML") == ()
