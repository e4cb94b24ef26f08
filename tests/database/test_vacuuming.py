"""The index written anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.errors import Cancelled, DatabaseBusyError


def test_smaller_and_without_traces(
    database: Database, tmp_path: Path, write_series: Callable[..., list[Path]]
) -> None:
    assert database.path is not None
    index = database.path / "dicomdb.sqlite"
    write_series(tmp_path / "many", 60, PatientName="Traceable^Name")
    database.import_paths(tmp_path / "many", workers=0)
    with database._connections.transaction() as connection:
        connection.execute("DELETE FROM series_text")
        connection.execute("DELETE FROM patient")
        connection.execute("DELETE FROM file")
    said: list[str] = []
    freed = database.vacuum(lambda done, total, text: said.append(text))
    assert freed > 0
    assert "Writing the index anew" in said
    assert b"Traceable" not in index.read_bytes()
    assert database.check(full=True).ok


def test_cancelled(database: Database) -> None:
    def stop(done: int, total: int | None, text: str) -> None:
        if text.startswith("Writing"):
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        database.vacuum(stop)
    assert database.check().ok


def test_while_another_reads(database: Database, ct: Path) -> None:
    with Database.open(database.path) as other, other._connections.borrow() as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM series").fetchone()
        database.import_paths(ct)
        with pytest.raises(DatabaseBusyError, match="read by another"):
            database.vacuum()
        reading.execute("ROLLBACK")
