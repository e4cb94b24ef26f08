"""db ls, create, switch, move, forget, check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.settings import load_settings


def test_life_of_a_database(
    dicomdb: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert dicomdb("db", "create", one).code == 0
    assert dicomdb("db", "create", one).code == 1
    assert dicomdb("db", "create", other, "--json").json == {"path": str(other)}
    assert load_settings().recent_databases == (other, one)
    switched = dicomdb("db", "switch", one)
    assert (switched.code, load_settings().database) == (0, one)
    assert "DICOMDB_DATABASE" in switched.err
    monkeypatch.delenv("DICOMDB_DATABASE")
    assert dicomdb("db", "move", one, tmp_path / "moved").code == 0
    listed = dicomdb("db", "ls", "--json").json
    assert [(Path(d["path"]).name, d["default"], d["exists"]) for d in listed] == [
        ("moved", True, True),
        ("other", False, True),
    ]
    assert "moved" in dicomdb("db", "ls").out
    assert dicomdb("db", "check", "--db", other).code == 0
    assert dicomdb("db", "forget", other).code == 0
    assert other.is_dir()
    assert dicomdb("db", "forget", other).code == 1
    assert load_settings().recent_databases == (tmp_path / "moved",)


def test_move_into_a_folder(dicomdb: Callable[..., Any], tmp_path: Path) -> None:
    dicomdb("db", "create", tmp_path / "one")
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "letter").write_text("x", encoding="utf-8")
    moved = dicomdb("db", "move", tmp_path / "one", tmp_path / "disk", "--json")
    assert moved.json == {"path": str(tmp_path / "disk" / "one")}


def test_a_database_that_is_away(dicomdb: Callable[..., Any], tmp_path: Path) -> None:
    dicomdb("db", "create", tmp_path / "stick" / "db")
    (tmp_path / "stick").rename(tmp_path / "unplugged")
    listed = {Path(d["path"]).name: d for d in dicomdb("db", "ls", "--json").json}
    assert listed["db"]["exists"] is False
    assert dicomdb("db", "switch", tmp_path / "stick" / "db").code == 1
