from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms
from pydicom.data import get_testdata_file

from napari_dicomdb.dicom.photometric import Palette
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading import examine
from napari_dicomdb.loading.colours import SupplementalReader, has_supplemental_palette
from napari_dicomdb.loading.reading import ReadProblems

PLAIN = {"ImageOrientationPatient": None, "PixelSpacing": None, "Modality": "XC"}


@pytest.fixture(scope="module")
def profile():
    """An RGB profile that is not sRGB: that of pydicom's crayons."""
    with open(get_testdata_file("crayons.icc"), "rb") as file:
        return file.read()


@pytest.fixture
def photo(series, profile):
    def make(**attributes):
        pixels = np.random.default_rng(5).integers(0, 256, (6, 5, 3), np.uint8)
        ds = series.header(**{**PLAIN, "ICCProfile": profile, **attributes})
        return series.write(ds, pixels), pixels

    return make


@pytest.mark.parametrize("lazy", [True, False])
def test_srgb_is_offered_beside_the_colours_of_the_file(photo, records, profile, lazy):
    path, pixels = photo()
    plain, converted = examine(records([path]))
    assert (plain.selected, converted.selected) == (True, False)
    assert converted.name == f"{plain.name} (sRGB)"
    assert np.array_equal(plain.load(lazy=lazy).numpy(), pixels)
    shown = converted.load(lazy=lazy)
    expected = ImageCms.profileToProfile(
        Image.fromarray(pixels),
        ImageCms.ImageCmsProfile(BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
    )
    assert np.array_equal(shown.numpy(), np.array(expected))
    assert not np.array_equal(shown.numpy(), pixels)
    assert shown.is_rgb


def test_a_profile_that_is_none_is_refused_with_its_file(photo, records):
    path, _ = photo(ICCProfile=b"\0" * 200)
    _, converted = examine(records([path]))
    with pytest.raises(LoadError, match=r"0000\.dcm: the ICC profile cannot be used"):
        converted.load()


def test_a_profile_that_is_gone_is_said(photo, records, monkeypatch):
    path, _ = photo()
    _, converted = examine(records([path]))
    monkeypatch.setattr("napari_dicomdb.loading.colours._header", lambda path: {})
    with pytest.raises(LoadError, match="no ICC profile") as error:
        converted.load()
    assert error.value.reason == "no-icc-profile"


def supplemental(series, pixels, **attributes):
    """Values from 200 upwards are red, then green, then blue."""
    ds = series.header(
        **{**PLAIN, "Modality": "US", "PixelPresentation": "COLOR", **attributes},
        BitsStored=8,
    )
    for colour, column in zip(("Red", "Green", "Blue"), np.eye(3, dtype=np.uint16), strict=True):
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [3, 200, 16])
        table = (column * 0xFFFF).astype("<u2").tobytes()
        setattr(ds, f"{colour}PaletteColorLookupTableData", table)
    return series.write(ds, pixels)


def test_high_values_are_colours_and_low_ones_grey(series, records):
    pixels = np.array([[0, 100, 199, 199], [200, 201, 202, 255]], np.uint8)
    path = supplemental(series, pixels)
    record = records([path])[0]
    assert has_supplemental_palette(record)
    shown, grey = examine([record])
    assert (shown.selected, grey.selected) == (True, False)
    assert shown.shape == (2, 4, 3)
    volume = shown.load()
    assert volume.is_rgb
    assert volume.numpy()[0].tolist() == [[0] * 3, [128] * 3, [255] * 3, [255] * 3]
    assert volume.numpy()[1].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 255]]
    assert np.array_equal(grey.load().numpy(), pixels)
    assert np.array_equal(shown.load(lazy=False).array, volume.numpy())


def test_the_window_of_the_file_is_for_the_grey_values(series, records):
    pixels = np.array([[0, 50, 150, 200]], np.uint8)
    path = supplemental(series, pixels, WindowCenter=100.5, WindowWidth=101)
    volume = examine(records([path]))[0].load()
    assert volume.numpy()[0, :, 0].tolist() == [0, 0, 255, 255]


def test_loops_have_colours_too(series, records):
    pixels = np.full((3, 4, 4), 201, np.uint8)
    path = supplemental(series, pixels, NumberOfFrames=3, FrameTime=40)
    volume = examine(records([path]))[0].load()
    assert volume.dims == ("time", "row", "column")
    assert volume.array[1, 0, 0].tolist() == [0, 255, 0]


@pytest.mark.parametrize("attributes", [{"PixelPresentation": "MONOCHROME"}, {}])
def test_without_the_word_of_the_header_grey_is_grey(series, records, attributes):
    path = supplemental(series, np.zeros((4, 4), np.uint8), **attributes)
    assert len(examine(records([path]))) == (1 if attributes else 2)


class Grey:
    frame_shape: tuple[int, ...] = (1, 2)
    dtype = np.dtype(np.int16)
    fill = 0.0
    problems = ReadProblems()

    def __len__(self):
        return 1

    def read(self, index, out=None):
        return np.array([[-5, 300]], np.int16)


def test_readers_fill_what_they_are_given():
    reader = SupplementalReader(Grey(), palette=Palette(300, np.full((1, 3), 7, np.uint8)))
    out = np.empty((1, 2, 3), np.uint8)
    assert reader.read(0, out) is out
    assert out.tolist() == [[[0, 0, 0], [7, 7, 7]]]
    assert len(reader) == 1
