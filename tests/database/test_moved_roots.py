"""Suggesting where moved files are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from napari_dicomdb.database import Database


def test_suggestions(
    database: Database, ct: Path, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    database.import_paths(ct)
    shutil.copytree(ct / "a", tmp_path / "decoy" / "a")
    for path in (tmp_path / "decoy" / "a").iterdir():
        write_instance(path, 55)  # same names and sizes, other objects
    new = tmp_path / "disk" / "archive"
    new.parent.mkdir()
    os.rename(ct, new)
    (found,) = database.find_moved([tmp_path / "decoy", tmp_path / "disk"])
    assert (found.old_root, found.new_root) == (str(ct), str(new))
    assert (found.folders, found.files) == (2, 6)
    assert found.to_json()["folders"] == 2
    assert database.relink(found.old_root, found.new_root).ok


def test_nothing_is_lost(database: Database, ct: Path, tmp_path: Path) -> None:
    database.import_paths(ct)
    assert database.find_moved(tmp_path) == []
