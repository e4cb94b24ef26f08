"""Everything is written beside its target, then renamed: complete there, or as it was."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari_dicomdb.database.locking import lock_now
from napari_dicomdb.database.received import sync_folder
from napari_dicomdb.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "absolute",
    "cannot_write",
    "make_folders",
    "move_in",
    "publish",
    "removed",
    "staging_folder",
]

_PREFIX = ".dicomdb-export-"
_LOCK = "lock"
_NEW = "new"
_ATTEMPTS = 3
_REASONS = {
    errno.ENAMETOOLONG: ("name-too-long", "its path is too long: choose a shorter one"),
    errno.ENOENT: ("no-folder", "its folder is not there (any more)"),
    errno.ENOTDIR: ("no-folder", "a part of its path is a file"),
    errno.EFBIG: ("disk-full", "a file would be larger than may be written there"),
}


def absolute(target: str | os.PathLike[str]) -> Path:
    """Return a target as an absolute path that the system can look at.

    Raises
    ------
    ExportError
        "name-too-long", "bad-name": no file can have that name.
    """
    place = Path(os.path.abspath(os.fspath(target)))
    try:
        os.lstat(place)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise cannot_write(place, error) from error
    except ValueError as error:  # a null character
        raise ExportError("no file can have that name", reason="bad-name") from error
    return place


@contextmanager
def staging_folder(place: Path) -> Iterator[Path]:
    """Make a folder on the disk of `place` that is gone afterwards.

    It is in `place`, or beside it where that is not there yet. What processes left that
    were killed is deleted first, on disks that have locks.

    Raises
    ------
    ExportError
        It cannot be made, and why.
    """
    parent = place if place.is_dir() else place.parent
    made: list[Path] = []
    try:
        make_folders(parent, made)
        for near in {parent, place.parent}:
            _delete_left(near)
        folder, lock = _locked_folder(parent)
    except OSError as error:
        _unmake(made)
        raise cannot_write(place, error) from error
    try:
        yield folder / _NEW
    finally:
        # As long as the lock is there, others know what to delete, should this be killed.
        shutil.rmtree(folder / _NEW, ignore_errors=True)
        if lock is not None:
            lock.close()
        shutil.rmtree(folder, ignore_errors=True)
        _unmake(made)  # those in which nothing was put after all


def _locked_folder(parent: Path) -> tuple[Path, sqlite3.Connection | None]:
    """Make a staging folder, and lock it where the disk has locks."""
    for attempt in range(_ATTEMPTS):
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        try:
            lock = _locked(folder)
            if lock is None and attempt < _ATTEMPTS - 1:
                # Taken for an abandoned one: whoever tidies up came before the lock.
                shutil.rmtree(folder, ignore_errors=True)
                continue
        except sqlite3.Error:
            lock = None
        try:
            if lock is None:
                # A disk without locks: without that file nobody judges the folder.
                (folder / _LOCK).unlink(missing_ok=True)
            (folder / _NEW).mkdir()
        except OSError as error:
            if lock is not None:
                lock.close()
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, FileNotFoundError) and attempt < _ATTEMPTS - 1:
                continue  # taken for an abandoned one, as above, and deleted by now
            raise
        break
    return folder, lock


def make_folders(folder: Path, made: list[Path]) -> None:
    """Make a folder and those above it; note which were not there."""
    for one in reversed([folder, *folder.parents]):
        if not one.is_dir():
            if one.exists():
                raise NotADirectoryError(errno.ENOTDIR, "it is a file", str(one))
            try:
                one.mkdir()
            except FileExistsError:  # another export made it just now
                continue
            made.append(one)


def _unmake(made: list[Path]) -> None:
    for one in reversed(made):
        with suppress(OSError):  # it is not empty: somebody wants it
            one.rmdir()


def _locked(folder: Path) -> sqlite3.Connection | None:
    """Hold the lock of a staging folder, or return None where somebody else does."""
    return lock_now(folder / _LOCK)


def _delete_left(parent: Path) -> None:
    """Delete the staging folders of processes that were killed."""
    for folder in parent.glob(f"{_PREFIX}*"):
        # One without a lock has only just been made.
        if folder.is_symlink() or not (folder / _LOCK).is_file():
            continue
        try:
            lock = _locked(folder)
        except sqlite3.Error:
            continue  # of another user, or on a disk without locks: not ours to judge
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            lock.close()
            shutil.rmtree(folder, ignore_errors=True)  # where no open file is deleted


def move_in(new: Path, final: Path) -> None:
    """Rename a file or folder into place; never over anything.

    Raises
    ------
    FileExistsError
        Something has appeared there meanwhile.
    OSError
        It cannot be renamed.
    """
    if not new.is_dir():
        linked = False
        with suppress(OSError):
            os.link(new, final)  # which fails where there is something, and rename does not
            linked = True
        if linked:
            with suppress(OSError):
                new.unlink()  # else it goes with its folder
            return
    if final.exists():
        raise FileExistsError(errno.EEXIST, "it has appeared meanwhile", str(final))
    os.rename(new, final)


def publish(staged: Path, place: Path, names: Iterable[str]) -> None:
    """Rename staged files into a folder; when one cannot be, take the others back.

    What has a folder of its own comes in one step with it, the folder itself if it is
    new: whoever looks in between, or after a kill, sees all of a series or nothing.

    Parameters
    ----------
    staged, place : Path
        Where the files are and where they go.
    names : iterable of str
        POSIX paths of files in both; what comes last is there last.
    """
    done: list[Path] = []
    try:
        for top in dict.fromkeys(_first_new(place, name) for name in names):
            move_in(staged / top, place / top)
            done.append(place / top)
    except OSError:
        for one in done:
            removed(one)
        raise
    sync_folder(place)


def _first_new(place: Path, name: str) -> str:
    """Return the part of a path below `place` from which on there is nothing yet."""
    parts = name.split("/")
    for k in range(len(parts)):
        if not (place / "/".join(parts[:k])).exists():
            return "/".join(parts[:k])
    return name


def removed(place: Path) -> None:
    """Delete a file, or a folder and what is in it."""
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)


def cannot_write(place: Path, error: OSError) -> ExportError:
    """Turn an error of the file system into words with a remedy."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ExportError(
            f"the disk of {place} is full: nothing was exported", reason="disk-full"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ExportError(
            f"{place} may not be written to: choose another place", reason="not-writable"
        )
    if error.errno == errno.EEXIST:
        return ExportError(f"{error.filename} exists: {error.strerror}", reason="file-exists")
    if error.errno in _REASONS:
        reason, text = _REASONS[error.errno]
        return ExportError(f"{place!s:.300} cannot be written: {text}", reason=reason)
    return ExportError(f"{place} cannot be written: {error.strerror or error}")
