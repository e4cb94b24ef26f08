"""Settings survive what happens to files: absence, slips, other versions, a stop half-way."""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING

import pytest

from napari_dicomdb import settings
from napari_dicomdb.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_defaults_where_there_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DICOMDB_DATABASE")
    assert settings.load_settings() == Settings()
    assert settings.default_database().name == "database"
    assert settings.default_database().is_absolute()


def test_settings_path_is_in_the_users_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DICOMDB_SETTINGS")
    assert settings.settings_path().name == "settings.json"
    assert settings.settings_path().parent.name == "napari-dicomdb"


def test_round_trip(tmp_path: Path) -> None:
    wanted = Settings(
        database=tmp_path / "Würzburg",
        recent_databases=(tmp_path / "a", tmp_path / "b"),
        open_series_of_file=True,
    )
    settings.save_settings(wanted)
    assert settings.load_settings() == wanted
    assert [p.name for p in settings.settings_path().parent.iterdir()] == ["settings.json"]


def test_the_variable_comes_before_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.remember_database(tmp_path / "chosen", as_default=True)
    monkeypatch.setenv("DICOMDB_DATABASE", str(tmp_path / "named"))
    assert settings.default_database() == tmp_path / "named"
    monkeypatch.setenv("DICOMDB_DATABASE", "~nobody-of-this-name/db")  # who has no home here
    assert settings.default_database().name == "db"
    monkeypatch.delenv("DICOMDB_DATABASE")
    assert settings.default_database() == tmp_path / "chosen"


def test_recent_databases_latest_first_without_repeats(tmp_path: Path) -> None:
    for name in ("a", "b", "a"):
        settings.remember_database(tmp_path / name)
    assert settings.load_settings().recent_databases == (tmp_path / "a", tmp_path / "b")
    for number in range(60):
        settings.remember_database(tmp_path / str(number))
    recent = settings.load_settings().recent_databases
    assert recent[0] == tmp_path / "59"
    assert len(recent) == 50
    assert settings.load_settings().database is None


def test_a_relative_path_is_remembered_as_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings.remember_database("db").recent_databases == (tmp_path / "db",)


def test_forget(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    settings.remember_database(tmp_path / "a", as_default=True)
    settings.forget_database(tmp_path / "a")
    assert settings.load_settings() == Settings()
    assert (tmp_path / "a").is_dir()


def test_a_database_that_moved(tmp_path: Path) -> None:
    for name in ("b", "a"):
        settings.remember_database(tmp_path / name, as_default=True)
    changed = settings.rename_database(tmp_path / "a", tmp_path / "c")
    assert changed == settings.load_settings()
    assert changed.recent_databases == (tmp_path / "c", tmp_path / "b")
    assert changed.database == tmp_path / "c"
    assert settings.rename_database(tmp_path / "x", tmp_path / "y") == changed


def test_entries_of_a_newer_version_are_kept(tmp_path: Path) -> None:
    path = settings.settings_path()
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"theme": {"name": "quiet"}, "recent_databases": 3}))
    settings.remember_database(tmp_path / "a")
    written = json.loads(path.read_text())
    assert written["theme"] == {"name": "quiet"}
    assert written["recent_databases"] == [str(tmp_path / "a")]


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe{}", b""])
def test_a_broken_file_is_set_aside_and_told(
    content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = settings.settings_path()
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert settings.load_settings() == Settings()
    assert "settings.json.broken" in caplog.text
    assert path.with_name("settings.json.broken").read_bytes() == content
    assert not path.exists()


def test_a_stop_while_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.save_settings(Settings(open_series_of_file=True))

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        settings.save_settings(Settings())
    assert settings.load_settings().open_series_of_file
    assert [p.name for p in settings.settings_path().parent.iterdir()] == ["settings.json"]
