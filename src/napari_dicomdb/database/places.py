"""Tells a drive that is unplugged, or a share that vanished, from files that were deleted."""

from __future__ import annotations

import errno
import os
import re
import sys
from pathlib import Path, PureWindowsPath

__all__ = ["is_foreign", "is_under", "parts_below", "unavailable_root"]

MOUNT_AREAS = (
    ("/media", 2),
    ("/run/media", 2),
    ("/mnt", 1),
    ("/Volumes", 1),
    ("/net", 2),
    ("/misc", 1),
)
"""Where drives and shares appear, and how many folders below a drive's root may be."""

_FSTAB = "/etc/fstab"

_ABSENT = (errno.ENOENT, errno.ENOTDIR)

_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\[^\\/]+[\\/]")


def is_foreign(path: str) -> bool:
    r"""Tell whether a stored folder is another system's: ``D:\\scans`` read on Linux."""
    return os.name != "nt" and _DRIVE.match(path) is not None


def parts_below(path: str, root: str) -> tuple[str, ...] | None:
    """Return the folders of `path` below `root`, None when it is not below it.

    The separators and the letter case are those of the system that the path is of.
    """
    if _DRIVE.match(path) and (os.name == "nt" or _DRIVE.match(root)):
        inner, outer = PureWindowsPath(path), PureWindowsPath(root)
        return inner.relative_to(outer).parts if inner.is_relative_to(outer) else None
    stripped = root.rstrip("/") or "/"
    if path == stripped:
        return ()
    prefix = stripped if stripped == "/" else stripped + "/"
    if not path.startswith(prefix):
        return None
    return tuple(part for part in path[len(prefix) :].split("/") if part)


def is_under(path: str, root: str) -> bool:
    """Tell whether `path` is `root` or below it."""
    return parts_below(path, root) is not None


def unavailable_root(folder: str) -> str | None:
    """Return the drive or share that a folder is on and that is not there now.

    None when the folder's file system answers: what is not in it was deleted, moved
    or renamed.

    Parameters
    ----------
    folder : str
        Absolute path of a folder that the index knows.
    """
    if is_foreign(folder) or os.name == "nt":
        anchor = PureWindowsPath(folder).anchor
        return None if os.name == "nt" and os.path.isdir(anchor or folder) else anchor or folder
    try:
        os.stat(folder)
    except OSError as error:
        if error.errno not in _ABSENT:
            # It cannot be known: no permission, input/output error, stale handle.
            return _deepest_root(folder)
    else:
        return None
    return _missing_mount(folder)


def _missing_mount(folder: str) -> str | None:
    for area, depth in MOUNT_AREAS:
        below = parts_below(folder, area)
        if not below or os.path.ismount(area):
            continue
        root = os.path.join(area, *below[:depth])
        above = [os.path.join(area, *below[:steps]) for steps in range(1, depth + 1)]
        if any(os.path.ismount(place) for place in above):
            return None
        # The mount point may stay, empty, when the drive has gone.
        return root if not os.path.isdir(root) or _is_empty(root) else None
    for mount in _mounts_of_the_system():
        if is_under(folder, mount) and not os.path.ismount(mount):
            return mount
    return None


def _is_empty(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return True


def _mounts_of_the_system() -> list[str]:
    if not sys.platform.startswith("linux"):
        return []
    try:
        lines = Path(_FSTAB).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    mounts = []
    for line in lines:
        words = line.split()
        if len(words) >= 2 and not line.startswith("#") and words[1].startswith("/"):
            place = words[1].replace("\\040", " ")
            if place != "/":
                mounts.append(place)
    return sorted(mounts, key=len, reverse=True)


def _deepest_root(folder: str) -> str:
    """Return the highest folder above (or equal to) this one that gives no answer."""
    root = folder
    for parent in Path(folder).parents:
        try:
            os.stat(parent)
        except OSError as error:
            if error.errno in _ABSENT:
                break
            root = str(parent)
        else:
            break
    return root
