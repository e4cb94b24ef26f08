"""Files that cannot be read when the scan comes to them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database

Write = Callable[..., Any]


def test_unreadable_file_and_folder(
    database: Database, ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read everything, so the refusal is made here."""
    real_open, real_scandir = os.open, os.scandir

    def refusing_open(path: Any, *args: Any, **kwargs: Any) -> int:
        if str(path).endswith("a/00002.dcm"):
            raise PermissionError(13, "Permission denied")
        return real_open(path, *args, **kwargs)

    def refusing_scandir(path: Any) -> Any:
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return real_scandir(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refusing_open)
        patched.setattr(os, "scandir", refusing_scandir)
        report = database.import_paths([ct])
    assert report.added == 2
    assert {(Path(path).name, reason) for path, reason, _ in report.rejected} == {
        ("00002.dcm", "unreadable"),
        ("b", "unreadable-folder"),
    }
    # Neither is remembered: once it may be read, it is.
    assert database.import_paths([ct]).added == 4


def test_file_that_vanishes_between_walk_and_scan(
    database: Database, ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_dicomdb.database import scanning

    real = scanning.scan_file

    def vanishing(path: str, size: int, **options: Any) -> Any:
        if path.endswith("a/00003.dcm"):
            os.unlink(path)
        return real(path, size, **options)

    monkeypatch.setattr(scanning, "scan_file", vanishing)
    report = database.import_paths([ct, ct / "not-there.dcm"])
    assert report.added == 5
    assert [reason for _, reason, _ in report.rejected] == ["vanished", "vanished"]
