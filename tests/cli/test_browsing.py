"""The verbs ls and info."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest


@pytest.fixture
def filled(dicomdb: Callable[..., Any], phantom: Path) -> Callable[..., Any]:
    assert dicomdb("import", phantom).code == 0
    return dicomdb


def _datasets(phantom: Path) -> list[pydicom.Dataset]:
    files = [p for p in phantom.rglob("*") if p.is_file()]
    return [pydicom.dcmread(p, stop_before_pixels=True) for p in files]


def test_ls_series_lists_what_pydicom_reads(filled: Callable[..., Any], phantom: Path) -> None:
    expected = {(d.SeriesInstanceUID, d.Modality) for d in _datasets(phantom)}
    listed = filled("ls", "--json").json
    assert {(s["uid"], s["modality"]) for s in listed} == expected


def test_ls_levels(filled: Callable[..., Any], phantom: Path) -> None:
    datasets = _datasets(phantom)
    (patient,) = filled("ls", "patients", "--json").json
    assert patient["patient_id"] == datasets[0].PatientID
    (study,) = filled("ls", "studies", "--json").json
    assert study["uid"] == datasets[0].StudyInstanceUID
    instances = filled("ls", "instances", "--json").json
    assert {i["uid"] for i in instances} == {d.SOPInstanceUID for d in datasets}


def test_ls_restricted(filled: Callable[..., Any], phantom: Path) -> None:
    ct = {d.SeriesInstanceUID for d in _datasets(phantom) if d.Modality == "CT"}
    assert {s["uid"] for s in filled("ls", "--modality", "ct", "--json").json} == ct
    assert {s["uid"] for s in filled("ls", "--search", "modality:CT", "--json").json} == ct
    uid = next(iter(ct))
    instances = filled("ls", "instances", "--series", uid, "--json").json
    assert {i["series_uid"] for i in instances} == {uid}


def test_ls_table_is_for_people(filled: Callable[..., Any]) -> None:
    outcome = filled("ls")
    assert outcome.code == 0
    assert outcome.out.splitlines()[0].split()[:3] == ["#", "modality", "description"]


def test_ls_unknown_patient(filled: Callable[..., Any]) -> None:
    outcome = filled("ls", "--patient", "nobody")
    assert outcome.code == 1
    assert "nobody" in outcome.err


def test_ls_without_database(dicomdb: Callable[..., Any], tmp_path: Path) -> None:
    outcome = dicomdb("ls", "--db", tmp_path / "absent")
    assert outcome.code == 1
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "absent").exists()


def test_info(filled: Callable[..., Any], phantom: Path) -> None:
    facts = filled("info", "--json").json
    assert facts["instances"] == len(_datasets(phantom))
    assert filled("info").code == 0


def test_header_values_cannot_drive_the_terminal(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path
) -> None:
    source = next(p for p in phantom.rglob("*") if p.is_file())
    dataset = pydicom.dcmread(source)
    dataset.SeriesDescription = "red \x1b[31m alert"
    (tmp_path / "in").mkdir()
    dataset.save_as(tmp_path / "in" / "a.dcm")
    assert dicomdb("import", tmp_path / "in").code == 0
    assert "\x1b" not in dicomdb("ls").out


def test_ls_says_what_was_made_from_what(
    dicomdb: Callable[..., Any], reference_data: Path
) -> None:
    folder = reference_data / "seg" / "24x38x3"
    image, result = folder / "image", folder / "seg"
    assert dicomdb("import", result).code == 0
    (alone,) = dicomdb("ls", "--json").json
    assert (alone["sources"], alone["missing_sources"]) == ([], 1)
    assert "source not here" in dicomdb("ls").out
    assert dicomdb("import", image).code == 0
    listed = {one["modality"]: one for one in dicomdb("ls", "--json").json}
    seg = listed.pop("SEG")
    (source,) = listed.values()
    assert (seg["sources"], seg["results"]) == ([source["uid"]], [])
    assert (source["results"], source["missing_sources"]) == ([seg["uid"]], 0)
    assert "1 result" in dicomdb("ls").out
