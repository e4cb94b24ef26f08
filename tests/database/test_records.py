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


def test_one_value_is_the_same_merged_or_not(database: Database, ct: Path) -> None:
    database.import_paths([ct])
    (record, *_) = database.instances()
    for other in (
        dataclasses.replace(record, defaults_json='{"KVP":"120","Laterality":"L","A":0}'),
        dataclasses.replace(record, overrides_json='{"KVP":"100","Modality":null,"B":""}'),
    ):
        keywords = [*other.values, "KVP", "Modality", "Laterality", "SOPInstanceUID", "Absent"]
        alone = dataclasses.replace(other)
        told = {keyword: alone.get(keyword, "none") for keyword in keywords}
        assert told == {keyword: other.values.get(keyword, "none") for keyword in keywords}
        assert dict(alone.overrides).keys() <= {"KVP", "Modality", "B", *record.overrides}
