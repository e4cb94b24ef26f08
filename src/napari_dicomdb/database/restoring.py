"""Makes a database of a backup; what was there before is kept under another name."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import tempfile
import time
import zipfile
import zlib
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.backup import INDEX, MANIFEST, disk_full, is_sound, sync_folder
from napari_dicomdb.database.moving import alone
from napari_dicomdb.database.report import printable
from napari_dicomdb.database.schema import APPLICATION_ID
from napari_dicomdb.errors import DatabaseBusyError, DatabaseError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_dicomdb.progress import Progress

__all__ = ["RestoreReport", "aside", "replace_index", "restore"]

_MEMBER = re.compile(r"files/[0-9a-f]{2}/[0-9a-f]{2}/[^/\\\0]{1,255}")
_BLOCK = 1 << 20
_LATEST = 1 << 62  # ns: in the year 2116


@dataclass(slots=True)
class RestoreReport:
    """Result of `Database.restore`.

    Attributes
    ----------
    path : str
        The database directory.
    instances, copies : int
        Images in its index; copied files that came with the backup.
    kept : str
        Where the database (or index) is that was there before; "" when there was none.
    """

    path: str
    instances: int = 0
    copies: int = 0
    kept: str = ""
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict that `json.dumps` accepts."""
        report = asdict(self)
        return report | {key: printable(report[key]) for key in ("path", "kept")}

    def summary(self) -> str:
        """Return one line for people."""
        line = f"{printable(self.path)}: {self.instances} instances, {self.copies} copied files"
        return f"{line}; what was there is kept as {printable(self.kept)}" if self.kept else line


def restore(
    backup: Path, directory: Path, *, overwrite: bool, progress: Progress
) -> RestoreReport:
    """Restore a backup; see `Database.restore`."""
    started = time.perf_counter()
    if not backup.exists():
        raise NotFoundError(f"no backup at {backup}")
    if directory.exists() and not directory.is_dir():
        raise DatabaseError(
            f"{directory} is a file: choose a directory for the database", reason="exists"
        )
    there = (directory / INDEX).exists()
    if there and not overwrite:
        raise DatabaseError(
            f"{directory} has a database already: choose another directory, or ask to replace it "
            "(it is kept beside the new one)",
            reason="exists",
        )
    if not there and directory.exists() and any(directory.iterdir()):
        raise DatabaseError(
            f"{directory} is not empty: choose a new directory for the database", reason="exists"
        )
    report = RestoreReport(str(directory))
    with disk_full(directory):
        directory.parent.mkdir(parents=True, exist_ok=True)
        # Nobody else may look in before it is known who may; what is within has the
        # permissions that the user gives to new folders.
        closed = Path(
            tempfile.mkdtemp(prefix=f".{directory.name}.", suffix=".part", dir=directory.parent)
        )
        stage = closed / "database"
        try:
            stage.mkdir()
            _unpack(backup, stage, report, progress)
            _check(stage / INDEX, backup, report)
            if there:
                shutil.copymode(directory, stage)
            _put_in_place(stage, directory, report, there=there)
        finally:
            shutil.rmtree(closed, ignore_errors=True)
    report.seconds = time.perf_counter() - started
    return report


def aside(path: Path, word: str) -> Path:
    """Return a free name beside `path` that says what it is and when it was put aside."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    for number in range(1000):
        suffix = f"-{number}" if number else ""
        place = path.with_name(f"{path.stem}.{word}-{stamp}{suffix}{path.suffix}")
        if not os.path.lexists(place):
            return place
    raise DatabaseError(f"{path} cannot be put aside: clear up its folder", reason="exists")


def _unpack(backup: Path, stage: Path, report: RestoreReport, progress: Progress) -> None:
    if backup.is_dir():
        _from_folder(backup, stage, report, progress)
        return
    try:
        with zipfile.ZipFile(backup) as archive:
            members = archive.infolist()
            for number, member in enumerate(members):
                progress(number, len(members), "Unpacking the backup")
                name = member.filename
                if name == MANIFEST:
                    continue
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise _no_backup(backup, f"{name[:100]!r} is packed as no backup is")
                if name != INDEX and not _is_copy(name):
                    raise _no_backup(backup, f"it holds {name[:100]!r}")
                target = stage / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file, _BLOCK)
                    file.flush()
                    os.fsync(file.fileno())
                report.copies += name != INDEX
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise _no_backup(backup, str(error)) from error


def _from_folder(backup: Path, stage: Path, report: RestoreReport, progress: Progress) -> None:
    if not (backup / INDEX).is_file():
        raise _no_backup(backup, f"it has no {INDEX}")
    places = [INDEX, *_copies_in(backup)]
    for number, place in enumerate(places):
        progress(number, len(places), "Copying the backup")
        target = stage / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(backup / place, target)
        with target.open("rb+") as file:
            os.fsync(file.fileno())
        if target.stat().st_size != (backup / place).stat().st_size:
            raise _no_backup(backup, f"{place} changes while it is read")
    report.copies = len(places) - 1


def _copies_in(backup: Path) -> Iterator[str]:
    files = backup / "files"
    for path in sorted(files.rglob("*")) if files.is_dir() else ():
        place = path.relative_to(backup).as_posix()
        if path.is_file() and not path.is_symlink() and _is_copy(place):
            yield place


def _is_copy(name: str) -> bool:
    return _MEMBER.fullmatch(name) is not None and name.rsplit("/", 1)[1] not in (".", "..")


def _check(index: Path, backup: Path, report: RestoreReport) -> None:
    if not index.is_file():
        raise _no_backup(backup, f"it has no {INDEX}")
    try:
        with contextlib.closing(sqlite3.connect(index, isolation_level=None)) as connection:
            if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                raise _no_backup(backup, f"{INDEX} is another program's")
            if not is_sound(connection):
                raise _no_backup(backup, f"{INDEX} is damaged")
            report.instances = connection.execute("SELECT count(*) FROM instance").fetchone()[0]
            # zip keeps no times: the copies' are recorded as they are now.
            _set_times(connection, index.parent)
    except sqlite3.DatabaseError as error:
        raise _no_backup(backup, str(error)) from error


def _set_times(connection: sqlite3.Connection, stage: Path) -> None:
    rows = connection.execute(
        "SELECT file.id, path, name, mtime_ns FROM file JOIN directory ON directory.id = directory"
        " WHERE storage = 'copied'"
    )
    for _key, directory, name, mtime_ns in rows:
        # What the index of a backup says may be anything: of what came with it alone.
        place = f"{directory}/{name}"
        sane = isinstance(mtime_ns, int) and 0 < mtime_ns < _LATEST
        if sane and _is_copy(place) and (stage / place).is_file():
            os.utime(stage / place, ns=(mtime_ns, mtime_ns))


def _put_in_place(stage: Path, directory: Path, report: RestoreReport, *, there: bool) -> None:
    if not there:
        if directory.exists():
            directory.rmdir()
        os.rename(stage, directory)
        sync_folder(directory.parent)
        return
    try:
        alone(directory)
    except DatabaseBusyError:
        raise
    except DatabaseError as error:
        # A damaged index is what a backup is for.
        if error.reason != "database-damaged":
            raise
    if not report.copies:
        report.kept = str(replace_index(stage / INDEX, directory / INDEX, "replaced"))
        return
    kept = aside(directory, "replaced")
    report.kept = str(kept)
    os.rename(directory, kept)
    try:
        os.rename(stage, directory)
    except OSError:
        os.rename(kept, directory)
        report.kept = ""
        raise
    sync_folder(directory.parent)


def replace_index(new: Path, index: Path, word: str) -> Path:
    """Put a new index in place of one that is kept, with its log, under the name returned."""
    kept = aside(index, word)
    for suffix in ("-wal", "-shm"):
        # A log that stayed would be taken for the new index's.
        log = Path(f"{index}{suffix}")
        if log.exists():
            os.replace(log, f"{kept}{suffix}")
    try:
        os.link(index, kept)
    except OSError:  # no hard links on this file system
        shutil.copy2(index, kept)
    os.replace(new, index)
    sync_folder(index.parent)
    return kept


def _no_backup(backup: Path, why: str) -> DatabaseError:
    return DatabaseError(
        f"{backup} is no backup of a database, or a damaged one ({why})", reason="bad-backup"
    )
