"""A process whose children do one thing to a database each, and are killed at a counted call.

It is asked by a line of JSON on stdin, and answers by one on stdout. What is counted are
the calls that reach the disk: statements of SQLite, writes, renames and the like.
"""

from __future__ import annotations

import datetime
import errno
import io
import json
import os
import signal
import sqlite3
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_dicomdb.database import Database, importing
from napari_dicomdb.database.receiving import Inbox
from napari_dicomdb.dicom.encoding import locate_data_set
from napari_dicomdb.dicom.header import scan_file
from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.export import results
from napari_dicomdb.export.exporter import Exportable
from napari_dicomdb.export.files import export_files
from napari_dicomdb.export.object_file import write_object
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.export.study import NewSeries, StudyTarget

CT = "1.2.840.10008.5.1.4.1.1.2"
_ON_DISK = {"fsync", "ftruncate", "link", "mkdir", "open", "remove", "rename", "replace", "rmdir"}
_ON_DISK |= {"symlink", "unlink", "utime", "write", "sendfile"}
_SQL = (sqlite3.Connection, sqlite3.Cursor)


def act(what: str, root: str, **how: Any) -> Any:
    """Do one thing to the database in `root`."""
    if what == "restore":
        return Database.restore(how["backup"], root, overwrite=how["overwrite"])
    if what == "salvage":
        return Database.salvage(root)
    if what == "move":
        if how["across"]:
            _refuse_to_rename(root)
        return Database.move(root, how["target"])
    with Database.open(root) as database:
        if what == "import":
            importing.BATCH_INSTANCES, importing.CHUNK_SIZE = 4, 2
            return database.import_paths(how["paths"], copy=how["copy"], workers=0)
        if what == "thumbnails":
            return database.make_thumbnails()
        if what == "merge":
            one, *others = sorted(database.patients(), key=lambda p: p.patient_id)
            return database.merge_patients(one, others)
        if what == "split":
            (patient,) = database.patients()
            return database.split_patient(patient, database.studies()[:1])
        if what == "undo":
            return database.undo_patient_change()
        if what == "open":
            return None
        if what == "write":
            return write(database, **how)
        if what == "export":
            return export_files(database, database.patients(), how.pop("target"), **how)
        if what == "receive":
            return receive(database, how["paths"], how["acknowledged"])
        return getattr(database, what)(**how)


class Exporter:
    """Writes slices as secondary captures whose UIDs are the same each time."""

    name = "slices"
    version = "1"

    def __init__(self, slices: int) -> None:
        self.slices = slices

    def write(self, exportable: Any, target: StudyTarget, folder: Path, **_: Any) -> list[Path]:
        """Write `slices` objects."""
        series, paths = NewSeries("OT", "Result", uid="1.2.3.77"), []
        for k in range(self.slices):
            made = target.dataset("1.2.840.10008.5.1.4.1.1.7", series)
            made.SOPInstanceUID, made.InstanceNumber = f"1.2.3.77.{k + 1}", k + 1
            made.Rows = made.Columns = 4
            made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
            made.BitsAllocated = made.BitsStored = 8
            made.HighBit, made.PixelRepresentation = 7, 0
            made.ConversionType, made.PixelData = "WSD", bytes(16)
            paths.append(write_object(made, folder / f"{k + 1:04d}.dcm"))
        return paths


def write(
    database: Database, study: str, slices: int, folder: str | None, into_database: bool
) -> Any:
    """Write a result of some slices to a study."""
    results._picture = lambda *_: None  # what is drawn later is none of the series
    array = np.zeros((slices, 4, 4), np.uint8)
    source = ExportSource("Result", array, ("slice", "row", "column"))
    offer = Exportable("x", "image", 1.0, (), (), (), (), source, Exporter(slices))
    when = datetime.datetime(2026, 1, 2)
    target = replace(StudyTarget.of_study(database, study), when=when)
    return results.write_results(
        database, [offer], target, folder=folder, into_database=into_database
    )


def receive(database: Database, paths: list[str], acknowledged: str) -> None:
    """Receive objects, and write down which the sender is told to be kept."""
    log = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with Inbox(database, settle_seconds=0, batch=3) as inbox:
        for path in paths:
            with open(path, "rb") as file:
                found = locate_data_set(file)
                file.seek(found.offset)
                raw = file.read()
            uid = scan_file(path).values["SOPInstanceUID"]
            with inbox.open(CT, uid, found.transfer_syntax_uid, "SENDER") as arrival:
                arrival.write(raw[:100])
                arrival.write(raw[100:])
                arrival.commit()
            os.write(log, f"{uid}\n".encode())
    os.close(log)


def _refuse_to_rename(root: str) -> None:
    """Have the database on another file system than everything else."""
    rename = os.rename

    def far(old: Any, new: Any, **how: Any) -> None:
        if os.fspath(old) == root:
            raise OSError(errno.EXDEV, "another file system")
        rename(old, new, **how)

    os.rename = far


def child(request: dict[str, Any], answer: int) -> None:
    fatal = request.pop("fatal")
    count = 0

    def look(frame: Any, event: str, called: Any) -> None:
        nonlocal count
        if event != "c_call":
            return
        owner = getattr(called, "__self__", None)
        if isinstance(owner, _SQL) or (
            called.__name__ in _ON_DISK
            and (isinstance(owner, io.IOBase) or getattr(owner, "__name__", "") in _SYSTEM)
        ):
            count += 1
            if count == fatal:
                os.kill(os.getpid(), signal.SIGKILL)

    told: dict[str, Any] = {}
    threading.setprofile(look)
    sys.setprofile(look)
    try:
        report = act(**request)
        told["stopped"] = getattr(report, "stopped", "")
        told["vacuumed"] = getattr(report, "vacuumed", None)
    except DicomDbError as error:
        told = {"refused": error.reason, "text": str(error)}
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    with os.fdopen(answer, "w") as pipe:
        json.dump({"calls": count, **told}, pipe)


_SYSTEM = {"posix", "io", "_io"}


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if request["fatal"] < 0:  # here, so that the children need not import what it takes
            del request["fatal"]
            act(**request)
            print(json.dumps({"code": 0}), flush=True)
            continue
        reading, writing = os.pipe()
        process = os.fork()
        if not process:
            os.close(reading)
            try:
                child(request, writing)
            except BaseException:
                sys.excepthook(*sys.exc_info())
                sys.stderr.flush()
                os._exit(1)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            said = pipe.read()
        _, status = os.waitpid(process, 0)
        code = os.waitstatus_to_exitcode(status)
        print(json.dumps({"code": code, **json.loads(said or "{}")}), flush=True)


if __name__ == "__main__":
    Path.cwd()
    main()
