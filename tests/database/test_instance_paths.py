"""Files of instances, by UID."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_dicomdb.database import Database
from napari_dicomdb.database.instance_paths import instance_paths

ROOT_UID = "1.2.826.0.1.3680043.8.498.77"


def test_only_what_is_there(
    database: Database, tmp_path: Path, write_series: Callable[..., list[Path]]
) -> None:
    linked = write_series(tmp_path / "linked", 2, series=1)
    copied = write_series(tmp_path / "copied", 1, series=2)
    database.import_paths(linked, workers=0)
    database.import_paths(copied, copy=True, workers=0)
    copied[0].unlink()
    linked[1].unlink()
    asked = [f"{ROOT_UID}.{tail}" for tail in ("1.1", "1.2", "2.1", "9.9")]
    found = instance_paths(database._connections, database._root, asked)
    assert set(found) == {f"{ROOT_UID}.1.1", f"{ROOT_UID}.2.1"}
    assert found[f"{ROOT_UID}.1.1"] == linked[0]
    assert database.path is not None
    assert found[f"{ROOT_UID}.2.1"].is_relative_to(database.path / "files")
