"""Removal: rows, thumbnails, search text, copies; and the bytes of what was removed."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.errors import DatabaseBusyError, DatabaseError, NotFoundError

SECRET = "Zyxwvutsrq"


def bytes_in(folder: Path, text: str) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and text.lower().encode() in path.read_bytes().lower()
    ]


def test_linked_files_stay(database: Database, ct: Path) -> None:
    database.import_paths([ct])
    report = database.remove(patient="P1", delete_copies=True)
    assert (report.patients, report.studies, report.series, report.instances) == (1, 1, 2, 6)
    assert (report.files_deleted, report.files_kept) == (0, [])
    assert len(list(ct.rglob("*.dcm"))) == 6
    assert database.import_paths([ct]).added == 6


@pytest.mark.parametrize("delete", [True, False])
def test_copies(delete: bool, database: Database, ct: Path, tmp_path: Path) -> None:
    database.import_paths([ct], copy=True)
    copies = {str(record.path) for record in database.instances()}
    assert len(copies) == 6
    report = database.remove(study=database.studies()[0].key, delete_copies=delete)
    left = {str(p) for p in (tmp_path / "database" / "files").rglob("*.dcm")}
    assert left == (set() if delete else copies)
    assert (report.files_deleted, set(report.files_kept)) == (6, set()) if delete else (0, copies)
    assert len(list(ct.rglob("*.dcm"))) == 6
    assert database.import_paths([ct], copy=True).added == 6


@pytest.mark.parametrize("copy", [False, True])
def test_no_byte_of_the_values_stays(
    copy: bool,
    database: Database,
    tmp_path: Path,
    write_series: Callable[..., Any],
) -> None:
    for series in range(1, 30):
        write_series(tmp_path / "in" / f"other{series}", 12, series=series)
    write_series(
        tmp_path / "in" / SECRET,
        40,
        series=99,
        PatientName=f"{SECRET}^Secret",
        PatientID=f"{SECRET}1",
        StudyInstanceUID="1.2.3.4.5",
        StudyDescription=f"about {SECRET}",
    )
    database.import_paths([tmp_path / "in"], copy=copy, workers=0)
    database.thumbnail(database.search(SECRET)[0].uid)
    assert bytes_in(tmp_path / "database", SECRET)
    database.remove(patient=f"{SECRET}1", delete_copies=True)
    assert database.search(SECRET) == []
    assert bytes_in(tmp_path / "database", SECRET) == []
    assert database.info()["instances"] == 29 * 12


def test_archive_is_news_after_removal(database: Database, ct: Path, tmp_path: Path) -> None:
    import shutil

    archive = shutil.make_archive(str(tmp_path / "study"), "zip", ct)
    database.import_paths([archive])
    database.remove(patient="P1", delete_copies=True)
    assert database.import_paths([archive]).added == 6


def test_what_is_not_there(database: Database, ct: Path) -> None:
    database.import_paths([ct])
    with pytest.raises(NotFoundError, match="no series"):
        database.remove(series="1.2.3")
    with pytest.raises(TypeError):
        database.remove(series=1, study=1)
    assert database.path is not None
    with (
        Database.open(database.path, read_only=True) as reader,
        pytest.raises(DatabaseError, match="read-only"),
    ):
        reader.remove(patient="P1")


def test_vacuum(database: Database, ct: Path) -> None:
    database.import_paths([ct])
    database.vacuum()
    assert database.info()["instances"] == 6


def test_a_reader_in_between_keeps_traces_and_that_is_said(
    tmp_path: Path, ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Database, "wait_for_writer", 0.1)
    with Database.open(tmp_path / "database") as database:
        database.import_paths([ct])
        index = tmp_path / "database" / "dicomdb.sqlite"
        with contextlib.closing(sqlite3.connect(index, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM instance").fetchone()
            report = database.remove(patient="P1")
            assert (report.instances, report.vacuumed) == (6, False)
            with pytest.raises(DatabaseBusyError, match="try again"):
                database.vacuum()
        database.vacuum()
        assert bytes_in(tmp_path / "database", "P1^") == []


def test_message_about_a_record_that_is_gone_names_no_patient(
    database: Database, ct: Path
) -> None:
    database.import_paths([ct])
    (patient,) = database.patients()
    database.remove(patient=patient)
    with pytest.raises(NotFoundError, match="does not have this patient any more") as caught:
        database.remove(patient=patient)
    assert "Doe" not in str(caught.value)
    assert "P1" not in str(caught.value)


def test_an_id_that_two_patients_share_is_refused(
    database: Database, tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    for series, name in ((1, "N0"), (2, "N1")):
        write_series(
            tmp_path / name,
            2,
            series=series,
            PatientID="7",
            PatientName=name,
            StudyInstanceUID=f"1.2.{series}",
        )
    database.import_paths([tmp_path / "N0", tmp_path / "N1"])
    assert len(database.patients()) == 2
    assert len(database.studies(patient="7")) == 2
    with pytest.raises(NotFoundError) as refused:
        database.remove(patient="7")
    assert refused.value.reason == "ambiguous"
    assert len(database.patients()) == 2
    database.remove(patient=database.patients()[0])
    assert len(database.patients()) == 1


def test_a_thumbnail_that_cannot_be_deleted_is_told(
    database: Database, ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.import_paths([ct], copy=True)
    picture = database.thumbnail(database.series()[0].uid)
    assert picture is not None
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == picture:
            raise PermissionError(13, "in use")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    report = database.remove(patient="P1", delete_copies=True)
    assert (str(picture), "not-deleted") in [entry[:2] for entry in report.rejected]
    assert report.files_deleted == 6
