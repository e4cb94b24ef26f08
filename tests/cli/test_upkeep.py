"""verify, repair, relink, check, vacuum, stats, backup, restore."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def study(phantom: Path, tmp_path: Path) -> Path:
    """Give a study that may be moved."""
    return Path(shutil.copytree(phantom, tmp_path / "study"))


def test_verify_repair_relink(dicomdb: Callable[..., Any], study: Path, tmp_path: Path) -> None:
    dicomdb("import", study)
    fine = dicomdb("verify", "--content")
    assert (fine.code, fine.err) == (0, "")
    os.rename(study, tmp_path / "moved")
    gone = dicomdb("verify", "--json")
    assert gone.code == 1
    assert gone.json["missing_count"] == gone.json["checked"] > 0
    assert "[file-missing]" in gone.err
    table = dicomdb("verify")
    assert str(study) in table.out
    suggested = dicomdb("relink", study, "--find", tmp_path)
    assert f"{study} -> {tmp_path / 'moved'}" in suggested.out
    dry = dicomdb("relink", study, tmp_path / "moved", "--dry-run", "--json")
    assert (dry.code, dry.json["dry_run"]) == (0, True)
    assert dicomdb("verify").code == 1
    assert dicomdb("relink", study, tmp_path / "moved", "--all").code == 0
    assert dicomdb("verify").code == 0
    assert dicomdb("relink", study).code == 2
    assert dicomdb("relink", tmp_path / "never", tmp_path).code == 1


def test_repair_forgets_only_when_told(dicomdb: Callable[..., Any], study: Path) -> None:
    dicomdb("import", study)
    count = dicomdb("info", "--json").json["instances"]
    next(path for path in study.rglob("*") if path.is_file()).unlink()
    assert dicomdb("repair").code == 1
    assert dicomdb("info", "--json").json["instances"] == count
    assert dicomdb("repair", "--forget-missing").code == 0
    assert dicomdb("info", "--json").json["instances"] == count - 1
    assert "nothing to mend" in dicomdb("repair").out


def test_a_damaged_index(dicomdb: Callable[..., Any], study: Path, tmp_path: Path) -> None:
    dicomdb("import", study, "--copy")
    before = dicomdb("info", "--json").json["instances"]
    index = tmp_path / "database" / "dicomdb.sqlite"
    with index.open("rb+") as file:
        file.truncate(index.stat().st_size // 3)
    refused = dicomdb("check")
    assert refused.code == 1
    assert "dicomdb repair" in refused.err
    assert "Traceback" not in refused.err
    repaired = dicomdb("repair", "--json")
    assert Path(repaired.json["kept"]).exists()
    assert dicomdb("info", "--json").json["instances"] == before
    assert dicomdb("check", "--full").code == 0


def test_backup_and_restore(dicomdb: Callable[..., Any], study: Path, tmp_path: Path) -> None:
    dicomdb("import", study, "--copy")
    safe = tmp_path / "safe.zip"
    made = dicomdb("backup", safe, "--with-copies", "--json")
    assert (made.code, made.json["ok"]) == (0, True)
    assert dicomdb("backup", safe).code == 1
    assert dicomdb("restore", safe, tmp_path / "new").code == 0
    assert dicomdb("verify", "--content", "--db", tmp_path / "new").code == 0
    again = dicomdb("restore", safe, tmp_path / "new")
    assert (again.code, "[exists]" in again.err) == (1, True)
    assert dicomdb("restore", safe, tmp_path / "new", "--overwrite", "--json").json["kept"]


def test_stats_and_vacuum(dicomdb: Callable[..., Any], study: Path) -> None:
    dicomdb("import", study)
    assert dicomdb("stats", "--json").json["rows"]["instance"] > 0
    assert "CT" in dicomdb("stats").out
    assert "freed" in dicomdb("vacuum").out
    assert dicomdb("vacuum", "--json").json["index_size"] > 0
    assert "sound" in dicomdb("check").out


@pytest.mark.parametrize("verb", ["verify", "repair", "check", "vacuum", "stats"])
def test_no_database(dicomdb: Callable[..., Any], verb: str) -> None:
    outcome = dicomdb(verb)
    assert outcome.code == 1
    assert "no database" in outcome.err
