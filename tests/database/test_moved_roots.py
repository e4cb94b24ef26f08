"""Suggesting where moved files are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database, moved_roots


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


def test_files_of_one_name_are_read_once(
    database: Database,
    tmp_path: Path,
    write_instance: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As on CDs: the same names and sizes in each folder.
    for number in range(1, 13):
        write_instance(tmp_path / "old" / f"cd{number:02d}" / "IM000001", number)
    database.import_paths(tmp_path / "old", workers=0)
    os.rename(tmp_path / "old", tmp_path / "new")
    scan, read = moved_roots.scan_file, []

    def counted(path: str, size: int | None = None) -> Any:
        read.append(path)
        return scan(path, size)

    monkeypatch.setattr(moved_roots, "scan_file", counted)
    (found,) = database.find_moved(tmp_path / "new")
    assert (found.folders, found.files) == (12, 12)
    assert len(read) == 12


def test_nothing_is_lost(database: Database, ct: Path, tmp_path: Path) -> None:
    database.import_paths(ct)
    assert database.find_moved(tmp_path) == []
