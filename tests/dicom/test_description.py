"""What headers say of pixels, possible or not, becomes a usable description."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from napari_dicomdb.dicom.description import PixelDescription
from napari_dicomdb.dicom.header import scan_file
from napari_dicomdb.dicom.pixels import read_frames
from napari_dicomdb.errors import PixelError

RECORD = {
    "rows": 4,
    "columns": 5,
    "frame_count": 1,
    "samples": 1,
    "photometric": "MONOCHROME2",
    "planar_configuration": 0,
    "bits_allocated": 16,
    "bits_stored": 12,
    "high_bit": 11,
    "pixel_representation": 0,
    "transfer_syntax_uid": str(ExplicitVRLittleEndian),
    "pixel_keyword": "PixelData",
    "pixel_offset": 1000,
    "pixel_length": 40,
}


def test_description_of_a_record():
    description = PixelDescription.from_record(SimpleNamespace(**RECORD))
    assert description.native
    assert description.frame_shape == (4, 5)
    assert (description.offset, description.length) == (1000, 40)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"bits_stored": 0, "high_bit": 0}, (16, 16, 15)),
        ({"bits_stored": 20}, (16, 16, 15)),
        ({"high_bit": 0}, (16, 12, 11)),
        ({"high_bit": 15}, (16, 12, 15)),
        ({"high_bit": 16}, (16, 12, 11)),
        ({"bits_allocated": 8}, (8, 8, 7)),
    ],
)
def test_impossible_bits_are_put_right(changed, expected):
    d = PixelDescription.from_record(SimpleNamespace(**(RECORD | changed)))
    assert (d.bits_allocated, d.bits_stored, d.high_bit) == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": 0},
        {"columns": 0},
        {"pixel_keyword": ""},
        {"bits_allocated": 0},
        {"bits_allocated": 65},
    ],
)
def test_what_is_no_image_is_refused(changed):
    with pytest.raises(PixelError):
        PixelDescription.from_record(SimpleNamespace(**(RECORD | changed)))


def test_description_of_a_dataset_in_memory():
    dataset = Dataset()
    dataset.Rows = dataset.Columns = 3
    dataset.BitsAllocated = 8
    dataset.PixelData = b"123456789"
    dataset.set_original_encoding(False, True, "iso8859")
    description = PixelDescription.from_dataset(dataset)
    assert description.offset is None
    assert description.photometric == "MONOCHROME2"
    assert description.dtype == np.uint8


def test_samples_of_other_counts_keep_them():
    d = PixelDescription.from_record(SimpleNamespace(**(RECORD | {"samples": 4})))
    assert not d.is_colour
    assert d.frame_shape == (4, 5, 4)


@pytest.mark.parametrize("name", ["cine/XA-96f-jpeg-baseline.dcm", "rgb_sc/SC_rgb.dcm"])
def test_places_found_by_the_scanner_and_by_pydicom_are_the_same(reference_data, name):
    import pydicom

    path = reference_data / name
    header = scan_file(path)
    described = PixelDescription.from_dataset(pydicom.dcmread(path))
    assert (described.offset, described.length) == (header.pixel_offset, header.pixel_length)
    assert described.encapsulated == header.encapsulated
    assert len(read_frames(path, described)) == described.frame_count
