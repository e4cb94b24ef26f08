"""Relinking: files that moved together are followed, what is another file is not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.errors import Cancelled, DatabaseError, NotFoundError


def paths(database: Database) -> list[str]:
    return sorted(str(record.path) for record in database.instances())


def test_a_moved_root(
    database: Database, ct: Path, tmp_path: Path, dump: Callable[[Database], dict[str, Any]]
) -> None:
    database.import_paths(ct)
    uids = sorted(i.uid for i in database.instances())
    new = tmp_path / "archive" / "ct"
    new.parent.mkdir()
    os.rename(ct, new)
    database.verify()
    dry = database.relink(ct, new, dry_run=True)
    assert (dry.relinked, dry.folders, dry.ok) == (6, 2, True)
    assert "would be" in dry.summary()
    assert not Path(paths(database)[0]).exists()
    report = database.relink(ct, new, check_all=True)
    assert report.ok
    assert paths(database) == sorted(str(p) for p in new.rglob("*.dcm"))
    assert sorted(i.uid for i in database.instances()) == uids
    assert [s.missing_count for s in database.series()] == [0, 0]
    assert database.verify(content=True).ok
    assert database.import_paths(new).unchanged == 6
    dump(database)  # checks the index
    assert database.check(full=True).ok


def test_partly_moved_and_other_files(
    database: Database, ct: Path, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    database.import_paths(ct)
    new = tmp_path / "new"
    shutil.copytree(ct / "a", new / "a")
    (new / "a" / "00001.dcm").unlink()
    (new / "a" / "00002.dcm").write_bytes(b"short")
    write_instance(new / "a" / "00003.dcm", 7)
    shutil.copytree(ct / "b", new / "b")
    report = database.relink(ct, new)
    assert report.relinked == 3
    assert report.not_found == [str(ct / "a" / "00001.dcm")]
    assert {r for _, r, _ in report.rejected} == {"other-size", "other-object"}
    assert paths(database)[:3] == sorted(str(p) for p in (ct / "a").iterdir())
    assert report.to_json()["ok"] is False


def test_times_may_differ(database: Database, ct: Path, tmp_path: Path) -> None:
    database.import_paths(ct)
    new = tmp_path / "new"
    for path in ct.rglob("*.dcm"):
        target = new / path.relative_to(ct)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    shutil.rmtree(ct)
    assert database.relink(ct, new).relinked == 6
    assert database.verify().ok


def test_letter_case_may_differ(database: Database, ct: Path, tmp_path: Path) -> None:
    database.import_paths(ct)
    new = tmp_path / "new"
    for path in ct.rglob("*.dcm"):
        target = new / path.parent.name.upper() / path.name.upper()
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(path, target)
    assert database.relink(ct, new).relinked == 6
    assert database.verify().ok


def test_places_of_another_system(database: Database, ct: Path, tmp_path: Path) -> None:
    database.import_paths(ct)
    with database._connections.transaction() as connection:
        connection.execute("UPDATE directory SET path = 'D:\\Scans\\a' WHERE path LIKE '%a'")
        connection.execute("UPDATE directory SET path = 'D:\\Scans\\b' WHERE path LIKE '%b'")
    assert database.verify().unavailable_roots == {"D:\\": 6}
    (moved,) = database.find_moved(ct)
    assert (moved.old_root, moved.new_root, moved.folders) == ("D:\\Scans", str(ct), 2)
    assert database.relink("d:/scans", ct).relinked == 6
    assert database.verify().ok


def test_imported_at_the_new_place_meanwhile(
    database: Database, ct: Path, tmp_path: Path, dump: Callable[[Database], dict[str, Any]]
) -> None:
    database.import_paths(ct)
    new = tmp_path / "new"
    shutil.copytree(ct, new)
    assert database.import_paths(new).duplicates == 6
    shutil.rmtree(ct)
    assert database.relink(ct, new).relinked == 6
    assert database.verify().ok
    assert dump(database)["alternates"] == []
    assert database.check().ok


def test_nothing_to_relink(database: Database, ct: Path, tmp_path: Path) -> None:
    database.import_paths(ct)
    with pytest.raises(NotFoundError, match="no folder"):
        database.relink(ct, tmp_path / "nowhere")
    with pytest.raises(NotFoundError, match="knows no file"):
        database.relink(tmp_path / "other", ct)


def test_cancelled_changes_nothing(database: Database, ct: Path, tmp_path: Path) -> None:
    database.import_paths(ct)
    before = paths(database)
    shutil.copytree(ct, tmp_path / "new")

    def stop(done: int, total: int | None, text: str) -> None:
        if done:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        database.relink(ct, tmp_path / "new", progress=stop)
    assert paths(database) == before


def test_two_names_that_are_one_now(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    # From a system whose names differ in case to one where they do not.
    write_instance(tmp_path / "old" / "A.dcm")
    shutil.copy2(tmp_path / "old" / "A.dcm", tmp_path / "old" / "a.dcm")
    write_instance(tmp_path / "old" / "b.dcm", 2)
    database.import_paths(tmp_path / "old", workers=0)
    os.rename(tmp_path / "old", tmp_path / "new")
    (tmp_path / "new" / "A.dcm").unlink()
    report = database.relink(tmp_path / "old", tmp_path / "new")
    assert [(Path(p).name, reason) for p, reason, _ in report.rejected] == [
        ("a.dcm", "known-already")
    ]
    assert sorted(Path(p).name for p in paths(database)) == ["a.dcm", "b.dcm"]
    assert all(Path(p).exists() for p in paths(database))
    assert database.check(full=True).ok


@pytest.mark.parametrize("how", ["relinked", "returned"])
def test_pictures_are_tried_again_when_files_are_there_again(
    database: Database, ct: Path, tmp_path: Path, how: str
) -> None:
    database.import_paths(ct)
    os.rename(ct, tmp_path / "new")
    first = database.series()[0]
    assert database.thumbnail_image(first).reason == "file-missing"
    if how == "relinked":
        database.relink(ct, tmp_path / "new")
    else:
        database.verify()
        os.rename(tmp_path / "new", ct)
        database.verify()
    assert database.thumbnail_image(first).reason == ""
    assert database.thumbnail(first) is not None


@pytest.mark.parametrize(("old", "new"), [("", ""), ("", "here"), ("here", "")])
def test_an_empty_root_names_nothing(database: Database, old: str, new: str) -> None:
    with pytest.raises(DatabaseError, match="empty"):
        database.relink(old, new)


def test_relative_roots(
    database: Database, ct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = database.import_paths([ct]).added
    ct.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    report = database.relink(os.path.relpath(ct), "moved")
    assert (report.relinked, report.old_root) == (count, str(ct))
    assert all(one.path.is_file() for one in database.instances())
