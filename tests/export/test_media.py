"""A DICOMDIR as pydicom and DCMTK read it."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from tests.database.conftest import write_series

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


def listed(directory: Path) -> list[pydicom.Dataset]:
    return list(pydicom.dcmread(directory / "DICOMDIR").DirectoryRecordSequence)


def test_what_does_not_conform_gets_a_stand_in_in_the_record_alone(tmp_path: Path) -> None:
    wrong = {
        "StudyDate": "1995.06.26",
        "StudyTime": "11:20:00",
        "StudyID": "S" * 40,
        "SeriesNumber": "x1",
        "StudyDescription": "D" * 100,
    }
    folder = tmp_path / "in"
    paths = write_series(folder, 1, 1)
    header = pydicom.dcmread(paths[0])
    for keyword, value in wrong.items():
        tag = pydicom.tag.Tag(keyword)
        header[tag] = pydicom.DataElement(tag, "LO", value, validation_mode=pydicom.config.IGNORE)
    header.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    header.save_as(paths[0], implicit_vr=True)
    with Database.in_memory() as database:
        database.import_paths(folder, workers=0)
        report = export_files(database, database.patients(), tmp_path / "cd", dicomdir=True)
        assert (report.written, report.rejected) == (2, [])
        original = database.instances()[0].path.read_bytes()
    assert {keyword for keyword, _, _ in report.notes} >= set(wrong)
    (copy,) = (tmp_path / "cd").rglob("*000000/*000000/IM*")
    assert copy.read_bytes() == original
    study = next(r for r in listed(tmp_path / "cd") if r.DirectoryRecordType == "STUDY")
    assert (study.StudyDate, study.StudyTime) == ("19950626", "112000")
    assert (study.StudyID, study.StudyDescription) == ("S" * 16, "D" * 64)


def test_two_persons_of_one_number_have_records_of_their_own(tmp_path: Path) -> None:
    for k, (number, name) in enumerate((("7", "One"), ("7", "Two"), ("", "Three"), ("", "Four"))):
        write_series(tmp_path / "in" / str(k), 1, k, PatientID=number, PatientName=name,
                     StudyInstanceUID=f"1.2.3.{k}")  # fmt: skip
    with Database.in_memory() as database:
        database.import_paths(tmp_path / "in", workers=0)
        report = export_files(database, database.patients(), tmp_path / "cd", dicomdir=True)
    patients = [r for r in listed(tmp_path / "cd") if r.DirectoryRecordType == "PATIENT"]
    assert {str(r.PatientName) for r in patients} == {"One", "Two", "Three", "Four"}
    assert {r.PatientID for r in patients} == {"7", "7_2", "UNKNOWN", "UNKNOWN_2"}
    assert "another person" in str(report.notes)
    with Database.in_memory() as back:
        assert back.import_paths(tmp_path / "cd", workers=0).added == 4
        assert len(back.patients()) == 4


def test_file_meta_information_that_says_otherwise(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "in", 2, 1)
    header = pydicom.dcmread(paths[0])
    header.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5.6"
    header.save_as(paths[0])
    # Without: no file of a file-set.
    bare = pydicom.dcmread(paths[1])
    raw = paths[1].read_bytes()
    length = bare.file_meta.FileMetaInformationGroupLength
    paths[1].write_bytes(raw[144 + length :])
    with Database.in_memory() as database:
        assert database.import_paths(tmp_path / "in", workers=0).added == 2
        report = export_files(database, database.patients(), tmp_path / "cd", dicomdir=True)
    assert (report.written, [r[1] for r in report.rejected]) == (2, ["not-in-dicomdir"])
    (image,) = [r for r in listed(tmp_path / "cd") if r.DirectoryRecordType == "IMAGE"]
    assert image.ReferencedSOPInstanceUIDInFile == header.SOPInstanceUID


def test_a_header_that_cannot_be_written_again_is_listed(
    reference_data: Path, tmp_path: Path
) -> None:
    """It says JPEG and holds plain samples: pydicom reads it, and does not write it."""
    with Database.in_memory() as database:
        database.import_paths(reference_data / "rgb_sc" / "SC_rgb_jpeg.dcm", workers=0)
        report = export_files(database, database.patients(), tmp_path / "cd", dicomdir=True)
        assert (report.written, report.rejected) == (2, [])
        (image,) = [r for r in listed(tmp_path / "cd") if r.DirectoryRecordType == "IMAGE"]
        assert image.ReferencedSOPInstanceUIDInFile == database.instances()[0].uid
