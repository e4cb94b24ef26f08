"""Removing a patient leaves none of their header values in any file of the database directory."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from napari_dicomdb.database import Database, removal
from napari_dicomdb.dicom.keywords import KEPT_KEYWORDS, VR_OF

WORD = "Qxzvkw"
"""What all of the removed patient's texts have in common; no word of anything else."""

CLI = "import sys; from napari_dicomdb.cli import main; sys.exit(main())"

_TEXT = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"}
_NUMBERS = {"DS", "IS", "US", "SS", "UL", "SL", "FL", "FD"}
_GEOMETRY = {"Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"}
_GEOMETRY |= {"SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "PixelSpacing"}
_GEOMETRY |= {"ImagePositionPatient", "ImageOrientationPatient", "PlanarConfiguration"}
_GEOMETRY |= {"SpecificCharacterSet", "Modality", "RescaleSlope", "RescaleIntercept"}
ROOT = "1.2.826.0.1.3680043.10.777"
"""Of the removed patient's UIDs."""


def canaries() -> dict[str, Any]:
    """Give each kept text a value with `WORD` in it."""
    values: dict[str, Any] = {}
    for number, keyword in enumerate(sorted(KEPT_KEYWORDS)):
        vr = VR_OF[keyword]
        if keyword in _GEOMETRY or vr not in _TEXT:
            continue
        upper = vr in ("AE", "CS")
        text = f"{WORD}{number}"[: 16 if vr in ("AE", "CS", "SH") else 60]
        values[keyword] = text.upper() if upper else text
    values["PatientName"] = f"{WORD}Family^{WORD}Given"
    values["PatientID"] = f"{WORD}ID"
    return values


def traces(folder: Path, *words: str) -> list[str]:
    """Name the files below `folder` that have a word, in any letter case and usual encoding."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        raw = path.read_bytes().lower()
        for word in words:
            for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
                if word.lower().encode(encoding) in raw:
                    found.append(f"{path.name}: {word} ({encoding})")
        found += [f"{path}: its name" for word in words if word.lower() in path.name.lower()]
    return found


def write_secret(folder: Path, write_series: Callable[..., Any], **more: Any) -> None:
    values = canaries() | {
        "StudyInstanceUID": f"{ROOT}.1",
        "SeriesInstanceUID": f"{ROOT}.1.9",
        "FrameOfReferenceUID": f"{ROOT}.8",
        "PatientBirthDate": "19171213",
        "StudyDate": "20171213",
        **more,
    }
    for number, path in enumerate(write_series(folder, 6, series=9), 1):
        ds = pydicom.dcmread(path)
        for keyword, value in values.items():
            setattr(ds, keyword, value)
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = (
            f"{values['SeriesInstanceUID']}.{number}"
        )
        ds.ImageComments = f"{WORD}each{number}"  # differs: in overrides and notes
        ds.save_as(path)


@pytest.fixture
def others(tmp_path: Path, write_series: Callable[..., Any]) -> Path:
    for series in range(1, 16):
        write_series(
            tmp_path / "others" / f"{series}",
            4,
            series=series,
            StudyInstanceUID=f"1.2.3.{series}",
            PatientID=f"P{series % 4}",
        )
    return tmp_path / "others"


@pytest.fixture
def secret(tmp_path: Path, write_series: Callable[..., Any]) -> Path:
    """Give a folder, named after the patient, with all that one may have of theirs."""
    folder = tmp_path / f"scans of {WORD}"
    write_secret(folder / "ct", write_series)
    write_secret(folder / f"second {WORD}", write_series, SeriesInstanceUID=f"{ROOT}.1.10")
    (folder / f"letter to {WORD}.txt").write_text(f"{WORD} is ill")
    (folder / "ct" / "notes.txt").write_text("no DICOM")
    # The same objects once more, one of them with another content.
    shutil.copy(folder / "ct" / "00001.dcm", folder / "twin.dcm")
    ds = pydicom.dcmread(folder / "ct" / "00002.dcm")
    ds.PixelData = bytes(len(ds.PixelData))
    ds.save_as(folder / "conflict.dcm")
    shutil.make_archive(str(tmp_path / f"archive {WORD}"), "zip", folder / "ct")
    return folder


def use(database: Database) -> None:
    """Have everything made that a window makes of a database."""
    from napari_dicomdb.api import Database as Whole

    database.make_thumbnails()
    with Whole.open(database.path) as whole:
        for series in whole.series():
            assert whole.examine(series.uid)
        assert all(whole.loadables(series) is not None for series in whole.series())
    database.verify(content=True)
    database.search(f"{WORD.lower()} modality:CT")


@pytest.mark.parametrize("way", ["linked", "copied", "archive", "both"])
def test_a_patient(way: str, database: Database, others: Path, secret: Path) -> None:
    archive = next(secret.parent.glob("*.zip"))
    database.import_paths([others], workers=0)
    if way != "archive":
        database.import_paths([secret], copy=way == "copied", workers=0)
    if way in ("archive", "both"):
        database.import_paths([archive], workers=0)
    use(database)
    root = database.path
    assert root is not None
    assert len(traces(root, WORD)) >= 1
    report = database.remove(patient=f"{WORD}ID", delete_copies=True)
    assert report.vacuumed
    assert (report.rejected, report.files_kept) == ([], [])
    assert traces(root, WORD, ROOT, "19171213", "1917-12-13") == []
    assert database.info()["instances"] == 60
    database.close()
    assert traces(root, WORD, ROOT, "19171213", "1917-12-13") == []
    assert secret.is_dir()


def test_a_study_of_a_patient_who_stays(
    database: Database, tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    write_series(tmp_path / "stays", 4, series=1, StudyInstanceUID="1.2.3.4")
    write_secret(tmp_path / "goes", write_series, PatientID="P1", PatientName="Doe^Jane")
    database.import_paths([tmp_path / "stays", tmp_path / "goes"], workers=0)
    use(database)
    database.remove(study=f"{ROOT}.1", delete_copies=True)
    assert database.path is not None
    assert traces(database.path, WORD, ROOT) == []
    assert len(database.instances()) == 4


@pytest.mark.parametrize("undone", [False, True])
def test_merged_and_split(
    undone: bool, database: Database, others: Path, tmp_path: Path, write_series: Any
) -> None:
    write_secret(tmp_path / "a", write_series)
    write_secret(
        tmp_path / "b",
        write_series,
        PatientID=f"{WORD}2",
        PatientName=f"{WORD}Other^Name",
        StudyInstanceUID=f"{ROOT}.2",
        SeriesInstanceUID=f"{ROOT}.2.1",
    )
    database.import_paths([others, tmp_path / "a", tmp_path / "b"], workers=0)
    one, two = (p for p in database.patients() if p.patient_id.startswith(WORD))
    database.merge_patients(one, [two])
    database.split_patient(one, [s for s in database.studies() if s.uid == f"{ROOT}.2"])
    use(database)
    if undone:
        database.undo_patient_change()
        database.undo_patient_change()
    for patient in [p for p in database.patients() if p.patient_id.startswith(WORD)]:
        database.remove(patient=patient, delete_copies=True)
    assert database.path is not None
    assert traces(database.path, WORD, ROOT) == []
    assert database.patient_changes() == []
    assert database.info()["instances"] == 60


def test_pictures_drawn_on_the_images_of_another_series(
    database: Database, others: Path, tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    write_secret(tmp_path / "ct", write_series)
    reference = pydicom.dcmread(tmp_path / "ct" / "00001.dcm")
    ds = Dataset()
    ds.update({e.tag: e for e in reference if e.tag.group < 0x0028})
    ds.file_meta = reference.file_meta
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}.5"
    ds.SeriesInstanceUID, ds.Modality = f"{ROOT}.6", "RTSTRUCT"
    ds.StructureSetLabel = f"{WORD}label"
    roi = Dataset()
    roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = 1, WORD, f"{ROOT}.8"
    contour = Dataset()
    contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", 3
    contour.ContourData = [0, 0, 7.5, 1, 0, 7.5, 1, 1, 7.5]
    drawn = Dataset()
    drawn.ReferencedROINumber, drawn.ROIDisplayColor = 1, [255, 0, 0]
    drawn.ContourSequence = [contour]
    ds.StructureSetROISequence, ds.ROIContourSequence = [roi], [drawn]
    ds.save_as(tmp_path / "ct" / "rs.dcm", enforce_file_format=True)
    database.import_paths([others, tmp_path / "ct"], workers=0)
    use(database)
    root = database.path
    assert root is not None
    pictures = {path.name for path in (root / "thumbnails").iterdir()}
    database.remove(patient=f"{WORD}ID")
    assert traces(root, WORD, ROOT) == []
    left = {path.name for path in (root / "thumbnails").iterdir()}
    with sqlite3.connect(root / "dicomdb.sqlite") as raw:
        rows = raw.execute("SELECT name FROM thumbnail WHERE name IS NOT NULL").fetchall()
    raw.close()
    assert left == {row[0] for row in rows} < pictures


def test_a_large_index_says_that_it_must_be_written_anew(
    database: Database, others: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.import_paths([others, secret], workers=0)
    use(database)
    monkeypatch.setattr(removal, "_SMALL", 0)
    report = database.remove(patient=f"{WORD}ID")
    assert not report.vacuumed
    assert "dicomdb vacuum" in report.summary()
    database.vacuum()
    assert database.path is not None
    assert traces(database.path, WORD, ROOT) == []


def test_what_else_has_it_is_said(
    database: Database, others: Path, secret: Path, tmp_path: Path
) -> None:
    database.import_paths([others], workers=0)
    database.import_paths([secret / "ct"], workers=0)
    database.watch_folder(tmp_path)
    root = database.path
    assert root is not None
    kept = root / "dicomdb.damaged-20200101-000000.sqlite"
    shutil.copy(root / "dicomdb.sqlite", kept)
    report = database.remove(patient=f"{WORD}ID")
    assert {(place, reason) for place, reason, _ in report.notes} == {
        (str(tmp_path), "watched-folder"),
        (str(kept), "kept-index"),
    }


def test_the_command_says_which_copies_are_left(
    database: Database, secret: Path, tmp_path: Path
) -> None:
    database.import_paths([secret / "ct"], copy=True, workers=0)
    assert database.path is not None
    command = [sys.executable, "-c", CLI, "rm", "--yes"]
    command += ["--db", str(database.path), "--patient", f"{WORD}ID"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, "6 copied files" in done.stderr) == (0, True), done.stderr
    assert "6 copies left" in done.stdout
    assert len(traces(database.path, WORD)) == 6
    told = subprocess.run([*command, "--json"], capture_output=True, text=True)
    assert told.returncode == 1
    assert "Traceback" not in told.stderr
    assert json.dumps(database.repair().to_json())
    assert database.instances() == []


def test_canaries_are_many() -> None:
    assert len(canaries()) > 30
