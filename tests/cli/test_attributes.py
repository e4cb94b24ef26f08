"""The verbs values and edit."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest


@pytest.fixture
def series(phantom: Path) -> Path:
    """Return the folder of one series."""
    return next(p for p in sorted(phantom.rglob("*")) if p.is_file()).parent


def test_values_of_a_folder(dicomdb: Callable[..., Any], series: Path, tmp_path: Path) -> None:
    target = tmp_path / "values.csv"
    outcome = dicomdb("values", series, "--tags", "SliceLocation,(0020,0032)", "--csv", target)
    assert outcome.code == 0
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    files = {h.SOPInstanceUID: h for h in map(pydicom.dcmread, series.iterdir())}
    assert {row["SOPInstanceUID"] for row in rows} == set(files)
    for row in rows:
        told = [float(x) for x in row["ImagePositionPatient"].split("\\")]
        assert told == [float(x) for x in files[row["SOPInstanceUID"]].ImagePositionPatient]


def test_values_of_the_database(dicomdb: Callable[..., Any], series: Path) -> None:
    assert dicomdb("import", series).code == 0
    uid = dicomdb("ls", "series", "--json").json[0]["uid"]
    found = dicomdb("values", uid, "--tags", "Modality", "--json").json["values"]
    assert len(found) == len(list(series.iterdir()))
    said = dicomdb("values", uid, "--tags", "Modality").out
    assert said.splitlines()[0].split() == ["number", "Modality"]


def test_values_of_no_attribute(dicomdb: Callable[..., Any], series: Path) -> None:
    outcome = dicomdb("values", series, "--tags", "NoSuchThing")
    assert outcome.code == 1
    assert "no attribute" in outcome.err
    assert dicomdb("values", series, "--tags", ",").code == 2


def test_edit_to_a_folder(dicomdb: Callable[..., Any], series: Path, tmp_path: Path) -> None:
    before = {p: p.read_bytes() for p in series.iterdir()}
    out = tmp_path / "out"
    outcome = dicomdb(
        "edit", series, "--set", "PatientID=4711", "--remove", "PatientSex", "--to", out, "--json"
    )
    assert outcome.code == 0
    assert {p: p.read_bytes() for p in series.iterdir()} == before
    copies = [pydicom.dcmread(p) for p in out.iterdir()]
    assert len(copies) == len(before) == len(outcome.json["written"])
    assert {c.PatientID for c in copies} == {"4711"}
    assert all("PatientSex" not in c for c in copies)
    assert len({c.SeriesInstanceUID for c in copies}) == 1


def test_edit_into_the_database(dicomdb: Callable[..., Any], series: Path) -> None:
    assert dicomdb("import", series).code == 0
    (one,) = dicomdb("ls", "series", "--json").json
    outcome = dicomdb("edit", one["uid"], "--set", "SeriesDescription=Mine", "--into-db")
    assert outcome.code == 0
    found = {s["description"]: s for s in dicomdb("ls", "series", "--json").json}
    assert len(found) == 2
    assert found["Mine"]["storage"] == "copied"


def test_dry_run_writes_nothing(dicomdb: Callable[..., Any], series: Path) -> None:
    outcome = dicomdb("edit", series, "--set", "PatientID=4711", "--dry-run", "--json")
    assert outcome.json[0]["after"] == "4711"
    assert outcome.code == 0


def test_what_is_refused(dicomdb: Callable[..., Any], series: Path, tmp_path: Path) -> None:
    outcome = dicomdb("edit", series, "--set", "PatientBirthDate=19990231", "--to", tmp_path / "o")
    assert outcome.code == 2
    assert "no such date" in outcome.err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    "words", [["--set", "PatientID=1"], ["--to", "x"], ["--set", "PatientID", "--to", "x"],
              ["--set", "NoSuch=1", "--to", "x"]],
)  # fmt: skip
def test_wrong_usage(dicomdb: Callable[..., Any], series: Path, words: list[str]) -> None:
    outcome = dicomdb("edit", series, *words)
    assert outcome.code == 2
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    "words", [("--set", "StudyDate=yesterday"), ("--remove", "SOPInstanceUID")]
)
def test_an_invalid_edit_is_refused_once(
    dicomdb: Callable[..., Any], series: Path, tmp_path: Path, words: tuple[str, str]
) -> None:
    outcome = dicomdb("edit", series, *words, "--to", tmp_path / "copies")
    assert outcome.code == 2
    assert outcome.err.count(words[1].partition("=")[0]) == 1
    assert not (tmp_path / "copies").exists()


def test_a_table_replaces_nothing_unasked(
    dicomdb: Callable[..., Any], series: Path, tmp_path: Path
) -> None:
    target = tmp_path / "values.csv"
    target.write_text("mine")
    words = ("values", series, "--tags", "Modality", "--csv", target)
    refused = dicomdb(*words)
    assert (refused.code, "[exists]" in refused.err) == (1, True)
    assert target.read_text() == "mine"
    done = dicomdb(*words, "--force")
    count = len(list(series.iterdir()))
    assert done.code == 0
    assert f"{count} rows written to" in done.out
    assert len(target.read_text().splitlines()) == count + 1
