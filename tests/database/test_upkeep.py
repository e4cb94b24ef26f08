"""The calls of `Database` that look after it, as a user without rights has them."""

from __future__ import annotations

from pathlib import Path

from napari_dicomdb.database import Database


def test_reading_calls_of_a_read_only_database(
    database: Database, ct: Path, tmp_path: Path
) -> None:
    database.import_paths(ct)
    with Database.open(database.path, read_only=True) as reading:
        assert reading.verify(content=True).ok
        assert reading.check().ok
        assert reading.statistics()["rows"]["series"] == 2
        assert reading.find_moved(str(tmp_path)) == []
        assert reading.backup(tmp_path / "safe").instances == 6
        assert reading.relink(ct, ct, dry_run=True).relinked == 6
