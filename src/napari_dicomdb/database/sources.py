"""Finds the files to import: folders walked in order, single files, archives, DICOMDIRs."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_dicomdb.database.scanning import reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_dicomdb.database.known import Known, KnownFiles
    from napari_dicomdb.database.report import ImportReport

__all__ = ["ARCHIVE_SUFFIXES", "FoundFile", "Walk", "is_archive"]

ARCHIVE_SUFFIXES = (
    ".zip",
    ".tar",
    ".tar.gz",
    ".tgz",
    ".tar.bz2",
    ".tbz2",
    ".tar.xz",
    ".txz",
)
_ARCHIVE_ENDS = frozenset("prz2PRZ")
"""Last letters of those: asked of every file first, as that is faster."""

_SLICE = 4096
"""Files of one folder that are looked up at once; bounds memory in a folder of a million."""

_UNUSABLE = {
    "link": ("broken-link", "a link to nothing, or in a circle"),
    "special": ("special-file", "a device, pipe or socket"),
}


@dataclass(slots=True)
class FoundFile:
    """A file to scan.

    Attributes
    ----------
    directory, name : str
        As the index keeps them; the directory of an archive's member is the archive.
    known : Known or None
        What the index says of the same path, from an earlier state of the file.
    temporary : str
        Where the bytes are, for members of archives; "" for plain files.
    container : bool
        An archive whose members have all been yielded.
    refusal : tuple of (str, str) or None
        Reason and text, of an archive that is not looked into again.
    received : bool
        It came over the network and lies in `temporary`: there is no other file of it.
    """

    directory: str
    name: str
    size: int
    mtime_ns: int
    known: Known | None = None
    temporary: str = ""
    container: bool = field(default=False)
    refusal: tuple[str, str] | None = None
    received: bool = False

    @property
    def path(self) -> str:
        """The file's path, or ``archive!/member``."""
        separator = "!/" if self.temporary and not self.received else os.sep
        return f"{self.directory.rstrip(os.sep)}{separator}{self.name}"


def is_archive(name: str) -> bool:
    """Tell by its name whether a file is an archive that is looked into."""
    return name[-1:] in _ARCHIVE_ENDS and name.lower().endswith(ARCHIVE_SUFFIXES)


class Walk:
    """Walks paths in a fixed order and leaves out what the index knows already.

    Parameters
    ----------
    known : KnownFiles
        Looks up what the index says of files.
    report : ImportReport
        Counts the files left out; takes what cannot be read.
    avoid : str or None
        The database directory, whose own copies are no news.
    relink : bool
        Treat linked files as news, because this import copies.
    root : Path, optional
        The database directory; a file whose copy in it is gone is news.
    """

    def __init__(
        self,
        known: KnownFiles,
        report: ImportReport,
        *,
        avoid: str | None = None,
        relink: bool = False,
        root: Path | None = None,
    ) -> None:
        self._known = known
        self._report = report
        self._avoid = os.stat(avoid) if avoid is not None else None
        self._relink = relink
        self._root = root
        self._visited: set[tuple[int, int]] = set()

    def folder(self, root: str) -> Iterator[FoundFile]:
        """Yield the files under `root` that need scanning, each folder's in order of name."""
        pending = [root]
        while pending:
            folder = pending.pop()
            listing = self._list(folder)
            if listing is None:
                continue
            names, folders = listing
            for start in range(0, len(names), _SLICE):
                yield from self._news(folder, names[start : start + _SLICE])
            pending += [os.path.join(folder, name) for name in reversed(folders)]

    def files(self, paths: Sequence[str]) -> Iterator[FoundFile]:
        """Yield those of the given files that need scanning, in the order given."""
        start = 0
        while start < len(paths):
            folder = os.path.dirname(paths[start])
            end = start
            while (
                end < len(paths) and end - start < _SLICE and os.path.dirname(paths[end]) == folder
            ):
                end += 1
            names = sorted({os.path.basename(path) for path in paths[start:end]})
            start = end
            if self._is_own(folder):
                # Opening the index and closing it would drop SQLite's locks on it.
                self._report.rejected += [
                    (os.path.join(folder, name), "special-file", "it is a part of the database")
                    for name in names
                ]
                continue
            yield from self._news(folder, names)

    def _is_own(self, folder: str) -> bool:
        """Whether it is the directory of the database itself."""
        try:
            status = os.stat(folder or os.curdir)
        except OSError:
            return False
        own = self._avoid
        return own is not None and bool(status.st_ino) and os.path.samestat(status, own)

    def _list(self, folder: str) -> tuple[list[str], list[str]] | None:
        names: list[str] = []
        folders: list[str] = []
        try:
            status = os.stat(folder)
            identity = (status.st_dev, status.st_ino)
            if status.st_ino and identity in self._visited:
                self._report.notes.append(
                    (folder, "visited-before", "a link to a folder that this import has walked")
                )
                return None
            self._visited.add(identity)
            if self._avoid is not None and status.st_ino and os.path.samestat(status, self._avoid):
                return None
            with os.scandir(folder) as entries:
                for entry in entries:
                    kind = _kind(entry)
                    if kind == "file":
                        names.append(entry.name)
                    elif kind == "folder":
                        folders.append(entry.name)
                    else:
                        self._report.rejected.append((entry.path, *_UNUSABLE[kind]))
        except OSError as error:
            reason = "unreadable-folder" if reason_of(error) == "unreadable" else reason_of(error)
            self._report.rejected.append((folder, reason, error.strerror or str(error)))
            return None
        names.sort()
        folders.sort()
        return names, folders

    def _news(self, folder: str, names: Sequence[str]) -> Iterator[FoundFile]:
        # The inner loop of a re-import: 50 000 files a second and more.
        known = self._known.between(folder, names)
        report = self._report
        news: list[FoundFile] = []
        unchanged = 0
        prefix = folder if folder.endswith(os.sep) else folder + os.sep
        sources = [row for row in known.values() if row.storage == "source"]
        lost: set[int] = set()
        if sources and self._root is not None:
            lost = self._known.lost_copies(self._root, folder, sources)
        for name in names:
            try:
                status = os.stat(prefix + name)
            except OSError as error:
                said = error.strerror or str(error)
                report.rejected.append((prefix + name, reason_of(error), said))
                continue
            row = known.get(name)
            if (
                row is not None
                and row.size == status.st_size
                and row.mtime_ns == status.st_mtime_ns
            ):
                if row.reason is not None:
                    report.rejected.append((prefix + name, row.reason, self._known.text(row)))
                    continue
                if (row.storage == "source" and row.id not in lost) or (
                    row.storage == "linked" and not self._relink
                ):
                    unchanged += 1
                    continue
            if not stat.S_ISREG(status.st_mode):
                report.rejected.append((prefix + name, "special-file", "not a regular file"))
                continue
            news.append(FoundFile(folder, name, status.st_size, status.st_mtime_ns, row))
        report.unchanged += unchanged
        return iter(news)


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        if entry.is_file():
            return "file"
        if entry.is_dir():
            return "folder"
        # A link to a device or pipe is there; one to nothing is not.
        there = not entry.is_symlink() or os.path.exists(entry.path)
    except OSError:  # a link to itself
        return "link"
    return "special" if there else "link"
