"""Files copied into the database directory: complete under their final name, or not there."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import sys
from typing import TYPE_CHECKING

from napari_dicomdb.database.connection import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["CopyStore", "copy_place", "make_durable"]


def copy_place(sop_instance_uid: str, copy: int = 0) -> tuple[str, str]:
    """Return directory (relative to the database's) and name of an instance's copy.

    Both come from a hash alone: a UID may be hostile ("../../etc"), and two
    UIDs may differ only in what a file system takes for equal.

    Parameters
    ----------
    sop_instance_uid : str
        SOPInstanceUID.
    copy : int
        0, or the number of a further object with the same UID.
    """
    text = sop_instance_uid if not copy else f"{sop_instance_uid}\0{copy}"
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    return f"files/{digest[:2]}/{digest[2:4]}", f"{digest[:40]}.dcm"


class CopyStore:
    """The folders `files` and `incoming` of one database directory.

    Copies are made in `incoming`. A batch is brought to its final names by
    `publish` just before its rows are committed; a journal remembers them until
    `settle`, so that `recover` can undo what a kill between the two left.

    Parameters
    ----------
    root : Path
        The database directory.
    index : Path or None
        Its index, without which no folder is made; None where that is in memory.
    """

    def __init__(self, root: Path, index: Path | None = None) -> None:
        self._root = root
        self._index = index
        self._incoming = root / "incoming"
        self._journal = self._incoming / "batch.json"

    def begin(self) -> str:
        """Make and return the folder for temporary copies.

        Raises
        ------
        DatabaseError
            If the database is not there any more.
        """
        make_folder(self._incoming, self._root, self._index)
        return str(self._incoming)

    def recover(self, is_known: Callable[[str, str, os.stat_result | None], bool]) -> None:
        """Undo what an interrupted batch did; call with the writer's lock held.

        Copies that the index does not have are deleted; what was received goes back to
        where it was, as there is no other file of it.

        Parameters
        ----------
        is_known : callable
            Tells whether the index has the copy (directory, name), and with what size
            and time when that matters.
        """
        if not self._incoming.is_dir():
            return
        if self._journal.is_file():
            try:
                published = json.loads(self._journal.read_text(encoding="utf-8"))
            except ValueError:
                published = []  # torn while being written: nothing was renamed yet
            for directory, name, *back in published:
                self._take_back(directory, name, back, is_known)
        for leftover in self._incoming.iterdir():
            if leftover.is_file() or leftover.is_symlink():
                leftover.unlink()

    def _take_back(
        self,
        directory: str,
        name: str,
        back: list[str],
        is_known: Callable[[str, str, os.stat_result | None], bool],
    ) -> None:
        there = self._root / directory / name
        if not back:
            if not is_known(directory, name, None):
                there.unlink(missing_ok=True)
            return
        here = self._root / back[0]
        if there.is_file() and not here.exists() and not is_known(directory, name, there.stat()):
            make_folder(here.parent, self._root, self._index)
            os.replace(there, here)

    def publish(self, moves: list[tuple[str, str, str]]) -> None:
        """Give temporary copies their final names, durably.

        Parameters
        ----------
        moves : list of (temporary path, directory, name)
            Directory relative to the database's.
        """
        if not moves:
            return
        make_durable([move[0] for move in moves])
        self.begin()
        self._journal.write_text(json.dumps(list(map(self._entry, moves))), encoding="utf-8")
        _sync_file(str(self._journal))
        made: set[str] = set()
        for temporary, directory, name in moves:
            folder = self._root / directory
            if directory not in made:
                make_folder(folder, self._root, self._index)
                made.add(directory)
            os.replace(temporary, folder / name)

    def _entry(self, move: tuple[str, str, str]) -> list[str]:
        temporary, directory, name = move
        if os.path.dirname(temporary) == str(self._incoming):
            return [directory, name]
        return [directory, name, os.path.relpath(temporary, self._root)]

    def settle(self) -> None:
        """Forget the batch: its rows are committed."""
        self._journal.unlink(missing_ok=True)

    def finish(self) -> None:
        """Remove the folder of temporary copies when it is empty."""
        with contextlib.suppress(OSError):
            self._incoming.rmdir()


def make_durable(paths: list[str]) -> None:
    """Write files of one folder to the disk, so that they outlive a power cut."""
    for path in _not_yet_durable(paths):
        _sync_file(path)


def _sync_file(path: str) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _not_yet_durable(paths: list[str]) -> list[str]:
    """Write all of a batch to the disk at once where the system can, or return `paths`."""
    if len(paths) < 8 or not sys.platform.startswith("linux"):
        return paths
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "syncfs"):
        return paths
    handle = os.open(os.path.dirname(paths[0]), os.O_RDONLY)
    try:
        # One wait for the device instead of one per file.
        done: int = libc.syncfs(handle)
    finally:
        os.close(handle)
    return [] if done == 0 else paths
