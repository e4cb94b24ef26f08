"""New objects that come into a database together: all of them are there at once, or none.

They are made in a folder of `received` that is locked while its process lives: whatever ends
that process, the next who opens the database deletes what was made, or finds all of it there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from typing import TYPE_CHECKING

from napari_dicomdb.database import activity, interrupted, received
from napari_dicomdb.database.arriving import disk_told
from napari_dicomdb.database.copying import CopyStore
from napari_dicomdb.database.pool import Chunk
from napari_dicomdb.database.report import ImportReport
from napari_dicomdb.database.rows import missing_uids, rows_of
from napari_dicomdb.database.scanning import Scanned
from napari_dicomdb.database.sources import FoundFile
from napari_dicomdb.database.writing import Writer
from napari_dicomdb.dicom.header import Templates, scan_file
from napari_dicomdb.errors import DatabaseError, HeaderError, NotFoundError
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from napari_dicomdb.database.database import Database
    from napari_dicomdb.dicom.header import Header

__all__ = ["Arriving", "staged"]

_STAGE = "new" + received.PARTIAL


@contextlib.contextmanager
def staged(database: Database) -> Iterator[Path]:
    """Make a folder for new objects on the disk of a database; it is gone afterwards.

    Nobody else deletes it while this process lives, and somebody does when it has died.

    Raises
    ------
    DatabaseError
        "read-only", "not-writable", "disk-full".
    """
    if database.read_only:
        raise DatabaseError(
            f"{database.path} was opened read-only: nothing can be put into it",
            reason="read-only",
        )
    with disk_told(database.path):
        folder = received.Folder.make(database._root, database._connections.path)
    try:
        stage = folder.path / _STAGE
        with disk_told(database.path):
            stage.mkdir()
        yield stage
    finally:
        shutil.rmtree(folder.path / _STAGE, ignore_errors=True)
        folder.close()


class Arriving:
    """Objects that are about to come into a database; the right to write it is held.

    Use as a context manager: what is checked on entry stays true until `adopt`.

    Parameters
    ----------
    database : Database
    files : sequence of Path
        Each a whole object, in a folder of `staged`, from where it is moved.
    study_uid : str
        Study that the database must still have; "": it may be new.
    progress : Progress
        Told whom it waits for.

    Raises
    ------
    NotFoundError
        "study-gone".
    DatabaseError
        "uid-exists": an object or a series of that UID is there already; "database-busy".
    HeaderError, NotDicomError
        A file cannot be filed.
    """

    def __init__(
        self,
        database: Database,
        files: Sequence[Path],
        study_uid: str = "",
        *,
        progress: Progress = no_progress,
    ) -> None:
        self._progress = progress
        self._database = database
        self._files = files
        self._study_uid = study_uid
        self._held = contextlib.ExitStack()
        self._headers: list[Header] = []

    def __enter__(self) -> Arriving:
        """Wait for other writers, and check."""
        templates = Templates()
        self._headers = [_filed(path, templates) for path in self._files]
        self._held.enter_context(self._database._writing(self._progress))
        try:
            with self._database._connections.borrow() as connection:
                self._refuse(connection)
        except BaseException:
            self._held.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let others write; say in plain words what the system said."""
        self._held.__exit__(kind, error, trace)

    def adopt(self) -> ImportReport:
        """Bring all into the index in one transaction, and the files to their places."""
        connections, root = self._database._connections, self._database._root
        started = time.perf_counter()
        interrupted.finish(connections, root)
        report, chunk = ImportReport(), Chunk()
        for path, header in zip(self._files, self._headers, strict=True):
            status = os.stat(path)
            uid = str(header.values["SOPInstanceUID"])
            file = FoundFile(received.FOLDER, uid, status.st_size, status.st_mtime_ns)
            file.temporary, file.received = str(path), True
            chunk.files.append(file)
        groups, accepted = rows_of(self._headers)
        scanned = Scanned(groups, accepted, list(range(len(accepted))))
        writer = Writer(root, report, CopyStore(root, connections.path))
        try:
            with connections.transaction(durable=True) as connection:
                writer.begin(connection)
                writer.store(chunk, scanned)
                if report.added != len(chunk.files):
                    raise DatabaseError(
                        "two of the objects have the same UID", reason="uid-exists"
                    )
                counts = {"added": report.added, "series": len(report.series_uids)}
                activity.record(connection, "import", counts)
                writer.end()
        except BaseException:
            with contextlib.suppress(DatabaseError):  # else the next one does it
                interrupted.finish(connections, root)
            raise
        with contextlib.suppress(OSError):  # all is there: else the next one tidies up
            writer.settled()
        CopyStore(root, connections.path).finish()
        report.seconds = time.perf_counter() - started
        return report

    def _refuse(self, connection: sqlite3.Connection) -> None:
        if self._study_uid and not _has(connection, "study", self._study_uid):
            raise NotFoundError(
                f"the study {self._study_uid} was removed from the database meanwhile: choose "
                "another study",
                reason="study-gone",
            )
        for table, keyword in (("instance", "SOPInstanceUID"), ("series", "SeriesInstanceUID")):
            for uid in dict.fromkeys(str(one.values[keyword]) for one in self._headers):
                if _has(connection, table, uid):
                    what = "an object" if table == "instance" else "a series"
                    raise DatabaseError(
                        f"the database has {what} {uid} already", reason="uid-exists"
                    )


def _has(connection: sqlite3.Connection, table: str, uid: str) -> bool:
    row = connection.execute(f"SELECT 1 FROM {table} WHERE uid = ?", (uid,)).fetchone()
    return row is not None


def _filed(path: Path, templates: Templates) -> Header:
    header = scan_file(path, templates=templates)
    if header.media or missing_uids(header.values):
        raise HeaderError("no object that can be filed", reason="missing-uid")
    return header
