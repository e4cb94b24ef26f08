"""Files whose header lies here and whose frames lie elsewhere: fetched as they are read."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import PosixPath, WindowsPath
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from napari_dicomdb.dicom.description import PixelDescription

__all__ = ["FetchedFrame", "FrameSource", "StreamedPath", "WholeFile", "source_of"]


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
