"""The verb import: what it says, what it returns, what it leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.settings import load_settings


def test_import_then_again(dicomdb: Callable[..., Any], phantom: Path) -> None:
    files = sum(p.is_file() for p in phantom.rglob("*"))
    first = dicomdb("import", phantom, "--json")
    assert first.code == 0, first.err
    assert first.json["added"] == files
    again = dicomdb("import", phantom, "--json")
    assert (again.json["added"], again.json["unchanged"]) == (0, files)


def test_refused_files_are_listed_on_stderr(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "letter.txt").write_text("Dear colleague")
    outcome = dicomdb("import", tmp_path / "in")
    assert outcome.code == 1
    assert "letter.txt" in outcome.err
    assert "[not-dicom]" in outcome.err


def test_dry_run_changes_nothing(dicomdb: Callable[..., Any], phantom: Path) -> None:
    outcome = dicomdb("import", phantom, "--dry-run", "--json")
    assert outcome.json["added"] > 0
    assert dicomdb("import", phantom, "--json").json["added"] == outcome.json["added"]


def test_copy_outlives_the_source(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    file = next(p for p in sorted(phantom.rglob("*")) if p.is_file())
    source.mkdir()
    (source / "one").write_bytes(file.read_bytes())
    assert dicomdb("import", source, "--copy").code == 0
    (source / "one").unlink()
    (instance,) = dicomdb("ls", "instances", "--json").json
    assert instance["storage"] == "copied"
    assert Path(instance["path"]).read_bytes() == file.read_bytes()


def test_a_path_that_is_not_there(dicomdb: Callable[..., Any], tmp_path: Path) -> None:
    outcome = dicomdb("import", tmp_path / "nowhere")
    assert outcome.code == 1
    assert "nowhere" in outcome.err
    assert "Traceback" not in outcome.err


def test_no_path_is_wrong_usage(dicomdb: Callable[..., Any]) -> None:
    assert dicomdb("import").code == 2


def test_with_a_cluster_that_is_not_there(dicomdb: Callable[..., Any], phantom: Path) -> None:
    outcome = dicomdb("import", phantom, "--dask", "nonsense")
    assert outcome.code != 0
    assert "tcp://host:8786" in outcome.err
    assert "Traceback" not in outcome.err


def test_with_a_cluster(dicomdb: Callable[..., Any], phantom: Path) -> None:
    distributed = pytest.importorskip("distributed")
    files = sum(p.is_file() for p in phantom.rglob("*"))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        outcome = dicomdb("import", phantom, "--dask", cluster.scheduler_address, "--json")
        assert outcome.code == 0, outcome.err
        assert outcome.json["added"] == files
    again = dicomdb("import", phantom, "--json")
    assert (again.json["added"], again.json["unchanged"]) == (0, files)


def test_a_dry_run_makes_no_database(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path
) -> None:
    outcome = dicomdb("import", phantom, "--dry-run", "--db", tmp_path / "new", "--json")
    files = sum(p.is_file() for p in phantom.rglob("*"))
    assert (outcome.code, outcome.json["added"]) == (0, files)
    assert not (tmp_path / "new").exists()
    assert load_settings().recent_databases == ()


def test_the_database_is_remembered(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path
) -> None:
    dicomdb("import", phantom, "--db", tmp_path / "one")
    assert load_settings().recent_databases == (tmp_path / "one",)
    dicomdb("import", phantom, "--db", tmp_path / "two")
    recent = (tmp_path / "two", tmp_path / "one")
    assert load_settings().recent_databases == recent
    dicomdb("ls", "--db", tmp_path / "one")
    dicomdb("info", "--db", tmp_path / "one")
    assert load_settings().recent_databases == recent
    dicomdb("import", phantom)
    found = dicomdb("ls", "--all-databases", "--json").json["hits"]
    assert {str(place) for place in recent} <= {hit["database"] for hit in found}
