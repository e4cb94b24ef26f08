"""Small DICOM files to import, and a dump of an index that two runs can be compared by."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from napari_dicomdb.database import Database
from napari_dicomdb.database.receiving import Inbox
from napari_dicomdb.dicom.encoding import locate_data_set

HERE = Path(__file__).parent
ROOT_UID = "1.2.826.0.1.3680043.8.498.77"


def write_instance(path: Path, number: int = 1, series: int = 1, **values: Any) -> Path:
    """Write a CT instance of 4 x 4 pixels; `values` are keywords to set (None: leave out)."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = f"{ROOT_UID}.{series}.{number}"
    ds.SeriesInstanceUID = f"{ROOT_UID}.{series}"
    ds.StudyInstanceUID = f"{ROOT_UID}.0"
    ds.PatientName = "Doe^Jane"
    ds.PatientID = "P1"
    ds.PatientBirthDate = "19700203"
    ds.StudyDate = "20190105"
    ds.StudyDescription = "Thorax"
    ds.Modality = "CT"
    ds.SeriesDescription = f"Series {series}"
    ds.SeriesNumber = series
    ds.InstanceNumber = number
    ds.ImagePositionPatient = [0, 0, 2.5 * number]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing = [0.5, 0.7]
    ds.Rows = ds.Columns = 4
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = 0
    ds.PixelData = bytes([number % 251, 0]) * 16
    for keyword, value in values.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "1.2.3")
    ds.file_meta.MediaStorageSOPClassUID = CTImageStorage
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def write_series(folder: Path, count: int, series: int = 1, **values: Any) -> list[Path]:
    """Write a CT series into a folder."""
    return [
        write_instance(folder / f"{number:05d}.dcm", number, series, **values)
        for number in range(1, count + 1)
    ]


def dump(database: Database) -> dict[str, Any]:
    """All that an index says, without row ids and times."""
    with database._connections.borrow() as connection:
        files = connection.execute(
            "SELECT path, name, size, storage, reason FROM file"
            " JOIN directory ON directory.id = directory ORDER BY path, name"
        ).fetchall()
        alternates = connection.execute(
            "SELECT uid, path, name, identical FROM alternate"
            " JOIN file ON file.id = alternate.file"
            " JOIN instance ON instance.id = alternate.instance"
            " JOIN directory ON directory.id = directory ORDER BY path, name"
        ).fetchall()
        text = connection.execute(
            "SELECT uid, series_text.* FROM series_text"
            " JOIN series ON series.id = series_text.rowid ORDER BY uid"
        ).fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    series = database.series()
    return {
        "patients": sorted(
            (p.patient_id, p.name, p.study_count, p.series_count, p.instance_count)
            for p in database.patients()
        ),
        "studies": sorted(
            (s.uid, s.modalities, s.series_count, s.instance_count) for s in database.studies()
        ),
        "series": sorted(
            (s.uid, s.study_uid, s.instance_count, s.frame_count, s.size, s.storage)
            for s in series
        ),
        "instances": sorted(
            (
                i.uid,
                i.series_uid,
                str(i.path),
                i.pixel_offset,
                i.position,
                sorted(i.values.items()),
            )
            for i in database.instances()
        ),
        "files": files,
        "alternates": alternates,
        "text": text,
    }


def data_set(path: Path) -> bytes:
    """Return the data set of a file as it is sent: without preamble and meta information."""
    with path.open("rb") as file:
        file.seek(locate_data_set(file).offset)
        return file.read()


def receive(inbox: Inbox, path: Path, uid: str = "", source: str = "SENDER") -> Path:
    """Have an inbox take a file piece by piece; return where it is kept."""
    ds = dcmread(path, stop_before_pixels=True)
    syntax = ds.file_meta.TransferSyntaxUID
    with inbox.open(ds.SOPClassUID, uid or ds.SOPInstanceUID, syntax, source) as arrival:
        raw = data_set(path)
        for start in range(0, len(raw), 100):
            arrival.write(memoryview(raw)[start : start + 100])
        kept = arrival.commit()
        assert arrival.header is not None
        assert arrival.size == len(raw)
    return kept


def module_here(name: str) -> ModuleType:
    """Return a module of this folder that is not a test."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def act(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., dict[str, Any]]]:
    """Give a function that acts on a database in another process, killed at a given call."""
    home = tmp_path_factory.mktemp("home")
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(HERE / "victims.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "DICOMDB_SETTINGS": str(home / "settings.json")},
    )

    def ask(what: str, root: Path, fatal: int = 0, **how: Any) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        request = {"what": what, "root": str(root), "fatal": fatal, **how}
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        answer: dict[str, Any] = json.loads(process.stdout.readline())
        # Neither a traceback nor a signal that was not asked for, such as SIGBUS.
        assert answer["code"] in ((0, -signal.SIGKILL) if fatal else (0,)), answer
        return answer

    with process:
        yield ask


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Give an empty database."""
    with Database.open(tmp_path / "database") as opened:
        yield opened


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    """Give a folder with two CT series of three instances each."""
    folder = tmp_path / "ct"
    write_series(folder / "a", 3, series=1)
    write_series(folder / "b", 3, series=2)
    return folder


@pytest.fixture
def touch() -> Callable[[Path], None]:
    """Give a function that moves a file's modification time by a second."""

    def later(path: Path) -> None:
        status = path.stat()
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000_000))

    return later


@pytest.fixture(name="write_instance", scope="session")
def _write_instance() -> Callable[..., Path]:
    return write_instance


@pytest.fixture(name="write_series", scope="session")
def _write_series() -> Callable[..., list[Path]]:
    return write_series


@pytest.fixture(name="dump", scope="session")
def _dump() -> Callable[[Database], dict[str, Any]]:
    return dump


@pytest.fixture
def inbox(database: Database) -> Iterator[Inbox]:
    """Take what arrives for the database."""
    with Inbox(database) as opened:
        yield opened
