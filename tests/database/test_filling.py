"""An index of version 3, made by its own steps, is filled at its migration."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database, schema

TABLES = ("patient", "study", "series", "directory", "file", "instance", "frames")


def contents(path: Path) -> list[Any]:
    connection = sqlite3.connect(path / "dicomdb.sqlite")
    found = [
        connection.execute("SELECT * FROM series_text ORDER BY rowid").fetchall(),
        connection.execute("SELECT * FROM series_note ORDER BY series").fetchall(),
        connection.execute("SELECT id, sort_name FROM patient ORDER BY id").fetchall(),
        connection.execute(
            "SELECT id, spacing_rows, spacing_columns, slice_spacing FROM series ORDER BY id"
        ).fetchall(),
    ]
    connection.close()
    return found


def test_version_3(
    tmp_path: Path, write_instance: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(1, 4):
        write_instance(
            tmp_path / "in" / f"{n}",
            n,
            PatientName="Müller^Jörg",
            SpecificCharacterSet="ISO_IR 192",
            EchoTime=str(10 * n),
        )
    with Database.open(tmp_path / "new") as new:
        new.import_paths([tmp_path / "in"])
    old_path = tmp_path / "old"
    old_path.mkdir()
    old = sqlite3.connect(old_path / "dicomdb.sqlite", isolation_level=None)
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:3])
    schema.prepare(old, "old")
    monkeypatch.undo()
    assert old.execute("PRAGMA user_version").fetchone() == (3,)
    old.execute("ATTACH ? AS new", (str(tmp_path / "new" / "dicomdb.sqlite"),))
    for table in TABLES:
        names = ", ".join(row[1] for row in old.execute(f"PRAGMA main.table_info({table})"))
        old.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM new.{table}")
    old.execute("UPDATE patient SET sort_name = 'müller, jörg'")  # as version 3 filed it
    old.execute("INSERT INTO series_text (rowid, name) VALUES (1, 'Müller, Jörg')")
    old.close()
    with Database.open(old_path) as migrated:
        assert len(migrated.search("mueller jorg EchoTime:20 gap:2.5")) == 1
        assert migrated.search("EchoTime:40") == []
    assert contents(old_path) == contents(tmp_path / "new")
