"""Images that may show names, and rectangles made black."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset

from napari_dicomdb.errors import PixelError
from napari_dicomdb.export.deidentification.pixels import (
    burned_in,
    clean_pixels,
    overlay_bits,
    stray_bits,
)
from napari_dicomdb.export.deidentification.profile import Rectangle

US, SC, CT = (f"1.2.840.10008.5.1.4.1.1.{n}" for n in ("6.1", "7.2", "2"))


@pytest.mark.parametrize(
    ("header", "suspect"),
    [
        ({"SOPClassUID": CT, "Modality": "CT"}, False),
        ({"SOPClassUID": CT, "Modality": "CT", "BurnedInAnnotation": "YES"}, True),
        ({"SOPClassUID": US, "Modality": "US"}, True),
        ({"SOPClassUID": US, "Modality": "US", "BurnedInAnnotation": "NO"}, False),
        ({"SOPClassUID": SC, "Modality": "CT"}, True),
        ({"SOPClassUID": CT, "Modality": "XA"}, True),
        ({"SOPClassUID": CT, "Modality": "SM", "ImageType": ["ORIGINAL", "PRIMARY", "LABEL"],
          "BurnedInAnnotation": "NO"}, True),
        ({"SOPClassUID": CT, "Modality": "SM", "SpecimenLabelInImage": "YES"}, True),
        ({"SOPClassUID": CT, "Modality": "SM", "ImageType": ["O", "P", "OVERVIEW"]}, True),
        ({"SOPClassUID": CT, "Modality": "SM", "ImageType": ["O", "P", "OVERVIEW"],
          "SpecimenLabelInImage": "NO"}, False),
        ({"SOPClassUID": CT, "Modality": "CT",
          "ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, True),
        ({"SOPClassUID": CT, "Modality": "CT",
          "ImageType": ["DERIVED", "SECONDARY", "OTHER", "CT_SOM5 PROT"]}, True),
        ({"SOPClassUID": CT, "Modality": "CT", "ImageType": ["DERIVED", "PRIMARY", "MPR"]}, False),
        ({"SOPClassUID": CT, "Modality": "MR", "SamplesPerPixel": 3}, True),
        ({"SOPClassUID": CT, "Modality": "MR", "SamplesPerPixel": 1}, False),
    ],
)  # fmt: skip
def test_which_images_may_show_names(header: dict[str, Any], suspect: bool) -> None:
    dataset = Dataset()
    for keyword, value in header.items():
        setattr(dataset, keyword, value)
    assert bool(burned_in(dataset)) is suspect
    assert burned_in(dataset, has_pixels=False) == ""


def _image(pixels: np.ndarray[Any, Any], photometric: str = "MONOCHROME2", **more: Any) -> Dataset:
    """Frames, rows, columns[, samples], as they would be read from a file."""
    dataset, meta = Dataset(), FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta = meta
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = pixels.shape[:3]
    dataset.SamplesPerPixel = pixels.shape[3] if pixels.ndim == 4 else 1
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = dataset.BitsStored = pixels.dtype.itemsize * 8
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    if dataset.SamplesPerPixel > 1:
        dataset.PlanarConfiguration = 0
    dataset.PixelData = pixels.tobytes()
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize("dtype", ["u1", "<u2", "<i2", "<u4"])
def test_rectangles_are_black_in_all_frames(dtype: str) -> None:
    pixels = np.random.default_rng(1).integers(1, 100, (3, 20, 30)).astype(dtype)
    dataset = _image(pixels)
    clean_pixels(dataset, [Rectangle(5, 2, 10, 4), Rectangle(25, 15, 100, 100)])
    expected = pixels.copy()
    expected[:, 2:6, 5:15] = 0
    expected[:, 15:, 25:] = 0
    np.testing.assert_array_equal(dataset.pixel_array, expected)


def test_colours_interleaved_and_by_plane() -> None:
    pixels = np.random.default_rng(2).integers(1, 255, (2, 9, 7, 3)).astype("u1")
    expected = pixels.copy()
    expected[:, 1:3, 0:4] = 0
    interleaved = _image(pixels, "RGB")
    planes = np.ascontiguousarray(np.moveaxis(pixels, -1, 1)).tobytes()
    apart = _image(pixels, "RGB", PlanarConfiguration=1, PixelData=planes)
    for dataset in (interleaved, apart):
        clean_pixels(dataset, [Rectangle(0, 1, 4, 2)])
        np.testing.assert_array_equal(dataset.pixel_array, expected)


def test_black_is_black_where_zero_is_not() -> None:
    inverted = _image(np.full((1, 4, 4), 7, "u1"), "MONOCHROME1")
    clean_pixels(inverted, [Rectangle(0, 0, 2, 2)])
    assert inverted.PixelData[0] == 255
    ybr = _image(np.full((1, 4, 4, 3), 7, "u1"), "YBR_FULL")
    clean_pixels(ybr, [Rectangle(0, 0, 2, 2)])
    assert list(ybr.PixelData[:3]) == [0, 128, 128]


def test_one_bit_pixels() -> None:
    pixels = np.ones((2, 4, 8), "u1")
    dataset = _image(pixels)
    dataset.BitsAllocated = dataset.BitsStored = 1
    dataset.HighBit = 0
    dataset.PixelData = np.packbits(pixels.reshape(-1), bitorder="little").tobytes()
    clean_pixels(dataset, [Rectangle(0, 0, 3, 2)])
    expected = pixels.copy()
    expected[:, :2, :3] = 0
    np.testing.assert_array_equal(dataset.pixel_array, expected)


@pytest.mark.parametrize(
    "name", ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "SC_rgb_jpeg_dcmtk.dcm"]
)
def test_compressed_pixels_are_decoded(name: str) -> None:
    path = get_testdata_file(name)
    dataset, original = pydicom.dcmread(path), pydicom.dcmread(path)
    clean_pixels(dataset, [Rectangle(3, 4, 5, 6)])
    assert not dataset.file_meta.TransferSyntaxUID.is_encapsulated
    expected = original.pixel_array.copy()
    expected[4:10, 3:8] = 0
    np.testing.assert_array_equal(dataset.pixel_array, expected)


def test_big_endian_becomes_little_endian(tmp_path: Path) -> None:
    path = get_testdata_file("MR_small_bigendian.dcm")
    dataset, original = pydicom.dcmread(path), pydicom.dcmread(path)
    clean_pixels(dataset, [Rectangle(0, 0, 1, 1)])
    words = np.frombuffer(dataset.PixelData, "<i2").reshape(64, 64)
    np.testing.assert_array_equal(words[1:], original.pixel_array[1:])
    assert words[0, 0] == 0


def test_overlays_within_pixels() -> None:
    pixels = np.full((1, 4, 4), 0x1FFF, "<u2")
    dataset = _image(pixels)
    dataset.BitsStored = 12
    dataset.add_new(0x60000102, "US", 12)
    assert overlay_bits(dataset) == [12]
    clean_pixels(dataset, [], bits=[12])
    assert set(np.frombuffer(dataset.PixelData, "<u2")) == {0x0FFF}
    assert overlay_bits(_image(pixels)) == []


def test_defacing() -> None:
    dataset = _image(np.full((2, 4, 4), 9, "u1"))
    assert clean_pixels(dataset, [], deface=lambda header, pixels: pixels * (header.Rows < 9) // 3)
    assert set(dataset.PixelData) == {3}
    assert not clean_pixels(dataset, [], deface=lambda *_: None)
    with pytest.raises(PixelError, match="shape or type"):
        clean_pixels(dataset, [], deface=lambda _, pixels: pixels[:1])


def test_what_cannot_be_changed_is_refused() -> None:
    image = _image(np.zeros((1, 4, 4), "u1"))
    del image.PixelData
    with pytest.raises(PixelError, match="no pixels"):
        clean_pixels(image, [])
    with pytest.raises(PixelError, match="incomplete"):
        clean_pixels(_image(np.zeros((1, 4, 4), "u1"), PixelData=b"\0\0"), [])
    with pytest.raises(PixelError, match="YBR_FULL_422"):
        clean_pixels(_image(np.zeros((1, 4, 4, 3), "u1"), "YBR_FULL_422"), [])
    video = _image(np.zeros((1, 4, 4), "u1"))
    video.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
    with pytest.raises(PixelError, match="video"):
        clean_pixels(video, [])


@pytest.mark.parametrize("order", ["<", ">"])
def test_bits_beside_those_stored(order: str) -> None:
    pixels = np.arange(0, 4096, 16, dtype=f"{order}u2")
    header = _image(pixels.reshape(1, 16, 16), BitsStored=12, HighBit=11)

    def found(changed: np.ndarray[Any, Any]) -> list[int]:
        raw = changed.astype(changed.dtype.newbyteorder(order)).tobytes()
        return stray_bits(header, raw, little=order == "<")

    assert found(pixels) == []
    assert found(pixels | 0x2000 * (pixels == 64)) == [13]
    assert found(pixels | 0xA000 * (pixels == 64)) == [13, 15]
    header.PixelPaddingValue = 0xFFFF
    pixels[3] = 0xFFFF
    assert found(pixels) == []
    header.PixelRepresentation = 1
    signed = np.arange(-2048, 2048, 16, dtype=f"{order}i2")
    assert found(signed) == []  # signs
    assert found(signed & 0x0FFF) == []
    signed[200] |= 0x4000
    assert found(signed) == [14]
    header.HighBit, header.BitsStored, header.PixelRepresentation = 15, 12, 0
    del header.PixelPaddingValue
    assert found(np.full(4, 0x0010, f"{order}u2")) == []
    assert found(np.full(4, 0x0011, f"{order}u2")) == [0]
    header.BitsStored = 16
    assert found(np.full(4, 0xFFFF, f"{order}u2")) == []
