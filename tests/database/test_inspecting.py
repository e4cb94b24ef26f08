"""What a directory holds is said without touching it."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

import pytest

from napari_dicomdb import Database
from napari_dicomdb.database import inspecting
from napari_dicomdb.database.inspecting import State, inspect_database
from napari_dicomdb.database.locking import WriterLock
from napari_dicomdb.viewer.phantom import write_phantom_study

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A database of two series of four slices."""
    write_phantom_study(tmp_path / "in", ("axial-ct", "oblique-mr"), matrix=16, slices=4)
    with Database.open(tmp_path / "db") as database:
        database.import_paths([tmp_path / "in"], workers=0)
    return tmp_path / "db"


def execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path / "dicomdb.sqlite")
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_good_one(made: Path) -> None:
    before = sorted((p.name, p.stat().st_mtime_ns) for p in made.iterdir() if p.is_file())
    found = inspect_database(str(made))
    assert found.state is State.OK
    assert found.can_open
    assert (found.patients, found.studies, found.series, found.instances) == (1, 1, 2, 8)
    assert found.size >= os.stat(made / "dicomdb.sqlite").st_size
    after = sorted((p.name, p.stat().st_mtime_ns) for p in made.iterdir() if p.is_file())
    assert [a for a in after if not a[0].endswith(("-shm", "-wal"))] == before


def test_what_is_not_there(tmp_path: Path) -> None:
    assert inspect_database(tmp_path / "gone").state is State.MISSING
    assert inspect_database(tmp_path).state is State.EMPTY
    assert list(tmp_path.iterdir()) == []


def test_versions(made: Path) -> None:
    execute(made, "PRAGMA user_version = 99")
    assert inspect_database(made).state is State.NEWER
    assert not inspect_database(made).can_open
    execute(made, "PRAGMA user_version = 2")
    assert inspect_database(made).state is State.OLDER


def test_another_programs(made: Path) -> None:
    execute(made, "PRAGMA application_id = 1")
    assert inspect_database(made).state is State.FOREIGN


def test_damage(made: Path) -> None:
    index = made / "dicomdb.sqlite"
    data = bytearray(index.read_bytes())
    data[1024:40_000] = b"\xff" * (40_000 - 1024)
    index.write_bytes(data)
    found = inspect_database(made)
    assert found.state is State.DAMAGED
    assert "repair" in found.text
    index.write_bytes(b"not SQLite at all" * 99)
    assert inspect_database(made).state is State.DAMAGED


def test_a_writer_is_named(made: Path) -> None:
    with WriterLock(made).held(wait_seconds=1):
        found = inspect_database(made)
    assert found.state is State.IN_USE
    assert f"process {os.getpid()} on" in found.text
    assert inspect_database(made).state is State.OK


def test_a_writer_that_locks_out_readers(made: Path) -> None:
    connection = sqlite3.connect(made / "dicomdb.sqlite", isolation_level=None)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("BEGIN EXCLUSIVE")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspecting, "_BUSY_SECONDS", 0.01)
        found = inspect_database(made)
    connection.close()
    assert found.state is State.IN_USE


def test_a_folder_that_cannot_be_written(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = inspect_database(made)
    assert found.state is State.READ_ONLY
    assert found.can_open
    assert found.instances == 8
