"""New objects belong to the study they are written to: compared with what pydicom reads."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.errors import ExportError, NotFoundError
from napari_dicomdb.export.study import NewSeries, StudyForm, StudyTarget, new_uid, value_problem

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
NAME = "Люкceмбypг"  # noqa: RUF001 - as in the file


@pytest.fixture(scope="module")
def database(reference_data: Path):
    with Database.in_memory() as database:
        for name in ("rt_dvh_slicerrt/ct", "charset/chrRuss.dcm"):
            database.import_paths(reference_data / name, workers=0)
        yield database


def test_patient_and_study_are_those_of_the_files(database: Database) -> None:
    for series in database.series():
        target = StudyTarget.of_study(database, series.study_uid)
        original = pydicom.dcmread(database.instances(series)[0].path)
        made = target.dataset(SECONDARY_CAPTURE, NewSeries("OT", "Größe", 5))
        for keyword in ("PatientName", "PatientID", "PatientSex", "PatientBirthDate", "StudyID",
                        "StudyInstanceUID", "StudyDate", "AccessionNumber"):  # fmt: skip
            assert str(made.get(keyword, "") or "") == str(original.get(keyword, "") or "")
        assert made.SpecificCharacterSet == "ISO_IR 192"
        assert made.SOPInstanceUID != original.get("SOPInstanceUID")
        assert made.SeriesInstanceUID != original.get("SeriesInstanceUID")
        assert (made.Modality, made.SeriesDescription) == ("OT", "Größe")
        assert target.series_number() not in target.series_numbers
        assert all(made.get(k) for k in ("Manufacturer", "SoftwareVersions", "DeviceSerialNumber"))


def test_names_survive_in_utf8(database: Database, tmp_path: Path) -> None:
    series = next(s for s in database.series() if NAME in database.patient(s.patient_key).name)
    target = StudyTarget.of_study(database, series.study_uid)
    made = target.dataset(SECONDARY_CAPTURE, NewSeries("OT"))
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    made.save_as(tmp_path / "x.dcm", enforce_file_format=True)
    assert str(pydicom.dcmread(tmp_path / "x.dcm").PatientName) == NAME


def test_references_are_known_by_uid(database: Database) -> None:
    series = max(database.series(), key=lambda s: s.instance_count)
    uids = [i.uid for i in database.instances(series)]
    target = StudyTarget.of_study(database, series.study_uid, [*uids[:2], "1.2.3"])
    assert list(target.instances) == uids[:2]
    assert [str(h.SOPInstanceUID) for h in target.headers()] == uids[:2]
    assert target.headers(["1.2.3"]) == []
    assert target.frame_of_reference_uids == (series.frame_of_reference_uid,)
    other = next(s for s in database.series() if s.patient_key != series.patient_key)
    with pytest.raises(ExportError, match="another patient"):
        StudyTarget.of_study(database, other.study_uid, uids)


def test_a_study_that_is_gone_is_said(database: Database) -> None:
    with pytest.raises(NotFoundError) as error:
        StudyTarget.of_study(database, "1.2.3.4")
    assert error.value.reason == "study-gone"


def test_a_form_is_checked_before_anything_is_made() -> None:
    form = StudyForm(patient_name="x" * 65, patient_birth_date="1970-02-30", study_id="\\")
    assert set(form.problems()) == {"patient_name", "patient_birth_date", "patient_id", "study_id"}
    with pytest.raises(ExportError, match="at most 64"):
        form.target()
    assert "control" in StudyForm(patient_id="a\x1bb").problems()["patient_id"]
    good = StudyForm(patient_name="山田^太郎", patient_id="7", study_date="2020-01-31")
    values = good.target().values
    assert (str(values.PatientName), values.StudyDate) == ("山田^太郎", "20200131")
    assert good.target().study_uid != good.target().study_uid
    assert value_problem("SeriesDescription", "\ud800")


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("31.02.1980", "write it as YYYY-MM-DD"),
        ("1980-02-31", "there is no such date"),
        ("1980-02-28", None),
        ("19800228", None),
    ],
)
def test_a_date_is_asked_for_as_it_is_typed(date: str, words: str | None) -> None:
    form = StudyForm(patient_id="7", patient_birth_date=date)
    assert form.problems().get("patient_birth_date") == words


def test_descriptions_too_long_are_refused() -> None:
    target = StudyForm(patient_id="7").target()
    with pytest.raises(ExportError, match="at most 64") as error:
        target.dataset(SECONDARY_CAPTURE, NewSeries("OT", "x" * 65))
    assert error.value.reason == "bad-value"
    assert len(new_uid()) <= 64
