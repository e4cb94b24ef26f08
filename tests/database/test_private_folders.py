"""Folders for a moment: private, gone afterwards, and after a kill as well."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from napari_dicomdb.api import Database
from napari_dicomdb.database.private_folders import (
    copies_folder,
    private_folder,
    remove_abandoned,
    working_folder,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def test_it_is_private_and_gone_afterwards() -> None:
    with private_folder() as folder:
        (folder / "x").write_text("x")
        if sys.platform != "win32":
            assert folder.parent.stat().st_mode & 0o777 == 0o700
        assert remove_abandoned() == 0
        assert (folder / "x").exists()
    assert list(copies_folder().iterdir()) == []


def test_gone_after_an_error_too() -> None:
    with pytest.raises(KeyError), private_folder():
        raise KeyError
    assert list(copies_folder().iterdir()) == []


_KILLED = """
import os, signal
from napari_dicomdb.database.private_folders import private_folder
with private_folder() as folder:
    (folder / "copy.dcm").write_bytes(b"x")
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_what_a_killed_process_left_is_removed_by_the_next_database(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _KILLED], capture_output=True, text=True, timeout=60
    )
    left = Path(done.stdout.strip())
    assert (left / "copy.dcm").exists()
    Database.open(tmp_path / "db").close()
    assert not left.parent.exists()


def test_one_that_is_made_this_moment_stays() -> None:
    fresh, old = copies_folder() / "copies-fresh", copies_folder() / "copies-old"
    other = copies_folder() / "something"
    for folder in (fresh, old, other):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    assert remove_abandoned() == 1
    assert sorted(p.name for p in copies_folder().iterdir()) == ["copies-fresh", "something"]


def test_without_a_home_it_is_in_the_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    with working_folder() as folder:
        assert folder.is_relative_to(copies_folder())
    copies_folder().rmdir()
    copies_folder().write_text("in its place")
    with working_folder() as folder:
        assert folder.is_relative_to(tempfile.gettempdir())
    assert not folder.exists()


_KILLED_EDIT = """
import os, signal, sys
import napari_dicomdb.dicom.editing as editing
real = editing.edited_copies
def killed(*given, **more):
    made = real(*given, **more)
    print(made.written[0][1], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
editing.edited_copies = killed
from napari_dicomdb.cli.app import app
app(["edit", sys.argv[1], "--set", "PatientID=4711", "--into-db", "--db", sys.argv[2]])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_nothing_of_a_killed_edit_stays(
    write_series: Callable[..., list[Path]], tmp_path: Path
) -> None:
    home, series = tmp_path / "db", tmp_path / "series"
    write_series(series, 2)
    done = subprocess.run(
        [sys.executable, "-c", _KILLED_EDIT, str(series), str(home)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    left = Path(done.stdout.strip())
    assert left.is_file(), done.stderr
    assert left.is_relative_to(copies_folder())
    Database.open(home).close()
    assert list(copies_folder().iterdir()) == []
