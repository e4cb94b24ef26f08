"""Instances by series and by file."""

from __future__ import annotations

from pathlib import Path

from napari_dicomdb.database import Database


def test_instances_share_their_defaults(database: Database, ct: Path) -> None:
    database.import_paths([ct])
    records = database.instances(database.series()[0])
    assert len({id(record.defaults_json) for record in records}) == 1
    assert [record.number for record in records] == [1, 2, 3]


def test_instances_of_copied_and_duplicate_files(
    database: Database, ct: Path, tmp_path: Path
) -> None:
    source = ct / "a" / "00001.dcm"
    (tmp_path / "again.dcm").write_bytes(source.read_bytes())
    database.import_paths([ct, tmp_path / "again.dcm"], copy=True)
    by_source = database.instances(paths=[source])
    assert by_source == database.instances(paths=[tmp_path / "again.dcm"])
    assert by_source == database.instances(paths=[by_source[0].path])
    assert by_source[0].storage == "copied"
