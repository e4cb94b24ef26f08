"""Data sets encoded anew say the same, by pydicom's decoders."""

from __future__ import annotations

import io

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.network.transcoding import TARGETS, encode_as


def _read(raw, syntax):
    dataset = pydicom.dcmread(io.BytesIO(_meta(syntax) + raw))
    return dataset


def _meta(syntax):
    from pydicom.dataset import FileMetaDataset
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_file_meta_info

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    target = DicomBytesIO()
    write_file_meta_info(target, meta, enforce_standard=False)
    return b"\0" * 128 + b"DICM" + target.getvalue()


@pytest.mark.parametrize("syntax", TARGETS)
@pytest.mark.parametrize("name", ["CT1_JPLL", "CT1_J2KR", "CT1_JLSL", "NM1_RLE", "US1_RLE"])
def test_lossless(reference_data, decoded, name, syntax):
    (path,) = reference_data.glob(f"compressed/wg04/*/{name}")
    old, new = decoded(path), _read(encode_as(path, syntax), syntax)
    assert (new.pixel_array == old.pixel_array).all()
    assert new.get("LossyImageCompression") == old.get("LossyImageCompression")


def test_native_in_the_other_encoding(phantom_paths):
    old = pydicom.dcmread(phantom_paths[0])
    new = _read(encode_as(phantom_paths[0], ImplicitVRLittleEndian), ImplicitVRLittleEndian)
    assert new == old


def test_big_endian(tmp_path, phantom_paths):
    import warnings

    old = pydicom.dcmread(phantom_paths[0])
    big = pydicom.dcmread(phantom_paths[0])
    big.PixelData = old.pixel_array.astype(">i2").tobytes()
    big.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRBigEndian
    path = tmp_path / "big.dcm"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pydicom.dcmwrite(path, big, little_endian=False, implicit_vr=False)
    new = _read(encode_as(path, ExplicitVRLittleEndian), ExplicitVRLittleEndian)
    assert new.PixelData == old.PixelData
    assert new.ImagePositionPatient == old.ImagePositionPatient


def test_what_cannot_be_done(tmp_path, reference_data):
    with pytest.raises(ValueError, match="cannot encode"):
        encode_as(tmp_path, "1.2.840.10008.1.2.4.50")
    (path,) = reference_data.glob("compressed/wg04/*/CT1_JPLL")
    raw = path.read_bytes()
    damaged = tmp_path / "damaged.dcm"
    damaged.write_bytes(raw[: len(raw) // 3])
    with pytest.raises(DicomDbError):
        encode_as(damaged, ExplicitVRLittleEndian)
