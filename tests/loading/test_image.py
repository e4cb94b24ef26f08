from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from napari_dicomdb.dicom.findings import FindingCode, Severity
from napari_dicomdb.loading import examine

PLAIN = {"ImageOrientationPatient": None}


def picture(series, pixels=None, **attributes):
    pixels = np.arange(30, dtype=np.uint16).reshape(6, 5) if pixels is None else pixels
    return series.write(series.header(**PLAIN, **attributes), pixels)


def test_radiographs_are_opened_one_by_one_at_the_right_scale(series, records):
    for _ in range(2):
        picture(series, Modality="DX", PixelSpacing=None, ImagerPixelSpacing=[0.14, 0.2])
    first, second = examine(records(series.paths))
    assert (first.name, second.name) == ("4: Thorax, image 1", "4: Thorax, image 2")
    assert first.kind == "image"
    assert first.shape == (6, 5)
    volume = first.load()
    assert volume.dims == ("row", "column")
    assert volume.shape == (6, 5)
    assert volume.geometry.spacing[1:] == (0.14, 0.2)
    assert volume.geometry.spacing_label == "mm at detector plane (uncalibrated)"
    assert not volume.geometry.in_patient
    assert FindingCode.UNCALIBRATED_SPACING in {f.code for f in volume.findings}
    assert np.array_equal(np.asarray(volume.array), np.arange(30).reshape(6, 5))
    assert volume.array[2, 1:3].tolist() == [11, 12]
    assert np.array_equal(first.load(lazy=False).array, volume.numpy())


def test_without_spacing_sizes_are_in_pixels(series, records):
    picture(series, Modality="OT", PixelSpacing=None, PixelAspectRatio=[2, 1])
    (best,) = examine(records(series.paths))
    assert best.spacing is None
    geometry = best.load().geometry
    assert geometry.spacing_label == "pixel"
    assert not geometry.has_spacing
    assert geometry.spacing[1] == 2 * geometry.spacing[2]


def test_a_cine_loop_has_frame_times(series, records):
    pixels = np.arange(4, dtype=np.uint8)[:, None, None] * np.ones((1, 6, 5), np.uint8)
    ds = series.header(**PLAIN, Modality="US", NumberOfFrames=4, FrameTime=40)
    series.write(ds, pixels)
    (best,) = examine(records(series.paths))
    assert best.kind == "image-sequence"
    assert best.shape == (4, 6, 5)
    volume = best.load()
    assert volume.dims == ("frame", "row", "column")
    assert volume.coords["frame"].values == pytest.approx((0, 0.04, 0.08, 0.12))
    assert volume.coords["frame"].unit == "s"
    assert volume.array[3].max() == 3


def test_slices_that_lost_their_place_are_stacked_by_number(series, records):
    for number in (3, 1, 2):
        picture(series, np.full((6, 5), number, np.uint16), InstanceNumber=number)
    (best,) = examine(records(series.paths))
    finding = next(f for f in best.findings if f.code == FindingCode.NO_GEOMETRY)
    assert finding.severity is Severity.WARNING
    assert best.load(lazy=False).array[:, 0, 0].tolist() == [1, 2, 3]


def test_colour_and_grey_are_apart(series, records):
    for _ in range(2):
        picture(series, np.zeros((6, 5, 3), np.uint8), Modality="SC")
    picture(series, Modality="SC")
    colour, grey = sorted(examine(records(series.paths)), key=lambda one: -len(one.shape))
    assert colour.shape == (2, 6, 5, 3)
    assert grey.shape == (6, 5)
    assert colour.load().is_rgb
    assert np.asarray(colour.load().array).shape == (2, 6, 5, 3)


@pytest.mark.parametrize(
    "name",
    [
        "SC_rgb_rle.dcm",
        "examples_palette.dcm",
        "SC_rgb_jpeg_lossy_gdcm.dcm",
        "JPEG2000.dcm",
        "liver_1frame.dcm",
        "MR_small_RLE.dcm",
    ],
)
def test_pydicoms_pictures_are_the_same(records, name):
    path = get_testdata_file(name)
    best = examine(records([__import__("pathlib").Path(path)]))[0]
    volume = best.load()
    assert volume.shape == best.shape
    ds = pydicom.dcmread(path)
    if not volume.is_rgb and "RescaleSlope" not in ds:
        assert np.array_equal(np.squeeze(volume.numpy()), ds.pixel_array)
    assert np.array_equal(best.load(lazy=False).array, volume.numpy())
