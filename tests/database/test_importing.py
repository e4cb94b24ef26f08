"""Imports of folders and files: what is added, refused, skipped, cancelled, resumed."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pydicom
import pytest

from napari_dicomdb.database import Database, importing
from napari_dicomdb.errors import Cancelled

Write = Callable[..., Any]


def test_folder_is_indexed_with_geometry_and_values(database: Database, ct: Path) -> None:
    report = database.import_paths([ct])
    assert (report.added, report.rejected, report.notes) == (6, [], [])
    (patient,) = database.patients()
    assert (patient.name, patient.birth_date, patient.study_count) == ("Doe^Jane", "1970-02-03", 1)
    assert (patient.series_count, patient.instance_count) == (2, 6)
    first, second = database.series()
    assert (first.description, first.instance_count, first.storage) == ("Series 1", 3, "linked")
    assert report.series_uids == [first.uid, second.uid]
    assert first.size == sum(f.stat().st_size for f in (ct / "a").iterdir())
    for record in database.instances(first):
        expected = pydicom.dcmread(record.path)
        assert record.uid == expected.SOPInstanceUID
        assert record.position == tuple(expected.ImagePositionPatient)
        assert record.orientation == tuple(expected.ImageOrientationPatient)
        assert record.pixel_spacing == tuple(expected.PixelSpacing)
        assert record.path.read_bytes()[record.pixel_offset :][: record.pixel_length] == (
            expected.PixelData
        )
        assert record.values["InstanceNumber"] == str(expected.InstanceNumber)
        assert record.values["SOPInstanceUID"] == record.uid


def test_second_import_opens_nothing(
    database: Database, ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ct / "notes.txt").write_text("no DICOM")
    first = database.import_paths([ct])
    monkeypatch.setattr("napari_dicomdb.database.scanning.scan_file", None)
    second = database.import_paths([ct])
    assert (second.added, second.unchanged) == (0, 6)
    assert second.rejected == first.rejected
    assert [reason for _, reason, _ in second.rejected] == ["not-dicom"]


def test_special_files_and_links(database: Database, ct: Path) -> None:
    os.mkfifo(ct / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(ct / "socket"))
        (ct / "circle").symlink_to(ct)
        (ct / "a" / "up").symlink_to(ct / "a")
        (ct / "broken").symlink_to(ct / "nowhere")
        (ct / "self").symlink_to(ct / "self")
        (ct / "zeros").symlink_to("/dev/zero")
        report = database.import_paths([ct])
    assert report.added == 6
    assert {(Path(path).name, reason) for path, reason, _ in report.rejected} == {
        ("pipe", "special-file"),
        ("socket", "special-file"),
        ("zeros", "special-file"),
        ("broken", "broken-link"),
        ("self", "broken-link"),
    }
    assert {Path(path).name for path, reason, _ in report.notes} == {"circle", "up"}


def test_names_that_are_not_utf8(database: Database, ct: Path) -> None:
    os.rename(ct / "a" / "00001.dcm", os.fsencode(ct / "a") + b"/caf\xe9.dcm")
    os.rename(ct / "b", os.fsencode(ct) + b"/\xff\xfe")
    assert database.import_paths([ct]).added == 6
    assert all(record.path.is_file() for record in database.instances())
    assert database.import_paths([ct]).unchanged == 6
    os.rename(os.fsencode(ct / "a") + b"/caf\xe9.dcm", os.fsencode(ct / "a") + b"/\xe9.txt")
    (ct / "a" / "00002.dcm").write_bytes(b"")
    report = database.import_paths([ct])
    assert (report.updated, len(report.rejected)) == (1, 1)
    assert "reason" in report.to_json()["rejected"][0]


def test_cancel_keeps_what_is_done_and_resumes(
    database: Database,
    tmp_path: Path,
    write_series: Write,
    monkeypatch: pytest.MonkeyPatch,
    dump: Callable[..., Any],
) -> None:
    monkeypatch.setattr(importing, "BATCH_INSTANCES", 64)
    monkeypatch.setattr(importing, "_PROGRESS_SECONDS", 0)
    write_series(tmp_path / "in", 300)
    told: list[tuple[int, int | None]] = []

    def cancelling(done: int, total: int | None, text: str) -> None:
        told.append((done, total))
        if done >= 128:
            raise Cancelled("enough")

    report = database.import_paths([tmp_path / "in"], progress=cancelling, workers=0)
    assert report.cancelled
    assert 128 <= report.added < 300
    assert database.info()["instances"] == report.added
    assert told[-1][1] == 300
    rest = database.import_paths([tmp_path / "in"], workers=0)
    assert (rest.added, rest.unchanged) == (300 - report.added, report.added)
    with Database.in_memory() as undisturbed:
        undisturbed.import_paths([tmp_path / "in"], workers=0)
        assert dump(undisturbed) == dump(database)


def test_database_inside_the_imported_folder(tmp_path: Path, ct: Path) -> None:
    with Database.open(ct / "database") as database:
        database.import_paths([ct], copy=True)
        report = database.import_paths([ct])
        assert (report.added, report.duplicates, report.rejected) == (0, 0, [])


def test_workers_and_executors_give_the_same_index(
    database: Database, tmp_path: Path, write_series: Write, dump: Callable[..., Any]
) -> None:
    for series in range(1, 6):
        write_series(tmp_path / "in" / str(series), 70, series=series)
    database.import_paths([tmp_path / "in"], workers=2)
    expected = dump(database)
    assert len(expected["instances"]) == 350
    with Database.in_memory() as other, ThreadPoolExecutor(2) as executor:
        assert other.import_paths([tmp_path / "in"], executor=executor).added == 350
        assert dump(other) == expected
    with Database.in_memory() as alone:
        alone.import_paths([tmp_path / "in"], workers=0)
        assert dump(alone) == expected


def test_script_without_main_guard(tmp_path: Path, write_series: Write) -> None:
    write_series(tmp_path / "in", 200)
    script = tmp_path / "script.py"
    script.write_text(
        "from napari_dicomdb.database import Database\n"
        f"db = Database.open({str(tmp_path / 'db')!r})\n"
        f"print(db.import_paths([{str(tmp_path / 'in')!r}], workers=2).added)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("200", "")


def test_full_disk_for_the_index(
    database: Database, tmp_path: Path, write_series: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH_INSTANCES", 64)
    write_series(tmp_path / "in", 400)
    with database._connections.borrow() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 12}")
    report = database.import_paths([tmp_path / "in"], workers=0)
    assert "disk is full" in report.stopped
    assert 0 < database.info()["instances"] < 400
    assert report.added == database.info()["instances"]  # the batch undone is not counted
    with database._connections.borrow() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    again = database.import_paths([tmp_path / "in"], workers=0)
    assert (again.stopped, database.info()["instances"]) == ("", 400)


def test_all_reference_data(database: Database, reference_data: Path, tmp_path: Path) -> None:
    """Every DICOM file is in the index or refused for a reason that holds."""
    report = database.import_paths([reference_data])
    files = [p for p in reference_data.rglob("*") if p.is_file()]
    media = [p for p in files if p.name.startswith("DICOMDIR") and p.suffix != ".dcm"]
    assert report.added + report.duplicates + len(report.rejected) + len(media) >= len(files) - 1
    for path, reason, _ in report.rejected:
        if reason == "missing-uid":
            header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            uids = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
            assert not all(header.get(keyword) for keyword in uids), path
        elif path.endswith((".dcm", ".IMA")):
            assert Path(path).parent.name == "bad", path
    again = database.import_paths([reference_data])
    assert (again.added, again.updated, again.duplicates) == (0, 0, 0)
    assert sorted(again.rejected) == sorted(report.rejected)
    counted = sqlite3.connect(database.path / "dicomdb.sqlite")
    assert counted.execute("SELECT count(*) FROM instance").fetchone()[0] == report.added
    counted.close()


def test_bad_files_of_the_reference_data(database: Database, reference_data: Path) -> None:
    report = database.import_paths([reference_data / "bad"])
    outcome = {Path(path).name: reason for path, reason, _ in report.rejected}
    for name in ("README", "test1.json", "zipMR.gz"):
        assert outcome.pop(name) == "not-dicom"
    for name in ("priv_SQ.dcm", "nested_priv_SQ.dcm", "empty_charset_LEI.dcm"):
        assert outcome.pop(name) == "missing-uid"
    assert outcome.pop("rtplan_truncated.dcm") == "truncated"
    indexed = {record.path.name for record in database.instances()}
    assert {"MR_small.dcm", "J2K_pixelrep_mismatch.dcm", "image_dfl.dcm", "badVR.dcm"} <= indexed
    noted = {(Path(path).name, reason) for path, reason, _ in report.notes}
    assert ("MR_truncated.dcm", "truncated-pixels") in noted
