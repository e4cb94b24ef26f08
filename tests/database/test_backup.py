"""Backups: consistent, wholly there or not, read again."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import zipfile
from pathlib import Path

import pytest

from napari_dicomdb.database import Database, backup
from napari_dicomdb.errors import Cancelled, DatabaseError


def test_directory_with_copies(database: Database, ct: Path, tmp_path: Path) -> None:
    database.import_paths(ct, copy=True)
    report = database.backup(tmp_path / "safe", with_copies=True)
    assert (report.instances, report.copies, report.ok) == (6, 6, True)
    assert database.path is not None
    for path in (database.path / "files").rglob("*.dcm"):
        copy = tmp_path / "safe" / path.relative_to(database.path)
        assert copy.read_bytes() == path.read_bytes()
    connection = sqlite3.connect(tmp_path / "safe" / "dicomdb.sqlite")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert connection.execute("SELECT count(*) FROM instance").fetchone() == (6,)
    connection.close()
    manifest = json.loads((tmp_path / "safe" / "backup.json").read_text("utf-8"))
    assert (manifest["instances"], manifest["with_copies"]) == (6, True)
    assert [p for p in tmp_path.iterdir() if p.name.endswith(".part")] == []


def test_zip(database: Database, ct: Path, tmp_path: Path) -> None:
    database.import_paths(ct)
    report = database.backup(tmp_path / "safe.zip", with_copies=True)
    assert report.copies == 0
    with zipfile.ZipFile(tmp_path / "safe.zip") as archive:
        assert sorted(archive.namelist()) == ["backup.json", "dicomdb.sqlite"]
    assert str(tmp_path / "safe.zip") in report.summary()


def test_while_others_write(database: Database, ct: Path, tmp_path: Path) -> None:
    database.import_paths(ct / "a")
    done: list[int] = []

    def import_meanwhile(_done: int, _total: int | None, text: str) -> None:
        if not done and text == "Copying the index":
            done.append(1)
            with Database.open(database.path) as other:
                other.import_paths(ct / "b", workers=0)

    report = database.backup(tmp_path / "safe", progress=import_meanwhile)
    assert done
    assert report.instances == 3
    assert len(database.instances()) == 6


def test_nothing_is_overwritten(database: Database, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(DatabaseError) as raised:
        database.backup(tmp_path / "there")
    assert raised.value.reason == "exists"
    assert database.path is not None
    with pytest.raises(DatabaseError, match="inside"):
        database.backup(database.path / "backup")


def test_copies_that_are_gone_are_named(database: Database, ct: Path, tmp_path: Path) -> None:
    database.import_paths(ct, copy=True)
    one, other = (record.path for record in database.instances()[:2])
    one.unlink()
    other.write_bytes(b"cut")
    report = database.backup(tmp_path / "safe.zip", with_copies=True)
    assert {(p, r) for p, r, _ in report.rejected} == {
        (str(one), "file-missing"),
        (str(other), "damaged"),
    }
    assert not report.ok
    assert report.to_json()["copies"] == 4


def test_cancelled_leaves_nothing(database: Database, ct: Path, tmp_path: Path) -> None:
    database.import_paths(ct, copy=True)
    before = set(tmp_path.iterdir())

    def stop(done: int, total: int | None, text: str) -> None:
        if text == "Copying files" and done:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        database.backup(tmp_path / "safe", with_copies=True, progress=stop)
    assert set(tmp_path.iterdir()) == before


def test_a_full_disk_leaves_nothing(
    database: Database, ct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.import_paths(ct, copy=True)
    before = set(tmp_path.iterdir())

    def full(source: object, target: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(backup, "_copied", full)
    with pytest.raises(DatabaseError) as raised:
        database.backup(tmp_path / "safe", with_copies=True)
    assert raised.value.reason == "disk-full"
    assert set(tmp_path.iterdir()) == before
