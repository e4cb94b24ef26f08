"""Watched folders: files that arrive in them are imported when they are complete."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.arrivals import Arrivals
from napari_dicomdb.database.browsing import Browsing
from napari_dicomdb.database.known import KnownFiles, from_sql, to_sql
from napari_dicomdb.errors import DatabaseBusyError, DatabaseError, NotFoundError
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from napari_dicomdb.database.database import Database
    from napari_dicomdb.database.report import ImportReport

__all__ = ["FolderKeeping", "FolderState", "FolderWatcher", "WatchedFolder"]

_FEW = 64
"""Files that are scanned in this process: starting workers would take longer."""

_MAY_GROW = frozenset(
    {
        "truncated",
        "bad-header",
        "missing-uid",
        "empty-file",
        "not-dicom",
        "unreadable",
        "bad-archive",
    }
)
_MAY_GROW_NOTES = frozenset({"truncated-pixels"})
"""Reasons that a file half written gives: it is looked at again when it changes."""


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """A folder whose new files are imported; `copy`: into the database directory."""

    path: Path
    copy: bool
    paused: bool
    added: float

    def to_json(self) -> dict[str, Any]:
        """Return the folder as a dict that `json.dumps` accepts."""
        path = os.fsencode(self.path).decode("utf-8", "backslashreplace")
        return {"path": path, "copy": self.copy, "paused": self.paused, "added": self.added}


@dataclass(frozen=True, slots=True)
class FolderState:
    """How a watched folder was at the last look.

    Attributes
    ----------
    folder : WatchedFolder
    state : str
        "watching", "waiting" (its drive or share is not there), "paused", or ""
        before the first look.
    arriving : int
        Files that are not complete yet, or that another import holds up.
    """

    folder: WatchedFolder
    state: str
    arriving: int = 0

    @property
    def text(self) -> str:
        """The state in words."""
        words = {"watching": "watching", "waiting": "waits for the drive", "paused": "paused"}
        said = words.get(self.state, "not looked at yet")
        return f"{said}, {self.arriving} arriving" if self.arriving else said


class FolderKeeping(Browsing):
    """The part of `Database` that remembers which folders are watched."""

    if TYPE_CHECKING:  # `Database` has it

        def _writing(self, progress: Progress) -> AbstractContextManager[None]: ...

    def watched_folders(self) -> list[WatchedFolder]:
        """List the folders whose new files are imported by whoever watches this database."""
        with self._connections.borrow() as connection:
            rows = connection.execute(
                "SELECT path, copy, paused, added FROM watched_folder ORDER BY id"
            ).fetchall()
        return [
            WatchedFolder(Path(from_sql(path)), bool(copy), bool(paused), added)
            for path, copy, paused, added in rows
        ]

    def watch_folder(
        self, path: str | os.PathLike[str], *, copy: bool = False, paused: bool = False
    ) -> WatchedFolder:
        """Watch a folder and those below it from now on, or change how.

        Parameters
        ----------
        path : path-like
            The folder.
        copy : bool
            Copy what arrives into the database directory instead of linking it.
        paused : bool
            Keep it in the list without importing from it.

        Raises
        ------
        NotFoundError
            If there is no such folder.
        DatabaseError
            If it lies in the database directory.
        """
        folder = Path(os.path.abspath(os.fspath(path)))
        known = any(one.path == folder for one in self.watched_folders())
        if not known and not folder.is_dir():
            raise NotFoundError(
                f"{folder} is no folder: plug its drive in first, or name another one",
                reason="no-folder",
            )
        if self.path is not None and folder.is_relative_to(self.path):
            raise DatabaseError(
                f"{folder} belongs to the database itself: choose another folder",
                reason="own-directory",
            )
        with self._writing(no_progress), self._connections.transaction() as connection:
            connection.execute(
                "INSERT INTO watched_folder (path, copy, paused, added) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (path) DO UPDATE SET copy = excluded.copy, paused = excluded.paused",
                (to_sql(str(folder)), copy, paused, time.time()),
            )
        return next(one for one in self.watched_folders() if one.path == folder)

    def unwatch_folder(self, path: str | os.PathLike[str]) -> None:
        """Watch a folder no longer; what was imported from it stays.

        Raises
        ------
        NotFoundError
            If it is not watched.
        """
        folder = os.path.abspath(os.fspath(path))
        with self._writing(no_progress), self._connections.transaction() as connection:
            gone = connection.execute(
                "DELETE FROM watched_folder WHERE path = ?", (to_sql(folder),)
            ).rowcount
        if not gone:
            raise NotFoundError(f"{folder} is not watched", reason="not-watched")


class FolderWatcher:
    """Looks into the watched folders of a database when told to, and imports what has arrived.

    A file is taken when its size and time were the same at two looks, at least
    `settle` seconds apart, and no program has it open for writing (asked where
    that is cheap). Names of files still being written (``*.part``, ``*.tmp``,
    ``.~...``) are passed over until they are renamed. Several watchers, also in
    several processes, may watch the same: the writer's lock lets one import, and
    the others find the files in the index.

    Parameters
    ----------
    database : Database
        Open for writing.
    settle : float
        Seconds.
    clock : callable, optional
        Gives seconds since the epoch.
    """

    def __init__(
        self, database: Database, *, settle: float = 2.0, clock: Callable[[], float] = time.time
    ) -> None:
        self.database = database
        self.settle = settle
        self._clock = clock
        self._arrivals: dict[Path, Arrivals] = {}
        self._states: dict[Path, str] = {}

    def states(self) -> list[FolderState]:
        """Return how each watched folder was at the last look."""
        found: list[FolderState] = []
        for folder in self.database.watched_folders():
            arrivals = self._arrivals.get(folder.path)
            arriving = len(arrivals.waiting) if arrivals is not None else 0
            state = "paused" if folder.paused else self._states.get(folder.path, "")
            found.append(FolderState(folder, state, 0 if folder.paused else arriving))
        return found

    @property
    def is_waiting(self) -> bool:
        """Whether files were seen that are not complete yet."""
        return any(arrivals.waiting for arrivals in self._arrivals.values())

    def poll(self, progress: Progress | None = None) -> ImportReport | None:
        """Look once; import what is complete.

        Parameters
        ----------
        progress : Progress, optional
            May raise `Cancelled`; nothing is lost by that.

        Returns
        -------
        ImportReport or None
            Of all that was imported at this look; None when there was nothing.
            While another import holds the database, files wait for the next
            look.
        """
        tell = progress or no_progress
        whole: ImportReport | None = None
        folders = self.database.watched_folders()
        watched = {folder.path for folder in folders if not folder.paused}
        self._arrivals = {p: a for p, a in self._arrivals.items() if p in watched}
        for folder in folders:
            if folder.paused:
                continue
            report = self._poll(folder, tell)
            if report is not None:
                whole = report if whole is None else _together(whole, report)
                if report.cancelled or report.stopped:
                    break
        return whole

    def _poll(self, folder: WatchedFolder, progress: Progress) -> ImportReport | None:
        avoid = self.database.path
        arrivals = self._arrivals.setdefault(
            folder.path,
            Arrivals(
                KnownFiles(self.database._connections),
                self.settle,
                None if avoid is None else str(avoid),
            ),
        )
        try:
            complete = arrivals.look(str(folder.path), self._clock(), progress)
        except OSError:
            # Unplugged, or a share that does not answer: all that is known stays for later.
            self._states[folder.path] = "waiting"
            return None
        self._states[folder.path] = "watching"
        if not complete:
            return None
        try:
            report = self.database.import_paths(
                complete,
                copy=folder.copy,
                workers=0 if len(complete) <= _FEW else None,
                progress=progress,
            )
        except DatabaseBusyError:
            return None
        if report.cancelled or report.stopped:
            return report
        doubtful = {path for path, reason, _ in report.rejected if reason in _MAY_GROW}
        doubtful |= {path for path, reason, _ in report.notes if reason in _MAY_GROW_NOTES}
        gone = {path for path, reason, _ in report.rejected if reason == "vanished"}
        report.rejected = [entry for entry in report.rejected if entry[0] not in gone]
        arrivals.imported(complete, doubtful)
        anything = report.added or report.updated or report.duplicates or report.rejected
        return report if anything else None


def _together(one: ImportReport, other: ImportReport) -> ImportReport:
    for name in ("added", "updated", "unchanged", "duplicates", "seconds"):
        setattr(one, name, getattr(one, name) + getattr(other, name))
    for name in ("rejected", "notes", "missing"):
        getattr(one, name).extend(getattr(other, name))
    one.series_uids = list(dict.fromkeys([*one.series_uids, *other.series_uids]))
    one.cancelled = one.cancelled or other.cancelled
    one.stopped = one.stopped or other.stopped
    return one
