"""Opening, closing, threads, change counter, info."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.errors import DatabaseError, NotFoundError


def test_open_creates_only_when_asked(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no database in"):
        Database.open(tmp_path / "none", create=False)
    with pytest.raises(NotFoundError):
        Database.open(tmp_path / "none", read_only=True)
    assert not (tmp_path / "none").exists()
    with Database.open(tmp_path / "some" / "where") as database:
        assert database.path == tmp_path / "some" / "where"
    assert Database.open(tmp_path / "some" / "where", create=False).info()["patients"] == 0


def test_default_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DICOMDB_DATABASE", str(tmp_path / "default"))
    with Database.open() as database:
        assert database.path == tmp_path / "default"


def test_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatabaseError, match="choose another one"):
        Database.open(tmp_path / "file" / "database")


def test_directory_that_cannot_be_written(
    database: Database, ct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.import_paths([ct])
    database.close()
    real = os.access
    monkeypatch.setattr(os, "access", lambda p, m: m != os.W_OK and real(p, m))
    with Database.open(tmp_path / "database", read_only=True) as reader:
        assert len(reader.instances()) == 6
        with pytest.raises(DatabaseError, match="read-only"):
            reader.import_paths([ct])
        assert reader.import_paths([ct], dry_run=True).unchanged == 6


@pytest.mark.parametrize("place", [0, 30, 5000])
def test_damaged_index(place: int, database: Database, ct: Path, tmp_path: Path) -> None:
    database.import_paths([ct])
    database.vacuum()
    database.close()
    index = tmp_path / "database" / "dicomdb.sqlite"
    data = bytearray(index.read_bytes())
    data[place : place + 60_000] = b"\xa5" * len(data[place : place + 60_000])
    index.write_bytes(data)

    def use() -> None:
        with Database.open(tmp_path / "database") as opened:
            opened.instances()
            opened.patients()

    with pytest.raises(DatabaseError, match=r"damaged|another program|newer|version"):
        use()


def test_closed(database: Database) -> None:
    database.close()
    with pytest.raises(DatabaseError, match="closed"):
        database.patients()
    with pytest.raises(DatabaseError, match="closed"):
        _ = database.change_counter


@pytest.mark.parametrize("where", ["file", "memory"])
def test_threads_read_while_one_writes(where: str, tmp_path: Path, ct: Path) -> None:
    opened = Database.in_memory() if where == "memory" else Database.open(tmp_path / "db")
    stop = threading.Event()

    def read() -> int:
        rounds = 0
        while not stop.is_set() or rounds == 0:
            for series in opened.series():
                assert len(opened.instances(series)) in range(7)
            opened.search("thorax")
            rounds += 1
        return rounds

    with opened, ThreadPoolExecutor(3) as threads:
        readers = [threads.submit(read) for _ in range(3)]
        assert opened.import_paths([ct]).added == 6
        opened.remove(series=opened.series()[0])
        stop.set()
        assert all(reader.result() > 0 for reader in readers)
        assert opened.info()["instances"] == 3


@pytest.mark.parametrize("where", ["file", "memory"])
def test_change_counter(where: str, tmp_path: Path, ct: Path) -> None:
    opened = Database.in_memory() if where == "memory" else Database.open(tmp_path / "db")
    with opened:
        before = opened.change_counter
        assert opened.change_counter == before
        opened.import_paths([ct])
        after = opened.change_counter
        assert after != before
        opened.patients()
        assert opened.change_counter == after
        if where == "file":
            with Database.open(tmp_path / "db") as other:
                other.remove(patient="P1")
            assert opened.change_counter != after


def test_info(database: Database, ct: Path) -> None:
    database.import_paths([ct], copy=True)
    info = database.info()
    assert (info["patients"], info["studies"], info["series"]) == (1, 1, 2)
    assert (info["instances"], info["frames"], info["copied_files"]) == (6, 6, 6)
    assert info["path"] == str(database.path)
    assert info["size"] == sum(p.stat().st_size for p in ct.rglob("*.dcm"))


def test_empty_path_names_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatabaseError, match="empty path"):
        Database.open("")
    assert list(tmp_path.iterdir()) == []


def test_repr_says_where_it_is(tmp_path: Path) -> None:
    with Database.open(tmp_path / "here"):
        pass
    with Database.open(tmp_path / "here", read_only=True) as database:
        assert repr(database) == f"<Database {str(tmp_path / 'here')!r}, read-only>"
    with Database.in_memory() as database:
        assert repr(database) == "<Database in memory>"
