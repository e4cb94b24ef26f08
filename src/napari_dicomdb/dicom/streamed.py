"""Files whose header lies here and whose frames lie elsewhere: fetched as they are read."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PosixPath, WindowsPath
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from pathlib import Path

    from napari_dicomdb.dicom.description import PixelDescription

__all__ = [
    "COMING",
    "FetchedFrame",
    "FrameSource",
    "StreamedPath",
    "WholeFile",
    "may_wait",
    "source_of",
    "waiting_allowed",
]

COMING = "coming"
"""Reason of the error that says a frame is on its way: look again when it is here."""

_thread = threading.local()


def may_wait() -> bool:
    """Whether this thread may wait for a server; that of the window may not."""
    told: bool | None = getattr(_thread, "may_wait", None)
    return threading.current_thread() is not threading.main_thread() if told is None else told


@contextmanager
def waiting_allowed(allowed: bool) -> Iterator[None]:
    """Say within the block whether this thread may wait: for whom it works."""
    before = getattr(_thread, "may_wait", None)
    _thread.may_wait = allowed
    try:
        yield
    finally:
        _thread.may_wait = before


@dataclass(frozen=True, slots=True)
class FetchedFrame:
    """One frame as it came.

    Parameters
    ----------
    content : bytes
        A compressed stream, or little endian pixels.
    transfer_syntax_uid : str
        Which of them.
    """

    content: bytes
    transfer_syntax_uid: str


@dataclass(frozen=True, slots=True)
class WholeFile:
    """A file that has the frames after all.

    Parameters
    ----------
    path : Path
    description : PixelDescription
        Of its pixels.
    """

    path: Path
    description: PixelDescription


class FrameSource(Protocol):
    """Gets the frames of one object."""

    def fetch(self, frame: int) -> FetchedFrame | WholeFile:
        """Return frame `frame` (from 0), from any thread.

        Raises
        ------
        OSError
            If it cannot be had now; it may be had later.
        """


if sys.platform == "win32":
    _NativePath = WindowsPath
else:
    _NativePath = PosixPath


class StreamedPath(_NativePath):
    """The path of a header whose pixels are fetched.

    Attributes
    ----------
    source : FrameSource or None
        None for paths made from this one, such as its parent.
    """

    source: FrameSource | None = None

    @classmethod
    def of(cls, path: str | os.PathLike[str], source: FrameSource) -> StreamedPath:
        """Make one."""
        made = cls(path)
        made.source = source
        return made


def source_of(path: object) -> FrameSource | None:
    """Return what gets the frames of a file; None: they are in it."""
    return path.source if isinstance(path, StreamedPath) else None
