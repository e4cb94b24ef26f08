"""Listing, paging, finding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.errors import DicomDbError, NotFoundError


@pytest.fixture
def hospital(database: Database, tmp_path: Path, write_instance: Callable[..., Path]) -> Database:
    number = 0
    for patient in range(4):
        for study in range(2):
            for modality in ("CT", "MR"):
                number += 1
                write_instance(
                    tmp_path / "in" / f"{number}",
                    1,
                    series=number,
                    PatientID=f"P{patient}",
                    PatientName=f"Name{9 - patient}^X",
                    StudyInstanceUID=f"1.2.{patient}.{study}",
                    StudyDate=f"200{study}010{patient + 1}",
                    Modality=modality,
                )
    database.import_paths([tmp_path / "in"])
    return database


def test_patients_are_ordered_and_paged(hospital: Database) -> None:
    assert [p.patient_id for p in hospital.patients()] == ["P3", "P2", "P1", "P0"]
    page = hospital.patients(order="patient_id", descending=True, limit=2, offset=1)
    assert [p.patient_id for p in page] == ["P2", "P1"]
    assert page[0].last_study_date == "2001-01-03"
    assert page[0].display_name == "Name7, X"
    with pytest.raises(DicomDbError, match="use one of name"):
        hospital.patients(order="name; DROP TABLE patient")


def test_studies_and_series_of_something(hospital: Database) -> None:
    patient = hospital.patient("P2")
    studies = hospital.studies(patient)
    assert [s.uid for s in studies] == ["1.2.2.0", "1.2.2.1"]
    assert studies[0].modalities == ("CT", "MR")
    assert hospital.studies(patient.key) == hospital.studies("P2") == studies
    assert [s.modality for s in hospital.series(studies[0])] == ["CT", "MR"]
    assert len(hospital.series(patient=patient)) == 4
    assert len(hospital.series(patient=patient, modality="MR")) == 2
    assert len(hospital.series(modality="MR")) == 8
    assert len(hospital.series(text="name7", modality="CT")) == 2


def test_find_one(hospital: Database, tmp_path: Path) -> None:
    (first, *_) = hospital.series()
    assert hospital.find_series(first.uid) == first == hospital.find_series(first.key)
    (instance,) = hospital.instances(first)
    assert hospital.instances(uid=instance.uid) == [instance]
    assert hospital.instances(paths=[instance.path, tmp_path / "none"]) == [instance]
    assert len(hospital.instances()) == 16
    assert hospital.instances(uid="9.9") == []
    for wrong in ("9.9", 999_999):
        with pytest.raises(NotFoundError):
            hospital.find_series(wrong)


def test_the_listed_state_differs_after_changes_of_rows_only(
    hospital: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    before = hospital.listed_state()
    hospital.thumbnail(hospital.series()[0].uid)
    assert hospital.listed_state() == before
    write_instance(tmp_path / "more", 9, series=1)
    hospital.import_paths([tmp_path / "more"])
    added = hospital.listed_state()
    assert added != before
    hospital.remove(series=hospital.series()[0])
    assert hospital.listed_state() not in (before, added)


def test_a_message_names_no_patient(database: Database, ct: Path) -> None:
    database.import_paths(ct)
    (patient,) = database.patients()
    database.remove(patient=patient)
    with pytest.raises(NotFoundError) as raised:
        database.patient(patient)
    assert patient.patient_id not in str(raised.value)


def test_names_with_accents_stand_among_those_without(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    for number, name in enumerate(("Yamada", "Şahin", "Sander", "Zuse", "Østby", "Pauli"), 1):
        write_instance(
            tmp_path / "names" / f"{number}",
            number,
            number,
            PatientID=f"N{number}",
            PatientName=name,
            StudyInstanceUID=f"1.2.{number}",
            SpecificCharacterSet="ISO_IR 192",
        )
    database.import_paths([tmp_path / "names"])
    names = [p.name for p in database.patients(text="id:N")]
    assert names == ["Østby", "Pauli", "Şahin", "Sander", "Yamada", "Zuse"]


def test_series_of_one_frame_of_reference(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    for number, uid in enumerate(("1.2.7", "1.2.8", "1.2.7"), 1):
        write_instance(
            tmp_path / "frames" / f"{number}", 1, series=number, FrameOfReferenceUID=uid
        )
    database.import_paths([tmp_path / "frames"])
    assert [one.number for one in database.sharing_frame_of_reference("1.2.7")] == [1, 3]
    assert database.sharing_frame_of_reference("") == []
    assert database.sharing_frame_of_reference("1.2.9") == []
