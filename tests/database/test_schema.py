"""The index's versions: made, migrated, refused."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database, schema
from napari_dicomdb.errors import DatabaseError, DatabaseVersionError

NEXT_STEP = """
ALTER TABLE patient ADD COLUMN comment TEXT NOT NULL DEFAULT 'none; really';
CREATE INDEX patient_by_comment ON patient (comment);
"""


def pragma(path: Path, name: str) -> Any:
    connection = sqlite3.connect(path / "dicomdb.sqlite")
    value = connection.execute(f"PRAGMA {name}").fetchone()[0]
    connection.close()
    return value


def test_new_index(database: Database) -> None:
    assert database.path is not None
    assert pragma(database.path, "user_version") == schema.SCHEMA_VERSION
    assert pragma(database.path, "application_id") == schema.APPLICATION_ID
    assert pragma(database.path, "journal_mode") == "wal"


def test_newer_index_is_refused(database: Database) -> None:
    assert database.path is not None
    with database._connections.borrow() as connection:
        connection.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION + 1}")
    with pytest.raises(DatabaseVersionError, match="update napari-dicomdb"):
        Database.open(database.path)


def test_older_index_is_migrated(
    database: Database, ct: Path, monkeypatch: pytest.MonkeyPatch, dump: Callable[..., Any]
) -> None:
    assert database.path is not None
    database.import_paths([ct])
    before = dump(database)
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, NEXT_STEP))
    with pytest.raises(DatabaseVersionError, match="for writing"):
        Database.open(database.path, read_only=True)
    with Database.open(database.path) as migrated:
        assert dump(migrated) == before
        with migrated._connections.borrow() as connection:
            rows = connection.execute("SELECT comment FROM patient").fetchall()
        assert rows == [("none; really",)]
    assert pragma(database.path, "user_version") == len(schema.STEPS)


def test_failed_migration_changes_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert database.path is not None
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, NEXT_STEP + "DROP TABLE nowhere;"))
    with pytest.raises(DatabaseError):
        Database.open(database.path)
    monkeypatch.undo()
    with Database.open(database.path) as again, again._connections.borrow() as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(patient)")]
    assert "comment" not in columns


def test_file_of_another_program(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "dicomdb.sqlite")
    connection.execute("CREATE TABLE theirs (id)")
    connection.close()
    with pytest.raises(DatabaseError, match="another program"):
        Database.open(tmp_path)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM patient ORDER BY sort_name, id LIMIT 50",
        "SELECT * FROM study WHERE patient = 1 ORDER BY date",
        "SELECT * FROM study ORDER BY date, id LIMIT 50",
        "SELECT * FROM series WHERE study = 1",
        "SELECT * FROM series WHERE modality = 'CT'",
        "SELECT * FROM instance WHERE series = 1",
        "SELECT * FROM instance WHERE uid = '1'",
        "SELECT * FROM instance WHERE file = 1",
        "SELECT * FROM file WHERE directory = 1 AND name BETWEEN 'a' AND 'b'",
        "SELECT * FROM alternate WHERE instance = 1",
    ],
)
def test_queries_use_an_index(query: str, database: Database) -> None:
    with database._connections.borrow() as connection:
        plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}"))
    assert "USING" in plan and "INDEX" in plan and "TEMP B-TREE" not in plan, plan


def test_a_newer_version_that_migrates_while_we_wait_is_respected(tmp_path: Path) -> None:
    """What it wrote is not set back to our version."""
    path = tmp_path / "index.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as ours:
        schema.prepare(ours, "here")
        ours.execute(f"PRAGMA user_version = {len(schema.STEPS) - 1}")

        class Late:
            """Our connection, overtaken just before it gets the lock."""

            def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
                if sql == "BEGIN IMMEDIATE":
                    with contextlib.closing(sqlite3.connect(path)) as theirs:
                        theirs.execute(f"PRAGMA user_version = {len(schema.STEPS) + 1}")
                return ours.execute(sql, *parameters)

        with pytest.raises(DatabaseVersionError):
            schema.prepare(Late(), "here")  # type: ignore[arg-type]
        assert not ours.in_transaction
        version = ours.execute("PRAGMA user_version").fetchone()[0]
        assert version == len(schema.STEPS) + 1
