"""Writes backups of a database: consistent, read again after writing, wholly there or not."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import sqlite3
import tempfile
import time
import zipfile
import zlib
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from napari_dicomdb.database.known import from_sql
from napari_dicomdb.database.report import Remark, printable
from napari_dicomdb.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_dicomdb.database.connection import Connections
    from napari_dicomdb.progress import Progress

__all__ = ["INDEX", "MANIFEST", "BackupReport", "backup", "disk_full", "is_sound", "sync_folder"]

INDEX = "dicomdb.sqlite"
MANIFEST = "backup.json"
FORMAT = 1

_PAGES = 1024
_BLOCK = 1 << 20


@dataclass(slots=True)
class BackupReport:
    """Result of `Database.backup`.

    Attributes
    ----------
    path : str
        The directory or zip file.
    instances, copies : int
        Images in the index; copied files in the backup.
    size : int
        Bytes written.
    rejected : list of (path, reason, text)
        Copied files that are in the index and could not be read: "file-missing",
        "unreadable", "damaged".
    """

    path: str
    instances: int = 0
    copies: int = 0
    with_copies: bool = False
    size: int = 0
    rejected: list[Remark] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether everything that was asked for is in it."""
        return not self.rejected

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict that `json.dumps` accepts."""
        report = asdict(self) | {"ok": self.ok, "path": printable(self.path)}
        report["rejected"] = [
            {"path": printable(path), "reason": reason, "text": printable(text)}
            for path, reason, text in self.rejected
        ]
        return report

    def summary(self) -> str:
        """Return one line for people."""
        line = f"{printable(self.path)}: {self.instances} instances"
        line += f", {self.copies} copied files" if self.with_copies else " (index only)"
        line += f", {self.size / 1e6:.1f} MB"
        if self.rejected:
            line += f"; {len(self.rejected)} copied files could not be taken"
        return line


def backup(
    connections: Connections,
    root: Path,
    target: Path,
    *,
    with_copies: bool,
    progress: Progress,
) -> BackupReport:
    """Write a backup; see `Database.backup`."""
    started = time.perf_counter()
    if os.path.lexists(target):
        raise DatabaseError(
            f"{target} is there already: choose another name for the backup", reason="exists"
        )
    if connections.path is not None and target.resolve().is_relative_to(root.resolve()):
        raise DatabaseError(
            f"{target} is inside the database directory: a backup belongs elsewhere, best on "
            "another drive",
            reason="inside-database",
        )
    report = BackupReport(str(target), with_copies=with_copies)
    with disk_full(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(
            tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        )
        try:
            _snapshot(connections, stage / INDEX, progress)
            _finish_index(stage / INDEX, report)
            if target.suffix.lower() == ".zip":
                made = _as_zip(root, stage, report, progress)
            else:
                made = _as_folder(root, stage, report, progress)
            progress(0, None, "Putting the backup in place")
            os.rename(made, target)
            sync_folder(target.parent)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    report.seconds = time.perf_counter() - started
    return report


@contextlib.contextmanager
def disk_full(target: Path) -> Iterator[None]:
    """Say in plain words that there is no room, or no permission, for `target`."""
    try:
        yield
    except DatabaseError as error:
        if error.reason == "disk-full":
            raise _no_room(target) from error
        raise
    except sqlite3.Error as error:
        if str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_FULL"):
            raise _no_room(target) from error
        raise DatabaseError(f"{target} cannot be written ({error})") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _no_room(target) from error
        raise DatabaseError(
            f"{target} cannot be written ({error.strerror or error}): choose another place",
            reason="not-writable",
        ) from error


def _no_room(target: Path) -> DatabaseError:
    return DatabaseError(
        f"there is no room for {target}: nothing was left there; free some, or choose another "
        "drive",
        reason="disk-full",
    )


def _snapshot(connections: Connections, copy: Path, progress: Progress) -> None:
    """Copy the index as it is at one moment, while others go on writing."""

    def tell(_status: int, left: int, total: int) -> None:
        progress(total - left, total, "Copying the index")

    with (
        connections.borrow() as connection,
        contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as stage,
    ):
        # A transaction of our own keeps this state: else every writer would make the
        # copy begin again.
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        try:
            connection.backup(stage, pages=_PAGES, progress=tell)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _finish_index(index: Path, report: BackupReport) -> None:
    with contextlib.closing(sqlite3.connect(index, isolation_level=None)) as connection:
        # One file, without a log beside it.
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        # Pictures are made anew where the database is restored.
        connection.execute("DELETE FROM thumbnail WHERE name IS NOT NULL")
        if not is_sound(connection):
            raise DatabaseError(
                f"the copy of the index is damaged ({report.path}): check the database with "
                "`dicomdb check`, and the drive",
                reason="bad-backup",
            )
        report.instances = connection.execute("SELECT count(*) FROM instance").fetchone()[0]
    report.size = index.stat().st_size
    with index.open("rb+") as file:
        os.fsync(file.fileno())


def is_sound(connection: sqlite3.Connection) -> bool:
    """Tell whether SQLite finds every page in order."""
    try:
        return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.DatabaseError:
        return False


def _copies(index: Path) -> Iterator[tuple[str, int]]:
    """Yield path (relative to the database) and size of the copies in the staged index."""
    with contextlib.closing(sqlite3.connect(index)) as connection:
        for directory, name, size in connection.execute(
            "SELECT path, name, size FROM file JOIN directory ON directory.id = directory"
            " WHERE storage = 'copied' ORDER BY path, name"
        ):
            yield f"{from_sql(directory)}/{from_sql(name)}", size


def _count_copies(index: Path) -> int:
    with contextlib.closing(sqlite3.connect(index)) as connection:
        sql = "SELECT count(*) FROM file WHERE storage = 'copied'"
        return int(connection.execute(sql).fetchone()[0])


def _manifest(report: BackupReport) -> str:
    from napari_dicomdb import __version__
    from napari_dicomdb.database.schema import SCHEMA_VERSION

    facts = {
        "format": FORMAT,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "napari_dicomdb": __version__,
        "schema_version": SCHEMA_VERSION,
        "instances": report.instances,
        "copies": report.copies,
        "with_copies": report.with_copies,
    }
    return json.dumps(facts, indent=2) + "\n"


def _as_folder(root: Path, stage: Path, report: BackupReport, progress: Progress) -> Path:
    total = _count_copies(stage / INDEX) if report.with_copies else 0
    for number, (place, size) in enumerate(_copies(stage / INDEX) if total else ()):
        progress(number, total, "Copying files")
        target = stage / place
        target.parent.mkdir(parents=True, exist_ok=True)

        with _taken(root, place, size, report) as source:
            if source is None:
                continue
            with target.open("wb") as file:
                written = _copied(source, file)
                file.flush()
                os.fsync(file.fileno())
        with target.open("rb") as again:
            if _checksum(again) != written:
                raise _not_as_written(target)
        report.copies += 1
        report.size += size
    (stage / MANIFEST).write_text(_manifest(report), encoding="utf-8")
    return stage


def _as_zip(root: Path, stage: Path, report: BackupReport, progress: Progress) -> Path:
    total = _count_copies(stage / INDEX) if report.with_copies else 0
    made = stage / "backup.zip"
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        progress(0, total or None, "Packing the index")
        archive.write(stage / INDEX, INDEX)
        for number, (place, size) in enumerate(_copies(stage / INDEX) if total else ()):
            progress(number, total, "Packing files")
            with _taken(root, place, size, report) as source:
                if source is None:
                    continue
                with archive.open(zipfile.ZipInfo(place), "w", force_zip64=True) as member:
                    _copied(source, member)
            report.copies += 1
        archive.writestr(MANIFEST, _manifest(report))
    progress(0, None, "Reading the backup again")
    with zipfile.ZipFile(made) as archive:
        if archive.testzip() is not None:
            raise _not_as_written(made)
    with made.open("rb+") as file:
        os.fsync(file.fileno())
    report.size = made.stat().st_size
    return made


@contextlib.contextmanager
def _taken(root: Path, place: str, size: int, report: BackupReport) -> Iterator[IO[bytes] | None]:
    """Open a copied file; None, with a remark in the report, when it is not as it should be."""
    path = root / place
    reason, text, source = "", "", None
    try:
        source = path.open("rb")
        found = os.fstat(source.fileno()).st_size
        if found != size:
            reason, text = "damaged", f"it has {found} bytes, {size} are in the index"
    except FileNotFoundError:
        reason, text = "file-missing", "the copy is not there"
    except OSError as error:
        reason, text = "unreadable", error.strerror or str(error)
    try:
        if reason:
            report.rejected.append((str(path), reason, text))
            yield None
        else:
            yield source
    finally:
        if source is not None:
            source.close()


def _copied(source: IO[bytes], target: IO[bytes]) -> int:
    checksum = 0
    while block := source.read(_BLOCK):
        target.write(block)
        checksum = zlib.crc32(block, checksum)
    return checksum


def _checksum(file: IO[bytes]) -> int:
    checksum = 0
    while block := file.read(_BLOCK):
        checksum = zlib.crc32(block, checksum)
    return checksum


def _not_as_written(path: Path) -> DatabaseError:
    return DatabaseError(
        f"{path} does not read as it was written: the drive is failing; nothing was left there",
        reason="bad-backup",
    )


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder durable, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
