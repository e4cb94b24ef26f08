"""Staging: complete or as it was, whatever is in the way; what a kill left is tidied up."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export import staging
from napari_dicomdb.export.staging import (
    absolute,
    cannot_write,
    make_folders,
    move_in,
    publish,
    staging_folder,
)

VICTIM = """
import os, signal, sys
from pathlib import Path
from napari_dicomdb.export.staging import staging_folder
with staging_folder(Path(sys.argv[1])) as stage:
    (stage / "half").write_text("half")
    if sys.argv[2] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    print("here", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("is_there", [True, False])
def test_what_a_killed_process_left_is_deleted(tmp_path: Path, is_there: bool) -> None:
    place = tmp_path / "out"
    if is_there:
        place.mkdir()
    words = [sys.executable, "-c", VICTIM, str(place)]
    assert subprocess.run([*words, "die"]).returncode == -signal.SIGKILL
    with subprocess.Popen([*words, "live"], stdin=-1, stdout=-1) as living:
        assert living.stdout is not None
        living.stdout.readline()
        with staging_folder(place):
            # That of the living, and ours: nobody takes away what somebody works with.
            assert len(list(tmp_path.rglob("half"))) == 1
        living.communicate(b"")
    assert [p.name for p in tmp_path.iterdir()] == (["out"] if is_there else [])
    assert list(place.glob(".*")) == []


def test_folders_made_for_nothing_are_gone_again(tmp_path: Path) -> None:
    with staging_folder(tmp_path / "a" / "b" / "c") as stage:
        assert stage.is_dir()
    assert list(tmp_path.iterdir()) == []
    with staging_folder(tmp_path / "a" / "b" / "c") as stage:
        (stage / "set").mkdir()
        (stage / "set" / "one").write_text("1")
        publish(stage / "set", tmp_path / "a" / "b" / "c", ["one"])
    assert (tmp_path / "a" / "b" / "c" / "one").read_text() == "1"


def test_a_new_folder_comes_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, staged = tmp_path / "out", tmp_path / "staged"
    names = ["p/s/1", "p/s/2", "p/t/1", "x"]
    for name in names:
        (staged / name).parent.mkdir(parents=True, exist_ok=True)
        (staged / name).write_text(name)
    (place / "p").mkdir(parents=True)
    steps: list[str] = []
    rename, link = os.rename, os.link
    monkeypatch.setattr(os, "rename", lambda a, b: (steps.append(Path(b).name), rename(a, b)))
    monkeypatch.setattr(os, "link", lambda a, b: (steps.append(Path(b).name), link(a, b)))
    publish(staged, place, names)
    assert steps == ["s", "t", "x"]
    assert (
        sorted(p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file()) == names
    )


def test_what_is_renamed_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, staged = tmp_path / "out", tmp_path / "staged"
    for name in ("a/1", "b/1"):
        (staged / name).parent.mkdir(parents=True)
        (staged / name).write_text(name)
    place.mkdir()
    (place / "mine").write_text("mine")
    rename = os.rename

    def fail(old: Path, new: Path) -> None:
        if Path(new).name == "b":
            raise OSError(errno.ENOSPC, "no space left")
        rename(old, new)

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OSError, match="no space"):
        publish(staged, place, ["a/1", "b/1"])
    assert [p.name for p in place.rglob("*")] == ["mine"]


def test_words_for_what_the_system_says(tmp_path: Path) -> None:
    for number, reason in (
        (errno.ENOSPC, "disk-full"),
        (errno.EFBIG, "disk-full"),
        (errno.EROFS, "not-writable"),
        (errno.ENAMETOOLONG, "name-too-long"),
        (errno.ENOTDIR, "no-folder"),
        (errno.EIO, "not-written"),
    ):
        error = cannot_write(tmp_path, OSError(number, "words"))
        assert (error.reason, str(tmp_path) in str(error)) == (reason, True)
    for name in ("x" * 300, "a\0b"):
        with pytest.raises(ExportError):
            absolute(tmp_path / name)
    assert absolute("a/../b") == Path.cwd() / "b"


def test_a_folder_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **how: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path))

    # Root may write everywhere: what the system would say to others.
    monkeypatch.setattr("napari_dicomdb.export.staging.tempfile.mkdtemp", refuse)
    with pytest.raises(ExportError) as error, staging_folder(tmp_path / "new" / "out"):
        pass
    assert error.value.reason == "not-writable"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [None, sqlite3.OperationalError("locking protocol")])
def test_a_disk_without_locks_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    def locked(folder: Path) -> None:
        (folder / "lock").touch()
        if error is not None:
            raise error

    monkeypatch.setattr(staging, "_locked", locked)
    place = tmp_path / "out"
    place.mkdir()
    with staging_folder(place) as stage:
        # Else somebody whose locks work would take it for abandoned.
        assert not list(tmp_path.rglob("lock"))
        assert len(list(place.iterdir())) == 1
        with staging_folder(place):
            assert stage.is_dir()
    assert list(place.iterdir()) == []


def test_a_file_comes_once_though_its_first_name_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EACCES, "in use")

    (tmp_path / "new").write_text("1")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refused)
        move_in(tmp_path / "new", tmp_path / "final")
    assert (tmp_path / "final").read_text() == "1"
    with pytest.raises(FileExistsError):
        move_in(tmp_path / "new", tmp_path / "final")


def test_a_folder_tidied_away_while_it_is_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of exports into one folder at the same time one failed: "its folder is not there".
    locked, gone = staging._locked, []

    def tidied(folder: Path):
        lock = locked(folder)
        if not gone:
            shutil.rmtree(folder)
            gone.append(folder)
        return lock

    monkeypatch.setattr(staging, "_locked", tidied)
    with staging_folder(tmp_path) as stage:
        assert stage.is_dir() and stage.parent not in gone
    assert list(tmp_path.iterdir()) == []


def test_folders_that_another_made_just_now_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = Path.mkdir

    def late(self: Path) -> None:
        mkdir(self)
        if self.name == "a":
            mkdir(self)

    monkeypatch.setattr(Path, "mkdir", late)
    made: list[Path] = []
    make_folders(tmp_path / "a" / "b", made)
    assert made == [tmp_path / "a" / "b"]
