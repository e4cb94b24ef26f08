"""3D Slicer's database directories."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.errors import DatabaseError


def test_listed_files_are_imported(database: Database, ct: Path, tmp_path: Path) -> None:
    """Linked files have absolute paths, copies paths relative to the directory (CTK 0.8)."""
    slicer = tmp_path / "SlicerDICOMDatabase"
    (slicer / "dicom" / "ab").mkdir(parents=True)
    shutil.copy(ct / "b" / "00001.dcm", slicer / "dicom" / "ab" / "x.dcm")
    index = sqlite3.connect(slicer / "ctkDICOM.sql")
    index.execute(
        "CREATE TABLE Images (SOPInstanceUID TEXT PRIMARY KEY, Filename TEXT, URL TEXT,"
        " SeriesInstanceUID TEXT, InsertTimestamp TEXT)"
    )
    files = [str(ct / "a" / "00001.dcm"), "dicom/ab/x.dcm", str(tmp_path / "gone.dcm")]
    index.executemany(
        "INSERT INTO Images (SOPInstanceUID, Filename) VALUES (?, ?)", enumerate(files)
    )
    index.commit()
    index.close()
    report = database.import_paths([slicer])
    assert report.added == 2
    assert [(path, reason) for path, reason, _ in report.rejected] == [
        (str(tmp_path / "gone.dcm"), "vanished")
    ]
    assert database.import_paths([slicer / "ctkDICOM.sql"]).unchanged == 2


def test_damaged_index(database: Database, tmp_path: Path) -> None:
    (tmp_path / "ctkDICOM.sql").write_text("not SQLite")
    with pytest.raises(DatabaseError, match="3D Slicer"):
        database.import_paths([tmp_path])
