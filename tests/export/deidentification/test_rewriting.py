"""Pixels bit for bit, and nothing that lay beside them."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate

from napari_dicomdb.errors import HeaderError
from napari_dicomdb.export.deidentification.rewriting import (
    pixel_extents,
    read_source,
    write_copy,
    write_decoded,
)

NAMES = (
    "CT_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "image_dfl.dcm",
    "rtdose.dcm",
    "JPEG2000.dcm",
    "JPEG2000-embedded-sequence-delimiter.dcm",
)


@pytest.mark.parametrize("name", NAMES)
def test_pixels_are_the_same_bytes(name: str, tmp_path: Path) -> None:
    path = Path(get_testdata_file(name))
    source = read_source(path)
    source.dataset.PatientName = "Somebody^Else with a longer name than before"
    size = write_copy(source, tmp_path / "copy.dcm")
    assert size == (tmp_path / "copy.dcm").stat().st_size
    copy, original = pydicom.dcmread(tmp_path / "copy.dcm"), pydicom.dcmread(path)
    assert copy.PixelData == original.PixelData
    assert copy.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
    assert str(copy.PatientName).startswith("Somebody")
    assert copy.Rows == original.Rows


def test_preamble_and_meta_information_are_new(tmp_path: Path) -> None:
    original = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    original.preamble = b"CANARY".ljust(128, b"!")
    original.file_meta.SourceApplicationEntityTitle = "CANARY_AE"
    original.file_meta.PrivateInformationCreatorUID = "1.2.3.77"
    original.file_meta.PrivateInformation = b"CANARY"
    # What may follow the pixels: private attributes, and padding.
    original.add_new(0x7FE10010, "LO", "CANARY CREATOR")
    original.add_new(0x7FE11001, "LO", "CANARY")
    original.add_new(0xFFFCFFFC, "OB", b"CANARY")
    original.save_as(tmp_path / "in.dcm")
    write_copy(read_source(tmp_path / "in.dcm"), tmp_path / "out.dcm")
    written = (tmp_path / "out.dcm").read_bytes()
    assert written[:132] == b"\0" * 128 + b"DICM"
    assert b"CANARY" not in written
    copy = pydicom.dcmread(tmp_path / "out.dcm")
    assert copy.PixelData == original.PixelData
    assert copy.file_meta.MediaStorageSOPInstanceUID == copy.SOPInstanceUID


@pytest.mark.parametrize(("behind", "kept"), [(b"CANARY", False), (bytes(range(256)) * 128, True)])
def test_only_whole_frames_are_kept_behind_an_image(
    behind: bytes, kept: bool, tmp_path: Path
) -> None:
    """One image of 128 x 128 x 2 bytes; its count of frames is missing."""
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    image = dataset.PixelData
    dataset.PixelData += behind
    dataset.save_as(tmp_path / "in.dcm")
    write_copy(read_source(tmp_path / "in.dcm"), tmp_path / "out.dcm")
    expected = image + (behind if kept else b"\0" * len(behind))
    assert pydicom.dcmread(tmp_path / "out.dcm").PixelData == expected


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    with pytest.raises(FileExistsError):
        write_copy(read_source(Path(get_testdata_file("CT_small.dcm"))), tmp_path / "there")
    assert (tmp_path / "there").read_text() == "mine"


def test_decoded_data_sets(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(get_testdata_file("MR_small_RLE.dcm"))
    pixels = dataset.pixel_array.copy()
    dataset.decompress(generate_instance_uid=False)
    write_decoded(dataset, tmp_path / "out.dcm")
    copy = pydicom.dcmread(tmp_path / "out.dcm")
    assert copy.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
    assert (copy.pixel_array == pixels).all()


@pytest.mark.parametrize("name", ["MR_small_bigendian.dcm", "MR_small_implicit.dcm"])
def test_decoded_data_sets_of_other_encodings(name: str, tmp_path: Path) -> None:
    path = get_testdata_file(name)
    original, dataset = pydicom.dcmread(path), pydicom.dcmread(path)
    dataset.add_new(0x00281201, "OW", b"\1\2\3\4")
    write_decoded(dataset, tmp_path / "out.dcm")
    copy = pydicom.dcmread(tmp_path / "out.dcm")
    swapped = not original.original_encoding[1]
    assert copy[0x00281201].value == (b"\2\1\4\3" if swapped else b"\1\2\3\4")
    for element in original:
        if element.tag.group != 0x7FE0 and element.VR not in ("OW", "UN"):
            assert copy[element.tag].value == element.value, element.tag


def test_extents_of_compressed_pixels() -> None:
    fragments = encapsulate([b"\1" * 10, b"\xfe\xff\xdd\xe0" * 5])
    element = b"\xe0\x7f\x10\x00OB\0\0" + b"\xff" * 4 + fragments + b"\xfe\xff\xdd\xe0\0\0\0\0"
    table = b"\xe0\x7f\x01\x00OV\0\0" + struct.pack("<L", 8) + b"\0" * 8
    other = b"\xe0\x7f\x20\x00OW\0\0" + struct.pack("<L", 6) + b"CANARY"
    after = b"\xe1\x7f\x10\x00LO\x06\0CANARY"
    whole = b"head" + table + element + other + after
    start = 4 + len(table)
    assert pixel_extents(io.BytesIO(whole), 4, implicit=False, little=True) == [
        (4, start),
        (start, start + len(element)),
    ]
    with pytest.raises(HeaderError, match="end mark"):
        pixel_extents(io.BytesIO(whole[: start + 40]), 4, implicit=False, little=True)
