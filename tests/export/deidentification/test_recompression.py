"""Pixels compressed again after a change: the same family, nothing lost."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from napari_dicomdb.dicom.header import scan_file
from napari_dicomdb.export.deidentification.pixels import clean_pixels
from napari_dicomdb.export.deidentification.recompression import compress_again
from napari_dicomdb.export.deidentification.regions import Rectangle
from napari_dicomdb.export.deidentification.rewriting import write_decoded

JPEG, JPEG_LS, JPEG_2000, RLE = (f"1.2.840.10008.1.2.{n}" for n in ("4.57", "4.80", "4.90", "5"))
PLAIN = "1.2.840.10008.1.2.1"
FILES = [
    ("JPEG-lossy.dcm", JPEG),  # 12 bits
    ("JPGExtended.dcm", JPEG),
    ("SC_rgb_jpeg_dcmtk.dcm", JPEG_LS),  # colour
    ("MR_small_jp2klossless.dcm", JPEG_2000),  # signed
    ("MR_small_jpeg_ls_lossless.dcm", JPEG_LS),
    ("MR_small_RLE.dcm", RLE),
    ("SC_rgb_rle_16bit_2frame.dcm", RLE),
    ("examples_jpeg2k.dcm", JPEG_2000),  # colour
]


@pytest.mark.parametrize(("name", "syntax"), FILES)
def test_the_same_family_and_the_same_pixels(
    name: str, syntax: str, tmp_path: Path, program: Callable[[str], str]
) -> None:
    path = get_testdata_file(name)
    dataset = pydicom.dcmread(path)
    before = str(dataset.file_meta.TransferSyntaxUID)
    clean_pixels(dataset, [Rectangle(3, 4, 5, 6)])
    wanted = _native(dataset)
    write_decoded(dataset, tmp_path / "copy.dcm", before)
    copy = pydicom.dcmread(tmp_path / "copy.dcm")
    assert copy.file_meta.TransferSyntaxUID == syntax
    if syntax != JPEG:  # which pydicom cannot decode by itself: DCMTK does, below
        pixels = copy.pixel_array
        np.testing.assert_array_equal(pixels, wanted.reshape(pixels.shape))
    assert len(copy.PixelData) < wanted.nbytes
    assert scan_file(tmp_path / "copy.dcm").problems == []
    if syntax in (JPEG, JPEG_LS):
        tool = {JPEG: "dcmdjpeg", JPEG_LS: "dcmdjpls"}[syntax]
        out = tmp_path / "out.dcm"
        subprocess.run([program(tool), tmp_path / "copy.dcm", out], check=True, timeout=30)
        np.testing.assert_array_equal(_native(pydicom.dcmread(out)).ravel(), wanted.ravel())


def _native(dataset: Dataset) -> np.ndarray[Any, Any]:
    """Pixels as (frames, rows, columns, samples), of native data alone."""
    sign = "i" if dataset.PixelRepresentation else "u"
    samples = dataset.SamplesPerPixel
    shape = (-1, dataset.Rows, dataset.Columns, samples)
    count = int(dataset.get("NumberOfFrames", 1) or 1) * shape[1] * shape[2] * samples
    flat = np.frombuffer(dataset.PixelData, f"<{sign}{dataset.BitsAllocated // 8}", count)
    if samples > 1 and dataset.get("PlanarConfiguration"):
        return np.moveaxis(flat.reshape(-1, samples, *shape[1:3]), 1, -1)
    return flat.reshape(shape)


@pytest.mark.parametrize("before", ["", PLAIN, "1.2.840.10008.1.2.4.100", "1.2.3"])
def test_other_pixels_stay(before: str) -> None:
    dataset = pydicom.dcmread(get_testdata_file("MR_small.dcm"))
    data = dataset.PixelData
    assert compress_again(dataset, before) == PLAIN
    assert dataset.PixelData == data


def test_pixels_that_no_codec_takes_stay() -> None:
    dataset = pydicom.dcmread(get_testdata_file("MR_small.dcm"))
    for keyword, value in (("BitsAllocated", 32), ("SamplesPerPixel", 3)):
        odd = pydicom.dcmread(io.BytesIO(Path(get_testdata_file("MR_small.dcm")).read_bytes()))
        setattr(odd, keyword, value)
        assert compress_again(odd, JPEG_2000) == PLAIN
        assert odd.PixelData == dataset.PixelData
