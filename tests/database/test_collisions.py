"""Files that changed, moved, or bring a SOP Instance UID that is there already."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom

from napari_dicomdb.database import Database

Write = Callable[..., Any]


def test_changed_file_is_read_again(
    database: Database, ct: Path, write_instance: Write, touch: Callable[[Path], None]
) -> None:
    database.import_paths([ct])
    path = write_instance(ct / "a" / "00001.dcm", 1, ImagePositionPatient=[0, 0, 99])
    touch(path)
    report = database.import_paths([ct])
    assert (report.added, report.updated, report.unchanged) == (0, 1, 5)
    assert 99 in [record.position[2] for record in database.instances() if record.position]


def test_file_that_became_another_object(
    database: Database, ct: Path, write_instance: Write, touch: Callable[[Path], None]
) -> None:
    database.import_paths([ct])
    touch(write_instance(ct / "a" / "00001.dcm", 77, series=3))
    report = database.import_paths([ct])
    assert report.updated == 1
    assert sorted(s.instance_count for s in database.series()) == [1, 2, 3]
    (ct / "a" / "00001.dcm").write_bytes(b"ruined")
    report = database.import_paths([ct])
    assert [reason for _, reason, _ in report.rejected] == ["not-dicom"]
    assert sorted(s.instance_count for s in database.series()) == [2, 3]


def test_moved_folder_is_followed(database: Database, ct: Path) -> None:
    database.import_paths([ct])
    moved = ct.rename(ct.with_name("moved"))
    report = database.import_paths([moved])
    assert (report.added, report.updated, report.duplicates) == (0, 6, 0)
    assert all(record.path.is_file() for record in database.instances())


def test_identical_copy_is_a_duplicate(database: Database, ct: Path) -> None:
    shutil.copytree(ct, ct / "again")
    report = database.import_paths([ct])
    assert (report.added, report.duplicates, report.notes) == (6, 6, [])
    assert database.import_paths([ct]).unchanged == 12


def test_conflicting_copy_is_noted_and_kept(
    database: Database, tmp_path: Path, write_instance: Write, dump: Callable[..., Any]
) -> None:
    first = write_instance(tmp_path / "in" / "1", 1)
    other = write_instance(tmp_path / "in" / "2", 1, SeriesDescription="edited")
    report = database.import_paths([tmp_path / "in"])
    assert [(path, reason) for path, reason, _ in report.notes] == [
        (str(other), "conflicting-copy")
    ]
    assert str(first) in report.notes[0][2]
    assert [row[2] for row in dump(database)["alternates"]] == ["2"]
    (record,) = database.instances(paths=[other])
    assert record.path == first


def test_conflicting_copy_in_a_series_of_its_own(
    database: Database, tmp_path: Path, write_instance: Write
) -> None:
    """The other series gets no row: there is nothing in it."""
    first = write_instance(tmp_path / "in" / "1", 1)
    uid = str(pydicom.dcmread(first).SOPInstanceUID)
    write_instance(
        tmp_path / "in" / "2",
        1,
        series=2,
        SOPInstanceUID=uid,
        StudyInstanceUID="1.2.3",
        PatientID="P2",
    )
    report = database.import_paths([tmp_path / "in"])
    (series,) = database.series()
    assert report.series_uids == [series.uid]
    assert (len(database.studies()), len(database.patients())) == (1, 1)
    assert len(database.search("P2")) == 0
    write_instance(tmp_path / "in" / "3", 2, series=2)  # the series may still come
    assert database.import_paths([tmp_path / "in"]).added == 1
    assert [s.instance_count for s in database.series()] == [1, 1]
