"""Exported files are the originals, byte for byte, or the target is as it was."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.errors import Cancelled, ExportError, NotFoundError
from napari_dicomdb.export.files import export_files


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_tree_is_named_after_what_is_in_it(
    database: Database, source: Path, tmp_path: Path
) -> None:
    report = export_files(database, database.patients(), tmp_path / "out")
    found = contents(tmp_path / "out")
    originals = contents(source)
    assert (report.written, report.rejected) == (9, [])
    assert report.size == sum(map(len, originals.values()))
    doe, asa = "P1 Doe, Jane/20190105 Thorax", "P 2 Müller, Åsa/20190105 up"
    assert found == {
        **{f"{doe}/001 CT Series 1/{n:04d}.dcm": originals[f"a/{n:05d}.dcm"] for n in (1, 2, 3)},
        **{
            f"{doe}/001 CT Series 1 (2)/{n:04d}.dcm": originals[f"b/{n:05d}.dcm"]
            for n in (1, 2, 3)
        },
        **{f"{asa}/003 CT Series 3/{n:04d}.dcm": originals[f"c/{n:05d}.dcm"] for n in (1, 2, 3)},
    }


def test_selected_levels_are_written_once(database: Database, tmp_path: Path) -> None:
    series = database.series(patient="P1")
    instance = database.instances(series[0])[1]
    study = database.studies(patient="P1")[0]
    report = export_files(database, [instance, series[0], study], tmp_path / "out")
    assert report.written == 6


def test_again_into_the_same_folder(database: Database, tmp_path: Path) -> None:
    patient = database.patients(text="id:P1")
    export_files(database, patient, tmp_path / "out")
    changed = next((tmp_path / "out").rglob("0002.dcm"))
    changed.write_bytes(b"mine")
    (tmp_path / "out" / "notes.txt").write_text("mine too")
    report = export_files(database, patient, tmp_path / "out")
    assert (report.written, report.unchanged) == (0, 5)
    assert [reason for _, reason, _ in report.rejected] == ["file-exists"]
    assert changed.read_bytes() == b"mine"
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine too"
    assert not list((tmp_path / "out").glob(".*"))


def test_missing_and_changed_files_are_named(
    database: Database, source: Path, tmp_path: Path
) -> None:
    gone, changed = source / "a" / "00001.dcm", source / "a" / "00002.dcm"
    gone.unlink()
    changed.write_bytes(b"something else")
    report = export_files(database, database.patients(), tmp_path / "out")
    assert report.written == 7
    assert {(path, reason) for path, reason, _ in report.rejected} == {
        (str(gone), "file-missing"),
        (str(changed), "file-changed"),
    }


@pytest.mark.parametrize("archive", [False, True])
def test_cancelled_export_leaves_nothing(
    database: Database, tmp_path: Path, archive: bool
) -> None:
    def stop(done: int, total: int | None, text: str) -> None:
        if done == 5:
            raise Cancelled("enough")

    target = tmp_path / "place" / ("out.zip" if archive else "out")
    target.parent.mkdir()
    with pytest.raises(Cancelled):
        export_files(database, database.patients(), target, archive=archive, progress=stop)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("is_new", [True, False])
def test_name_that_appears_meanwhile_is_kept(
    database: Database, tmp_path: Path, is_new: bool
) -> None:
    target = tmp_path / "out"
    if not is_new:
        target.mkdir()
    late = target / "P1 Doe, Jane" / "20190105 Thorax" / "001 CT Series 1 (2)" / "0002.dcm"

    def appear(done: int, total: int | None, text: str) -> None:
        if done == total:
            late.parent.mkdir(parents=True)
            late.write_bytes(b"theirs")

    with pytest.raises(ExportError, match="exists") as error:
        export_files(database, database.patients(), target, progress=appear)
    assert error.value.reason == "file-exists"
    assert contents(target) == {late.relative_to(target).as_posix(): b"theirs"}


def test_zip(database: Database, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.zip"
    report = export_files(database, database.patients(), target, archive=True)
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        read = sorted(archive.read(name) for name in archive.namelist())
    assert report.written == 9
    assert read == sorted(contents(source).values())
    with pytest.raises(ExportError, match="exists"):
        export_files(database, database.patients(), target, archive=True)


def test_places_that_cannot_be_written(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(ExportError, match="is a file"):
        export_files(database, database.patients(), tmp_path / "file")
    with pytest.raises(ExportError, match="no folder"):
        export_files(database, database.patients(), tmp_path / "no" / "x.zip", archive=True)
    with pytest.raises(NotFoundError, match="nothing to export"):
        export_files(database, [], tmp_path / "out")
    assert not (tmp_path / "out").exists()
