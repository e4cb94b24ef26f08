"""Records: merged values."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from napari_dicomdb.database import Database


def test_overrides_win_and_null_means_absent(database: Database, ct: Path) -> None:
    database.import_paths([ct])
    (record, *_) = database.instances()
    other = dataclasses.replace(
        record,
        defaults_json='{"KVP":"120","Laterality":"L","Rows":4}',
        overrides_json='{"KVP":"100","Laterality":null}',
    )
    assert dict(other.values) == {"KVP": "100", "Rows": 4, "SOPInstanceUID": record.uid}
    assert other.get("Laterality", "none") == "none"
    same = dataclasses.replace(other, overrides_json="")
    assert same.get("Laterality") == "L"
    assert record.get("Laterality") is None
