"""What loaders said is kept with a series, until either changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_dicomdb.database import Database, schema
from napari_dicomdb.database.examinations import (
    Examination,
    revision_of,
    store,
    stored,
    stored_summaries,
)

LOADERS = "a 1; b 2"


def kept(database: Database, series: int, text: str = "[]") -> bool:
    revision = revision_of(database._connections, series)
    assert revision is not None
    said = Examination(revision, LOADERS, text, b"\0all")
    return store(database._connections, series, said)


def test_what_was_stored_comes_back(database: Database, ct: Path) -> None:
    database.import_paths([ct])
    key = database.series()[0].key
    assert stored(database._connections, key, LOADERS) is None
    assert kept(database, key, '["é"]')
    found = stored(database._connections, key, LOADERS)
    assert found is not None
    assert (found.summaries, found.loadables) == ('["é"]', b"\0all")
    assert stored_summaries(database._connections, key, LOADERS) == '["é"]'
    assert kept(database, key, "[2]")
    assert stored_summaries(database._connections, key, LOADERS) == "[2]"


def test_other_loaders_have_said_nothing(database: Database, ct: Path) -> None:
    database.import_paths([ct])
    key = database.series()[0].key
    kept(database, key)
    assert stored(database._connections, key, "a 1; b 3") is None
    assert stored_summaries(database._connections, key, "a 1") is None


def test_a_series_that_grew_is_another(
    database: Database, tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    write_series(tmp_path / "one", 2)
    database.import_paths([tmp_path / "one"])
    key = database.series()[0].key
    kept(database, key)
    database.import_paths([tmp_path / "one"])  # nothing new
    assert stored(database._connections, key, LOADERS) is not None
    write_series(tmp_path / "two", 3)
    database.import_paths([tmp_path / "two"])
    assert database.series()[0].key == key
    assert stored(database._connections, key, LOADERS) is None


def test_a_changed_file_makes_the_series_another(
    database: Database, tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    write_series(tmp_path / "one", 2)
    database.import_paths([tmp_path / "one"])
    key = database.series()[0].key
    kept(database, key)
    write_series(tmp_path / "one", 2, PixelSpacing=[1, 1], StudyDescription="Abdomen")
    database.refresh_instance(database.instances(key)[0])
    assert stored(database._connections, key, LOADERS) is None
    with database._connections.borrow() as connection:
        assert connection.execute("SELECT count(*) FROM examination").fetchone() == (0,)


def test_what_was_read_before_a_change_is_not_stored(
    database: Database, tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    write_series(tmp_path / "one", 2)
    database.import_paths([tmp_path / "one"])
    key = database.series()[0].key
    revision = revision_of(database._connections, key)
    assert revision is not None
    write_series(tmp_path / "two", 3)
    database.import_paths([tmp_path / "two"])
    late = Examination(revision, LOADERS, "[]", b"")
    assert not store(database._connections, key, late)
    assert not store(database._connections, 999, late)
    assert revision_of(database._connections, 999) is None


def test_removal_removes_what_was_said(
    database: Database, tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    write_series(tmp_path / "one", 2)
    write_series(tmp_path / "two", 2, series=2)
    database.import_paths([tmp_path])
    first, second = database.series()
    secret = "Unforgettable-Name"
    for series in (first, second):
        kept(database, series.key, secret)
    database.remove(instance=database.instances(second)[0])
    database.remove(series=first)
    with database._connections.borrow() as connection:
        assert connection.execute("SELECT count(*) FROM examination").fetchone() == (0,)
    assert database.path is not None
    database.close()
    files = [p for p in database.path.rglob("*") if p.is_file()]
    assert files
    assert all(secret.encode() not in p.read_bytes() for p in files)


def test_nothing_is_stored_while_another_writes(database: Database, ct: Path) -> None:
    database.import_paths([ct])
    assert database.path is not None
    key = database.series()[0].key
    other = sqlite3.connect(database.path / "dicomdb.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert not kept(database, key)
    other.execute("ROLLBACK")
    other.close()
    assert kept(database, key)
    with database._connections.borrow() as connection:  # others wait as long as before
        assert connection.execute("PRAGMA busy_timeout").fetchone() == (30_000,)


def test_a_read_only_index_is_left_alone(database: Database, ct: Path) -> None:
    database.import_paths([ct])
    assert database.path is not None
    key = database.series()[0].key
    kept(database, key)
    with Database.open(database.path, read_only=True) as reader:
        assert not kept(reader, key, "[2]")
        assert stored_summaries(reader._connections, key, LOADERS) == "[]"


def test_within_an_import_in_memory_nothing_is_stored(ct: Path) -> None:
    with Database.in_memory() as database:
        database.import_paths([ct])
        key = database.series()[0].key
        with database._connections.transaction():
            assert not kept(database, key)
        assert kept(database, key)


def test_an_index_of_before_is_brought_up_to_date(
    tmp_path: Path, ct: Path, monkeypatch: Any, dump: Callable[..., Any]
) -> None:
    """Version 2 had no examinations: made by its own steps, filled by its own columns."""
    path = tmp_path / "old"
    path.mkdir()
    with Database.open(tmp_path / "new") as new:
        new.import_paths([ct])
        told = dump(new)
    with sqlite3.connect(path / "dicomdb.sqlite", isolation_level=None) as old:
        monkeypatch.setattr(schema, "STEPS", schema.STEPS[:2])
        schema.prepare(old, "old")
        monkeypatch.undo()
        old.execute("ATTACH ? AS new", (str(tmp_path / "new" / "dicomdb.sqlite"),))
        for table in ("patient", "study", "series", "directory", "file", "instance"):
            columns = [row[1] for row in old.execute(f"PRAGMA main.table_info({table})")]
            names = ", ".join(columns)
            old.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM new.{table}")
        old.execute(
            "INSERT INTO series_text (rowid, name, other) SELECT rowid, name, 'old'"
            " FROM new.series_text"
        )
        assert old.execute("PRAGMA user_version").fetchone() == (2,)
    old.close()
    with Database.open(path) as migrated:
        assert dump(migrated) == told
        key = migrated.series()[0].key
        assert revision_of(migrated._connections, key) == 0
        assert kept(migrated, key)
        assert stored(migrated._connections, key, LOADERS) is not None
