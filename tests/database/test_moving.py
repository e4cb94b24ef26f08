"""Moving a database: renamed or copied and compared, never while it is in use."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database, moving
from napari_dicomdb.errors import Cancelled, DatabaseBusyError, DatabaseError, NotFoundError
from napari_dicomdb.settings import load_settings, remember_database


@pytest.fixture
def closed(tmp_path: Path, ct: Path) -> Path:
    """Give a database directory with copied and linked files."""
    with Database.open(tmp_path / "old") as database:
        database.import_paths(ct / "a", copy=True)
        database.import_paths(ct / "b")
    remember_database(tmp_path / "old", as_default=True)
    return tmp_path / "old"


def _refuse(source: object, target: object) -> None:
    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


@pytest.mark.parametrize("across", [False, True])
def test_move(
    closed: Path,
    tmp_path: Path,
    across: bool,
    monkeypatch: pytest.MonkeyPatch,
    dump: Callable[[Database], dict[str, Any]],
) -> None:
    with Database.open(closed) as database:
        before = dump(database)
    target = tmp_path / "disk" / "new"
    if across:
        rename = os.rename
        monkeypatch.setattr(
            moving.os,
            "rename",
            lambda a, b: _refuse(a, b) if Path(a) == closed else rename(a, b),
        )
    assert Database.move(closed, target) == target
    assert not closed.exists()
    assert [p.name for p in target.parent.iterdir()] == ["new"]
    with Database.open(target) as database:
        assert {k: v for k, v in dump(database).items() if k != "instances"} == {
            k: v for k, v in before.items() if k != "instances"
        }
        assert database.verify(content=True).ok
    settings = load_settings()
    assert settings.database == target
    assert settings.recent_databases == (target,)


def test_linked_files_inside_the_database_follow(closed: Path, ct: Path, tmp_path: Path) -> None:
    inside = closed / "mine"
    os.rename(ct / "b", inside)
    with Database.open(closed) as database:
        database.relink(ct / "b", inside)
    Database.move(closed, tmp_path / "new")
    with Database.open(tmp_path / "new") as database:
        assert database.verify(content=True).ok


def test_in_use(closed: Path, tmp_path: Path) -> None:
    with Database.open(closed) as database:
        database.series()
        with pytest.raises(DatabaseBusyError, match="in use"):
            Database.move(closed, tmp_path / "new")
        assert len(database.instances()) == 6
    assert Database.move(closed, tmp_path / "new").is_dir()


def test_refusals(closed: Path, tmp_path: Path, ct: Path) -> None:
    with pytest.raises(NotFoundError):
        Database.move(tmp_path / "nothing", tmp_path / "new")
    for target in (ct, closed / "inside"):
        with pytest.raises(DatabaseError) as raised:
            Database.move(closed, target)
        assert raised.value.reason == "exists"
    assert (closed / "dicomdb.sqlite").exists()


def test_cancelled_copy(closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.rename
    monkeypatch.setattr(
        moving.os, "rename", lambda a, b: _refuse(a, b) if Path(a) == closed else rename(a, b)
    )

    def stop(done: int, total: int | None, text: str) -> None:
        if done:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        Database.move(closed, tmp_path / "new", stop)
    assert not (tmp_path / "new").exists()
    with Database.open(closed) as database:
        assert database.verify(content=True).ok


@pytest.fixture
def other_drive(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a rename of the database fail as between two drives."""
    rename = os.rename
    monkeypatch.setattr(
        moving.os, "rename", lambda a, b: _refuse(a, b) if Path(a) == closed else rename(a, b)
    )


@pytest.mark.usefixtures("other_drive")
def test_a_linked_folder_stays_linked(closed: Path, tmp_path: Path) -> None:
    large = tmp_path / "large" / "files"
    large.parent.mkdir()
    os.rename(closed / "files", large)
    (closed / "files").symlink_to(large)
    Database.move(closed, tmp_path / "new")
    assert (tmp_path / "new" / "files").is_symlink()
    with Database.open(tmp_path / "new") as database:
        assert database.verify(content=True).ok


@pytest.mark.usefixtures("other_drive")
def test_what_is_noted_while_it_is_copied_is_not_lost(closed: Path, tmp_path: Path) -> None:
    def write(done: int, total: int | None, text: str) -> None:
        if total and done == total:
            with Database.open(closed) as other, other._connections.transaction() as connection:
                connection.execute("UPDATE file SET missing = 1.0")

    with pytest.raises(DatabaseBusyError):
        Database.move(closed, tmp_path / "new", write)
    assert not (tmp_path / "new").exists()
    with Database.open(closed) as database:
        assert database.statistics()["missing_files"] == 9


@pytest.mark.usefixtures("other_drive")
def test_nobody_imports_while_it_is_copied(closed: Path, ct: Path, tmp_path: Path) -> None:
    class Hurried(Database):
        wait_for_writer = 0.1

    def write(done: int, total: int | None, text: str) -> None:
        if done == 1:
            with Hurried.open(closed) as other, pytest.raises(DatabaseBusyError):
                other.import_paths(ct, workers=0)

    with pytest.raises(DatabaseBusyError, match="opened while"):
        Database.move(closed, tmp_path / "new", write)
    assert Database.move(closed, tmp_path / "new") == tmp_path / "new"
    with Database.open(tmp_path / "new") as database:
        assert len(database.instances()) == 6


@pytest.mark.usefixtures("other_drive")
def test_an_old_one_that_cannot_be_deleted(
    closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete = moving.shutil.rmtree

    def stuck(path: Path, ignore_errors: bool = False) -> None:
        if Path(path) == closed:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        delete(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(moving.shutil, "rmtree", stuck)
    with pytest.raises(DatabaseError, match="delete the rest") as raised:
        Database.move(closed, tmp_path / "new")
    assert raised.value.reason == "not-deleted"
    assert load_settings().database == tmp_path / "new"
    with Database.open(tmp_path / "new") as database:
        assert database.verify(content=True).ok
