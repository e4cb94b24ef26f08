"""The verb deidentify."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from tests.export.deidentification.conftest import write_ultrasound


def _copies(folder: Path) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(p) for p in sorted(folder.rglob("*.dcm"))]


def test_a_study_of_the_database(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path
) -> None:
    dicomdb("import", phantom)
    (study,) = dicomdb("ls", "studies", "--json").json
    outcome = dicomdb(
        "deidentify", study["uid"], "--to", tmp_path / "out", "--shift-dates",
        "--retain", "characteristics,descriptors", "--retain", "device", "--json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert outcome.json["written"] == study["instance_count"]
    assert outcome.json["profile"]["codes"] == ["113100", "113105", "113107", "113108", "113109"]
    copies = _copies(tmp_path / "out")
    originals = {pydicom.dcmread(p).PatientID for p in phantom.rglob("*.dcm")}
    assert {c.PatientID for c in copies}.isdisjoint(originals)
    assert {c.LongitudinalTemporalInformationModified for c in copies} == {"MODIFIED"}
    text = outcome.out
    assert not any(value in text for value in originals)


def test_dry_run_tells_and_writes_nothing(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path
) -> None:
    outcome = dicomdb("deidentify", phantom, "--dry-run")
    assert outcome.code == 0, outcome.err
    (line,) = [x for x in outcome.out.splitlines() if x.startswith("(0010,0010)")]
    assert "replaced" in line
    assert "would be written" in outcome.out
    assert list(tmp_path.rglob("*.dcm")) == []


def test_projects_are_consistent(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path
) -> None:
    sets = []
    for name, project in (("a", "Trial"), ("b", "Trial"), ("c", "Other")):
        outcome = dicomdb("deidentify", phantom, "--to", tmp_path / name, "--project", project)
        assert outcome.code == 0, outcome.err
        sets.append({c.SOPInstanceUID for c in _copies(tmp_path / name)})
    assert sets[0] == sets[1]
    assert sets[0].isdisjoint(sets[2])


def test_blackout_or_a_look_is_needed(dicomdb: Callable[..., Any], tmp_path: Path) -> None:
    image = write_ultrasound(tmp_path / "us.dcm")
    refused = dicomdb("deidentify", image, "--to", tmp_path / "a")
    assert refused.code == 1
    assert "[burned-in]" in refused.err
    assert not list((tmp_path / "a").rglob("*.dcm"))
    black = dicomdb("deidentify", image, "--to", tmp_path / "b", "--blackout", "0,0,30,2@US")
    assert black.code == 0, black.err
    (copy,) = _copies(tmp_path / "b")
    assert copy.BurnedInAnnotation == "NO"
    assert not copy.pixel_array[:2].any()
    assert copy.pixel_array[2:].all()
    looked = dicomdb("deidentify", image, "--to", tmp_path / "c", "--pixels-checked")
    assert looked.code == 0, looked.err


def test_names_by_list_and_template(dicomdb: Callable[..., Any], tmp_path: Path) -> None:
    image = write_ultrasound(tmp_path / "us.dcm")
    (tmp_path / "list.csv").write_text("4711,TRIAL-1\n")
    outcome = dicomdb(
        "deidentify", image, "--to", tmp_path / "a", "--pseudonyms", tmp_path / "list.csv",
        "--patient-name", "Subject {code}", "--pixels-checked", "--mapping", tmp_path / "map.json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    (copy,) = _copies(tmp_path / "a")
    assert (copy.PatientID, str(copy.PatientName)) == ("TRIAL-1", "Subject TRIAL-1")
    mapping = json.loads((tmp_path / "map.json").read_text())
    assert mapping["patients"] == {"4711": "TRIAL-1"}
    assert mapping["uids"]["1.2.3.6.1"] == copy.SOPInstanceUID
    assert (tmp_path / "map.json").stat().st_mode & 0o077 == 0


def test_zip_dicomdir_and_into_the_database(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path
) -> None:
    outcome = dicomdb(
        "deidentify", phantom, "--to", tmp_path / "all", "--zip", "--dicomdir", "--add"
    )
    assert outcome.code == 0, outcome.err
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert "DICOMDIR" in archive.namelist()
    (study,) = dicomdb("ls", "studies", "--json").json
    assert study["uid"].startswith("2.25.")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["x.dcm"],
        ["x.dcm", "--to", "out", "--retain-dates", "--shift-dates"],
        ["x.dcm", "--to", "out", "--retain", "everything"],
        ["x.dcm", "--to", "out", "--blackout", "1,2"],
        ["x.dcm", "--to", "out", "--patient-id", "{name}"],
        ["x.dcm", "--to", "out", "--pseudonyms", "absent.csv"],
    ],
)
def test_wrong_usage(dicomdb: Callable[..., Any], words: list[str]) -> None:
    assert dicomdb("deidentify", *words).code == 2


def test_help_names_the_options(dicomdb: Callable[..., Any]) -> None:
    outcome = dicomdb("deidentify", "--help")
    assert outcome.code == 0
    for word in ("--shift-dates", "--retain", "--project", "--blackout", "--dry-run"):
        assert word in outcome.out
