"""Patients and their pseudonyms."""

from __future__ import annotations

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.deidentification.patients import Pseudonyms
from napari_dicomdb.export.deidentification.profile import Profile
from napari_dicomdb.export.deidentification.project import open_project


def test_codes_numbers_and_lists(database: Database) -> None:
    keys = [p.key for p in database.patients()]
    project = open_project("p")
    coded = Pseudonyms(database, Profile(dates="shift"), project)
    first, second = (coded.of(key) for key in keys)
    assert first.patient_id != second.patient_id
    assert first.days != second.days
    assert coded.of(keys[0]) is first
    numbered = Profile(patient_id="S-{number:03d}", patient_name="Subject {code}")
    numbering = Pseudonyms(database, numbered, project)
    named = [numbering.of(key) for key in keys]
    assert [n.patient_id for n in named] == ["S-001", "S-002"]
    assert named[0].name == f"Subject {first.patient_id}"
    listed = Pseudonyms(database, Profile(pseudonyms={"P/2": "TRIAL-9"}), project)
    assert "TRIAL-9" in {listed.of(key).patient_id for key in keys}
    assert listed.originals["P/2"] == "TRIAL-9"


def test_numbers_of_one_run_differ(database: Database) -> None:
    made = Pseudonyms(database, Profile(patient_id="S{number}"), open_project())
    assert {made.of(p.key).patient_id for p in database.patients()} == {"S1", "S2"}


def test_two_patients_are_never_made_one(database: Database) -> None:
    made = Pseudonyms(database, Profile(patient_id="ANON"), open_project())
    with pytest.raises(ExportError, match="two patients would get"):
        for patient in database.patients():
            made.of(patient.key)


def test_a_merged_patient_is_one(database: Database) -> None:
    into, other = database.patients()
    key = into.key
    alone = Pseudonyms(database, Profile(), project := open_project("m")).of(key)
    database.merge_patients(into, [other])
    (merged,) = database.patients()
    made = Pseudonyms(database, Profile(), project).of(merged.key)
    assert made.patient_id == alone.patient_id
    assert {"müller", "åsa", "p/2"} <= made.forbidden
