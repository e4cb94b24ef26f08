from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from tests.export.sources import errors_of, made_up

from napari_dicomdb import Database
from napari_dicomdb.dicom._attribute_reading import quiet
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.headers import (
    copy_element,
    mended,
    read_header,
    referenced_instances,
    refuse_bad_study,
    study_values,
)
from napari_dicomdb.export.registry import examine_for_export
from napari_dicomdb.export.results import write_results
from napari_dicomdb.export.study import StudyTarget


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


def study(**values) -> Dataset:
    made = Dataset()
    made.StudyInstanceUID = "1.2.3"
    with quiet():
        for keyword, value in values.items():
            setattr(made, keyword, value)
    return made


def test_what_is_wrong_in_a_study_is_left_empty_and_said() -> None:
    values = study(
        PatientName="X" * 70, PatientID="A" * 70, PatientBirthDate="***", PatientSex="unknown",
        StudyDate="1997.03.04", StudyTime="10:20:30", StudyID="7" * 17,
        AdmittingDiagnosesDescription=["a", "b"], PatientAge="43",
    )  # fmt: skip
    told = mended(values)
    assert not values.PatientBirthDate
    assert not values.PatientSex
    assert (values.StudyDate, values.StudyTime) == ("19970304", "102030")
    assert values.StudyID == "7" * 16
    assert values.AdmittingDiagnosesDescription == ["a", "b"]
    assert (values.PatientName, values.PatientID) == ("X" * 70, "A" * 70)  # who it is
    names = ("Birth Date", "Sex", "Age", "Study ID")
    assert all(sum(name in one for one in told) == 1 for name in names)
    assert len(told) == len(names)
    assert not any("***" in one or "unknown" in one for one in told)
    assert mended(values) == []


def test_dates_that_are_several_and_codes_that_are_none() -> None:
    values = study(StudyDate=["20010101", "20020202"])
    code, none = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99X", "one"
    none.CodeMeaning = "one"
    values.ProcedureCodeSequence = [code]
    values.ReasonForPerformedProcedureCodeSequence = [code, none]
    told = mended(values)
    assert not values.StudyDate
    assert len(values.ProcedureCodeSequence) == 1
    assert "ReasonForPerformedProcedureCodeSequence" not in values
    assert len(told) == 2


@pytest.mark.parametrize("uid", ["1.2.abc", "1.2.03", "1.2." + "9" * 62, "study", ""])
def test_a_study_without_a_valid_uid_is_refused_at_once(uid: str) -> None:
    with pytest.raises(ExportError, match="StudyInstanceUID is not valid") as refused:
        refuse_bad_study(uid)
    assert refused.value.reason == "bad-study"


def test_a_study_of_a_real_maker_can_be_written_to(reference_data: Path, program) -> None:
    folder = reference_data / "dwi" / "dcm_qa_uih__dti_tra_dir16_AP_9_134431"
    path = next(path for path in sorted(folder.rglob("*.dcm")))
    with Database.in_memory() as database:
        database.import_paths(path, workers=0)
        target = StudyTarget.of_study(database, database.series()[0].study_uid)
        assert any("Birth Date" in one for one in target.remarks)
        source = made_up(np.zeros((1, 2, 2), np.uint8))
        offer = next(
            one for one in examine_for_export(source) if one.options.get("form") == "multi-frame"
        )
        report = write_results(database, [offer], target, into_database=True)
        (written,) = database.instances(uid=report.instance_uids[0])
        assert errors_of(program, written.path) == []
        assert len(database.patients()) == 1  # filed with the same one


def test_anonymised_images_that_do_not_say_how() -> None:
    # dciodvfy: Missing attribute Type 1C Conditional Element=<DeidentificationMethod>.
    values = Dataset()
    values.StudyInstanceUID, values.PatientIdentityRemoved = "1.2.3", "YES"
    assert mended(values) == []
    assert values.DeidentificationMethod == "Not told by the images"
    values.DeidentificationMethod = "By hand"
    mended(values)
    assert values.DeidentificationMethod == "By hand"
    values.PatientIdentityRemoved = "NO"
    del values.DeidentificationMethod
    mended(values)
    assert "DeidentificationMethod" not in values


def test_what_does_not_fit_its_attribute_is_not_copied() -> None:
    header = pydicom.Dataset()
    with quiet():
        header.ProtocolName = "P" * 80
        header.BodyPartExamined = "chest"
        header.KVP = "120.00000000000000001"
        header.ImagePositionPatient = ["0.12345678901234567", "1", "2"]
        header.TableHeight = None
        header.ScanOptions = ["FS", "small"]
        header.AcquisitionDate = "20200230"
    made = pydicom.Dataset()
    for element in header:
        copy_element(header, element.keyword, made)
    copy_element(header, "Exposure", made)
    assert sorted(one.keyword for one in made) == ["ImagePositionPatient", "KVP", "TableHeight"]
    assert (made.KVP, made.ImagePositionPatient[0]) == (120, 0.12345678901235)
    assert len(str(header.KVP)) > 16  # as it was
