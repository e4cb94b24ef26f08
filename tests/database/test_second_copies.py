"""Another file takes the place of one that is gone."""

from __future__ import annotations

import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from napari_dicomdb.database import Database, counts, second_copies


def test_a_duplicate_takes_over(database: Database, ct: Path, tmp_path: Path) -> None:
    shutil.copytree(ct, tmp_path / "again")
    database.import_paths([ct, tmp_path / "again"])
    shutil.rmtree(ct)
    report = database.repair()
    assert [(a.code, a.count) for a in report.acts] == [("replaced", 6)]
    assert {i.path.parent.parent for i in database.instances()} == {tmp_path / "again"}
    assert report.ok
    assert database.check(full=True).ok


def test_a_series_is_counted_once(
    database: Database, ct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ct, tmp_path / "again")
    database.import_paths([ct, tmp_path / "again"])
    shutil.rmtree(ct)
    recount, counted = counts.recount_series, []

    def noted(connection: sqlite3.Connection, series: Iterable[int]) -> None:
        counted.extend(series := list(series))
        recount(connection, series)

    monkeypatch.setattr(second_copies.counts, "recount_series", noted)
    assert database.repair().ok
    assert sorted(counted) == sorted(series.key for series in database.series())


def test_a_conflicting_copy_is_read(
    database: Database, ct: Path, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    other = write_instance(tmp_path / "other.dcm", 1, ImageComments="edited")
    database.import_paths(ct)
    database.import_paths(other)
    (ct / "a" / "00001.dcm").unlink()
    assert database.repair().ok
    (record,) = database.instances(paths=[other])
    assert record.get("ImageComments") == "edited"
    assert database.verify(content=True).ok


def test_the_source_of_a_copy_takes_over(database: Database, ct: Path) -> None:
    database.import_paths(ct, copy=True)
    gone = database.instances()[0]
    gone.path.unlink()
    assert database.repair().ok
    (record,) = database.instances(uid=gone.uid)
    assert (record.storage, record.path.is_relative_to(ct)) == ("linked", True)
    assert sorted(s.storage for s in database.series()) == ["copied", "mixed"]


def test_members_of_an_archive_are_unpacked_again(
    database: Database, ct: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "cd.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(ct.rglob("*.dcm")):
            packed.write(path, path.relative_to(ct))
    database.import_paths(archive)
    assert database.path is not None
    shutil.rmtree(database.path / "files")
    report = database.repair()
    assert report.ok, report.summary()
    assert database.verify(content=True).ok
    assert len(database.instances()) == 6
