"""Finds files that have arrived in a folder and are complete, at little cost when none has."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_dicomdb.database.being_written import is_being_written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_dicomdb.database.known import KnownFiles
    from napari_dicomdb.progress import Progress

__all__ = ["Arrivals", "is_passing"]

_PASSING_ENDS = (
    ".part",
    ".partial",
    ".tmp",
    ".temp",
    ".crdownload",
    ".download",
    ".filepart",
    ".!ut",
    ".swp",
    ".lock",
    "~",
)
_NOT_TAKEN = frozenset({"DICOMDIR", "ctkDICOM.sql", "Thumbs.db", "desktop.ini"})
"""A DICOMDIR comes with the files that it lists, and those come by themselves."""

_SLICE = 4096
_COARSEST_CLOCK = 3.0
"""Seconds: FAT keeps times to 2 s, so a folder that young may change without showing it."""
_LOOK_EVERYWHERE = 900.0
"""Seconds after which folders are listed although they look unchanged (odd servers)."""

State = tuple[int, int]
"""Size and modification time in ns."""


def is_passing(name: str) -> bool:
    """Tell whether a name is one that programs give to files still being written."""
    return name.startswith((".", "~$")) or name.lower().endswith(_PASSING_ENDS)


@dataclass(slots=True)
class _Folder:
    mtime_ns: int
    listed: float
    folders: tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    state: State
    since: float


@dataclass(slots=True)
class Arrivals:
    """What is new below one root, between one look and the next.

    Parameters
    ----------
    known : KnownFiles
        What the index says of files.
    settle : float
        Seconds for which size and time must stay the same.
    avoid : str or None
        A directory that is not looked into: the database's.
    """

    known: KnownFiles
    settle: float = 2.0
    avoid: str | None = None
    waiting: dict[str, _Seen] = field(default_factory=dict)
    _doubtful: dict[str, State] = field(default_factory=dict)
    _folders: dict[str, _Folder] = field(default_factory=dict)
    _looked_everywhere: float = float("-inf")

    def look(self, root: str, now: float, progress: Progress) -> list[str]:
        """Return the files below `root` that are complete and news to the index.

        Raises
        ------
        OSError
            If `root` itself cannot be listed, as when its drive is unplugged.
        """
        with os.scandir(root):
            pass
        everywhere = now - self._looked_everywhere >= _LOOK_EVERYWHERE
        fresh: dict[str, State] = {}
        for folder in self._changed_folders(root, now, everywhere, progress):
            fresh.update(self._news(folder))
        if everywhere:
            self._looked_everywhere = now
        fresh.update(self._changed(self.waiting))
        fresh.update(self._changed(self._doubtful, self._doubtful))
        self.waiting = {path: seen for path, seen in self.waiting.items() if path in fresh}
        complete: list[str] = []
        for path, state in sorted(fresh.items()):
            seen = self.waiting.get(path)
            if seen is None or seen.state != state:
                self.waiting[path] = _Seen(state, now)
            elif now - seen.since >= self.settle and not is_being_written(path):
                complete.append(path)
        return complete

    def imported(self, paths: Iterable[str], doubtful: Iterable[str]) -> None:
        """Take files off the list; watch the doubtful ones, which may go on growing."""
        for path in doubtful:
            seen = self.waiting.get(path)
            if seen is not None:
                self._doubtful[path] = seen.state
        for path in paths:
            self.waiting.pop(path, None)

    def _changed_folders(
        self, root: str, now: float, everywhere: bool, progress: Progress
    ) -> Iterator[str]:
        """Walk the folders; list those that may have changed, remember the others' folders."""
        pending = [root]
        visited: set[tuple[int, int]] = set()
        met: dict[str, _Folder] = {}
        avoided = _status(self.avoid)
        while pending:
            folder = pending.pop()
            status = _status(folder)
            if status is None or not stat.S_ISDIR(status.st_mode):
                continue
            if status.st_ino:
                if (status.st_dev, status.st_ino) in visited:
                    continue
                visited.add((status.st_dev, status.st_ino))
                if avoided is not None and os.path.samestat(status, avoided):
                    continue
            progress(len(met), None, "Looking for new files")
            before = self._folders.get(folder)
            if (
                before is None
                or everywhere
                or before.mtime_ns != status.st_mtime_ns
                or before.listed - status.st_mtime_ns / 1e9 < _COARSEST_CLOCK
            ):
                # Noted before it is listed: what comes meanwhile changes the time again.
                before = _Folder(status.st_mtime_ns, now, _folders_in(folder))
                yield folder
            met[folder] = before
            pending += before.folders
        self._folders = met

    def _news(self, folder: str) -> dict[str, State]:
        """Return the files of one folder that the index does not know as they are."""
        found: dict[str, State] = {}
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if is_passing(entry.name) or entry.name in _NOT_TAKEN:
                        continue
                    state = _state(_status_of(entry))
                    if state is not None:
                        found[entry.name] = state
        except OSError:
            return {}  # gone again, or no right to read: the next look will tell
        names = sorted(found)
        news: dict[str, State] = {}
        for start in range(0, len(names), _SLICE):
            part = names[start : start + _SLICE]
            rows = self.known.between(folder, part)
            for name in part:
                row = rows.get(name)
                if row is None or (row.size, row.mtime_ns) != found[name]:
                    news[os.path.join(folder, name)] = found[name]
        return news

    def _changed(
        self, paths: Iterable[str], unlike: dict[str, State] | None = None
    ) -> dict[str, State]:
        """Return the present states of files; of those that differ from before, if given."""
        now: dict[str, State] = {}
        for path in list(paths):
            state = _state(_status(path))
            if state is None:
                if unlike is not None:
                    unlike.pop(path)
            elif unlike is None:
                now[path] = state
            elif unlike[path] != state:
                unlike.pop(path)
                now[path] = state
        return now


def _folders_in(folder: str) -> tuple[str, ...]:
    try:
        with os.scandir(folder) as entries:
            return tuple(
                sorted(
                    entry.path
                    for entry in entries
                    if not entry.name.startswith(".") and entry.is_dir()
                )
            )
    except OSError:
        return ()


def _status(path: str | None) -> os.stat_result | None:
    if path is None:
        return None
    try:
        return os.stat(path)
    except OSError:
        return None


def _status_of(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError:
        return None


def _state(status: os.stat_result | None) -> State | None:
    if status is None or not stat.S_ISREG(status.st_mode):
        return None
    return status.st_size, status.st_mtime_ns
