"""Damage is found, cheaply at open and wholly on request, and said in plain words."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.database.integrity import check_file
from napari_dicomdb.errors import Cancelled, DatabaseError


@pytest.fixture
def index(tmp_path: Path, ct: Path) -> Path:
    """Give the index of a closed database with two series."""
    with Database.open(tmp_path / "closed") as database:
        database.import_paths(ct)
    index = tmp_path / "closed" / "dicomdb.sqlite"
    assert not Path(f"{index}-wal").exists()
    return index


def refused(index: Path) -> DatabaseError:
    with pytest.raises(DatabaseError) as raised:
        Database.open(index.parent)
    assert raised.value.reason == "database-damaged"
    assert "dicomdb repair" in str(raised.value)
    return raised.value


def raw(index: Path, *statements: str) -> None:
    connection = sqlite3.connect(index)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_sound_index(index: Path) -> None:
    check_file(index)
    with Database.open(index.parent) as database:
        report = database.check(full=True)
        assert report.ok
        assert not report.damaged
        assert report.to_json()["problems"] == []
        assert "sound" in report.summary()


def test_cut_off(index: Path) -> None:
    with index.open("rb+") as file:
        file.truncate(index.stat().st_size // 2)
    assert "cut off" in str(refused(index))


def test_another_beginning(index: Path) -> None:
    with index.open("rb+") as file:
        file.write(b"\0" * 64)
    assert "does not begin" in str(refused(index))


def test_emptied(index: Path) -> None:
    index.write_bytes(b"")
    (index.parent / "files").mkdir()
    assert "empty" in str(refused(index))


def test_a_table_is_lacking(index: Path) -> None:
    raw(index, "DROP TABLE going_file")
    assert "going_file" in str(refused(index))


def test_a_new_directory_is_not_damaged(tmp_path: Path) -> None:
    Database.open(tmp_path / "new").close()
    check_file(tmp_path / "nothing")


def test_overwritten_pages(index: Path) -> None:
    with index.open("rb+") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096 * 8)
    with Database.open(index.parent) as database:
        report = database.check()
    assert report.damaged
    assert "repair" in report.summary()


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE series SET instance_count = 9", "series-counts"),
        ("UPDATE study SET series_count = 9", "study-counts"),
        ("UPDATE patient SET instance_count = 9", "patient-counts"),
        ("UPDATE series SET missing_count = 9", "missing-counts"),
        ("DELETE FROM series_text WHERE rowid = 1", "search-text"),
        ("DELETE FROM instance WHERE id = 1", "unused-files"),
        ("DELETE FROM directory WHERE id = 1", "orphaned-rows"),
    ],
)
def test_what_does_not_agree_is_found_and_repaired(index: Path, statement: str, code: str) -> None:
    raw(index, statement)
    with Database.open(index.parent) as database:
        report = database.check()
        assert code in [problem.code for problem in report.problems]
        assert not report.damaged
        assert "dicomdb repair" in report.summary()
        assert database.repair().acts
        assert database.check(full=True).ok
        assert code == "orphaned-rows" or len(database.instances()) == 6


def test_read_only(index: Path) -> None:
    with Database.open(index.parent, read_only=True) as database:
        assert database.check(full=True).ok


def test_cancelled(index: Path) -> None:
    def stop(done: int, total: int | None, text: str) -> None:
        raise Cancelled("enough")

    with Database.open(index.parent) as database, pytest.raises(Cancelled):
        database.check(progress=stop)


def test_opening_it_twice_keeps_the_lock_of_the_first(tmp_path: Path, ct: Path) -> None:
    """Else another process that closes it removes the log that this one goes on writing to."""
    words = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT uid FROM series')"
    with Database.open(tmp_path / "open") as first:
        with Database.open(tmp_path / "open") as second:
            assert second.series() == []
        index = tmp_path / "open" / "dicomdb.sqlite"
        subprocess.run([sys.executable, "-c", words, str(index)], check=True)
        first.import_paths(ct)
        with Database.open(tmp_path / "open", read_only=True) as third:
            third.series()
        subprocess.run([sys.executable, "-c", words, str(index)], check=True)
        assert Path(f"{index}-wal").exists()
        expected = [one.uid for one in first.series()]
    with Database.open(tmp_path / "open") as again:
        assert [one.uid for one in again.series()] == expected != []
