"""Follows files to where they were moved: rewrites their places, checked, in one transaction."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import thumbnail_store
from napari_dicomdb.database.known import from_sql, to_sql
from napari_dicomdb.database.places import parts_below
from napari_dicomdb.database.report import Remark, printable
from napari_dicomdb.database.verify import count_missing
from napari_dicomdb.dicom.header import scan_file
from napari_dicomdb.errors import DatabaseError, DicomDbError, NotFoundError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from napari_dicomdb.database.connection import Connections
    from napari_dicomdb.progress import Progress

__all__ = ["RelinkReport", "relink", "whole_root"]

_LISTED = 10_000
_SAMPLES = 3
"""Files of each folder whose header is read although size and time are the same."""
_SLICE = 2048


@dataclass(slots=True)
class RelinkReport:
    """Result of `Database.relink`.

    Attributes
    ----------
    old_root, new_root : str
        The folders that were given.
    relinked : int
        Files of instances that are now known at their new place.
    folders : int
        Folders with such files.
    not_found : list of str
        Files that are not at the new place; they stay as they were (first 10 000).
    not_found_count : int
        How many these are.
    rejected : list of (path, reason, text)
        Files at the new place that are not what was moved: "other-size",
        "other-object", "known-already", "unreadable".
    dry_run : bool
        Nothing was written.
    """

    old_root: str
    new_root: str
    relinked: int = 0
    folders: int = 0
    not_found: list[str] = field(default_factory=list)
    not_found_count: int = 0
    rejected: list[Remark] = field(default_factory=list)
    dry_run: bool = False

    @property
    def ok(self) -> bool:
        """Whether every file below the old root was found below the new one."""
        return not self.not_found_count and not self.rejected

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict that `json.dumps` accepts."""
        report = asdict(self) | {"ok": self.ok}
        for key in ("old_root", "new_root"):
            report[key] = printable(report[key])
        report["not_found"] = [printable(path) for path in self.not_found]
        report["rejected"] = [
            {"path": printable(path), "reason": reason, "text": printable(text)}
            for path, reason, text in self.rejected
        ]
        return report

    def summary(self) -> str:
        """Return one line for people."""
        verb = "would be relinked" if self.dry_run else "relinked"
        line = f"{self.relinked} files in {self.folders} folders {verb}"
        if self.not_found_count:
            line += f", {self.not_found_count} are not there and stay as they were"
        if self.rejected:
            line += f", {len(self.rejected)} are other files and stay as they were"
        return line


def whole_root(root: str | os.PathLike[str]) -> str:
    r"""Return a root as the index may know it; of a relative one, the whole path.

    Raises
    ------
    DatabaseError
        If it is empty.

    Examples
    --------
    >>> whole_root("D:\\scans")
    'D:\\scans'
    """
    text = os.fspath(root)
    if not text:
        raise DatabaseError("an empty path names no folder", reason="no-path")
    # One of another system is whole already: abspath would put the working folder before it.
    known = PureWindowsPath(text)
    return text if os.path.isabs(text) or known.drive or known.root else os.path.abspath(text)


def relink(
    connections: Connections,
    root: Path,
    old_root: str,
    new_root: str,
    *,
    dry_run: bool,
    check_all: bool,
    progress: Progress,
) -> RelinkReport:
    """Find the files below `old_root` below `new_root`; see `Database.relink`."""
    report = RelinkReport(old_root, new_root, dry_run=dry_run)
    if not os.path.isdir(new_root):
        raise NotFoundError(f"{new_root} is no folder: name the one that has the files now")
    old = old_root if old_root in ("/", "\\") else old_root.rstrip("/\\")
    with connections.borrow() as connection:
        folders = _folders_below(connection, old)
        if not folders:
            raise NotFoundError(
                f"the database knows no file below {old_root}: see the folders that "
                "`dicomdb verify` names"
            )
        _plan(connection, folders, new_root, report, check_all=check_all, progress=progress)
        if dry_run:
            connection.execute("DROP TABLE temp.moved")
            return report
        connection.execute("BEGIN IMMEDIATE")
        try:
            _apply(connection)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        connection.execute("DROP TABLE temp.moved")
    return report


def _folders_below(
    connection: sqlite3.Connection, old: str
) -> list[tuple[int, str, tuple[str, ...]]]:
    """Return (id, path, parts below the old root) of the folders that moved with it."""
    rows = [(key, from_sql(path)) for key, path in connection.execute("SELECT * FROM directory")]
    below = [(key, path, parts_below(path, old)) for key, path in rows]
    found = [(key, path, parts) for key, path, parts in below if parts is not None]
    if found:
        return found
    # As typed by somebody on a system whose names have no case.
    folded = [(key, path, parts_below(path.casefold(), old.casefold())) for key, path in rows]
    found = []
    for key, path, parts in folded:
        if parts is not None:
            whole = tuple(part for part in path.replace("\\", "/").split("/") if part)
            found.append((key, path, whole[len(whole) - len(parts) :]))
    return found


def _plan(
    connection: sqlite3.Connection,
    folders: list[tuple[int, str, tuple[str, ...]]],
    new_root: str,
    report: RelinkReport,
    *,
    check_all: bool,
    progress: Progress,
) -> None:
    """Fill temp.moved with what is found, file by file."""
    connection.execute("DROP TABLE IF EXISTS temp.moved")
    connection.execute(
        "CREATE TEMP TABLE moved (file INTEGER PRIMARY KEY, folder, name, mtime_ns INTEGER,"
        " UNIQUE (folder, name))"
    )
    listings = _Listings()
    for number, (key, path, parts) in enumerate(folders):
        progress(number, len(folders), "Comparing files")
        place = listings.folder(new_root, parts)
        before = report.relinked
        checked = 0
        for file in _files(connection, key):
            if file.storage == "copied":
                continue
            named = os.path.join(path, from_sql(file.name))
            if place is None:
                if file.uid:
                    _not_found(report, named)
                continue
            if os.path.isfile(place):
                # An archive: its members are no files of their own.
                moved = (file.id, to_sql(place), file.name, file.mtime_ns)
                connection.execute("INSERT OR IGNORE INTO temp.moved VALUES (?, ?, ?, ?)", moved)
                continue
            name = listings.name(place, from_sql(file.name))
            if name is None:
                if file.uid:
                    _not_found(report, named)
                continue
            there = os.path.join(place, name)
            read = check_all or checked < _SAMPLES or name != from_sql(file.name)
            mtime = _compare(file, there, report, read=read)
            if mtime is None:
                continue
            checked += 1
            if _is_taken(connection, file, place, name):
                text = "the database knows another object at that place: verify and repair first"
                report.rejected.append((there, "known-already", text))
                continue
            if not connection.execute(
                "INSERT OR IGNORE INTO temp.moved VALUES (?, ?, ?, ?)",
                (file.id, to_sql(place), to_sql(name), mtime),
            ).rowcount:
                # Two names that differ in case alone are one file there.
                report.rejected.append((there, "known-already", "another file is there as well"))
                continue
            report.relinked += bool(file.uid)
        report.folders += report.relinked > before
        listings.forget()


@dataclass(slots=True)
class _File:
    id: int
    name: str | bytes
    size: int
    mtime_ns: int
    storage: str
    uid: str | None
    pixel_offset: int | None


def _files(connection: sqlite3.Connection, directory: int) -> Iterator[_File]:
    after: str | bytes = ""
    while True:
        rows = connection.execute(
            "SELECT file.id, name, file.size, mtime_ns, storage, coalesce(own.uid, other.uid),"
            " own.pixel_offset FROM file"
            " LEFT JOIN instance AS own ON own.file = file.id"
            " LEFT JOIN alternate ON alternate.file = file.id"
            " LEFT JOIN instance AS other ON other.id = alternate.instance"
            f" WHERE directory = ? AND name > ? GROUP BY name ORDER BY name LIMIT {_SLICE}",
            (directory, after),
        ).fetchall()
        for row in rows:
            yield _File(*row)
        if len(rows) < _SLICE:
            return
        after = rows[-1][1]


def _compare(file: _File, there: str, report: RelinkReport, *, read: bool) -> int | None:
    """Return the time to record of a file that is the same as was moved, None when not."""
    try:
        status = os.stat(there)
        if status.st_size != file.size:
            text = f"it has {status.st_size} bytes, the file that was imported {file.size}"
            report.rejected.append((there, "other-size", text))
            return None
        if not file.uid or (status.st_mtime_ns == file.mtime_ns and not read):
            return file.mtime_ns
        header = scan_file(there, status.st_size)
    except (OSError, DicomDbError, RecursionError, MemoryError) as error:
        text = str(error).removeprefix(f"{there}: ")
        report.rejected.append((there, "unreadable", text))
        return None
    found = header.values.get("SOPInstanceUID")
    if found != file.uid:
        text = f"it holds SOPInstanceUID {found}, not {file.uid}"
        report.rejected.append((there, "other-object", text))
        return None
    # Copying without times is no change; otherwise it is read again at the next use.
    same = header.pixel_offset == file.pixel_offset
    return status.st_mtime_ns if same else file.mtime_ns


def _not_found(report: RelinkReport, path: str) -> None:
    report.not_found_count += 1
    if len(report.not_found) < _LISTED:
        report.not_found.append(path)


def _is_taken(connection: sqlite3.Connection, file: _File, place: str, name: str) -> bool:
    """Tell whether the index knows another object at the new place."""
    row = connection.execute(
        "SELECT file.id, coalesce(own.uid, other.uid) FROM file"
        " JOIN directory ON directory.id = directory"
        " LEFT JOIN instance AS own ON own.file = file.id"
        " LEFT JOIN alternate ON alternate.file = file.id"
        " LEFT JOIN instance AS other ON other.id = alternate.instance"
        " WHERE path = ? AND name = ?",
        (to_sql(place), to_sql(name)),
    ).fetchone()
    return row is not None and row[0] != file.id and row[1] not in (None, file.uid)


def _apply(connection: sqlite3.Connection) -> None:
    # What an import has found at the new places meanwhile is the same object: one
    # row is enough. Its instance, if it has one, is that of the moved file.
    connection.execute(
        "CREATE TEMP TABLE met AS SELECT moved.file, file.id AS other FROM temp.moved"
        " JOIN directory ON directory.path = moved.folder"
        " JOIN main.file ON file.directory = directory.id AND file.name = moved.name"
        " WHERE file.id <> moved.file AND file.id NOT IN (SELECT file FROM temp.moved)"
    )
    connection.execute("DELETE FROM alternate WHERE file IN (SELECT other FROM temp.met)")
    connection.execute(
        "UPDATE instance SET file = (SELECT met.file FROM temp.met WHERE other = instance.file)"
        " WHERE file IN (SELECT other FROM temp.met)"
    )
    connection.execute(
        "UPDATE file SET source = (SELECT met.file FROM temp.met WHERE other = file.source)"
        " WHERE source IN (SELECT other FROM temp.met)"
    )
    connection.execute("DELETE FROM file WHERE id IN (SELECT other FROM temp.met)")
    connection.execute("DELETE FROM alternate WHERE file IN (SELECT file FROM instance)")
    connection.execute("DROP TABLE temp.met")
    connection.execute(
        "INSERT OR IGNORE INTO directory (path) SELECT DISTINCT folder FROM temp.moved"
    )
    left = [
        row[0]
        for row in connection.execute(
            "SELECT DISTINCT directory FROM file WHERE id IN (SELECT file FROM temp.moved)"
        )
    ]
    # Out of the way first: names may be exchanged between folders.
    connection.execute(
        "UPDATE file SET name = CAST('moving' || id AS BLOB) WHERE id IN"
        " (SELECT file FROM temp.moved)"
    )
    connection.execute(
        "UPDATE file SET directory = directory.id, name = moved.name,"
        " mtime_ns = moved.mtime_ns, missing = NULL"
        " FROM temp.moved JOIN directory ON directory.path = moved.folder"
        " WHERE file.id = moved.file"
    )
    connection.executemany(
        "DELETE FROM directory WHERE id = ?1"
        " AND NOT EXISTS (SELECT 1 FROM file WHERE directory = ?1)",
        [(key,) for key in left],
    )
    count_missing(connection)
    series = connection.execute(
        "SELECT DISTINCT series FROM instance WHERE file IN (SELECT file FROM temp.moved)"
    ).fetchall()
    thumbnail_store.forgive(connection, [row[0] for row in series])


class _Listings:
    """Finds folders and names whatever their letter case, when they are not there as given."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, str]] = {}

    def folder(self, root: str, parts: tuple[str, ...]) -> str | None:
        """Return the folder (or archive) with these parts below `root`."""
        place = os.path.join(root, *parts)
        if os.path.exists(place):
            return place
        place = root
        for part in parts:
            name = self.name(place, part)
            if name is None:
                return None
            place = os.path.join(place, name)
        return place

    def name(self, folder: str, name: str) -> str | None:
        """Return the name that a file has in a folder."""
        if os.path.lexists(os.path.join(folder, name)):
            return name
        names = self._names.get(folder)
        if names is None:
            try:
                names = {other.casefold(): other for other in os.listdir(folder)}
            except OSError:
                names = {}
            self._names[folder] = names
        return names.get(name.casefold())

    def forget(self) -> None:
        """Drop the listings, when another folder is to come."""
        self._names.clear()
