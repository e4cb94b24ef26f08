"""Connections: the settings relied on, the pool, and errors in plain words."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from napari_dicomdb.database.connection import Connections, connect, explained, make_folder
from napari_dicomdb.errors import DatabaseBusyError, DatabaseError


def test_settings(tmp_path: Path) -> None:
    connection = connect(tmp_path / "x?#.sqlite")
    found = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "foreign_keys", "secure_delete", "synchronous")
    }
    connection.close()
    assert found == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "secure_delete": 1,
        "synchronous": 1,
    }
    assert (tmp_path / "x?#.sqlite").exists()


def test_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    connections = Connections(tmp_path / "x.sqlite")
    with connections.transaction() as connection:
        connection.execute("CREATE TABLE t (x)")
    with pytest.raises(ZeroDivisionError), connections.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
        _ = 1 / 0
    with connections.borrow() as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    connections.close()


def test_connection_lent_out_is_closed_on_return(tmp_path: Path) -> None:
    connections = Connections(tmp_path / "x.sqlite")
    with connections.borrow() as connection:
        connections.close()
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT 1")
    with pytest.raises(DatabaseError, match="closed"), connections.borrow():
        pytest.fail("lent out after closing")


def test_locked_by_another(tmp_path: Path) -> None:
    holder = connect(tmp_path / "x.sqlite")
    holder.execute("BEGIN IMMEDIATE")
    connections = Connections(tmp_path / "x.sqlite", busy_seconds=0)
    with pytest.raises(DatabaseBusyError, match="try again"), connections.transaction():
        pytest.fail("two writers")
    holder.close()
    connections.close()


def test_writing_a_read_only_index(tmp_path: Path) -> None:
    connect(tmp_path / "x.sqlite").close()
    connections = Connections(tmp_path / "x.sqlite", read_only=True)
    with (
        pytest.raises(DatabaseError, match="cannot be written") as raised,
        connections.borrow() as connection,
    ):
        connection.execute("CREATE TABLE t (x)")
    assert raised.value.reason == "not-writable"
    connections.close()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("SQLITE_FULL", "disk-full"),
        ("SQLITE_CORRUPT_VTAB", "database-damaged"),
        ("SQLITE_NOTADB", "database-damaged"),
        ("SQLITE_CANTOPEN", "cannot-open"),
        ("SQLITE_READONLY_DIRECTORY", "not-writable"),
        ("SQLITE_BUSY_SNAPSHOT", "database-busy"),
        ("SQLITE_IOERR", "cannot-open"),  # it is not there
    ],
)
def test_errors_in_plain_words(name: str, reason: str) -> None:
    error = sqlite3.OperationalError("said SQLite")
    error.sqlite_errorname = name
    with pytest.raises(DatabaseError) as raised, explained("/the/index"):
        raise error
    assert raised.value.reason == reason
    assert "/the/index" in str(raised.value)


def test_threads_share_an_index_in_memory() -> None:
    connections = Connections(None)
    with connections.borrow() as connection:
        connection.execute("CREATE TABLE t (x)")

    def add() -> None:
        for _ in range(50):
            with connections.transaction() as mine:
                mine.execute("INSERT INTO t VALUES (1)")

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with connections.borrow() as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (200,)
    connections.close()


def test_reading_where_only_another_computer_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = connect(tmp_path / "x.sqlite")
    writer.execute("CREATE TABLE t (x)")
    writer.execute("INSERT INTO t VALUES (1)")
    assert (tmp_path / "x.sqlite-wal").stat().st_size > 0
    monkeypatch.setattr("napari_dicomdb.database.connection.os.access", lambda *_: False)
    reader = connect(tmp_path / "x.sqlite", read_only=True)
    assert reader.execute("SELECT x FROM t").fetchall() == [(1,)]
    reader.close()
    writer.close()


def test_reading_a_directory_that_nobody_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(tmp_path / "x.sqlite").close()
    monkeypatch.setattr("napari_dicomdb.database.connection.os.access", lambda *_: False)
    reader = connect(tmp_path / "x.sqlite", read_only=True)
    assert reader.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["x.sqlite"]
    reader.close()


def test_no_writing_while_the_drive_is_away(tmp_path: Path) -> None:
    """The open file could still be written; nobody would look at what it says."""
    home, away = tmp_path / "db", tmp_path / "away"
    home.mkdir()
    connections = Connections(home / "x.sqlite")
    with connections.transaction() as connection:
        connection.execute("CREATE TABLE t (x)")
    home.rename(away)
    for _ in range(2):
        with (
            pytest.raises(DatabaseError, match="not there any more") as refused,
            connections.transaction() as connection,
        ):
            connection.execute("INSERT INTO t VALUES (1)")
        assert refused.value.reason == "cannot-open"
        home.mkdir(exist_ok=True)  # an empty mount point
        with pytest.raises(DatabaseError, match="not there any more"):
            make_folder(home / "files" / "ab", home, home / "x.sqlite")
    assert list(home.iterdir()) == []
    home.rmdir()
    away.rename(home)
    with connections.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (2)")
    make_folder(home / "files" / "ab", home, home / "x.sqlite")
    assert (home / "files" / "ab").is_dir()
    connections.close()
    with sqlite3.connect(home / "x.sqlite") as other:
        assert other.execute("SELECT x FROM t").fetchall() == [(2,)]
    other.close()


def test_folders_of_an_index_in_memory(tmp_path: Path) -> None:
    make_folder(tmp_path / "files" / "ab", tmp_path, None)
    assert (tmp_path / "files" / "ab").is_dir()
