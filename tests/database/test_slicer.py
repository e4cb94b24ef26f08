"""3D Slicer's database directories."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.database.slicer import take_over
from napari_dicomdb.errors import DatabaseError, NotFoundError

# ctkDICOMDatabase's table as its versions had it: dicom-schema.sql 0.5.3, 0.6.2, 0.8.1.
SCHEMAS = {
    "0.5.3": "SOPInstanceUID VARCHAR(64) NOT NULL, Filename VARCHAR(1024) NOT NULL,"
    " SeriesInstanceUID VARCHAR(64) NOT NULL DEFAULT '', InsertTimestamp VARCHAR(20) NOT NULL"
    " DEFAULT ''",
    "0.6.2": "SOPInstanceUID VARCHAR(64) NOT NULL, Filename VARCHAR(1024) NOT NULL,"
    " SeriesInstanceUID VARCHAR(64) NOT NULL DEFAULT '', InsertTimestamp VARCHAR(20) NOT NULL"
    " DEFAULT '', DisplayedFieldsUpdatedTimestamp DATETIME NULL",
    "0.8.1": "SOPInstanceUID VARCHAR(64) NOT NULL, Filename VARCHAR(1024), URL VARCHAR(2048),"
    " SeriesInstanceUID VARCHAR(64) NOT NULL DEFAULT '', InsertTimestamp DATETIME NOT NULL"
    " DEFAULT '', DisplayedFieldsUpdatedTimestamp DATETIME NULL",
}


def make_slicer(folder: Path, files: list[str], version: str = "0.8.1") -> Path:
    """Write ctkDICOM.sql as Slicer does, listing these files."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(folder / "ctkDICOM.sql")) as index:
        index.execute("CREATE TABLE SchemaInfo (Version VARCHAR(1024) NOT NULL)")
        index.execute("INSERT INTO SchemaInfo VALUES (?)", (version,))
        index.execute(f"CREATE TABLE Images ({SCHEMAS[version]}, PRIMARY KEY (SOPInstanceUID))")
        index.executemany(
            "INSERT INTO Images (SOPInstanceUID, Filename) VALUES (?, ?)",
            [(f"1.2.{n}", name) for n, name in enumerate(files)],
        )
        index.commit()
    return folder


def content(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file below with its time and hash."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def slicer(tmp_path: Path, ct: Path) -> Path:
    """A Slicer database of two linked files, a copied one, and one that is gone."""
    folder = tmp_path / "SlicerDICOMDatabase"
    (folder / "dicom" / "ab").mkdir(parents=True)
    shutil.copy(ct / "b" / "00001.dcm", folder / "dicom" / "ab" / "x.dcm")
    linked = [str(ct / "a" / f"0000{n}.dcm") for n in (1, 2)]
    return make_slicer(folder, [*linked, "dicom/ab/x.dcm", str(tmp_path / "gone.dcm")])


def test_listed_files_are_imported(
    database: Database, slicer: Path, tmp_path: Path, ct: Path
) -> None:
    """Linked files have absolute paths, copies paths relative to the directory (CTK 0.8)."""
    report = database.import_paths([slicer])
    assert report.added == 3
    assert [(path, reason) for path, reason, _ in report.rejected] == [
        (str(tmp_path / "gone.dcm"), "vanished")
    ]
    assert database.import_paths([slicer / "ctkDICOM.sql"]).unchanged == 3


def test_damaged_index(database: Database, tmp_path: Path) -> None:
    (tmp_path / "ctkDICOM.sql").write_text("not SQLite" * 200)
    with pytest.raises(DatabaseError, match="3D Slicer"):
        database.import_paths([tmp_path])
    with pytest.raises(DatabaseError) as refused:
        take_over(tmp_path, tmp_path.parent / f"{tmp_path.name}-new")
    assert refused.value.reason == "bad-slicer-index"


@pytest.mark.parametrize("version", list(SCHEMAS))
@pytest.mark.parametrize("copy", [False, True])
def test_take_over(version: str, copy: bool, slicer: Path, tmp_path: Path, ct: Path) -> None:
    names = [str(ct / "a" / "00001.dcm"), "dicom/ab/x.dcm", str(tmp_path / "gone.dcm")]
    (slicer / "ctkDICOM.sql").unlink()
    make_slicer(slicer, names, version)
    before = content(slicer)
    target = tmp_path / "ours"
    report = take_over(slicer, target, copy=copy)
    assert (report.added, report.rejected) == (2, [])
    assert [(path, reason) for path, reason, _ in report.missing] == [
        (str(tmp_path / "gone.dcm"), "slicer-file-missing")
    ]
    assert content(slicer) == before
    with Database.open(target) as database:
        paths = {i.path for i in database.instances()}
        if copy:
            assert all(path.is_relative_to(target) for path in paths)
        else:
            assert paths == {ct / "a" / "00001.dcm", slicer / "dicom" / "ab" / "x.dcm"}
    with contextlib.closing(sqlite3.connect(target / "dicomdb.sqlite")) as index:
        kinds = [row[0] for row in index.execute("SELECT kind FROM activity")]
    assert "take-over" in kinds
    again = take_over(slicer / "ctkDICOM.sql", target, copy=copy)
    assert (again.added, again.unchanged) == (0, 2)


def test_while_slicer_writes(slicer: Path, tmp_path: Path, ct: Path) -> None:
    """A transaction that is open and half on the disk is not seen, and not waited for."""
    before_rows = 4
    with contextlib.closing(
        sqlite3.connect(slicer / "ctkDICOM.sql", isolation_level=None)
    ) as busy:
        busy.execute("PRAGMA cache_size = 1")  # spill: the file has pages of the transaction
        busy.execute("BEGIN EXCLUSIVE")
        busy.executemany(
            "INSERT INTO Images (SOPInstanceUID, Filename) VALUES (?, ?)",
            [(f"9.{n}", str(ct / "b" / "00002.dcm")) for n in range(2000)],
        )
        assert (slicer / "ctkDICOM.sql-journal").exists()
        report = take_over(slicer, tmp_path / "ours")
        assert report.added + len(report.missing) == before_rows
        busy.execute("COMMIT")
    assert take_over(slicer, tmp_path / "ours").added == 1


def test_write_ahead_log(slicer: Path, tmp_path: Path, ct: Path) -> None:
    """What is only in the log so far counts, and Slicer's files stay."""
    with contextlib.closing(
        sqlite3.connect(slicer / "ctkDICOM.sql", isolation_level=None)
    ) as open_there:
        open_there.execute("PRAGMA journal_mode = WAL")
        open_there.execute(
            "INSERT INTO Images (SOPInstanceUID, Filename) VALUES ('7.7', ?)",
            (str(ct / "b" / "00003.dcm"),),
        )
        before = content(slicer)
        assert take_over(slicer, tmp_path / "ours").added == 4
        assert content(slicer) == before


def test_moved_directory_and_servers(tmp_path: Path, ct: Path) -> None:
    """Old versions list copies absolutely; the directory may have been moved since."""
    slicer = tmp_path / "moved"
    (slicer / "dicom" / "ab").mkdir(parents=True)
    shutil.copy(ct / "a" / "00001.dcm", slicer / "dicom" / "ab" / "x.dcm")
    make_slicer(slicer, [r"C:\Users\me\Slicer\dicom\ab\x.dcm"])
    with contextlib.closing(sqlite3.connect(slicer / "ctkDICOM.sql")) as index:
        index.executemany(
            "INSERT INTO Images (SOPInstanceUID, URL) VALUES (?, ?)",
            [("8.1", (ct / "b" / "00001.dcm").as_uri()), ("8.2", "https://server/8.2")],
        )
        index.commit()
    report = take_over(slicer, tmp_path / "ours")
    assert report.added == 2
    assert [(path, reason) for path, reason, _ in report.missing] == [
        ("https://server/8.2", "on-a-server")
    ]


def test_what_cannot_be_taken_over(slicer: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no database of 3D Slicer"):
        take_over(tmp_path, tmp_path / "ours")
    for inside in (slicer, slicer / "ours"):
        with pytest.raises(DatabaseError) as refused:
            take_over(slicer, inside)
        assert refused.value.reason == "slicer-directory"
    assert not (slicer / "dicomdb.sqlite").exists()


@pytest.mark.parametrize("how", [{}, {"create": False}, {"read_only": True}])
def test_opening_one_as_ours_tells_the_way(how: dict[str, bool], slicer: Path) -> None:
    before = content(slicer)
    with pytest.raises(DatabaseError, match="take-over") as refused:
        Database.open(slicer, **how)
    assert refused.value.reason == "slicer-database"
    assert content(slicer) == before
