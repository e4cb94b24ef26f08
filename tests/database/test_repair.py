"""Repair mends image by image, and forgets only what it is told to."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database, verify
from napari_dicomdb.errors import Cancelled, DatabaseError


def codes(report: Any) -> dict[str, int]:
    return {act.code: act.count for act in report.acts}


def test_nothing_to_mend(
    database: Database, ct: Path, dump: Callable[[Database], dict[str, Any]]
) -> None:
    database.import_paths(ct)
    before = dump(database)
    report = database.repair()
    assert (report.acts, report.ok) == ([], True)
    assert report.summary() == "nothing to mend"
    assert dump(database) == before


def test_missing_files_are_kept_until_they_are_to_be_forgotten(
    database: Database, ct: Path
) -> None:
    database.import_paths(ct)
    (ct / "a" / "00002.dcm").unlink()
    kept = database.repair()
    assert (kept.still_missing, kept.ok) == (1, False)
    assert len(database.instances()) == 6
    gone = database.repair(forget_missing=True)
    assert codes(gone)["forgotten"] == 1
    assert gone.ok
    assert {s.number: s.instance_count for s in database.series()} == {1: 2, 2: 3}
    assert database.check(full=True).ok


def test_changed_files_are_read_again(
    database: Database, ct: Path, write_instance: Callable[..., Path]
) -> None:
    database.import_paths(ct)
    write_instance(ct / "a" / "00001.dcm", 1, SeriesDescription="a much longer description")
    write_instance(ct / "b" / "00001.dcm", 77, series=2, ImageComments="another object")
    report = database.repair()
    assert codes(report)["read-again"] == 2
    assert database.verify(content=True).ok
    (record,) = database.instances(paths=[ct / "a" / "00001.dcm"])
    assert record.get("SeriesDescription") == "a much longer description"
    (other,) = database.instances(paths=[ct / "b" / "00001.dcm"])
    assert other.number == 77


def test_interrupted_deletion_and_leftovers(database: Database, ct: Path) -> None:
    assert database.path is not None
    database.import_paths(ct, copy=True)
    copy = database.path / "files" / "aa" / "bb" / "x.dcm"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"personal")
    outside = database.path.parent / "precious"
    outside.write_bytes(b"mine")
    incoming = database.path / "incoming"
    incoming.mkdir(exist_ok=True)
    (incoming / "x.part").write_bytes(b"")
    with sqlite3.connect(database.path / "dicomdb.sqlite") as raw:
        raw.execute("INSERT INTO going_file VALUES ('files/aa/bb/x.dcm'), ('../precious')")
    raw.close()
    report = database.repair()
    assert codes(report)["deleted"] == 1
    assert codes(report)["leftovers"] == 1
    assert not copy.exists()
    assert outside.exists()
    assert not incoming.exists()


def test_pictures(database: Database, ct: Path) -> None:
    assert database.path is not None
    database.import_paths(ct)
    first, second = (database.thumbnail(s.uid) for s in database.series())
    assert first is not None
    assert second is not None
    stray = first.with_name(f"{'0' * 40}.png")
    stray.write_bytes(first.read_bytes())
    mine = first.with_name("holidays.png")
    mine.write_bytes(b"not ours")
    first.unlink()
    report = database.repair()
    assert codes(report) == {"lost-pictures": 1, "unknown-pictures": 1}
    assert not stray.exists()
    assert second.exists()
    assert database.check().ok
    database.clear_thumbnails()
    assert (mine.exists(), second.exists()) == (True, False)


def test_damaged_search_index(database: Database, ct: Path) -> None:
    assert database.path is not None
    database.import_paths(ct)
    with sqlite3.connect(database.path / "dicomdb.sqlite") as raw:
        raw.execute("DELETE FROM series_text_docsize")
    raw.close()
    assert "search-index" in [p.code for p in database.check().problems]
    database.repair()
    assert database.check(full=True).ok
    assert len(database.search("thorax")) == 2


def test_a_copy_that_changed_is_read_again_or_reported(database: Database, ct: Path) -> None:
    database.import_paths(ct, copy=True)
    one, other = (record.path for record in database.instances()[:2])
    one.write_bytes(one.read_bytes() + b"\0\0")
    other.write_bytes(b"garbage")
    report = database.repair()
    assert str(other) in [path for path, _, _ in report.rejected]
    assert other.exists()
    assert report.to_json()["ok"] is False


def test_cancelled(database: Database, ct: Path) -> None:
    database.import_paths(ct)

    def stop(done: int, total: int | None, text: str) -> None:
        raise Cancelled("enough")

    report = database.repair(progress=stop)
    assert report.cancelled
    assert "cancelled" in report.summary()


def test_read_only(database: Database) -> None:
    with (
        Database.open(database.path, read_only=True) as reading,
        pytest.raises(DatabaseError, match="read-only"),
    ):
        reading.repair()


def test_more_changed_files_than_one_run_reads(
    database: Database, ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.import_paths([ct])
    files = sorted(path for path in ct.rglob("*") if path.is_file())
    for path in files:
        os.utime(path, ns=(1, 1))
    monkeypatch.setattr(verify, "LISTED", 2)
    report = database.repair()
    assert (report.left_changed, report.ok) == (len(files) - 2, False)
    assert f"{len(files) - 2} more changed files: run repair again" in report.summary()
    monkeypatch.undo()
    assert database.repair().left_changed == 0
    assert database.verify().ok
