"""The head of a file that arrives in pieces, against pydicom."""

from __future__ import annotations

import struct

import pydicom
import pytest

from napari_dicomdb.errors import HeaderError
from napari_dicomdb.network.dicomweb.part10 import identity, split_file


def pieces_of(raw, size):
    return (raw[i : i + size] for i in range(0, len(raw), size))


@pytest.mark.parametrize("size", [1, 100, 70_000])
@pytest.mark.parametrize(
    "name", ["bad/MR_small.dcm", "bad/image_dfl.dcm", "cine/XA-96f-jpeg-baseline.dcm"]
)
def test_meta_and_data_set(reference_data, data_set_of, name, size) -> None:
    path = reference_data / name
    raw = path.read_bytes()[:20_000]
    pieces = pieces_of(raw, size)
    meta, first = split_file(pieces)
    expected = pydicom.dcmread(path, stop_before_pixels=True)
    assert meta["TransferSyntaxUID"] == expected.file_meta.TransferSyntaxUID
    assert first + b"".join(pieces) == data_set_of(raw)
    assert identity(meta, first) == (expected.SOPClassUID, expected.SOPInstanceUID)


def test_the_data_set_knows_better_than_the_file_meta(reference_data) -> None:
    """An archive that gives objects new UIDs may forget those of the file meta."""
    dataset = pydicom.dcmread(reference_data / "bad" / "MR_small.dcm")
    raw = (reference_data / "bad" / "MR_small.dcm").read_bytes()
    old = dataset.file_meta.MediaStorageSOPInstanceUID.encode()
    raw = raw.replace(old, old[:-1] + b"9", 1)
    meta, first = split_file(iter([raw]))
    assert meta["MediaStorageSOPInstanceUID"] == old[:-1].decode() + "9"
    assert identity(meta, first)[1] == dataset.SOPInstanceUID


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "truncated"),
        (b"<html>" * 100, "not-dicom"),
        (bytes(128) + b"DICM" + b"\2\0\0\0UL\4\0\0\0\0\0" * 20_000, "bad-header"),
        (bytes(128) + b"DICM" + struct.pack("<HH2sHL", 2, 1, b"OB", 0, 1 << 31), "bad-header"),
        (bytes(128) + b"DICM" + b"\x08\0\x05\0CS\0\0" * 3, "bad-header"),
        (bytes(128) + b"DICM" + b"\2\0\x10\0UI\x10\0", "truncated"),
    ],
)
def test_what_is_no_file(raw, reason) -> None:
    with pytest.raises(HeaderError) as caught:
        split_file(iter([raw]))
    assert caught.value.reason == reason


def test_garbage_after_the_meta_keeps_the_announced_identity() -> None:
    meta = {
        "MediaStorageSOPClassUID": "1.2",
        "MediaStorageSOPInstanceUID": "1.3",
        "TransferSyntaxUID": "1.2.840.10008.1.2.1.99",
    }
    assert identity(meta, b"\xff" * 500) == ("1.2", "1.3")
