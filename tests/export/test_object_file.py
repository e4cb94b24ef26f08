from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from tests.export.sources import anybody

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.object_file import write_object
from napari_dicomdb.export.study import NewSeries


def test_a_file_with_its_meta_information(tmp_path: Path) -> None:
    made = anybody().dataset("1.2.840.10008.5.1.4.1.1.7", NewSeries("OT"))
    path = write_object(made, tmp_path / "x.dcm")
    read = pydicom.dcmread(path)
    assert read.file_meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID
    assert read.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert read.file_meta.ImplementationVersionName == "NAPARI_DICOMDB"
    with pytest.raises(ExportError) as error:
        write_object(made, path)
    assert error.value.reason == "file-exists"
    made.Rows = 1
    made["Rows"]._value = "many"
    with pytest.raises(ExportError) as error:
        write_object(made, tmp_path / "y.dcm")
    assert error.value.reason == "bad-value"
    with pytest.raises(ExportError):
        write_object(made, tmp_path / "no" / "z.dcm")
