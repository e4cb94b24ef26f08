from __future__ import annotations

import shutil
from pathlib import Path

import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.headers import read_header, referenced_instances, study_values


def test_the_index_stands_in_for_files_that_are_gone(reference_data: Path, tmp_path: Path) -> None:
    source = tmp_path / "ct.dcm"
    shutil.copy(reference_data / "rt_dvh" / "ct.0.dcm", source)
    original = pydicom.dcmread(source)
    with Database.in_memory() as database:
        database.import_paths(source, workers=0)
        (instance,) = database.instances()
        assert read_header(instance).SOPInstanceUID == original.SOPInstanceUID
        whole = study_values(database, database.series())
        source.unlink()
        with pytest.raises(ExportError) as error:
            read_header(instance)
        assert error.value.reason == "file-missing"
        kept = study_values(database, database.series())
        found = referenced_instances(database, [instance.uid, "1.2.3", instance.uid])
        assert list(found) == [instance.uid]
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate"):
        assert str(whole[keyword].value) == str(original[keyword].value)
        assert str(kept[keyword].value) == str(original[keyword].value)
    assert "PixelData" not in whole
    assert "SOPInstanceUID" not in whole


def test_text_of_the_wrong_kind_becomes_that_of_the_standard(tmp_path: Path) -> None:
    from tests.database.conftest import write_series

    write_series(tmp_path, 1, 1)
    (path,) = (p for p in tmp_path.rglob("*") if p.is_file())
    header = pydicom.dcmread(path)
    header.add_new("LongitudinalTemporalInformationModified", "SH", "MODIFIED")
    header.save_as(path)
    with Database.in_memory() as database:
        database.import_paths(path, workers=0)
        kept = study_values(database, database.series())
    assert kept["LongitudinalTemporalInformationModified"].VR == "CS"
    assert kept.LongitudinalTemporalInformationModified == "MODIFIED"
