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


def test_radiographs_are_named_by_side_view_and_intent(series, records):
    shown = {"Modality": "MG", "ImageLaterality": "L", "ViewPosition": "MLO"}
    picture(series, **shown, PresentationIntentType="FOR PRESENTATION")
    picture(series, **shown, PresentationIntentType="FOR PROCESSING", BreastImplantPresent="YES")
    view = pydicom.Dataset()
    view.CodeMeaning, view.CodeValue = "cranio-caudal", "R-10242"
    picture(series, Modality="MG", ImageLaterality="R", ViewCodeSequence=[view])
    first, second, third = sorted(examine(records(series.paths)), key=lambda one: one.name[-1])
    assert first.name == "4: Thorax, L MLO, image 1"
    assert second.name == "4: Thorax, L MLO, implant, for processing, image 2"
    assert third.name == "4: Thorax, R cranio-caudal, image 3"
    codes = [{f.code for f in one.findings} for one in (first, second)]
    assert FindingCode.FOR_PROCESSING not in codes[0]
    assert FindingCode.FOR_PROCESSING in codes[1]


def test_the_view_is_not_said_twice(series, records):
    picture(series, Modality="CR", SeriesDescription="Skull AP", ViewPosition="AP")
    (best,) = examine(records(series.paths))
    assert best.name == "4: Skull AP"


def test_monochrome1_is_inverted_in_the_view_only(series, records):
    picture(series, Modality="CR", PhotometricInterpretation="MONOCHROME1")
    (best,) = examine(records(series.paths))
    volume = best.load()
    assert volume.array[0, :3].tolist() == [0, 1, 2]
    ((_data, kwargs, kind),) = best.to_layers(volume)
    assert kind == "image"
    assert kwargs["colormap"] == "gray_r"
    assert kwargs["scale"] == pytest.approx((0.5, 0.75))


def test_screens_of_other_scale_are_apart(series, records):
    for depth in (0.02, 0.02, 0.03):
        region = pydicom.Dataset()
        region.RegionSpatialFormat = region.RegionDataType = 1
        region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
        region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 4, 5
        region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
        region.PhysicalDeltaX = region.PhysicalDeltaY = depth
        picture(series, Modality="US", PixelSpacing=None, SequenceOfUltrasoundRegions=[region])
    two, one = sorted(examine(records(series.paths)), key=lambda found: -len(found.shape))
    assert (two.shape, two.spacing) == ((2, 6, 5), pytest.approx((0.2, 0.2)))
    assert (one.shape, one.spacing) == ((6, 5), pytest.approx((0.3, 0.3)))
    assert one.load().geometry.spacing_label == "mm, calibrated (ultrasound region)"
