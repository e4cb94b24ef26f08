"""The verb compare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest


@pytest.fixture
def pair(phantom: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Return a file and a copy with another patient ID."""
    first = next(p for p in sorted(phantom.rglob("*")) if p.is_file())
    dataset = pydicom.dcmread(first)
    dataset.PatientID = "other"
    dataset.save_as(tmp_path / "other.dcm")
    return first, tmp_path / "other.dcm"


def test_two_files(dicomdb: Callable[..., Any], pair: tuple[Path, Path]) -> None:
    outcome = dicomdb("compare", *pair, "--json")
    assert outcome.code == 0
    (one,) = outcome.json["differences"]
    assert (one["path"], one["right"], one["kind"]) == ("PatientID", "other", "changed")
    said = dicomdb("compare", *pair).out
    assert "PatientID" in said
    assert "Modality" not in said
    assert "Modality" in dicomdb("compare", *pair, "--all").out


def test_a_file_with_itself(dicomdb: Callable[..., Any], pair: tuple[Path, Path]) -> None:
    assert "no differences" in dicomdb("compare", pair[0], pair[0]).out


def test_two_series_of_the_database(dicomdb: Callable[..., Any], phantom: Path) -> None:
    assert dicomdb("import", phantom).code == 0
    uids = [one["uid"] for one in dicomdb("ls", "series", "--json").json[:2]]
    found = dicomdb("compare", *uids, "--json").json
    assert found["level"] == "series"
    assert "SeriesDescription" in {d["path"] for d in found["differences"]}


def test_two_studies_of_the_database(dicomdb: Callable[..., Any], phantom: Path) -> None:
    assert dicomdb("import", phantom).code == 0
    assert dicomdb("edit", phantom, "--set", "StudyDescription=Later", "--into-db").code == 0
    uids = [one["uid"] for one in dicomdb("ls", "studies", "--json").json]
    assert len(uids) == 2
    found = dicomdb("compare", *uids, "--json").json
    assert found["level"] == "study"
    assert all("StudyDescription" in d["path"] for d in found["differences"])


def test_two_folders(dicomdb: Callable[..., Any], phantom: Path) -> None:
    folders = sorted(path for path in phantom.rglob("*") if path.is_dir())
    leaves = [f for f in folders if any(p.is_file() for p in f.iterdir())][:2]
    found = dicomdb("compare", *leaves, "--json")
    assert found.code == 0
    assert found.json["level"] == "series"


def test_wrong_usage(dicomdb: Callable[..., Any], pair: tuple[Path, Path]) -> None:
    assert dicomdb("compare", pair[0], pair[0].parent).code == 2
    outcome = dicomdb("compare", "1.2.3", "1.2.4")
    assert outcome.code == 1
    assert "Traceback" not in outcome.err
