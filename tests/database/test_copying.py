"""Copies: complete or not there, named by hashes, and a full disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database, copying, importing, scanning
from napari_dicomdb.database.copying import CopyStore, copy_place


def test_place_comes_from_a_hash_alone() -> None:
    directory, name = copy_place("../../etc/passwd")
    assert all(set(part) <= set("0123456789abcdef") for part in directory.split("/")[1:])
    assert set(name.removesuffix(".dcm")) <= set("0123456789abcdef")
    assert copy_place("1.2") != copy_place("1.2", 1)


def test_copy_of_linked_files(database: Database, ct: Path, tmp_path: Path) -> None:
    """Importing anew by copy brings linked files into the database."""
    database.import_paths([ct])
    report = database.import_paths([ct], copy=True)
    assert (report.added, report.updated) == (0, 6)
    assert {record.storage for record in database.instances()} == {"copied"}
    assert {series.storage for series in database.series()} == {"copied"}
    again = database.import_paths([ct], copy=True)
    assert (again.unchanged, again.updated, again.duplicates) == (6, 0, 0)
    assert database.import_paths([ct]).unchanged == 6


def test_conflicting_objects_are_both_copied(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    first = write_instance(tmp_path / "in" / "1", 1)
    other = write_instance(tmp_path / "in" / "2", 1, SeriesDescription="edited")
    report = database.import_paths([tmp_path / "in"], copy=True)
    assert [reason for _, reason, _ in report.notes] == ["conflicting-copy"]
    copies = {p.read_bytes() for p in (tmp_path / "database" / "files").rglob("*.dcm")}
    assert copies == {first.read_bytes(), other.read_bytes()}


def test_changed_source_is_copied_again(
    database: Database,
    ct: Path,
    write_instance: Callable[..., Path],
    touch: Callable[[Path], None],
) -> None:
    database.import_paths([ct], copy=True)
    path = write_instance(ct / "a" / "00001.dcm", 1, SeriesDescription="edited")
    touch(path)
    assert database.import_paths([ct], copy=True).updated == 1
    (record,) = database.instances(paths=[path])
    assert record.path.read_bytes() == path.read_bytes()


def test_database_directory_may_move(ct: Path, tmp_path: Path) -> None:
    with Database.open(tmp_path / "one") as database:
        database.import_paths([ct], copy=True)
    (tmp_path / "one").rename(tmp_path / "two")
    with Database.open(tmp_path / "two") as database:
        assert all(record.path.is_file() for record in database.instances())


def test_full_disk_in_the_middle(
    database: Database,
    tmp_path: Path,
    write_series: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importing, "CHUNK_SIZE", 8)
    monkeypatch.setattr(importing, "BATCH_INSTANCES", 16)
    write_series(tmp_path / "in", 60)
    real = scanning._copy

    def filling(path: str, folder: str) -> str:
        if path.endswith("00030.dcm"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, folder)

    with monkeypatch.context() as patched:
        patched.setattr(scanning, "_copy", filling)
        report = database.import_paths([tmp_path / "in"], copy=True, workers=0)
    assert "disk is full" in report.stopped
    assert [(Path(path).name, reason) for path, reason, _ in report.rejected] == [
        ("00030.dcm", "disk-full")
    ]
    assert 29 <= report.added < 60
    assert database.info()["instances"] == report.added
    assert all(record.path.is_file() for record in database.instances())
    assert not (tmp_path / "database" / "incoming").exists()
    rest = database.import_paths([tmp_path / "in"], copy=True)
    assert (rest.stopped, rest.added + report.added) == ("", 60)


def test_full_disk_while_publishing(
    database: Database, ct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: CopyStore, moves: list[tuple[str, str, str]]) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(CopyStore, "publish", full)
        report = database.import_paths([ct], copy=True)
    assert str(tmp_path / "database") in report.stopped
    assert "disk is full" in report.stopped
    assert (report.added, report.series_uids, database.info()["instances"]) == (0, [], 0)
    assert database.import_paths([ct], copy=True).added == 6


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="needs a small file system")
def test_failed_batch_leaves_no_copies(
    database: Database, ct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(self: CopyStore, moves: list[tuple[str, str, str]]) -> None:
        publish(self, moves)
        raise OSError(errno.EIO, "Input/output error")

    publish = CopyStore.publish
    monkeypatch.setattr(CopyStore, "publish", failing)
    with pytest.raises(OSError, match="Input/output"):
        database.import_paths([ct], copy=True)
    monkeypatch.undo()
    assert list((tmp_path / "database" / "files").rglob("*.dcm")) == []
    assert database.info()["instances"] == 0
    assert database.import_paths([ct], copy=True).added == 6


def test_leftovers_of_a_killed_import(database: Database, ct: Path, tmp_path: Path) -> None:
    incoming = tmp_path / "database" / "incoming"
    incoming.mkdir()
    (incoming / "0123.part").write_bytes(b"half")
    orphan = tmp_path / "database" / "files" / "aa" / "bb" / "orphan.dcm"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"renamed, never committed")
    (incoming / "batch.json").write_text('[["files/aa/bb", "orphan.dcm"]]')
    database.import_paths([ct])
    assert not orphan.exists()
    assert not incoming.exists()


def test_files_are_synced_one_by_one_where_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(copying, "_not_yet_durable", lambda paths: paths)
    monkeypatch.setattr(copying, "_sync_file", synced.append)
    store = CopyStore(tmp_path)
    temporary = f"{store.begin()}/1.part"
    Path(temporary).write_bytes(b"")
    store.publish([(temporary, "files/00/11", "x.dcm")])
    assert synced[0] == temporary
    assert (tmp_path / "files" / "00" / "11" / "x.dcm").is_file()
