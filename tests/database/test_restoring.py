"""Restoring a backup, and what becomes of what was there."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database, restoring
from napari_dicomdb.errors import Cancelled, DatabaseBusyError, DatabaseError, NotFoundError


@pytest.mark.parametrize("name", ["safe", "safe.zip"])
def test_everything_comes_back(
    database: Database,
    ct: Path,
    tmp_path: Path,
    name: str,
    dump: Callable[[Database], dict[str, Any]],
) -> None:
    database.import_paths(ct, copy=True)
    database.backup(tmp_path / name, with_copies=True)
    report = Database.restore(tmp_path / name, tmp_path / "new" / "db")
    assert (report.instances, report.copies, report.kept) == (6, 6, "")
    before = dump(database)
    with Database.open(tmp_path / "new" / "db") as restored:
        after = dump(restored)
        for level in ("patients", "studies", "series", "files", "text"):
            assert after[level] == before[level]
        assert restored.verify(content=True).ok
        assert restored.check(full=True).ok


def test_a_database_is_replaced_only_when_asked(ct: Path, tmp_path: Path) -> None:
    with Database.open(tmp_path / "db") as database:
        database.import_paths(ct / "a", copy=True)
        database.backup(tmp_path / "index")
        database.backup(tmp_path / "all", with_copies=True)
        database.import_paths(ct / "b")
        with pytest.raises(DatabaseError) as raised:
            Database.restore(tmp_path / "all", tmp_path / "db")
        assert raised.value.reason == "exists"
        with pytest.raises(DatabaseBusyError):
            Database.restore(tmp_path / "all", tmp_path / "db", overwrite=True)
    for backup in ("index", "all"):
        report = Database.restore(tmp_path / backup, tmp_path / "db", overwrite=True)
        assert Path(report.kept).exists()
        with Database.open(tmp_path / "db") as database:
            assert len(database.instances()) == 3
            assert database.verify(content=True).ok


def test_a_damaged_index_is_replaced(database: Database, ct: Path, tmp_path: Path) -> None:
    directory = tmp_path / "broken"
    with Database.open(directory) as broken:
        broken.import_paths(ct, copy=True)
        broken.backup(tmp_path / "safe.zip")
    (directory / "dicomdb.sqlite").write_bytes(b"garbage" * 999)
    report = Database.restore(tmp_path / "safe.zip", directory, overwrite=True)
    assert Path(report.kept).read_bytes().startswith(b"garbage")
    with Database.open(directory) as restored:
        assert restored.verify(content=True).ok


def test_what_is_no_backup(tmp_path: Path, database: Database) -> None:
    with pytest.raises(NotFoundError):
        Database.restore(tmp_path / "nothing", tmp_path / "new")
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.zip").write_text("no zip", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("files/aa/../../../evil", b"")
    with zipfile.ZipFile(tmp_path / "cut.zip", "w") as archive:
        archive.writestr("dicomdb.sqlite", b"SQLite format 3\0")
    for name in ("folder", "text.zip", "evil.zip", "cut.zip"):
        with pytest.raises(DatabaseError) as raised:
            Database.restore(tmp_path / name, tmp_path / "new")
        assert raised.value.reason == "bad-backup"
    assert not (tmp_path / "new").exists()
    assert list(tmp_path.glob(".*")) == []


def test_a_folder_with_other_things(tmp_path: Path, database: Database) -> None:
    database.backup(tmp_path / "safe")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("x", encoding="utf-8")
    with pytest.raises(DatabaseError, match="not empty"):
        Database.restore(tmp_path / "safe", tmp_path / "mine", overwrite=True)
    for place, words in (("letter", "is a file"), ("letter/below", "cannot be written")):
        with pytest.raises(DatabaseError, match=words):
            Database.restore(tmp_path / "safe", tmp_path / "mine" / place, overwrite=True)


def test_cancelled(tmp_path: Path, database: Database) -> None:
    database.backup(tmp_path / "safe.zip")

    def stop(done: int, total: int | None, text: str) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        Database.restore(tmp_path / "safe.zip", tmp_path / "new", stop)
    assert not (tmp_path / "new").exists()
    assert list(tmp_path.glob(".*")) == []


def test_no_file_elsewhere_is_touched(database: Database, ct: Path, tmp_path: Path) -> None:
    database.import_paths(ct / "a", copy=True)
    database.backup(tmp_path / "safe")
    mine = tmp_path / "mine.txt"
    mine.write_text("x", encoding="utf-8")
    before = mine.stat().st_mtime_ns
    with contextlib.closing(sqlite3.connect(tmp_path / "safe" / "dicomdb.sqlite")) as index:
        (key,) = index.execute("SELECT id FROM file WHERE storage = 'copied'").fetchone()
        index.execute("INSERT INTO directory (id, path) VALUES (999, ?)", (str(tmp_path),))
        index.execute(
            "UPDATE file SET directory = 999, name = 'mine.txt', mtime_ns = 5 WHERE id = ?",
            (key,),
        )
        index.commit()
    Database.restore(tmp_path / "safe", tmp_path / "new")
    assert mine.stat().st_mtime_ns == before


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_restored_database_is_as_private_as_the_user_wants(
    database: Database, ct: Path, tmp_path: Path
) -> None:
    database.import_paths(ct / "a", copy=True)
    database.backup(tmp_path / "safe", with_copies=True)
    usual = os.umask(0o077)
    try:
        Database.restore(tmp_path / "safe", tmp_path / "new")
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
        os.umask(0o022)
        Database.restore(tmp_path / "safe", tmp_path / "new", overwrite=True)
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
        Database.restore(tmp_path / "safe", tmp_path / "shared")
        assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o755
    finally:
        os.umask(usual)


def test_what_cannot_be_put_in_place_leaves_the_old_one(
    database: Database, ct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.import_paths(ct / "a", copy=True)
    database.backup(tmp_path / "safe", with_copies=True)
    with Database.open(tmp_path / "db") as other:
        other.import_paths(ct / "b")
    rename = os.rename

    def fail(source: Path, target: Path) -> None:
        if Path(source).name == "database":
            raise OSError(errno.EACCES, "no")
        rename(source, target)

    monkeypatch.setattr(restoring.os, "rename", fail)
    with pytest.raises(DatabaseError):
        Database.restore(tmp_path / "safe", tmp_path / "db", overwrite=True)
    with Database.open(tmp_path / "db") as other:
        assert len(other.instances()) == 3
    assert list(tmp_path.glob(".*")) == []
