"""The verb rm: rows go, linked files stay, copies go only when asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def _files(folder: Path) -> set[Path]:
    return {p for p in folder.rglob("*") if p.is_file()}


def test_rm_series_leaves_linked_files(dicomdb: Callable[..., Any], phantom: Path) -> None:
    before = _files(phantom)
    dicomdb("import", phantom)
    series = dicomdb("ls", "--json").json
    assert dicomdb("rm", series[0]["uid"], "--yes", "--delete-copies").code == 0
    left = {s["uid"] for s in dicomdb("ls", "--json").json}
    assert left == {s["uid"] for s in series[1:]}
    assert _files(phantom) == before


@pytest.mark.parametrize("delete", [False, True])
def test_rm_patient_and_copies(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path, delete: bool
) -> None:
    dicomdb("import", phantom, "--copy")
    (patient,) = dicomdb("ls", "patients", "--json").json
    copies = _files(tmp_path / "database" / "files")
    assert copies
    options = ["--delete-copies"] if delete else []
    outcome = dicomdb("rm", "--patient", patient["patient_id"], "--yes", *options)
    assert outcome.code == 0, outcome.err
    assert dicomdb("ls", "--json").json == []
    assert _files(tmp_path / "database" / "files") == (set() if delete else copies)


def test_rm_asks(
    dicomdb: Callable[..., Any], phantom: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dicomdb("import", phantom)
    series = dicomdb("ls", "--json").json
    monkeypatch.setattr("typer.confirm", _refuse)
    assert dicomdb("rm", series[0]["uid"]).code == 1
    assert dicomdb("ls", "--json").json == series


def _refuse(question: str, abort: bool, err: bool) -> None:
    import typer

    assert "Remove series" in question
    raise typer.Abort


def test_rm_nothing_is_wrong_usage(dicomdb: Callable[..., Any]) -> None:
    assert dicomdb("rm").code == 2


def test_rm_unknown(dicomdb: Callable[..., Any], phantom: Path) -> None:
    dicomdb("import", phantom)
    outcome = dicomdb("rm", "1.2.3", "--yes")
    assert outcome.code == 1
    assert "1.2.3" in outcome.err
