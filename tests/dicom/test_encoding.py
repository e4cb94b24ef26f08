"""Where a data set begins, by pydicom's reading of the file meta information."""

from __future__ import annotations

import io

import pydicom
import pytest

from napari_dicomdb.dicom.encoding import locate_data_set, same_data_set
from napari_dicomdb.dicom.file_meta import encode_file_meta
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


def test_same_data_set_whatever_is_in_front(tmp_path):
    body = b"\x08\0\x18\0UI\x04\x001.2\0" + b"\x10\0\x10\0PN\x06\0Doe^J "
    explicit, implicit = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
    files = {
        "one": encode_file_meta("1.2", "1.2", explicit) + body,
        "other": encode_file_meta("1.2", "1.2", explicit, "SOURCE") + body,
        "edited": encode_file_meta("1.2", "1.2", explicit) + body.replace(b"J ", b"K "),
        "longer": encode_file_meta("1.2", "1.2", explicit) + body + b"\x10\0\x20\0LO\0\0",
        "implicit": encode_file_meta("1.2", "1.2", implicit)
        + b"\x08\0\x18\0\x04\0\0\x001.2\0"
        + b"\x10\0\x10\0\x06\0\0\0Doe^J ",
    }
    for name, raw in files.items():
        (tmp_path / name).write_bytes(raw)
    assert same_data_set(tmp_path / "one", tmp_path / "other")
    for name in ("edited", "longer", "implicit"):
        assert not same_data_set(tmp_path / "one", tmp_path / name)
