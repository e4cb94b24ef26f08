"""Watched folders: what has arrived completely is imported, once, and nothing else."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.database.watching import FolderWatcher
from napari_dicomdb.errors import Cancelled, DatabaseBusyError, DatabaseError, NotFoundError


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = time.time() + 60  # so that folders made just now count as old

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder


def twice(watcher: FolderWatcher, clock: Clock) -> Any:
    """Look, let the files settle, look again."""
    assert watcher.poll() is None
    clock.now += 5
    return watcher.poll()


def uids(database: Database) -> list[str]:
    return sorted(i.uid.rpartition(".")[2] for i in database.instances())


def test_files_are_taken_at_the_second_look(
    database: Database, incoming: Path, clock: Clock, write_series: Callable[..., Any]
) -> None:
    database.watch_folder(incoming)
    watcher = FolderWatcher(database, clock=clock)
    assert watcher.poll() is None
    write_series(incoming / "sub" / "sub", 2)
    assert watcher.poll() is None
    assert watcher.is_waiting
    assert [(s.state, s.text) for s in watcher.states()] == [("watching", "watching, 2 arriving")]
    assert watcher.poll() is None  # no time has passed
    clock.now += 5
    report = watcher.poll()
    assert report is not None
    assert (report.added, report.rejected) == (2, [])
    assert not watcher.is_waiting
    clock.now += 5
    assert watcher.poll() is None
    assert uids(database) == ["1", "2"]
    assert {i.storage for i in database.instances()} == {"linked"}


def test_a_growing_file_waits(
    database: Database, incoming: Path, clock: Clock, tmp_path: Path, write_instance: Any
) -> None:
    whole = write_instance(tmp_path / "whole.dcm").read_bytes()
    database.watch_folder(incoming)
    watcher = FolderWatcher(database, clock=clock)
    arriving = incoming / "a.dcm"
    for end in (100, 400, 600):
        arriving.write_bytes(whole[:end])
        assert watcher.poll() is None
        clock.now += 5
    arriving.write_bytes(whole)
    report = twice(watcher, clock)
    assert (report.added, report.rejected, report.notes) == (1, [], [])


@pytest.mark.parametrize("end", [0, 50, 300, -10])
def test_a_file_that_stalled_half_written_is_tried_again(
    end: int,
    database: Database,
    incoming: Path,
    clock: Clock,
    tmp_path: Path,
    write_instance: Any,
) -> None:
    whole = write_instance(tmp_path / "whole.dcm").read_bytes()
    database.watch_folder(incoming)
    watcher = FolderWatcher(database, clock=clock)
    arriving = incoming / "a.dcm"
    arriving.write_bytes(whole[:end])
    first = twice(watcher, clock)
    assert first is not None
    assert len(first.rejected) + len(first.notes) == 1
    clock.now += 5
    assert watcher.poll() is None  # refused once is enough
    folder_time = incoming.stat().st_mtime_ns
    with arriving.open("r+b") as file:
        file.write(whole)
    assert incoming.stat().st_mtime_ns == folder_time  # growing does not show in the folder
    clock.now += 5
    report = twice(watcher, clock)
    assert (report.added + report.updated, report.rejected, report.notes) == (1, [], [])
    (instance,) = database.instances()
    assert instance.file_size == len(whole)


@pytest.mark.parametrize(
    "name",
    ["a.dcm.part", "a.TMP", ".~a.dcm", ".a.dcm.Xy12", "a.crdownload", "a.dcm~", "DICOMDIR"],
)
def test_passing_names_are_left_until_renamed(
    name: str, database: Database, incoming: Path, clock: Clock, write_instance: Any
) -> None:
    database.watch_folder(incoming)
    watcher = FolderWatcher(database, clock=clock)
    write_instance(incoming / name)
    assert twice(watcher, clock) is None
    (incoming / name).rename(incoming / "a.dcm")
    clock.now += 5
    assert twice(watcher, clock).added == 1


def test_copies(
    database: Database, incoming: Path, clock: Clock, write_series: Callable[..., Any]
) -> None:
    database.watch_folder(incoming, copy=True)
    write_series(incoming, 2)
    watcher = FolderWatcher(database, clock=clock)
    assert twice(watcher, clock).added == 2
    assert database.path is not None
    for instance in database.instances():
        assert instance.path.is_relative_to(database.path)
    shutil.rmtree(incoming)
    clock.now += 5
    assert watcher.poll() is None
    assert all(i.path.exists() for i in database.instances())


def test_an_unplugged_drive_waits_and_goes_on(
    database: Database, incoming: Path, clock: Clock, tmp_path: Path, write_series: Any
) -> None:
    write_series(incoming, 2)
    database.watch_folder(incoming)
    watcher = FolderWatcher(database, clock=clock)
    assert twice(watcher, clock).added == 2
    away = incoming.rename(tmp_path / "away")
    clock.now += 5
    assert watcher.poll() is None
    assert [s.text for s in watcher.states()] == ["waits for the drive"]
    assert len(database.instances()) == 2
    write_series(away / "new", 3, series=2)
    away.rename(incoming)
    clock.now += 5
    assert twice(watcher, clock).added == 3
    assert [s.text for s in watcher.states()] == ["watching"]


def test_paused_and_removed(
    database: Database, incoming: Path, clock: Clock, write_series: Any
) -> None:
    write_series(incoming, 1)
    database.watch_folder(incoming, paused=True)
    watcher = FolderWatcher(database, clock=clock)
    assert twice(watcher, clock) is None
    assert [s.text for s in watcher.states()] == ["paused"]
    database.watch_folder(incoming)
    clock.now += 5
    assert twice(watcher, clock).added == 1
    write_series(incoming, 3)
    database.unwatch_folder(incoming)
    assert twice(watcher, clock) is None
    assert database.watched_folders() == []
    with pytest.raises(NotFoundError, match="not watched"):
        database.unwatch_folder(incoming)


def test_two_watchers_import_once(
    database: Database, incoming: Path, clock: Clock, write_series: Any
) -> None:
    write_series(incoming, 4)
    database.watch_folder(incoming)
    assert database.path is not None
    with Database.open(database.path) as other:
        watchers = [FolderWatcher(one, clock=clock) for one in (database, other)]
        assert [w.poll() for w in watchers] == [None, None]
        clock.now += 5
        reports = [w.poll() for w in watchers]
        assert reports[0] is not None
        assert (reports[0].added, reports[1]) == (4, None)
        clock.now += 5
        assert [w.poll() for w in watchers] == [None, None]
    assert len(database.instances()) == 4


def test_another_writer_delays_and_loses_nothing(
    database: Database,
    incoming: Path,
    clock: Clock,
    write_series: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_series(incoming, 2)
    database.watch_folder(incoming)
    watcher = FolderWatcher(database, clock=clock)
    assert watcher.poll() is None
    clock.now += 5
    taken = database.import_paths

    def busy(*_: Any, **__: Any) -> None:
        raise DatabaseBusyError("written by somebody")

    monkeypatch.setattr(database, "import_paths", busy)
    assert watcher.poll() is None
    assert watcher.is_waiting
    monkeypatch.setattr(database, "import_paths", taken)
    report = watcher.poll()
    assert report is not None
    assert report.added == 2


def test_cancelling_loses_nothing(
    database: Database, incoming: Path, clock: Clock, write_series: Any
) -> None:
    write_series(incoming, 2)
    database.watch_folder(incoming)
    watcher = FolderWatcher(database, clock=clock)

    def stop(*_: Any) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        watcher.poll(stop)
    assert twice(watcher, clock).added == 2


def test_what_is_open_for_writing_waits(
    database: Database, incoming: Path, clock: Clock, write_instance: Any
) -> None:
    from napari_dicomdb.database.being_written import is_being_written

    path = write_instance(incoming / "a.dcm")
    database.watch_folder(incoming)
    watcher = FolderWatcher(database, clock=clock)
    with path.open("r+b"):
        if not is_being_written(path):
            pytest.skip("the system does not tell")
        assert twice(watcher, clock) is None
    report = watcher.poll()
    assert report is not None
    assert report.added == 1


def test_a_look_at_an_unchanged_tree_lists_no_folder(
    database: Database,
    incoming: Path,
    clock: Clock,
    write_series: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(5):
        write_series(incoming / str(number), 3, series=number + 1)
    (incoming / "letter.txt").write_text("no DICOM")
    database.watch_folder(incoming)
    watcher = FolderWatcher(database, clock=clock)
    assert twice(watcher, clock).added == 15
    clock.now += 5
    listed: list[str] = []
    scandir = os.scandir

    def spy(path: str) -> Any:
        listed.append(str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", spy)
    assert watcher.poll() is None
    assert listed == [str(incoming)]  # only: is it there
    clock.now += 1000  # now and then all folders, for file systems that tell nothing
    assert watcher.poll() is None
    assert len(set(listed)) == 6


def test_archives_come_too_and_the_database_does_not(
    database: Database, tmp_path: Path, clock: Clock, ct: Path
) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    shutil.make_archive(str(drop / "study"), "zip", ct)
    database.watch_folder(tmp_path)  # the database directory lies below it
    watcher = FolderWatcher(database, clock=clock)
    report = twice(watcher, clock)
    assert (report.added, report.rejected) == (6, [])
    assert len(database.instances()) == 6
    clock.now += 5
    assert twice(watcher, clock) is None


def test_refused_folders(database: Database, tmp_path: Path) -> None:
    assert database.path is not None
    with pytest.raises(NotFoundError, match="no folder"):
        database.watch_folder(tmp_path / "gone")
    (database.path / "files").mkdir(exist_ok=True)
    with pytest.raises(DatabaseError) as own:
        database.watch_folder(database.path / "files")
    assert own.value.reason == "own-directory"
    database.watch_folder(tmp_path)
    database.watch_folder(tmp_path, copy=True, paused=True)
    (folder,) = database.watched_folders()
    assert (folder.path, folder.copy, folder.paused) == (tmp_path, True, True)
    assert folder.to_json()["path"] == str(tmp_path)
    with (
        Database.open(database.path, read_only=True) as reader,
        pytest.raises(DatabaseError, match="read-only"),
    ):
        reader.unwatch_folder(tmp_path)
