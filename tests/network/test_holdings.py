"""What of a match is here."""

from __future__ import annotations

import pydicom

from napari_dicomdb import Database
from napari_dicomdb.network.holdings import with_holdings
from napari_dicomdb.network.query import Match


def test_held(phantom_database, phantom_paths):
    (series,) = phantom_database.series()
    patient = phantom_database.patients()[0]
    count = len(phantom_paths)
    instance = phantom_database.instances(series)[0]

    def of(match):
        (told,) = with_holdings(phantom_database, [match])
        return told.held, told.held_count

    def study(number):
        values = {} if number is None else {"NumberOfStudyRelatedInstances": str(number)}
        return Match("n", "study", values, study_uid=series.study_uid)

    assert of(study(count)) == ("all", count)
    assert of(study(count - 1)) == ("all", count)
    assert of(study(count + 1)) == ("part", count)
    assert of(study(None)) == ("part", count)  # nobody says how many there are
    assert of(Match("n", "study", study_uid="1.2.3")) == ("none", 0)
    assert of(Match("", "series", series_uid=series.uid)) == ("all", count)
    assert of(Match("n", "instance", instance_uid=instance.uid)) == ("all", 1)
    values = {"NumberOfPatientRelatedInstances": str(count)}
    assert of(Match("n", "patient", values, patient_id=patient.patient_id)) == ("all", count)
    assert of(Match("n", "patient", values)) == ("none", 0)


def test_patients_without_an_id(tmp_path, phantom_paths):
    for number, name in enumerate(("DOE^JOHN", "DOE^JANE", "DOE^JANE")):
        ds = pydicom.dcmread(phantom_paths[number])
        ds.PatientID, ds.PatientName = "", name
        ds.StudyInstanceUID, ds.SeriesInstanceUID = f"1.2.{number + 1}", f"1.2.{number + 1}.1"
        ds.save_as(tmp_path / f"{number}.dcm")
    with Database.in_memory() as database:
        database.import_paths([tmp_path], workers=0)
        names = ("DOE^JANE", "DOE^JOHN", "ROE^JANE")
        told = with_holdings(
            database, [Match("n", "patient", {"PatientName": name}) for name in names]
        )
    assert [one.held_count for one in told] == [2, 1, 0]


def test_another_patient_of_the_same_id(phantom_database, phantom_paths):
    patient = phantom_database.patients()[0]
    assert patient.birth_date
    same = {"PatientBirthDate": patient.birth_date.replace("-", "")}
    other = {"PatientBirthDate": "18000101"}
    told = with_holdings(
        phantom_database,
        [
            Match("n", "patient", values, patient_id=patient.patient_id)
            for values in (same, other, {})
        ],
    )
    assert [one.held_count for one in told] == [len(phantom_paths), 0, len(phantom_paths)]


def test_levels_may_be_mixed(phantom_database):
    (series,) = phantom_database.series()
    matches = [
        Match("n", "series", series_uid=series.uid),
        Match("n", "study", study_uid="1"),
        Match("n", "series", series_uid="2"),
    ]
    assert [m.held for m in with_holdings(phantom_database, matches)] == ["part", "none", "none"]
    assert with_holdings(phantom_database, []) == []
