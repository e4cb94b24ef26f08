"""Statistics agree with what is on the disk."""

from __future__ import annotations

from pathlib import Path

from napari_dicomdb.database import Database


def test_statistics(database: Database, ct: Path) -> None:
    (ct / "letter.txt").write_text("no DICOM", encoding="utf-8")
    database.import_paths(ct / "a", copy=True)
    database.import_paths(ct)
    sizes = sum(path.stat().st_size for path in ct.rglob("*.dcm"))
    found = database.statistics()
    assert found["rows"]["instance"] == 6
    assert found["modalities"] == {"CT": {"series": 2, "instances": 6, "frames": 6, "size": sizes}}
    assert {name: f["files"] for name, f in found["files"].items()} == {
        "copied": 3,
        "linked": 3,
        "refused": 1,
        "source": 3,
    }
    assert found["refused"] == {"not-dicom": 1}
    assert round(found["index"]["size"] / 6, 1) == found["index"]["bytes_per_instance"]
    assert len(found["largest_series"]) == 2
    assert found["study_dates"] == ["2019-01-05", "2019-01-05"]
    assert "Doe" not in str(found)


def test_nothing(database: Database) -> None:
    found = database.statistics()
    assert found["study_dates"] is None
    assert found["index"]["bytes_per_instance"] is None


def test_in_memory(ct: Path) -> None:
    with Database.in_memory() as database:
        database.import_paths(ct)
        assert database.statistics()["path"] is None
        assert database.verify().ok
        assert database.repair().ok
        assert database.check().ok
