"""Where a data set begins, by pydicom's reading of the file meta information."""

from __future__ import annotations

import io

import pydicom
import pytest

from napari_dicomdb.dicom.encoding import locate_data_set
from napari_dicomdb.errors import NotDicomError


def test_offset_and_transfer_syntax(reference_data):
    paths = [p for p in (reference_data / "compressed" / "wg04").rglob("*_*") if p.is_file()]
    assert len(paths) >= 20
    for path in paths:
        with open(path, "rb") as file:
            found = locate_data_set(file)
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
            first = min(dataset.keys())
            file.seek(found.offset)
            assert file.read(4) == first.group.to_bytes(2, "little") + first.element.to_bytes(
                2, "little"
            )
        assert found.transfer_syntax_uid == dataset.file_meta.TransferSyntaxUID
        assert found.offset + found.length == path.stat().st_size
        assert not found.is_deflated


def test_without_file_meta_information(reference_data):
    with open(reference_data / "bad" / "ExplVR_LitEndNoMeta.dcm", "rb") as file:
        found = locate_data_set(file)
    assert (found.offset, found.transfer_syntax_uid) == (0, "1.2.840.10008.1.2.1")


def test_no_dicom():
    with pytest.raises(NotDicomError):
        locate_data_set(io.BytesIO(b"no DICOM at all, but text"), 25)
