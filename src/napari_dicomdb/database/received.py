"""The folder `received` of a database directory: what came over the network, until it is indexed.

Each inbox has a folder of its own in it, and beside that a lock that dies with its process.
A folder whose lock is free belonged to a process that ended: what is whole in it is adopted,
what is partial is deleted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from napari_dicomdb.database import interrupted
from napari_dicomdb.database.connection import make_folder
from napari_dicomdb.database.copying import CopyStore
from napari_dicomdb.database.locking import lock_now
from napari_dicomdb.database.pool import Chunk
from napari_dicomdb.database.promised import is_kept
from napari_dicomdb.database.report import ImportReport
from napari_dicomdb.database.rows import missing_uids, rows_of
from napari_dicomdb.database.scanning import Scanned
from napari_dicomdb.database.sources import FoundFile
from napari_dicomdb.database.writing import Writer
from napari_dicomdb.dicom.header import Header, scan_file
from napari_dicomdb.errors import DatabaseError, DicomDbError, HeaderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_dicomdb.database.connection import Connections

__all__ = ["FOLDER", "Folder", "Received", "adopt", "adopt_left", "has_left", "sync_folder"]

FOLDER = "received"
PARTIAL, WHOLE = ".part", ".dcm"
_LOCK = ".lock"
_AT_ONCE = 200
_ATTEMPTS = 100
_log = logging.getLogger(__name__)


class Received(NamedTuple):
    """A whole object in `received`; its header, unless it is to be read."""

    path: str
    header: Header | None = None


class Folder:
    """The folder of one inbox, locked while it lives.

    Parameters
    ----------
    path : Path
        Directly in `received`.
    lock : sqlite3.Connection
        Which holds the lock.
    """

    def __init__(self, path: Path, lock: sqlite3.Connection) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def make(cls, root: Path, index: Path | None) -> Self:
        """Make and lock a new one in a database directory.

        Raises
        ------
        DatabaseError
            If the database is not there any more; "no-locks": nothing can be locked there.
        OSError
            If it cannot be made.
        """
        above = root / FOLDER
        for _ in range(_ATTEMPTS):
            make_folder(above, root, index)
            path = above / secrets.token_hex(8)
            try:
                lock = _locked(path)
            except sqlite3.OperationalError:
                if above.exists():
                    raise
                continue  # the last one who was there has just tidied up
            if lock is None:
                continue
            # Whoever clears up may have deleted the lock before it was held.
            if _lock_of(path).exists():
                path.mkdir()
                return cls(path, lock)
            lock.close()
        raise DatabaseError(
            f"nothing can be locked in {above}: the disk of the database has no locks (any "
            "more); move the database to another one",
            reason="no-locks",
        )

    @classmethod
    def take_over(cls, path: Path) -> Self | None:
        """Lock the folder of an inbox that has ended; None: it has not."""
        lock = _locked(path)
        return None if lock is None else cls(path, lock)

    def whole(self) -> list[str]:
        """Return what is whole in it, in the order in which it came."""
        if not self.path.is_dir():
            return []
        return sorted(str(one) for one in self.path.iterdir() if one.suffix == WHOLE)

    def promised(self) -> list[list[Received]]:
        """Return objects that were to come together and are in a folder already."""
        stages = sorted(self.path.glob(f"*{PARTIAL}")) if self.path.is_dir() else []
        return [
            [Received(str(one)) for one in sorted(stage.iterdir()) if one.suffix == WHOLE]
            for stage in stages
            if is_kept(stage)
        ]

    def delete_partial(self) -> None:
        """Delete what is not whole."""
        if self.path.is_dir():
            for one in self.path.iterdir():
                if one.suffix != PARTIAL:
                    continue
                if one.is_dir():  # of objects that were to come together
                    shutil.rmtree(one, ignore_errors=True)
                else:
                    one.unlink(missing_ok=True)

    def close(self) -> None:
        """Give it up; delete it when it is empty."""
        with contextlib.suppress(OSError):
            if self.path.is_dir():
                self.path.rmdir()
            # Where an open file cannot be deleted, the next one who looks does it.
            _lock_of(self.path).unlink(missing_ok=True)
            self._lock.close()
            for ending in (_LOCK, f"{_LOCK}-journal"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
            self.path.parent.rmdir()
        self._lock.close()


def _lock_of(path: Path) -> Path:
    return path.with_name(path.name + _LOCK)


def _locked(path: Path) -> sqlite3.Connection | None:
    """Hold the lock of a folder, or return None where somebody else does."""
    return lock_now(_lock_of(path))


def _left(root: Path) -> Iterator[Folder]:
    """Lock and yield the folders of inboxes that have ended, each in its turn."""
    above = root / FOLDER
    if not above.is_dir():
        return
    for name in _names(above):
        folder = Folder.take_over(above / name)
        if folder is not None:
            try:
                yield folder
            finally:
                folder.close()
    with contextlib.suppress(OSError):
        above.rmdir()


def _names(above: Path) -> list[str]:
    # Beside each folder: its lock, and SQLite's journal of that.
    return sorted({name.partition(".")[0] for name in os.listdir(above)})


def has_left(root: Path) -> bool:
    """Tell whether an inbox that has ended left something."""
    above = root / FOLDER
    if not above.is_dir():
        return False
    names = _names(above)
    for name in names:
        lock = _locked(above / name)
        if lock is not None:
            lock.close()
            return True
    return not names  # killed when it was about to delete the folder itself


def adopt_left(connections: Connections, root: Path) -> ImportReport:
    """Index what inboxes that have ended left; the writer's lock is held.

    Returns
    -------
    ImportReport
        What could not be read, and is deleted, is in `rejected`.
    """
    report = ImportReport()
    started = time.perf_counter()
    for folder in _left(root):
        if interrupted.is_interrupted(connections, root):
            interrupted.finish(connections, root)  # what was being moved is where it was
        for together in folder.promised():
            adopt(connections, root, together, report)
        folder.delete_partial()
        whole = [Received(path) for path in folder.whole()]
        for start in range(0, len(whole), _AT_ONCE):
            adopt(connections, root, whole[start : start + _AT_ONCE], report)
    report.seconds = time.perf_counter() - started
    return report


def adopt(
    connections: Connections, root: Path, objects: Sequence[Received], report: ImportReport
) -> None:
    """Index received objects and move them to `files`; the writer's lock is held.

    Either all are indexed, or an error is raised and they lie where they were.

    Parameters
    ----------
    connections : Connections
        Of the index.
    root : Path
        The database directory.
    objects : sequence of Received
        What is not there any more is passed over: somebody else has adopted it.
    report : ImportReport
        Takes the counts.
    """
    if connections.path is None or interrupted.is_interrupted(connections, root):
        interrupted.finish(connections, root)
    chunk, headers = Chunk(), []
    for one in objects:
        header = one.header or _header_of(one.path, report)
        try:
            status = os.stat(one.path)
        except FileNotFoundError:
            continue
        if header is not None:
            uid = str(header.values["SOPInstanceUID"])
            file = FoundFile(FOLDER, uid, status.st_size, status.st_mtime_ns)
            file.temporary, file.received = one.path, True
            chunk.files.append(file)
            headers.append(header)
    if not headers:
        return
    groups, accepted = rows_of(headers)
    before = report.mark()
    writer = Writer(root, report, CopyStore(root, connections.path))
    try:
        with connections.transaction(durable=True) as connection:
            writer.begin(connection)
            writer.store(chunk, Scanned(groups, accepted, list(range(len(headers)))))
            writer.end()
    except BaseException:
        report.back_to(before)
        with contextlib.suppress(DatabaseError):  # else the next one does it
            interrupted.finish(connections, root)
        raise
    writer.settled()
    CopyStore(root, connections.path).finish()


def _header_of(path: str, report: ImportReport) -> Header | None:
    """Read a header; what was whole and is none now, a power cut has torn."""
    try:
        header = scan_file(path)
        if header.media or missing_uids(header.values):
            raise HeaderError("no object that can be filed", reason="missing-uid")
    except FileNotFoundError:
        return None
    except DicomDbError as error:
        if isinstance(error, OSError):
            raise
        _log.warning("a received object is torn and deleted: %s", error.reason)
        text = "it was torn, as by a power cut, and is deleted: have it sent again"
        report.rejected.append((path, error.reason, text))
        Path(path).unlink(missing_ok=True)
        return None
    return header


def sync_folder(folder: Path) -> None:
    """Write the entries of a folder to the disk, so that a new name outlives a power cut."""
    if os.name == "nt":
        return  # the system writes its directories through
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
