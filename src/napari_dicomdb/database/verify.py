"""Looks whether the files of the index are where and what they were, and notes what is gone."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_dicomdb.database import thumbnail_store
from napari_dicomdb.database.collisions import same_content
from napari_dicomdb.database.known import from_sql, path_of
from napari_dicomdb.database.places import is_foreign, unavailable_root
from napari_dicomdb.database.report import Remark, printable
from napari_dicomdb.dicom.header import scan_file
from napari_dicomdb.errors import DicomDbError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from napari_dicomdb.database.connection import Connections
    from napari_dicomdb.progress import Progress

__all__ = ["LISTED", "FolderState", "VerifyReport", "count_missing", "look", "verify"]

LISTED = 10_000
"""Paths of each kind that a report names; beyond that it only counts."""

_SLICE = 2048
_THREADS = 16
_AHEAD = 2 * _THREADS
_BATCH = 20_000


@dataclass(slots=True)
class FolderState:
    """How the files of one folder fared."""

    folder: str
    checked: int = 0
    missing: int = 0
    changed: int = 0
    unavailable: bool = False


@dataclass(slots=True)
class VerifyReport:
    """Result of `Database.verify`.

    Attributes
    ----------
    checked : int
        Files of instances that were looked for.
    missing, changed, returned : list of str
        Paths of files that are gone; that are not what was imported; that were gone
        when last looked for and are there again. The first 10 000 of each.
    missing_count, changed_count, returned_count : int
        How many there are.
    remarks : list of (path, reason, text)
        Of changed files: "changed" (size or time), "other-object", "damaged",
        "unreadable".
    unavailable_roots : dict of str to int
        Drives and shares that are not there, with the number of files on them. These
        files were not looked for and are not taken for missing.
    folders : list of FolderState
        Folders in which something is missing, changed or not there.
    cancelled : bool
        The progress callback raised Cancelled; what was found until then is kept.
    """

    checked: int = 0
    missing: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    missing_count: int = 0
    changed_count: int = 0
    returned_count: int = 0
    remarks: list[Remark] = field(default_factory=list)
    unavailable_roots: dict[str, int] = field(default_factory=dict)
    folders: list[FolderState] = field(default_factory=list)
    content: bool = False
    cancelled: bool = False
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every file is where and what it was."""
        bad = self.missing_count or self.changed_count or self.unavailable_roots
        return not bad and not self.cancelled

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict that `json.dumps` accepts."""
        report = asdict(self) | {"ok": self.ok}
        for key in ("missing", "changed", "returned"):
            report[key] = [printable(path) for path in report[key]]
        report["remarks"] = [
            {"path": printable(path), "reason": reason, "text": printable(text)}
            for path, reason, text in self.remarks
        ]
        report["unavailable_roots"] = {
            printable(root): count for root, count in self.unavailable_roots.items()
        }
        for folder in report["folders"]:
            folder["folder"] = printable(folder["folder"])
        return report

    def summary(self) -> str:
        """Return a few words for people: one sentence for each thing found."""
        line = f"{self.checked} files looked for"
        for count, words in (
            (self.missing_count, "missing"),
            (self.changed_count, "changed"),
            (self.returned_count, "there again"),
        ):
            if count:
                line += f", {count} {words}"
        if not self.missing_count and not self.changed_count:
            line += ", all as they were" if self.checked else ""
        for root, count in self.unavailable_roots.items():
            line += (
                f"; {printable(root)} is not there ({count} files; nothing is held against them)"
            )
        return line + ("; cancelled" if self.cancelled else "")


class _File(NamedTuple):
    id: int
    name: str | bytes
    size: int
    mtime_ns: int
    storage: str
    missing: float | None


class _Slice(NamedTuple):
    """Some files of one folder, to be looked at in one thread."""

    directory: int
    folder: str
    files: list[_File]


class _Seen(NamedTuple):
    """What became of one file: state is "", "missing" or a reason why it is changed."""

    file: _File
    state: str
    text: str


def verify(
    connections: Connections, root: Path, *, content: bool, progress: Progress
) -> VerifyReport:
    """Look for every file of an instance; see `Database.verify`."""
    from napari_dicomdb.errors import Cancelled

    started = time.perf_counter()
    report = VerifyReport(content=content)
    findings = _Findings(connections, report)
    with connections.borrow() as connection:
        total = connection.execute(
            "SELECT count(*) FROM file WHERE storage IN ('linked', 'copied')"
        ).fetchone()[0]
    looker = _Looker(connections, root, content=content)
    last = 0.0
    try:
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="verify") as pool:
            pending: deque[Any] = deque()
            try:
                for piece in _slices(connections, root):
                    pending.append((piece, pool.submit(looker, piece)))
                    if len(pending) >= _AHEAD:
                        findings.add(pending[0][0], pending.popleft()[1].result())
                    if time.monotonic() - last > 0.05:
                        last = time.monotonic()
                        progress(report.checked, total, "Looking for files")
                while pending:
                    findings.add(pending[0][0], pending.popleft()[1].result())
                    progress(report.checked, total, "Looking for files")
            finally:
                for _piece, future in pending:
                    future.cancel()
    except Cancelled:
        report.cancelled = True
    findings.close()
    report.seconds = time.perf_counter() - started
    return report


def look(path: Path, size: int, mtime_ns: int) -> str:
    """Return "" when a file is as recorded, else "missing", "changed" or "unreadable"."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except (OSError, ValueError):
        return "unreadable"
    return "" if (status.st_size, status.st_mtime_ns) == (size, mtime_ns) else "changed"


def _slices(connections: Connections, root: Path) -> Iterator[_Slice]:
    """Yield the files of instances, folder by folder; no transaction is held meanwhile."""
    last_directory = 0
    while True:
        with connections.borrow() as connection:
            directories = connection.execute(
                "SELECT id, path FROM directory WHERE id > ? ORDER BY id LIMIT 256",
                (last_directory,),
            ).fetchall()
        if not directories:
            return
        for key, stored in directories:
            last_directory = key
            path = from_sql(stored)
            folder = path if is_foreign(path) or os.path.isabs(path) else str(root / path)
            after: str | bytes = ""
            while True:
                with connections.borrow() as connection:
                    rows = connection.execute(
                        "SELECT id, name, size, mtime_ns, storage, missing FROM file"
                        " WHERE directory = ? AND name > ? AND storage IN ('linked', 'copied')"
                        f" ORDER BY name LIMIT {_SLICE}",
                        (key, after),
                    ).fetchall()
                if rows:
                    yield _Slice(key, folder, [_File(*row) for row in rows])
                    after = rows[-1][1]
                if len(rows) < _SLICE:
                    break


class _Looker:
    """Looks at the files of one slice; called in several threads."""

    def __init__(self, connections: Connections, root: Path, *, content: bool) -> None:
        self._connections = connections
        self._root = root
        self._content = content

    def __call__(self, piece: _Slice) -> tuple[str | None, list[_Seen]]:
        """Return the root that is not there, if so, and what became of each file."""
        root = unavailable_root(piece.folder)
        if root is not None:
            return root, []
        if not os.path.isdir(piece.folder):
            return None, [_Seen(file, "missing", "") for file in piece.files]
        folder = piece.folder.rstrip(os.sep) + os.sep
        uids = self._uids(piece) if self._content else {}
        seen = []
        for file in piece.files:
            path = folder + from_sql(file.name)
            try:
                status = os.stat(path)
            except (FileNotFoundError, NotADirectoryError):
                seen.append(_Seen(file, "missing", ""))
                continue
            except (OSError, ValueError) as error:
                seen.append(_Seen(file, "unreadable", str(error)))
                continue
            if status.st_size != file.size:
                text = f"it has {status.st_size} bytes, {file.size} when it was imported"
                state = "damaged" if file.storage == "copied" else "changed"
                seen.append(_Seen(file, state, text))
            elif self._content:
                seen.append(self._read(file, path, uids.get(file.id, ""), status))
            elif status.st_mtime_ns != file.mtime_ns and file.mtime_ns != -1:
                seen.append(_Seen(file, "changed", "it was written to since it was imported"))
            else:
                seen.append(_Seen(file, "", ""))
        if any(one.state == "missing" for one in seen):
            # Did the drive go while we looked?
            root = unavailable_root(piece.folder)
            if root is not None:
                return root, []
        return None, seen

    def _uids(self, piece: _Slice) -> dict[int, str]:
        ids = (piece.directory, piece.files[0].name, piece.files[-1].name)
        with self._connections.borrow() as connection:
            return {
                key: uid
                for key, uid in connection.execute(
                    "SELECT file.id, coalesce(own.uid, other.uid) FROM file"
                    " LEFT JOIN instance AS own ON own.file = file.id"
                    " LEFT JOIN alternate ON alternate.file = file.id"
                    " LEFT JOIN instance AS other ON other.id = alternate.instance"
                    " WHERE file.directory = ? AND file.name BETWEEN ? AND ?",
                    ids,
                )
                if uid
            }

    def _read(self, file: _File, path: str, uid: str, status: os.stat_result) -> _Seen:
        try:
            found = scan_file(path, status.st_size).values.get("SOPInstanceUID")
        except DicomDbError as error:
            return _Seen(file, "damaged", str(error).removeprefix(f"{path}: "))
        except (OSError, RecursionError, MemoryError) as error:
            return _Seen(file, "unreadable", str(error))
        if uid and found != uid:
            return _Seen(file, "other-object", f"it holds SOPInstanceUID {found} now, not {uid}")
        if status.st_mtime_ns != file.mtime_ns and file.mtime_ns != -1:
            return _Seen(file, "changed", "it was written to since it was imported")
        if file.storage == "copied" and self._differs_from_source(file, path):
            return _Seen(file, "damaged", "the copy differs from the file that it was made of")
        return _Seen(file, "", "")

    def _differs_from_source(self, file: _File, path: str) -> bool:
        with self._connections.borrow() as connection:
            source = connection.execute(
                "SELECT path, origin.name, origin.size, origin.mtime_ns FROM file"
                " JOIN file AS origin ON origin.id = file.source"
                " JOIN directory ON directory.id = origin.directory WHERE file.id = ?",
                (file.id,),
            ).fetchone()
        if source is None:
            return False
        original = path_of(self._root, source[0], source[1])
        if look(original, source[2], source[3]):
            return False  # gone or changed: it proves nothing
        try:
            return not same_content(original, self._root / path)
        except OSError:
            return False


class _Findings:
    """Collects what was seen: into the report, and in batches into the index."""

    def __init__(self, connections: Connections, report: VerifyReport) -> None:
        self._connections = connections
        self._report = report
        self._now = time.time()
        self._marks: list[tuple[float | None, int, str | bytes]] = []
        self._folders: dict[str, FolderState] = {}

    def add(self, piece: _Slice, result: tuple[str | None, list[_Seen]]) -> None:
        """Take what became of one slice."""
        report = self._report
        root, seen = result
        if root is not None:
            roots = report.unavailable_roots
            roots[root] = roots.get(root, 0) + len(piece.files)
            self._folder(piece.folder).unavailable = True
            return
        report.checked += len(seen)
        folder = piece.folder.rstrip(os.sep) + os.sep
        bad = 0
        for file, state, text in seen:
            gone = state == "missing"
            if gone:
                self._marks.append((self._now, file.id, file.name))
            elif file.missing is not None:
                self._marks.append((None, file.id, file.name))
                report.returned_count += 1
                _note(report.returned, folder + from_sql(file.name))
            if not state:
                continue
            bad += 1
            path = folder + from_sql(file.name)
            state_of = self._folder(piece.folder)
            if gone:
                report.missing_count += 1
                state_of.missing += 1
                _note(report.missing, path)
            else:
                report.changed_count += 1
                state_of.changed += 1
                _note(report.changed, path)
                if len(report.remarks) < LISTED:
                    report.remarks.append((path, state, text))
        if piece.folder in self._folders or bad:
            self._folder(piece.folder).checked += len(seen)
        if len(self._marks) >= _BATCH:
            self._keep()

    def _folder(self, folder: str) -> FolderState:
        state = self._folders.get(folder)
        if state is None:
            state = self._folders[folder] = FolderState(folder)
            if len(self._report.folders) < LISTED:
                self._report.folders.append(state)
        return state

    def close(self) -> None:
        """Bring the index up to date."""
        self._keep()
        self._folders.clear()

    def _keep(self) -> None:
        marks, self._marks = self._marks, []
        if not marks or self._connections.read_only:
            return
        with self._connections.transaction() as connection:
            connection.executemany(
                "UPDATE file SET missing = ? WHERE id = ? AND name = ?", marks
            )  # by name, too: the row may be another file's by now
            count_missing(connection, (file for _at, file, _name in marks))
            back = [file for at, file, _name in marks if at is None]
            if back:
                series = connection.execute(
                    "SELECT DISTINCT series FROM instance"
                    " WHERE file IN (SELECT value FROM json_each(?))",
                    (json.dumps(back),),
                ).fetchall()
                thumbnail_store.forgive(connection, [row[0] for row in series])


def _note(paths: list[str], path: str) -> None:
    if len(paths) < LISTED:
        paths.append(path)


def count_missing(connection: sqlite3.Connection, files: Iterable[int] | None = None) -> int:
    """Count the missing files of series anew: of those with these files, or of all.

    Returns
    -------
    int
        Series whose count was another one.
    """
    connection.execute("DROP TABLE IF EXISTS temp.looked_at")
    connection.execute("CREATE TEMP TABLE looked_at (series INTEGER PRIMARY KEY)")
    if files is None:
        connection.execute("INSERT INTO temp.looked_at SELECT id FROM series")
    else:
        connection.executemany(
            "INSERT OR IGNORE INTO temp.looked_at SELECT series FROM instance WHERE file = ?",
            ((file,) for file in files),
        )
    changed = connection.execute(
        "UPDATE series SET missing_count = found.n FROM ("
        " SELECT looked_at.series AS key, count(file.id) AS n FROM temp.looked_at"
        " LEFT JOIN instance ON instance.series = looked_at.series"
        " LEFT JOIN file ON file.id = instance.file AND file.missing IS NOT NULL"
        " GROUP BY looked_at.series) AS found"
        " WHERE series.id = found.key AND missing_count <> found.n"
    ).rowcount
    connection.execute("DROP TABLE temp.looked_at")
    return int(changed)
