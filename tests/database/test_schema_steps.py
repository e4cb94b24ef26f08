"""What later versions of the index added: kept by the index itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_dicomdb.database import Database


def taken_apart(database: Database) -> tuple[set[Any], set[Any]]:
    """Return what the table for searches holds, and what it should."""
    with database._connections.borrow() as connection:
        kept = connection.execute("SELECT series, keyword, value FROM series_value").fetchall()
        wanted = connection.execute("SELECT id, defaults FROM series").fetchall()
    found = {(s, k, repr(json.loads(v) if isinstance(v, bytes) else v)) for s, k, v in kept}
    return found, {(s, k, repr(v)) for s, text in wanted for k, v in json.loads(text).items()}


def test_values_are_taken_apart_and_go_with_their_series(
    tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    for series in (1, 2):
        write_series(tmp_path / f"{series}", 3, series, FlipAngle=series)
    with Database.in_memory() as database:
        database.import_paths(tmp_path)
        found, wanted = taken_apart(database)
        assert found == wanted
        assert len({series for series, _, _ in found}) == 2
        with database._connections.transaction() as connection:
            connection.execute(
                "UPDATE series SET defaults = ? WHERE number = 1",
                (json.dumps({"Rows": 4, "PixelSpacing": [1, 2.5], "PatientName": "Ä"}),),
            )
        found, wanted = taken_apart(database)
        assert found == wanted
        database.remove(series=database.series()[0])
        found, wanted = taken_apart(database)
        assert found == wanted
        assert len({series for series, _, _ in found}) == 1
        database.remove(series=database.series()[0])
        assert taken_apart(database) == (set(), set())


def test_values_that_are_no_valid_json_are_found_nevertheless(
    tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    write_series(tmp_path, 2)
    with Database.in_memory() as database:
        database.import_paths(tmp_path)
        with database._connections.transaction() as connection:
            connection.execute(
                """UPDATE series SET defaults = '{"TableHeight":NaN,"Manufacturer":"ACME"}'"""
            )
        assert len(database.search("Manufacturer:acme")) == 1
        assert not database.search("Manufacturer:other")
        database.remove(series=database.series()[0])
        with database._connections.borrow() as connection:
            assert connection.execute("SELECT count(*) FROM series_value").fetchone() == (0,)


def test_an_older_index_gets_its_values_taken_apart(
    tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    import sqlite3

    write_series(tmp_path / "in", 3, FlipAngle=7)
    with Database.open(tmp_path / "db") as database:
        database.import_paths(tmp_path / "in")
    old = sqlite3.connect(tmp_path / "db" / "dicomdb.sqlite")
    for sql in (
        "DROP TRIGGER series_born",
        "DROP TRIGGER series_gone",
        "DROP TRIGGER series_changed",
        "DROP TABLE series_value",
        "DROP INDEX series_by_body_part",
        "DROP INDEX series_by_protocol",
        "DROP INDEX series_by_manufacturer",
        "DROP INDEX file_not_linked",
        "PRAGMA user_version = 4",
    ):
        old.execute(sql)
    old.commit()
    old.close()
    with Database.open(tmp_path / "db") as database:
        found, wanted = taken_apart(database)
        assert found == wanted
        assert len(database.search("FlipAngle:7")) == 1
        assert not database.search("FlipAngle:8")


def test_whether_anything_changed_is_seen_in_an_index_alone() -> None:
    with Database.in_memory() as database, database._connections.borrow() as connection:
        (plan,) = connection.execute(
            "EXPLAIN QUERY PLAN SELECT total(revision), total(instance_count), total(size),"
            " total(missing_count), max(id) FROM series"
        ).fetchall()
    assert "COVERING INDEX series_facts" in plan[-1]
