"""Copies that the index does not know are imported where they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_dicomdb.database import Database


def test_the_index_is_rebuilt_from_copies(
    database: Database, ct: Path, tmp_path: Path, dump: Callable[[Database], dict[str, Any]]
) -> None:
    database.import_paths(ct, copy=True)
    assert database.path is not None
    new = tmp_path / "rebuilt"
    shutil.copytree(database.path / "files", new / "files")
    with Database.open(tmp_path / "empty"):
        pass
    shutil.copy(tmp_path / "empty" / "dicomdb.sqlite", new / "dicomdb.sqlite")
    with Database.open(new) as rebuilt:
        report = rebuilt.repair(adopt=True)
        assert [(a.code, a.count) for a in report.acts] == [("orphans", 6)]
        before, after = dump(database), dump(rebuilt)
        for level in ("patients", "studies", "series", "text"):
            assert after[level] == before[level]
        assert [s.storage for s in rebuilt.series()] == ["copied", "copied"]
        assert rebuilt.verify(content=True).ok
        assert rebuilt.check(full=True).ok


def test_a_second_copy_is_kept_and_garbage_is_reported(database: Database, ct: Path) -> None:
    database.import_paths(ct, copy=True)
    assert database.path is not None
    folder = database.path / "files" / "zz"
    folder.mkdir()
    first = database.instances()[0]
    shutil.copy(first.path, folder / "second.dcm")
    (folder / "garbage.dcm").write_bytes(b"no DICOM")
    report = database.repair(adopt=True)
    assert [(Path(p).name, reason) for p, reason, _ in report.rejected] == [
        ("garbage.dcm", "not-dicom")
    ]
    assert (folder / "garbage.dcm").exists()
    assert len(database.instances()) == 6
    first.path.unlink()
    database.repair(adopt=True)
    assert {i.path.name for i in database.instances(uid=first.uid)} <= {
        "second.dcm",
        "00001.dcm",
    }
    removed = database.remove(patient="P1", delete_copies=True)
    assert removed.instances == 6
    assert not (folder / "second.dcm").exists() or database.verify().ok


def test_an_orphan_takes_the_place_of_a_lost_file(database: Database, ct: Path) -> None:
    database.import_paths(ct)
    assert database.path is not None
    (database.path / "files").mkdir()
    shutil.move(ct / "a" / "00001.dcm", database.path / "files" / "found.dcm")
    report = database.repair(adopt=True)
    assert report.ok, report.summary()
    assert database.verify(content=True).ok
    assert len(database.instances()) == 6


def test_copies_that_a_removal_left_are_only_told_of(database: Database, ct: Path) -> None:
    database.import_paths(ct, copy=True)
    database.remove(patient="P1")
    report = database.repair()
    assert (report.left_copies, report.acts, report.ok) == (6, [], True)
    assert "6 copies that the index does not list" in report.summary()
    assert "--adopt" in report.summary()
    assert database.instances() == []
    assert database.path is not None
    assert len(list((database.path / "files").rglob("*.dcm"))) == 6
    assert database.repair(adopt=True).ok
    assert len(database.instances()) == 6
    assert database.repair().left_copies == 0
