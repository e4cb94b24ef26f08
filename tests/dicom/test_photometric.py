"""Colour against pydicom's implementation and the standard's matrices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, convert_color_space

from napari_dicomdb.dicom.photometric import (
    Palette,
    expand_segments,
    palette_from_dataset,
    to_rgb,
    upsample_422,
)
from napari_dicomdb.errors import PixelError

SHIPPED = Path(pydicom.__file__).parent / "data"


def random_colours(dtype=np.uint8, top=256):
    return np.random.default_rng(1).integers(0, top, (40, 30, 3)).astype(dtype)


def test_full_range_ybr_agrees_with_pydicom():
    samples = random_colours()
    expected = convert_color_space(samples, "YBR_FULL", "RGB")
    difference = to_rgb(samples, "YBR_FULL", 8).astype(int) - expected.astype(int)
    assert np.abs(difference).max() <= 1  # pydicom floors, after adding a half


def test_grey_stays_grey_at_every_depth():
    for bits, dtype in ((8, np.uint8), (12, np.uint16), (16, np.uint16)):
        samples = np.full((1, 3, 3), 1 << (bits - 1), dtype)
        samples[0, :, 0] = [0, 1, (1 << bits) - 1]
        rgb = to_rgb(samples, "YBR_FULL_422", bits)
        assert rgb.dtype == dtype
        assert rgb[0].tolist() == [[0] * 3, [1] * 3, [(1 << bits) - 1] * 3]


def test_partial_range_reaches_black_and_white():
    samples = np.array([[[16, 128, 128], [235, 128, 128]]], np.uint8)
    assert to_rgb(samples, "YBR_PARTIAL_422", 8)[0].tolist() == [[0] * 3, [255] * 3]


@pytest.mark.parametrize("photometric", ["RGB", "YBR_ICT", "YBR_RCT", "MONOCHROME2"])
def test_what_the_decoder_converted_is_left_alone(photometric):
    samples = random_colours()
    assert to_rgb(samples, photometric, 8) is samples


@pytest.mark.parametrize("photometric", ["HSV", "CMYK", "ARGB"])
def test_retired_spaces_are_refused(photometric):
    with pytest.raises(PixelError, match=photometric):
        to_rgb(random_colours(), photometric, 8)


def test_chroma_is_repeated():
    cells = np.array([1, 2, 90, 91, 3, 4, 92, 93], np.uint8)
    expected = [[[1, 90, 91], [2, 90, 91]], [[3, 92, 93], [4, 92, 93]]]
    assert upsample_422(cells, 2, 2).tolist() == expected
    with pytest.raises(PixelError, match="odd"):
        upsample_422(cells[:6], 1, 3)


def palette_dataset(count, first, bits, data, signed=0, segmented=False):
    dataset = Dataset()
    dataset.PixelRepresentation = signed
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    for place, colour in enumerate(("Red", "Green", "Blue")):
        tag = f"{colour}PaletteColorLookupTableDescriptor"
        setattr(dataset, tag, [count, first, bits])
        dataset[tag].VR = "US"
        name = f"{'Segmented' * segmented}{colour}PaletteColorLookupTableData"
        setattr(dataset, name, data[place])
    dataset.set_original_encoding(False, True, "iso8859")
    return dataset


def test_sixteen_bit_entries_keep_their_high_byte():
    rng = np.random.default_rng(2)
    tables = [rng.integers(0, 65536, 300).astype("<u2") for _ in range(3)]
    dataset = palette_dataset(300, 0, 16, [table.tobytes() for table in tables])
    stored = np.arange(400, dtype=np.uint16).reshape(20, 20)
    expected = apply_color_lut(stored, dataset) >> 8
    np.testing.assert_array_equal(palette_from_dataset(dataset).apply(stored), expected)


@pytest.mark.parametrize("first", [0, 10])
def test_eight_bit_entries(first):
    tables = [np.arange(200, dtype=np.uint8) + k for k in range(3)]
    dataset = palette_dataset(200, first, 8, [table.tobytes() for table in tables])
    stored = np.arange(256, dtype=np.uint8).reshape(16, 16)
    expected = apply_color_lut(stored, dataset)
    np.testing.assert_array_equal(palette_from_dataset(dataset).apply(stored), expected)


def test_words_that_hold_octets_are_not_made_black():
    table = np.arange(256, dtype="<u2").tobytes()
    palette = palette_from_dataset(palette_dataset(256, 0, 16, [table] * 3))
    assert palette.colours[:, 0].tolist() == list(range(256))


def test_first_value_of_signed_images_is_signed():
    table = np.arange(200, dtype=np.uint8).tobytes()
    palette = palette_from_dataset(palette_dataset(200, 65536 - 100, 8, [table] * 3, signed=1))
    assert palette.first == -100
    stored = np.array([-200, -100, -99, 0, 99, 300], np.int16)
    assert palette.apply(stored)[:, 0].tolist() == [0, 0, 1, 100, 199, 199]


def test_zero_entries_mean_65536():
    table = np.arange(65536, dtype="<u2").tobytes()
    palette = palette_from_dataset(palette_dataset(0, 0, 16, [table] * 3))
    assert len(palette.colours) == 65536
    assert palette.apply(np.array([0, 65535], np.uint16)).tolist() == [[0] * 3, [255] * 3]


def test_a_table_that_is_short_goes_on_with_its_last_entry():
    palette = palette_from_dataset(palette_dataset(10, 0, 8, [b"\x01\x02"] * 3))
    assert palette.colours[:, 2].tolist() == [1] + [2] * 9


@pytest.mark.parametrize("missing", ["RedPaletteColorLookupTableDescriptor", "data"])
def test_what_is_missing_is_named(missing):
    dataset = palette_dataset(4, 0, 8, [b"abcd"] * 3)
    name = "RedPaletteColorLookupTableData" if missing == "data" else missing
    delattr(dataset, name)
    with pytest.raises(PixelError, match=name):
        palette_from_dataset(dataset)


def test_entries_of_other_sizes_are_refused():
    with pytest.raises(PixelError, match="12 bits"):
        palette_from_dataset(palette_dataset(4, 0, 12, [b"abcdabcd"] * 3))


def test_segments_of_words_agree_with_pydicom():
    words = [0, 3, 100, 200, 400, 1, 50, 60000, 0, 1, 7, 1, 9, 7]
    raw = np.array(words, "<u2").tobytes()
    count = len(expand_segments(words))
    dataset = palette_dataset(count, 0, 16, [raw] * 3, segmented=True)
    stored = np.arange(count, dtype=np.uint16)
    expected = apply_color_lut(stored, dataset) >> 8
    np.testing.assert_array_equal(palette_from_dataset(dataset).apply(stored), expected)


def test_segments_of_octets():
    raw = bytes([0, 2, 10, 20, 1, 4, 60, 0])  # the last one is padding
    dataset = palette_dataset(6, 0, 8, [raw] * 3, segmented=True)
    assert palette_from_dataset(dataset).colours[:, 1].tolist() == [10, 20, 30, 40, 50, 60]


@pytest.mark.parametrize(
    ("words", "bits"),
    [
        ([0, 2, 10, 20, 1, 2, 40, 2, 2, 0, 0], 16),
        ([0, 2, 10, 20, 1, 2, 40, 2, 2, 0, 0, 0, 0], 8),
    ],
)
def test_indirect_segments_repeat_earlier_ones(words, bits):
    assert expand_segments(words, bits) == [10, 20, 30, 40, 10, 20, 30, 40]


def test_indirect_offset_counts_octets_or_as_some_write_words():
    head = [0, 2, 10, 20, 1, 2, 40]
    for offset in (8, 4):
        assert expand_segments([*head, 2, 1, offset, 0]) == [10, 20, 30, 40, 40, 40]


@pytest.mark.parametrize(
    "words",
    [[1, 4, 10], [3, 1, 1], [0, 1, 5, 2, 1, 90, 0], [0, 1, 5, 1, 3], [0, 1, 5, 1, 65536, 7]],
)
def test_bad_segments_are_refused(words):
    with pytest.raises(PixelError):
        expand_segments(words)


def test_palette_of_a_shipped_file_agrees_with_pydicom():
    dataset = pydicom.dcmread(SHIPPED / "test_files" / "examples_palette.dcm")
    expected = apply_color_lut(dataset.pixel_array, dataset)
    if expected.dtype == np.uint16:
        expected = expected >> 8
    got = palette_from_dataset(dataset).apply(dataset.pixel_array)
    np.testing.assert_array_equal(got, expected)


def test_palette_applies_to_any_shape():
    palette = Palette(0, np.zeros((4, 3), np.uint8))
    assert palette.apply(np.zeros((2, 3, 4), np.uint16)).shape == (2, 3, 4, 3)
    assert palette.apply(np.zeros((0, 4), np.uint16)).shape == (0, 4, 3)
