"""The calls of `Database` that look after it, as a user without rights has them."""

from __future__ import annotations

import os
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


def test_what_was_done_is_told(database: Database, ct: Path, tmp_path: Path) -> None:
    database.import_paths(ct)
    os.rename(ct, tmp_path / "new")
    database.verify()
    database.relink(ct, tmp_path / "new", dry_run=True)
    database.relink(ct, tmp_path / "new")
    database.repair()
    database.vacuum()
    database.backup(tmp_path / "safe")
    told = {one.kind: dict(one.counts) for one in database.activity()}
    assert list(told) == ["backup", "vacuum", "repair", "relink", "verify", "import"]
    assert told["verify"] == {"files": 6, "missing": 6}
    assert told["relink"] == {"files": 6}
    assert told["backup"] == {"instances": 6}
    with Database.open(database.path, read_only=True) as reading:
        before = reading.activity()
        reading.verify()
        assert reading.activity() == before
