"""Members of zip and tar archives, as temporary files that are scanned like others."""

from __future__ import annotations

import hashlib
import lzma
import os
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from napari_dicomdb.database.sources import FoundFile, is_archive
from napari_dicomdb.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_dicomdb.database.known import Known, KnownFiles
    from napari_dicomdb.database.report import ImportReport

__all__ = ["members"]

_BLOCK = 1 << 20
_LONGEST_NAME = 512
_HARMLESS = 1 << 30
"""Bytes that any archive may expand to."""
_MOST_EXPANSION = 200
"""Beyond that, how many times its own size: DICOM packs 2:1 to 20:1, bombs 1000:1."""
_BAD_ARCHIVE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    RuntimeError,  # zipfile: encrypted, or packed by a method that it does not know
    ValueError,
)


class _Bomb(Exception):
    """The archive expands beyond all measure."""


def members(
    archive: FoundFile,
    known: KnownFiles,
    folder: str,
    report: ImportReport,
) -> Iterator[FoundFile]:
    """Yield the members of an archive that need scanning, then the archive itself.

    Parameters
    ----------
    archive : FoundFile
        A zip or tar file.
    known : KnownFiles
        Tells which members an interrupted import has stored already.
    folder : str
        Where the temporary files go. A linked import copies members, too,
        because nothing can be read lazily out of an archive.
    report : ImportReport
        Takes the note and the refusals.

    Yields
    ------
    FoundFile
        With `temporary` set; at last the archive with `container` set, and with
        `refusal` when it is not to be opened again.
    """
    path = archive.path
    yielded = 0
    try:
        for name, size, stream in _opened(path, archive.size):
            if is_archive(name):
                text = "an archive within an archive is not opened: unpack it first"
                report.rejected.append((f"{path}!/{name}", "nested-archive", text))
                continue
            short = _short(name)
            # The archive's time stands for the member's: when the one changes,
            # the other may have.
            row = known.between(path, [short]).get(short)
            if row is not None and (row.size, row.mtime_ns) == (size, archive.mtime_ns):
                _count_known(report, known, row, f"{path}!/{name}")
                continue
            temporary = _extract(stream, folder)
            yielded += 1
            yield FoundFile(path, short, size, archive.mtime_ns, row, temporary)
    except _Bomb:
        text = f"expands to more than {_MOST_EXPANSION} times its size: not unpacked further"
        report.rejected.append((path, "archive-bomb", text))
        yield _refused(archive, "archive-bomb", text)
        return
    except OSError as error:
        if isinstance(error, DatabaseError):
            raise
        report.rejected.append((path, "unreadable", error.strerror or str(error)))
        return
    except _BAD_ARCHIVE as error:
        report.rejected.append((path, "bad-archive", f"cannot be unpacked: {error}"))
        return
    if yielded:
        text = "members of an archive cannot be linked: their DICOM was copied"
        report.notes.append((path, "archive-copied", text))
    archive.container = True
    yield archive


def _refused(archive: FoundFile, reason: str, text: str) -> FoundFile:
    """Have an archive remembered, so that it is not unpacked again while it is the same."""
    archive.container, archive.refusal = True, (reason, text)
    return archive


def _count_known(report: ImportReport, known: KnownFiles, row: Known, path: str) -> None:
    if row.reason is None:
        report.unchanged += 1
    else:
        report.rejected.append((path, row.reason, known.text(row)))


def _short(name: str) -> str:
    # Names are only shown and compared: files are named by hashes. One of 10 MB
    # must still not get into the index.
    name = name.replace("\0", "")
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{name[:_LONGEST_NAME]}...{digest[:16]}"


def _opened(path: str, size: int) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Yield name, size and stream of each member that is a plain file."""
    budget = _Budget(size)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    with archive.open(info) as stream:
                        yield info.filename, info.file_size, budget.watched(stream)
        return
    # As a stream: a damaged end does not hide the beginning.
    with tarfile.open(path, "r|*", tarinfo=_Member) as tar:
        for member in tar:
            if member.isreg():
                found = tar.extractfile(member)
                if found is not None:
                    with found:
                        yield member.name, member.size, budget.watched(found)
            else:
                budget.spend(tarfile.BLOCKSIZE)
        if not getattr(tar, _ENDED, False):
            raise tarfile.ReadError("it ends before its end mark, members may be missing")


_ENDED = "has_end_mark"


class _Member(tarfile.TarInfo):
    """Notes that the archive's end mark was read: tarfile itself takes any end for it."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tar)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            setattr(tar, _ENDED, True)
            raise


class _Budget:
    """Bytes that an archive of a given size may still expand to."""

    def __init__(self, size: int) -> None:
        self._left = max(_HARMLESS, _MOST_EXPANSION * size)

    def spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise _Bomb

    def watched(self, stream: IO[bytes]) -> IO[bytes]:
        return _Watched(stream, self)  # type: ignore[return-value]


class _Watched:
    """A stream that pays for what is read from it."""

    def __init__(self, stream: IO[bytes], budget: _Budget) -> None:
        self._stream = stream
        self._budget = budget

    def read(self, count: int = -1) -> bytes:
        block = self._stream.read(count)
        self._budget.spend(len(block))
        return block


def _extract(stream: IO[bytes], folder: str) -> str:
    handle, path = tempfile.mkstemp(suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "wb") as target:
            while block := stream.read(_BLOCK):
                target.write(block)
    except BaseException:
        Path(path).unlink(missing_ok=True)
        raise
    return path
