"""The verb export."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom


def _uids(folder: Path) -> set[str]:
    return {pydicom.dcmread(p).SOPInstanceUID for p in folder.rglob("*.dcm")}


def test_export_of_a_study_by_uid(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path
) -> None:
    dicomdb("import", phantom)
    (study,) = dicomdb("ls", "studies", "--json").json
    outcome = dicomdb("export", study["uid"], "--to", tmp_path / "out", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["written"] == study["instance_count"]
    assert _uids(tmp_path / "out") == _uids(phantom)


def test_export_of_series_and_instances(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path
) -> None:
    dicomdb("import", phantom)
    series = dicomdb("ls", "--json").json
    found = dicomdb("ls", "instances", "--series", series[1]["uid"], "--json").json
    outcome = dicomdb("export", series[0]["uid"], found[0]["uid"], "--to", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert len(_uids(tmp_path / "out")) == series[0]["instance_count"] + 1


def test_export_of_paths_as_zip_needs_no_database(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path
) -> None:
    outcome = dicomdb("export", phantom, "--to", tmp_path / "all", "--zip", "--dicomdir")
    assert outcome.code == 0, outcome.err
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert "DICOMDIR" in archive.namelist()
        assert len(archive.namelist()) == len(_uids(phantom)) + 1
    assert not (tmp_path / "database").exists()


def test_export_by_search_and_missing_files(dicomdb: Callable[..., Any], tmp_path: Path) -> None:
    from tests.database.conftest import write_series

    files = write_series(tmp_path / "in", 3)
    dicomdb("import", tmp_path / "in")
    files[1].unlink()
    outcome = dicomdb("export", "--search", "modality:CT", "--to", tmp_path / "out")
    assert outcome.code == 1
    assert str(files[1]) in outcome.err
    assert len(_uids(tmp_path / "out")) == 2


def test_wrong_usage(dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path) -> None:
    dicomdb("import", phantom)
    assert dicomdb("export", "--to", tmp_path / "out").code == 2
    assert dicomdb("export", phantom, "1.2.3", "--to", tmp_path / "out").code == 2
    assert dicomdb("export", "1.2.3").code == 2
    outcome = dicomdb("export", "1.2.3", "--to", tmp_path / "out")
    assert outcome.code == 1
    assert "1.2.3" in outcome.err
    assert not (tmp_path / "out").exists()


def test_anonymised(dicomdb, phantom, tmp_path):
    done = dicomdb("export", phantom, "--to", tmp_path / "anon", "--deidentify", "--dicomdir")
    assert done.code == 0, done.err
    originals = {pydicom.dcmread(p).PatientID for p in phantom.rglob("*.dcm")}
    copies = [p for p in (tmp_path / "anon").rglob("*") if p.is_file() and p.name != "DICOMDIR"]
    assert len(copies) == len(list(phantom.rglob("*.dcm")))
    for path in copies:
        copy = pydicom.dcmread(path)
        assert copy.PatientIdentityRemoved == "YES"
        assert copy.PatientID not in originals
    assert dicomdb("export", phantom, "--to", tmp_path / "b", "--shift-dates").code == 2
