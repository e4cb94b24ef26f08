"""DICOMDIRs: the files they list, those missing, and entries that point elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from napari_dicomdb.database import Database
from napari_dicomdb.database.media import is_media, listed_files

# Counted by the origin's README and with dcmdump.
LISTED = {
    "DICOMDIR": 31,
    "DICOMDIR-bigEnd": 31,
    "DICOMDIR-implicit": 31,
    "DICOMDIR-nooffset": 31,
    "DICOMDIR-reordered": 31,
    "DICOMDIR-nopatient": 31,
    "DICOMDIR-empty.dcm": 0,
    "TINY_ALPHA/DICOMDIR": 50,
}


def write_dicomdir(path: Path, file_ids: list[Any]) -> Path:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    ds.FileSetID = "TEST"
    ds.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    ds.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    ds.FileSetConsistencyFlag = 0
    records = []
    for file_id in file_ids:
        record = Dataset()
        record.OffsetOfTheNextDirectoryRecord = 0
        record.RecordInUseFlag = 0xFFFF
        record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
        record.DirectoryRecordType = "IMAGE"
        record.ReferencedFileID = file_id
        records.append(record)
    ds.DirectoryRecordSequence = records
    ds.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize(("name", "count"), LISTED.items())
def test_variants_list_their_files(name: str, count: int, reference_data: Path) -> None:
    path = reference_data / "dicomdir" / name
    assert is_media(str(path))
    present, missing = listed_files(str(path))
    assert (len(present), missing) == (count, [])
    assert all(Path(file).is_file() for file in present)


@pytest.mark.parametrize(("name", "count"), LISTED.items())
def test_given_dicomdir_imports_what_it_lists(
    name: str, count: int, database: Database, reference_data: Path
) -> None:
    report = database.import_paths([reference_data / "dicomdir" / name])
    assert (report.added, report.rejected, report.missing) == (count, [], [])


def test_counts_of_the_whole_medium(database: Database, reference_data: Path) -> None:
    database.import_paths([reference_data / "dicomdir" / "DICOMDIR"])
    info = database.info()
    assert (info["patients"], info["studies"], info["series"]) == (2, 6, 13)
    report = database.import_paths([reference_data / "dicomdir"])
    assert (report.added, report.unchanged, report.missing) == (50, 31, [])


@pytest.mark.parametrize("given", ["DICOMDIR", "."])
def test_missing_files_are_reported(
    given: str, database: Database, reference_data: Path, tmp_path: Path
) -> None:
    shutil.copytree(reference_data / "dicomdir" / "TINY_ALPHA", tmp_path / "cd")
    for path in (tmp_path / "cd").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    present, _ = listed_files(str(tmp_path / "cd" / "DICOMDIR"))
    for path in present[:3]:
        Path(path).unlink()
    for _ in range(2):
        report = database.import_paths([tmp_path / "cd" / given])
        assert {(path, reason) for path, reason, _ in report.missing} == {
            (path, "dicomdir-file-missing") for path in present[:3]
        }
    assert database.info()["instances"] == 47


@pytest.mark.filterwarnings("ignore:.*[Vv]alue:UserWarning")
def test_names_in_another_case(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    write_instance(tmp_path / "cd" / "images" / "im1", 1)
    write_instance(tmp_path / "cd" / "images" / "im2.;1", 2)
    path = write_dicomdir(tmp_path / "cd" / "dicomdir", [["IMAGES", "IM1"], ["IMAGES", "IM2"]])
    report = database.import_paths([path])
    assert (report.added, report.missing) == (2, [])


@pytest.mark.filterwarnings("ignore:.*[Vv]alue:UserWarning")
def test_entries_that_point_elsewhere_are_not_followed(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    outside = write_instance(tmp_path / "outside.dcm", 1)
    (tmp_path / "cd").mkdir()
    hostile = [["..", "outside.dcm"], "../outside.dcm", ["", "etc", "passwd"], str(outside), ["."]]
    path = write_dicomdir(tmp_path / "cd" / "DICOMDIR", hostile)
    report = database.import_paths([path])
    assert report.added == 0
    assert {reason for _, reason, _ in report.missing} == {"dicomdir-unsafe-path"}


def test_records_that_cannot_be_read(tmp_path: Path) -> None:
    path = write_dicomdir(tmp_path / "DICOMDIR", [["A", "B"]])
    path.write_bytes(path.read_bytes()[:-40])
    present, missing = listed_files(str(path))
    assert present == []
    assert {reason for _, reason, _ in missing} <= {"bad-dicomdir", "dicomdir-file-missing"}
