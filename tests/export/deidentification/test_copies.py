"""Copies for a moment."""

from __future__ import annotations

import shutil
from pathlib import Path

import pydicom
import pytest

from napari_dicomdb.api import Database
from napari_dicomdb.database.private_folders import copies_folder
from napari_dicomdb.errors import Cancelled, ExportError, NotFoundError
from napari_dicomdb.export.deidentification.copies import temporary_copies
from napari_dicomdb.export.deidentification.mapping import read_mapping
from napari_dicomdb.export.deidentification.profile import Profile
from napari_dicomdb.export.deidentification.project import one_time_project


def _left() -> list[Path]:
    return list(copies_folder().iterdir()) if copies_folder().exists() else []


def test_copies_are_there_and_gone(database: Database, tmp_path: Path) -> None:
    mapping = tmp_path / "map"
    records = database.patients()
    with temporary_copies(database, records, Profile(), mapping=mapping) as made:
        copies = {pydicom.dcmread(p).SOPInstanceUID: p for p in made.folder.iterdir()}
        assert copies.keys() == made.originals.keys()
        for uid, path in copies.items():
            original = pydicom.dcmread(made.originals[uid])
            copy = pydicom.dcmread(path)
            assert copy.PixelData == original.PixelData
            assert copy.PatientID != original.PatientID
            assert read_mapping(mapping).uids[original.SOPInstanceUID] == uid
        assert len(copies) == made.report.instances == 9
    assert _left() == []


def test_the_same_again_by_a_salt(database: Database) -> None:
    def uids(salt: str) -> set[str]:
        project = one_time_project(salt)
        with temporary_copies(database, database.patients(), Profile(), project=project) as made:
            return set(made.originals)

    assert uids("a") == uids("a")
    assert not uids("a") & uids("b")


def test_what_is_refused_is_told(database: Database, source: Path) -> None:
    first = next((source / "a").glob("*.dcm"))
    first.unlink()
    with temporary_copies(database, database.patients(), Profile()) as made:
        assert [Path(r[0]) for r in made.report.rejected] == [first]
        assert len(made.originals) == 8


def test_stopped_at_any_time_nothing_is_left(database: Database, tmp_path: Path) -> None:
    def cancel(done: int, total: int | None, text: str) -> None:
        if done == 4:
            raise Cancelled("cancelled")

    with (
        pytest.raises(Cancelled),
        temporary_copies(database, database.patients(), Profile(), progress=cancel),
    ):
        pytest.fail("it was cancelled")
    assert _left() == []
    with pytest.raises(NotFoundError), temporary_copies(database, [], Profile()):
        pytest.fail("there is nothing")


def test_a_folder_that_cannot_be_made(database: Database) -> None:
    shutil.rmtree(copies_folder(), ignore_errors=True)
    copies_folder().parent.mkdir(parents=True, exist_ok=True)
    copies_folder().write_text("a file")
    with (
        pytest.raises(ExportError),
        temporary_copies(database, database.patients(), Profile()),
    ):
        pytest.fail("there is no place")
