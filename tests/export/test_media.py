"""A DICOMDIR as pydicom and DCMTK read it."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.files import export_files


def test_file_set_lists_every_file(database: Database, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "cd"
    report = export_files(database, database.patients(), target, dicomdir=True)
    assert (report.written, report.rejected) == (10, [])
    records = pydicom.dcmread(target / "DICOMDIR").DirectoryRecordSequence
    originals = {pydicom.dcmread(p).SOPInstanceUID: p for p in source.rglob("*.dcm")}
    listed = {
        r.ReferencedSOPInstanceUIDInFile: target.joinpath(*r.ReferencedFileID)
        for r in records
        if "ReferencedFileID" in r
    }
    assert set(listed) == set(originals)
    for uid, path in listed.items():
        assert path.read_bytes() == originals[uid].read_bytes()
        parts = path.relative_to(target).parts
        assert len(parts) <= 8
        assert all(re.fullmatch("[A-Z0-9_]{1,8}", part) for part in parts)
    assert {str(r.PatientName) for r in records if "PatientName" in r} == {
        "Doe^Jane",
        "Müller^Åsa",
    }


def test_dcmtk_reads_it(database: Database, tmp_path: Path, program: Callable[[str], str]) -> None:
    export_files(database, database.patients(), tmp_path / "cd", dicomdir=True)
    dcmdump = program("dcmdump")
    said = subprocess.run(
        [dcmdump, "+P", "DirectoryRecordType", "+P", "ReferencedFileID", tmp_path / "cd/DICOMDIR"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    kinds = re.findall(r"CS \[(PATIENT|STUDY|SERIES|IMAGE)\s*\]", said)
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "PATIENT": 2,
        "STUDY": 2,
        "SERIES": 3,
        "IMAGE": 9,
    }


def test_import_of_the_cd_gives_the_same_objects(database: Database, tmp_path: Path) -> None:
    export_files(database, database.patients(), tmp_path / "cd", dicomdir=True)
    with Database.in_memory() as other:
        report = other.import_paths([tmp_path / "cd"])
        assert (report.added, report.rejected, report.missing) == (9, [], [])
        assert {i.uid for i in other.instances()} == {i.uid for i in database.instances()}


def test_folder_of_something_else_is_refused(database: Database, tmp_path: Path) -> None:
    (tmp_path / "cd").mkdir()
    (tmp_path / "cd" / "mine").write_text("x")
    with pytest.raises(ExportError, match="folder of its own"):
        export_files(database, database.patients(), tmp_path / "cd", dicomdir=True)


def test_no_header_is_left_in_the_temporary_folder(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    seen: set[str] = set()

    def look(done: int, total: int | None, text: str) -> None:
        seen.update(str(p) for p in place.rglob("*") if p.is_file())

    export_files(database, database.patients(), tmp_path / "cd", dicomdir=True, progress=look)
    assert seen == set()
    assert list(place.iterdir()) == []
