"""Folders and refused files that may name a removed patient are forgotten, others kept."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.database.traces import words_of


def folders(database: Database) -> set[str]:
    with database._connections.borrow() as connection:
        return {
            os.fsdecode(row[0]) if isinstance(row[0], bytes) else row[0]
            for row in connection.execute("SELECT path FROM directory")
        }


def refused(database: Database) -> set[str]:
    with database._connections.borrow() as connection:
        rows = connection.execute("SELECT name FROM file WHERE storage = 'refused'").fetchall()
    return {str(row[0]) for row in rows}


def test_words() -> None:
    assert words_of("Müller^Jörg-Uwe", "AB-12345", "x") == {"müller", "jörg", "uwe", "12345"}
    assert words_of("", "  ", "ab^c") == set()


def test_folders_of_a_removed_patient(
    database: Database, tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    data = tmp_path / "data"
    write_series(data / "roe" / "ct" / "1", 2, series=1, PatientID="QX77", PatientName="Roe^Max")
    write_series(data / "poe" / "ct", 2, series=2, StudyInstanceUID="1.2.9", PatientID="P2")
    for place in ("roe/notes.txt", "roe/ct/1/a.txt", "roe/other/b.txt", "poe/c.txt", "d.txt"):
        (data / place).parent.mkdir(parents=True, exist_ok=True)
        (data / place).write_text("no DICOM")
    (data / "letters").mkdir()
    (data / "letters" / "letter to Roe.txt").write_text("no DICOM")
    (data / "letters" / "other.txt").write_text("no DICOM")
    database.import_paths([data])
    assert len(refused(database)) == 7
    database.remove(patient="QX77")
    assert refused(database) == {"c.txt", "d.txt", "other.txt"}
    assert folders(database) == {str(data / p) for p in ("", "poe", "poe/ct", "letters")}
    assert database.import_paths([data]).added == 2


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not UTF-8")
def test_names_that_are_not_text(
    database: Database, tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/r\xf6e"))
    write_series(odd / "ct", 2)
    (odd / "notes.txt").write_text("no DICOM")
    write_series(tmp_path / "röf", 2, series=2, StudyInstanceUID="1.2.9", PatientID="P2")
    database.import_paths([odd, tmp_path / "röf"])
    database.remove(patient="P1")
    assert folders(database) == {str(tmp_path / "röf")}


def test_an_empty_database_knows_no_folder(database: Database, ct: Path) -> None:
    (ct / "notes.txt").write_text("no DICOM")
    database.import_paths([ct])
    database.remove(patient="P1")
    assert folders(database) == set()
    assert database.import_paths([ct]).added == 6
