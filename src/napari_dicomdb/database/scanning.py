"""What a scan worker does: read the headers of a chunk of files, return compact rows."""

from __future__ import annotations

import errno
import gc
import os
import pickle
import signal
import struct
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_dicomdb.database.rows import Accepted, Group, missing_uids, rows_of
from napari_dicomdb.dicom.header import Templates, scan_file
from napari_dicomdb.errors import DicomDbError

if TYPE_CHECKING:
    from napari_dicomdb.dicom.header import Header

__all__ = ["Refused", "Scanned", "copied", "reason_of", "scan_chunk", "scan_paths", "serve"]

_COPY_BLOCK = 1 << 20

# What a worker remembers from chunk to chunk; an executor's may be threads.
_worker = threading.local()


@dataclass(slots=True)
class Refused:
    """A file that cannot be indexed. `lasting`: as long as the file is the same."""

    reason: str
    text: str
    lasting: bool


@dataclass(slots=True)
class Scanned:
    """Result of one chunk, aligned with its paths.

    An entry of `files` is an index into `accepted`, a `Refused`, or None for a
    DICOMDIR. `copies` has the temporary copy of each file, "" where none.
    """

    groups: list[Group]
    accepted: list[Accepted]
    files: list[int | Refused | None]
    copies: list[str] = field(default_factory=list)


def scan_chunk(paths: list[str], sizes: list[int], copy_to: str | None = None) -> bytes:
    """Scan files in a worker; the `Scanned` comes back pickled.

    Parameters
    ----------
    paths : list of str
        Files to read.
    sizes : list of int
        Their sizes, as the walk saw them.
    copy_to : str, optional
        Folder that takes complete temporary copies of the accepted files.
    """
    # Headers are thousands of dicts without cycles: looking for some in the middle
    # of a chunk costs a fifth of the scan.
    collecting = gc.isenabled()
    gc.disable()
    if not hasattr(_worker, "templates"):
        _worker.templates = Templates()
    try:
        scanned = scan_paths(paths, sizes, copy_to, _worker.templates)
        return pickle.dumps(scanned, pickle.HIGHEST_PROTOCOL)
    finally:
        if collecting:
            gc.enable()


def scan_paths(
    paths: list[str],
    sizes: list[int],
    copy_to: str | None = None,
    templates: Templates | None = None,
) -> Scanned:
    """Scan files, see `scan_chunk`; `templates` are remembered from call to call."""
    if templates is None:
        templates = Templates()
    headers: list[Header] = []
    files: list[int | Refused | None] = []
    copies: list[str] = []
    for path, size in zip(paths, sizes, strict=True):
        copied = ""
        try:
            header = scan_file(path, size, templates=templates)
            if header.media:
                entry: int | Refused | None = None
            elif missing := missing_uids(header.values):
                entry = Refused("missing-uid", f"no {', '.join(missing)}", lasting=True)
            else:
                if copy_to is not None:
                    copied = _copy(path, copy_to)
                entry = len(headers)
                headers.append(header)
        except DicomDbError as error:
            # The report names the file; here it may be a member's temporary name.
            text = str(error).removeprefix(f"{path}: ")
            entry = Refused(error.reason, text, lasting=True)
        except OSError as error:
            entry = Refused(reason_of(error), _said(error), lasting=False)
        except (RecursionError, MemoryError) as error:
            entry = Refused("bad-header", f"too deep or too large: {error!r}", lasting=True)
        files.append(entry)
        copies.append(copied)
    groups, accepted = rows_of(headers)
    return Scanned(groups, accepted, files, copies if copy_to is not None else [])


def reason_of(error: OSError) -> str:
    """Return the reason code of a file or folder that could not be read."""
    if isinstance(error, FileNotFoundError):
        return "vanished"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk-full"
    return "unreadable"


def _said(error: OSError) -> str:
    return error.strerror or str(error)


def copied(path: str, folder: str) -> str | Refused:
    """Make a temporary copy of a file in a folder; return its path, or why there is none."""
    try:
        return _copy(path, folder)
    except OSError as error:
        return Refused(reason_of(error), _said(error), lasting=False)


def _copy(path: str, folder: str) -> str:
    import hashlib  # brings in OpenSSL: not when a worker starts

    # The name is ours alone; nothing of it comes from the file.
    unique = f"{os.getpid()}\0{path}".encode("utf-8", "surrogateescape")
    target = os.path.join(folder, hashlib.sha256(unique).hexdigest()[:32] + ".part")
    try:
        with open(path, "rb") as source, open(target, "wb") as copy:
            while block := source.read(_COPY_BLOCK):
                copy.write(block)
    except OSError:
        if os.path.exists(target):
            os.unlink(target)
        raise
    return target


def serve() -> None:
    """Do the tasks that come through standard input, until it ends: see `workers`."""
    # Whoever interrupts the import ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tasks = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    while True:
        try:
            function, arguments, keywords = pickle.load(tasks)
        except EOFError:
            return
        answer = function(*arguments, **keywords)
        try:
            answers.write(struct.pack("<Q", len(answer)) + answer)
            answers.flush()
        except BrokenPipeError:
            os._exit(1)  # nobody is there to hear; nor to hear why
