"""The verbs patients similar, merge, split, undo, history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from napari_dicomdb.viewer.phantom import write_phantom_study

ENGLISH = ("Roe^Jane", "P2")


@pytest.fixture
def people(tmp_path: Path, dicomdb: Callable[..., Any]) -> list[dict[str, Any]]:
    """One woman with two IDs, and her namesake born later; two studies of the first."""
    for number, (name, ident, birth) in enumerate(
        [
            ("Roe^Jane", "P1", "19700203"),
            ("Roe^Jane", "P1", "19700203"),
            ("Röe^Jane", "P2", "19700203"),
            ("Roe^Jane", "P3", "19990203"),
        ]
    ):
        made = write_phantom_study(tmp_path / str(number), ("axial-ct",), matrix=8, slices=4)
        for path in made[0].paths:
            ds = dcmread(path)
            ds.SpecificCharacterSet = "ISO_IR 192"
            ds.PatientName, ds.PatientID, ds.PatientBirthDate = name, ident, birth
            ds.StudyInstanceUID = f"1.2.{number}"
            ds.SeriesInstanceUID = f"1.2.{number}.1"
            ds.SOPInstanceUID = f"1.2.{number}.1.{ds.InstanceNumber}"
            ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
            ds.save_as(path)
    assert dicomdb("import", *(tmp_path / str(n) for n in range(4))).code == 0
    listed: list[dict[str, Any]] = dicomdb("patients", "list", "--json").json
    assert len(listed) == 3
    return listed


def test_similar_merge_undo(dicomdb: Callable[..., Any], people: list[dict[str, Any]]) -> None:
    (same,) = dicomdb("patients", "similar", "--json").json
    assert same["code"] == "same-name-and-birth-date"
    assert [p["patient_id"] for p in same["patients"]] == ["P1", "P2"]
    assert "One name and birth date" in dicomdb("patients", "similar").out
    outcome = dicomdb("patients", "merge", "P1", "P2", "--json")
    assert (outcome.code, outcome.json["study_count"]) == (0, 3)
    assert [o["patient_id"] for o in outcome.json["others"]] == ["P2"]
    assert "Röe, Jane · ID P2" in dicomdb("patients", "list").out
    assert dicomdb("patients", "similar").out.startswith("no patients")
    assert len(dicomdb("ls", "patients", "--json").json) == 2
    assert len(dicomdb("ls", "studies", "--search", "Röe", "--json").json) >= 1
    (change,) = dicomdb("patients", "history", "--json").json
    assert change["kind"] == "merge"
    assert "merged into" in dicomdb("patients", "history").out
    assert dicomdb("patients", "undo", change["key"]).code == 0
    assert dicomdb("patients", "list", "--json").json == people
    nothing = dicomdb("patients", "undo")
    assert nothing.code == 1
    assert "nothing to undo" in nothing.err


def test_split(dicomdb: Callable[..., Any], people: list[dict[str, Any]]) -> None:
    outcome = dicomdb("patients", "split", "P1", "--study", "1.2.1", "--json")
    assert (outcome.code, outcome.json["is_split"], outcome.json["study_count"]) == (0, True, 1)
    key = f"#{outcome.json['key']}"
    assert "(split off)" in dicomdb("patients", "list").out
    assert dicomdb("patients", "merge", key, "P3").code == 0
    refused = dicomdb("patients", "undo", 1)
    assert refused.code == 1
    assert "undo 2 first" in refused.err
    done = dicomdb("patients", "undo", 2, 1)
    assert (done.code, done.out.count("undone:")) == (0, 2)
    assert dicomdb("patients", "list", "--json").json == people


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("merge", "P1"), 2, ""),
        (("merge", "P1", "nobody"), 1, "no patient"),
        (("merge", "P1", "P1"), 1, "one patient already"),
        (("split", "P1"), 2, ""),
        (("split", "P1", "--study", "1.2.3"), 1, "another patient"),
        (("undo", "7"), 1, "number 7"),
        ((), 2, ""),
    ],
)
def test_refusals(
    words: tuple[str, ...],
    code: int,
    said: str,
    dicomdb: Callable[..., Any],
    people: list[dict[str, Any]],
) -> None:
    outcome = dicomdb("patients", *words)
    assert outcome.code == code
    assert said in outcome.err
    assert "Traceback" not in outcome.err


def test_the_id_of_a_merged_patient(
    dicomdb: Callable[..., Any], people: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert dicomdb("patients", "merge", "P1", "P2").code == 0
    outcome = dicomdb("export", "--patient", "P2", "--to", tmp_path / "out", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["written"] == len(list((tmp_path / "out").rglob("*.dcm"))) > 0
    outcome = dicomdb("rm", "--patient", "P2", "--yes")
    assert outcome.code == 1
    assert "[merged]" in outcome.err
    assert "[not-found]" in dicomdb("rm", "--patient", "nobody", "--yes").err


def test_rm_of_a_merged_patient_says_what_goes(
    dicomdb: Callable[..., Any], people: list[dict[str, Any]]
) -> None:
    dicomdb("patients", "merge", "P1", "P2")
    asked = dicomdb("rm", "--patient", "P1")
    assert asked.code == 1
    assert "patient P1: 12 instances of 2 merged identities" in asked.err
    assert "patient P3: 4 instances (" in dicomdb("rm", "--patient", "P3").err
