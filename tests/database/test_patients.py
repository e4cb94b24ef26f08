"""Merging and splitting patients: what is listed, found, imported later, undone, removed."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.database.patients import PatientError
from napari_dicomdb.errors import DatabaseError, NotFoundError


@pytest.fixture
def people(tmp_path: Path, database: Database, write_series: Callable[..., Any]) -> Path:
    """Three identities of what may be one woman, five studies, all by real imports."""
    folder = tmp_path / "in"
    for series, (who, ident, birth) in enumerate(
        [
            ("Doe^Jane", "P1", "19700203"),
            ("Doe^Jane", "P1", "19700203"),
            ("Röe^Jane", "Q2", "19700203"),
            ("Roe^Jane", "Q2", "19700203"),
            ("Roe^Jane", "P1", "19700203"),
        ],
        start=1,
    ):
        write_series(
            folder / str(series),
            2,
            series=series,
            PatientName=who,
            PatientID=ident,
            PatientBirthDate=birth,
            StudyInstanceUID=f"1.2.{series}",
            StudyDate=f"2019010{series}",
            SpecificCharacterSet="ISO_IR 192",
        )
    database.import_paths([folder], workers=0)
    return folder


def rows(database: Database, sql: str) -> list[tuple[Any, ...]]:
    """Ask the index file itself, past our code."""
    assert database.path is not None
    with contextlib.closing(sqlite3.connect(database.path / "dicomdb.sqlite")) as connection:
        return connection.execute(sql).fetchall()


def whole(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All tables that a merge or split could touch, to the last column."""
    return {
        table: rows(database, f"SELECT * FROM {table} ORDER BY 1")
        for table in ("patient", "study", "series", "instance", "file", "patient_change")
    } | {"text": rows(database, "SELECT rowid, * FROM series_text ORDER BY 1")}


def by(database: Database, name: str, patient_id: str) -> Any:
    """The one patient that is listed under a name and ID."""
    (found,) = [p for p in database.patients() if (p.name, p.patient_id) == (name, patient_id)]
    return found


def shown(database: Database) -> dict[tuple[str, str], list[str]]:
    """Study UIDs of each listed patient."""
    return {
        (p.name, p.patient_id): sorted(s.uid for s in database.studies(p))
        for p in database.patients()
    }


BEFORE = {
    ("Doe^Jane", "P1"): ["1.2.1", "1.2.2"],
    ("Röe^Jane", "Q2"): ["1.2.3"],
    ("Roe^Jane", "Q2"): ["1.2.4"],
    ("Roe^Jane", "P1"): ["1.2.5"],
}


def test_merged_patients_are_one_and_say_so(database: Database, people: Path) -> None:
    assert shown(database) == BEFORE
    state = database.listed_state()
    merged = database.merge_patients(
        by(database, "Doe^Jane", "P1"),
        [by(database, "Röe^Jane", "Q2"), by(database, "Roe^Jane", "Q2")],
    )
    assert (merged.study_count, merged.series_count, merged.instance_count) == (4, 4, 8)
    assert merged.last_study_date == "2019-01-04"
    assert [(o.name, o.patient_id, o.birth_date) for o in merged.others] == [
        ("Röe^Jane", "Q2", "1970-02-03"),
        ("Roe^Jane", "Q2", "1970-02-03"),
    ]
    assert str(merged.others[0]) == "Röe, Jane · ID Q2 · 1970-02-03"
    assert shown(database) == {
        ("Doe^Jane", "P1"): ["1.2.1", "1.2.2", "1.2.3", "1.2.4"],
        ("Roe^Jane", "P1"): ["1.2.5"],
    }
    assert database.info()["patients"] == 2
    assert database.listed_state() != state
    assert [p.key for p in database.patients(text="Röe")] == [
        merged.key,
        by(database, "Roe^Jane", "P1").key,
    ]
    # Either name and either ID finds all that is shown as one, as long as it is.
    for text in ("Roe", "id:Q2", "name:Röe", "doe"):
        assert merged.key in [p.key for p in database.patients(text=text)]
    assert len(database.series(text="name:doe")) == 4
    assert database.patient("Q2") == merged
    assert len(database.series(patient="Q2")) == 4
    assert rows(database, "SELECT count(*) FROM patient WHERE merged_into IS NOT NULL") == [(2,)]


def test_files_are_not_touched(database: Database, people: Path) -> None:
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in people.rglob("*.dcm")}
    doe = by(database, "Doe^Jane", "P1")
    database.merge_patients(doe, by(database, "Roe^Jane", "Q2"))
    database.split_patient(doe, "1.2.1")
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in people.rglob("*.dcm")} == before
    assert database.import_paths([people], workers=0).unchanged == len(before)


def test_later_imports_follow(
    database: Database, people: Path, tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    doe = by(database, "Doe^Jane", "P1")
    database.merge_patients(doe, by(database, "Roe^Jane", "Q2"))
    apart = database.split_patient(doe, "1.2.1")
    assert (apart.name, apart.patient_id, apart.is_split) == ("Doe^Jane", "P1", True)
    new = tmp_path / "later"
    write_series(
        new / "a",
        2,
        series=20,
        PatientName="Roe^Jane",
        PatientID="Q2",
        StudyInstanceUID="1.2.20",
    )
    write_series(new / "b", 2, series=21, StudyInstanceUID="1.2.1")
    write_series(new / "c", 2, series=22, StudyInstanceUID="1.2.22")
    report = database.import_paths([new], workers=0)
    assert (report.added, report.notes) == (6, [])
    assert sorted(s.uid for s in database.studies(doe)) == ["1.2.2", "1.2.20", "1.2.22", "1.2.4"]
    assert [s.uid for s in database.studies(apart)] == ["1.2.1"]
    assert (database.patient(apart).series_count, database.patient(doe).series_count) == (2, 4)
    # A file of a stranger in the study of a merged patient is still remarked.
    write_series(new / "d", 1, series=23, StudyInstanceUID="1.2.4", PatientID="X", PatientName="X")
    notes = database.import_paths([new / "d"], workers=0).notes
    assert [reason for _, reason, _ in notes] == ["patient-mismatch"]


def test_undo_brings_everything_back(database: Database, people: Path) -> None:
    before = whole(database)
    doe = by(database, "Doe^Jane", "P1")
    database.merge_patients(doe, [by(database, "Röe^Jane", "Q2"), by(database, "Roe^Jane", "Q2")])
    merged = whole(database)
    database.split_patient(doe, ["1.2.1", "1.2.4"])
    assert shown(database)["Doe^Jane", "P1"] != BEFORE["Doe^Jane", "P1"]
    kinds = [change.kind for change in database.patient_changes()]
    assert kinds == ["merge", "split", "split", "merge", "merge"]
    for _ in range(3):
        database.undo_patient_change()
    assert whole(database) == merged
    for change in reversed(database.patient_changes()):  # the first one first
        database.undo_patient_change(change)
    assert whole(database) == before
    with pytest.raises(NotFoundError, match="nothing to undo"):
        database.undo_patient_change()


def test_merges_of_merges_are_undone_in_any_order(database: Database, people: Path) -> None:
    before = whole(database)
    doe, one, two = (
        by(database, *who) for who in (("Doe^Jane", "P1"), ("Röe^Jane", "Q2"), ("Roe^Jane", "Q2"))
    )
    database.merge_patients(one, two)
    (first,) = database.patient_changes()
    everybody = database.merge_patients(doe, one)
    assert [o.key for o in everybody.others] == [one.key, two.key]
    database.undo_patient_change(first)  # while the later merge stands
    assert shown(database) == {
        ("Doe^Jane", "P1"): ["1.2.1", "1.2.2", "1.2.3"],
        ("Roe^Jane", "Q2"): ["1.2.4"],
        ("Roe^Jane", "P1"): ["1.2.5"],
    }
    assert [p.study_count for p in (database.patient(doe), database.patient(two))] == [3, 1]
    database.undo_patient_change()
    assert whole(database) == before


def test_a_split_that_others_build_on_is_undone_after_them(
    database: Database, people: Path
) -> None:
    doe = by(database, "Doe^Jane", "P1")
    apart = database.split_patient(doe, "1.2.1")
    (split,) = database.patient_changes()
    database.merge_patients(apart, by(database, "Roe^Jane", "Q2"))
    with pytest.raises(PatientError, match=r"undo 2 first") as refused:
        database.undo_patient_change(split)
    assert refused.value.reason == "undo-first"
    database.undo_patient_change(database.patient_changes()[0].key)
    assert database.undo_patient_change(split).kind == "split"
    assert shown(database) == BEFORE


def test_what_cannot_be_done_says_why(database: Database, people: Path) -> None:
    doe, roe = by(database, "Doe^Jane", "P1"), by(database, "Roe^Jane", "Q2")
    before = whole(database)
    for reason, call in (
        ("same-patient", lambda: database.merge_patients(doe, doe)),
        ("nothing-to-merge", lambda: database.merge_patients(doe, [])),
        ("all-studies", lambda: database.split_patient(roe, "1.2.4")),
        ("other-patient", lambda: database.split_patient(doe, ["1.2.1", "1.2.4"])),
        ("nothing-to-split", lambda: database.split_patient(doe, [])),
    ):
        with pytest.raises(PatientError) as refused:
            call()
        assert refused.value.reason == reason
        assert "Jane" not in str(refused.value)
    with pytest.raises(NotFoundError, match="no patient"):
        database.merge_patients(doe, "nobody")
    with pytest.raises(NotFoundError) as several:
        database.merge_patients(roe, "P1")
    assert several.value.reason == "ambiguous"
    with pytest.raises(NotFoundError, match="number 99"):
        database.undo_patient_change(99)
    assert whole(database) == before
    database.merge_patients(doe, roe)
    with pytest.raises(PatientError, match="one patient already"):
        database.merge_patients(doe, roe)
    assert database.path is not None
    with (
        Database.open(database.path, read_only=True) as reader,
        pytest.raises(DatabaseError, match="read-only"),
    ):
        reader.undo_patient_change()


SECRET = "Zyxwvutsrq"


@pytest.mark.parametrize("copy", [False, True])
def test_removal_of_a_merged_patient_leaves_no_byte(
    copy: bool, database: Database, tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    for series, name in enumerate(("Other^One", "Plain^Jane", f"{SECRET}^A", f"{SECRET}^B"), 1):
        for study in (1, 2):
            write_series(
                tmp_path / "in" / f"{series}{study}",
                3,
                series=10 * series + study,
                PatientName=name,
                PatientID=name,
                StudyInstanceUID=f"1.2.77{series}.{study}",
            )
    database.import_paths([tmp_path / "in"], workers=0, copy=copy)
    plain = database.patient("Plain^Jane")
    database.merge_patients(plain, [f"{SECRET}^A", f"{SECRET}^B"])
    database.split_patient(plain, "1.2.773.1")  # of the first secret one
    (apart,) = [p for p in database.patients() if p.is_split]
    database.merge_patients(plain, apart)
    with pytest.raises(PatientError) as refused:
        database.remove(patient=f"{SECRET}^A")
    assert refused.value.reason == "merged"
    report = database.remove(patient=plain, delete_copies=True)
    assert (report.studies, report.patients) == (6, 4)
    assert [p.name for p in database.patients()] == ["Other^One"]
    assert rows(database, "SELECT name FROM patient") == [("Other^One",)]
    assert rows(database, "SELECT * FROM patient_change") == []
    for text in (SECRET, "1.2.773.", "Plain"):
        assert [
            path.name
            for path in (tmp_path / "database").rglob("*")
            if path.is_file() and text.lower().encode() in path.read_bytes().lower()
        ] == []


def test_an_identity_goes_with_its_last_study(database: Database, people: Path) -> None:
    doe, one, two = (
        by(database, *who) for who in (("Doe^Jane", "P1"), ("Röe^Jane", "Q2"), ("Roe^Jane", "Q2"))
    )
    database.merge_patients(one, two)
    database.merge_patients(doe, one)
    database.remove(study="1.2.3")  # all that the one in the middle had
    merged = database.patient(doe)
    assert [o.name for o in merged.others] == ["Roe^Jane"]
    assert rows(database, f"SELECT count(*) FROM patient WHERE id = {one.key}") == [(0,)]
    (change,) = database.patient_changes()
    assert (change.patient.key, change.other.key) == (doe.key, two.key)
    database.undo_patient_change(change)
    assert shown(database)["Roe^Jane", "Q2"] == ["1.2.4"]
    # The listed one stays as long as anybody is shown with it.
    database.merge_patients(doe, two)
    database.remove(study="1.2.1")
    database.remove(study="1.2.2")
    assert database.patient(doe).study_count == 1
    database.undo_patient_change()
    assert shown(database) == {("Roe^Jane", "Q2"): ["1.2.4"], ("Roe^Jane", "P1"): ["1.2.5"]}
    assert rows(database, "SELECT count(*) FROM patient") == [(2,)]


def test_similar_patients(database: Database, people: Path) -> None:
    same_id, other_id, same_name = database.similar_patients()
    assert {p.name for p in same_id.patients} == {"Doe^Jane", "Roe^Jane"}
    assert (same_id.code, same_id.reason) == ("same-id", "One patient ID, differing names")
    assert same_id.patients[0].name == "Doe^Jane"  # who has most
    assert {p.name for p in other_id.patients} == {"Röe^Jane", "Roe^Jane"}
    assert same_name.code == "same-name-and-birth-date"
    assert {(p.name, p.patient_id) for p in same_name.patients} == {
        ("Röe^Jane", "Q2"),
        ("Roe^Jane", "Q2"),
        ("Roe^Jane", "P1"),
    }
    database.merge_patients(same_name.patients[0], same_name.patients[1:])
    assert [s.code for s in database.similar_patients()] in ([], ["same-id"])
    doe = by(database, "Doe^Jane", "P1")
    database.split_patient(doe, "1.2.1")
    assert all(not p.is_split for s in database.similar_patients() for p in s.patients)


def test_merged_patients_are_found_by_either_sex_and_birth_date(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    for number, (sex, born) in enumerate((("F", "19700101"), ("M", "19800202")), start=1):
        write_instance(
            tmp_path / "in" / f"{number}.dcm", number, number,
            PatientID=f"P{number}", PatientName=f"Doe^{number}", PatientSex=sex,
            PatientBirthDate=born, StudyInstanceUID=f"1.2.{number}",
        )  # fmt: skip
    database.import_paths(tmp_path / "in", workers=0)
    first, second = database.patients(order="patient_id")
    merged = database.merge_patients(first, second)
    for text in ("sex:F", "sex:M", "birth:1970", "birth:1980-02-02", "birth:<1975", "sex:f,m"):
        assert [p.key for p in database.patients(text=text)] == [merged.key], text
    assert len(database.series(text="sex:M")) == 1
    assert len(database.series(text="-sex:M birth:1970")) == 1
    assert database.series(text="sex:O") == database.series(text="birth:1990..") == []
