"""Verifying: what is missing, changed, back, or on a drive that is away."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_dicomdb.database import Database, places
from napari_dicomdb.errors import Cancelled


def missing_names(database: Database) -> list[str]:
    assert database.path is not None
    with sqlite3.connect(database.path / "dicomdb.sqlite") as raw:
        rows = raw.execute("SELECT name FROM file WHERE missing IS NOT NULL ORDER BY 1").fetchall()
    raw.close()
    return [row[0] for row in rows]


def test_all_is_well(database: Database, ct: Path) -> None:
    database.import_paths(ct)
    report = database.verify(content=True)
    assert report.ok
    assert report.checked == 6
    assert "all as they were" in report.summary()
    assert report.folders == []


def test_missing_and_back(database: Database, ct: Path) -> None:
    database.import_paths(ct)
    before = database.listed_state()
    os.rename(ct / "a" / "00002.dcm", ct / "hidden")
    report = database.verify()
    assert report.missing == [str(ct / "a" / "00002.dcm")]
    assert not report.ok
    assert missing_names(database) == ["00002.dcm"]
    assert {s.number: s.missing_count for s in database.series()} == {1: 1, 2: 0}
    assert database.listed_state() != before
    assert [(f.folder, f.missing) for f in report.folders] == [(str(ct / "a"), 1)]
    os.rename(ct / "hidden", ct / "a" / "00002.dcm")
    again = database.verify()
    assert again.returned == [str(ct / "a" / "00002.dcm")]
    assert again.ok
    assert missing_names(database) == []
    assert [s.missing_count for s in database.series()] == [0, 0]


def test_a_folder_that_is_gone(database: Database, ct: Path) -> None:
    database.import_paths(ct)
    shutil.rmtree(ct / "b")
    report = database.verify()
    assert report.missing_count == 3
    assert len(database.instances()) == 6


def test_changed(
    database: Database,
    ct: Path,
    touch: Callable[[Path], None],
    write_instance: Callable[..., Path],
) -> None:
    database.import_paths(ct)
    touch(ct / "a" / "00001.dcm")
    (ct / "a" / "00002.dcm").write_bytes(b"x")
    report = database.verify()
    assert set(report.changed) == {str(ct / "a" / "00001.dcm"), str(ct / "a" / "00002.dcm")}
    assert report.to_json()["ok"] is False


def test_content_finds_what_size_and_time_hide(
    database: Database, ct: Path, write_instance: Callable[..., Path]
) -> None:
    database.import_paths(ct)
    path = ct / "a" / "00001.dcm"
    times = path.stat()
    write_instance(path, 9)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == times.st_size
    assert database.verify().ok
    report = database.verify(content=True)
    assert [(p, reason) for p, reason, _ in report.remarks] == [(str(path), "other-object")]


def test_content_compares_copies_with_their_source(database: Database, ct: Path) -> None:
    database.import_paths(ct, copy=True)
    copy = database.instances()[0].path
    times = copy.stat()
    data = bytearray(copy.read_bytes())
    data[-1] ^= 1
    copy.write_bytes(data)
    os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert database.verify().ok
    report = database.verify(content=True)
    assert [(p, reason) for p, reason, _ in report.remarks] == [(str(copy), "damaged")]


def test_an_unplugged_drive_is_no_loss(
    database: Database, ct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = tmp_path / "media"
    monkeypatch.setattr(places, "MOUNT_AREAS", ((str(media), 1),))
    shutil.copytree(ct, media / "stick")
    database.import_paths(media)
    os.rename(media / "stick", tmp_path / "unplugged")
    report = database.verify()
    assert report.unavailable_roots == {str(media / "stick"): 6}
    assert (report.missing_count, report.checked) == (0, 0)
    assert missing_names(database) == []
    assert not report.ok
    assert str(media / "stick") in report.summary()
    forgetting = database.repair(forget_missing=True)
    assert forgetting.unavailable_roots == {str(media / "stick"): 6}
    assert len(database.instances()) == 6
    os.rename(tmp_path / "unplugged", media / "stick")
    assert database.verify().ok


def test_cancelled(database: Database, ct: Path) -> None:
    database.import_paths(ct)

    def stop(done: int, total: int | None, text: str) -> None:
        raise Cancelled("enough")

    report = database.verify(progress=stop)
    assert report.cancelled
    assert not report.ok


def test_read_only_reports_and_writes_nothing(database: Database, ct: Path) -> None:
    database.import_paths(ct)
    (ct / "a" / "00001.dcm").unlink()
    with Database.open(database.path, read_only=True) as reading:
        assert reading.verify().missing_count == 1
    assert missing_names(database) == []
