"""A dry run tells and writes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_dicomdb.database import Database

Write = Callable[..., Any]


def test_dry_run_writes_nothing(
    database: Database, ct: Path, write_instance: Write, dump: Callable[..., Any]
) -> None:
    database.import_paths([ct / "a"])
    before = dump(database)
    shutil.copy(ct / "a" / "00001.dcm", ct / "copy.dcm")
    (ct / "text").write_text("no")
    report = database.import_paths([ct], dry_run=True)
    assert (report.added, report.duplicates, report.unchanged) == (3, 1, 3)
    assert [reason for _, reason, _ in report.rejected] == ["not-dicom"]
    assert dump(database) == before
