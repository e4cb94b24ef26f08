"""File meta information, read back by pydicom."""

from __future__ import annotations

import io

import pydicom
import pytest

from napari_dicomdb.dicom.file_meta import IMPLEMENTATION_UID, encode_file_meta, require_uid
from napari_dicomdb.errors import HeaderError

CT, IMPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2"


@pytest.mark.parametrize("source", ["", "PACS", "ODD"])
@pytest.mark.parametrize("uid", ["1.2.3", "1.2.34"])
def test_as_pydicom_reads_it(uid: str, source: str) -> None:
    ds = pydicom.dcmread(io.BytesIO(encode_file_meta(CT, f"{uid}\0", IMPLICIT, source)))
    meta = ds.file_meta
    assert (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID) == (CT, uid)
    assert meta.TransferSyntaxUID == IMPLICIT
    assert meta.ImplementationClassUID == IMPLEMENTATION_UID
    assert meta.get("SourceApplicationEntityTitle", "") == source
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert (
        meta.FileMetaInformationGroupLength
        == len(encode_file_meta(CT, uid, IMPLICIT, source)) - 144
    )


def test_titles_that_are_none_are_left_out() -> None:
    for source in ("X" * 17, "umläut", "line\nbreak"):
        ds = pydicom.dcmread(io.BytesIO(encode_file_meta(CT, "1.2", IMPLICIT, source)))
        assert "SourceApplicationEntityTitle" not in ds.file_meta


@pytest.mark.parametrize("bad", ["", "\0", "1" * 65, "1.2\t3", "1.ü"])
def test_no_uid(bad: str) -> None:
    with pytest.raises(HeaderError) as caught:
        require_uid(bad, "SOPInstanceUID")
    assert caught.value.reason == "bad-uid"
    assert "SOPInstanceUID" in str(caught.value)
