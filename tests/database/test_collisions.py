"""Files that changed, moved, or bring a SOP Instance UID that is there already."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import dcmread

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


def _values(database: Database) -> dict[str, str]:
    """SeriesDescription of every stored object, by the name of the file."""
    copies = (database.path or Path()).rglob("*.dcm")
    return {p.name: str(pydicom.dcmread(p).SeriesDescription) for p in copies}


def test_conflicting_copies_never_take_each_others_place(
    database: Database, tmp_path: Path, write_instance: Write, touch: Callable[[Path], None]
) -> None:
    """The number of conflicts says nothing of which places are free."""
    folder = tmp_path / "in"
    for name, copy in (("a", True), ("b", False), ("c", True)):
        write_instance(folder / name, 1, SeriesDescription=name)
        database.import_paths([folder / name], copy=copy)
    touch(write_instance(folder / "b", 2, SeriesDescription="b"))
    database.import_paths([folder / "b"])
    write_instance(folder / "d", 1, SeriesDescription="d")
    database.import_paths([folder / "d"], copy=True)
    assert sorted(_values(database).values()) == ["a", "c", "d"]


def test_conflicting_copy_survives_the_file_it_was_in_conflict_with(
    database: Database, tmp_path: Path, write_instance: Write, touch: Callable[[Path], None]
) -> None:
    folder = tmp_path / "in"
    uid = str(pydicom.dcmread(write_instance(folder / "a", 1)).SOPInstanceUID)
    database.import_paths([folder / "a"])
    write_instance(folder / "b", 1, ImagePositionPatient=[0, 0, 99])
    database.import_paths([folder / "b"], copy=True)
    (folder / "b").unlink()  # the CD it was on
    touch(write_instance(folder / "a", 2))
    database.import_paths([folder])
    (record,) = database.instances(uid=uid)
    assert record.storage == "copied"
    record = database.refresh_instance(record)
    assert record.position == (0, 0, 99)
    assert database.instances(uid=uid)[0].position == (0, 0, 99)
    assert sum(s.instance_count for s in database.series()) == 2


def test_lost_copy_is_made_again_from_its_source(database: Database, ct: Path) -> None:
    database.import_paths([ct], copy=True)
    lost, kept = database.instances()[:2]
    lost.path.unlink()
    report = database.import_paths([ct], copy=True)
    assert (report.added, report.updated, report.unchanged) == (0, 1, 5)
    assert lost.path.is_file()
    assert database.instances(uid=lost.uid)[0].storage == "copied"
    assert database.import_paths([ct], copy=True).unchanged == 6
    kept.path.unlink()
    assert database.import_paths([ct]).updated == 1
    (linked,) = database.instances(uid=kept.uid)
    assert (linked.storage, linked.path.parent.parent) == ("linked", ct)
    assert database.import_paths([ct]).unchanged == 6


def test_linked_source_of_a_copy_leaves_the_copy_removable(
    database: Database, ct: Path, write_instance: Write, touch: Callable[[Path], None]
) -> None:
    database.import_paths([ct], copy=True)
    touch(write_instance(ct / "a" / "00001.dcm", 1, ImagePositionPatient=[0, 0, 99]))
    database.import_paths([ct])
    (record,) = [r for r in database.instances() if r.position == (0, 0, 99)]
    assert record.storage == "linked"
    assert database.remove(instance=record, delete_copies=True).files_deleted == 1
    assert len(_values(database)) == 5


@pytest.mark.parametrize("how", ["import", "repair"])
@pytest.mark.parametrize("copy", [False, True])
def test_folders_and_files_exchange_their_names(
    database: Database,
    ct: Path,
    how: str,
    copy: bool,
    dump: Callable[[Database], dict[str, Any]],
) -> None:
    database.import_paths(ct, workers=0)
    uids = sorted(one.uid for one in database.instances())
    os.rename(ct / "a", ct / "c")
    os.rename(ct / "b", ct / "a")
    os.rename(ct / "c", ct / "b")
    # Renumbered in a ring, too.
    files = sorted((ct / "a").iterdir())
    os.rename(files[0], ct / "a" / "last")
    os.rename(files[1], files[0])
    os.rename(files[2], files[1])
    os.rename(ct / "a" / "last", files[2])
    if how == "import":
        database.import_paths(ct, workers=0, copy=copy)
    else:
        database.repair()
    assert sorted(one.uid for one in database.instances()) == uids
    for one in database.instances():
        assert dcmread(one.path).SOPInstanceUID == one.uid
    dump(database)
    assert database.verify(content=True).ok
    assert database.check(full=True).ok
    assert database.import_paths(ct, workers=0).added == 0


@pytest.mark.parametrize("how", ["import", "repair"])
def test_a_second_copy_stays_when_the_first_becomes_another_object(
    database: Database, ct: Path, tmp_path: Path, write_instance: Write, how: str
) -> None:
    shutil.copytree(ct, tmp_path / "second")
    database.import_paths([ct, tmp_path / "second"], workers=0)
    first = next(one for one in database.instances() if one.path.parent == ct / "a")
    write_instance(first.path, 77, 9)
    if how == "import":
        database.import_paths(ct, workers=0)
    else:
        database.repair()
    (kept,) = database.instances(uid=first.uid)
    assert kept.path == tmp_path / "second" / "a" / first.path.name
    assert dcmread(kept.path).SOPInstanceUID == first.uid
    assert len(database.instances()) == 7
    assert database.verify(content=True).ok
    assert database.check(full=True).ok
    assert database.import_paths([ct, tmp_path / "second"], workers=0).added == 0
