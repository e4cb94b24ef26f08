"""The private block of a DICOM object that holds the archive of a scene, written and read.

In parts, from and to the disk: an archive may be larger than is good for the memory.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from typing import IO, TYPE_CHECKING, Any, cast

from napari_dicomdb.export.scenes.scene import FORMAT, VERSION
from napari_dicomdb.export.scenes.values import bad_scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pydicom import Dataset
    from pydicom.dataset import PrivateBlock

__all__ = ["CREATOR", "GROUP", "LARGEST", "archive_in", "hide_archive"]

GROUP = 0x0099
CREATOR = "NAPARI-DICOMDB SCENE"
CHUNK = 16 * 2**20
LARGEST = 2**31 - 1
"""Bytes of an archive: many programs cannot read objects beyond 2 GB."""

_FORMAT, _VERSION, _LENGTH, _DIGEST, _FIRST = 0x01, 0x02, 0x03, 0x04, 0x10
_BUFFER = 2**16
_IN_MEMORY = 32 * 2**20
_LATER = 2**16  # bytes of a value from which it is read when it is asked for
_DEFLATED = "1.2.840.10008.1.2.1.99"


class _Part(io.RawIOBase):
    """Bytes of a file from one place on, read as they are asked for; an even number of them."""

    def __init__(self, path: Path, start: int, length: int) -> None:
        self._path, self._start, self._there, self._at = path, start, length, 0
        self._length = length + length % 2

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._at, self._length)[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        count = max(0, min(len(buffer), self._length - self._at))
        # Opened for each part: hundreds of them are not kept open.
        with open(self._path, "rb") as file:
            file.seek(self._start + self._at)
            raw = file.read(min(count, max(0, self._there - self._at)))
        # pydicom (3.0) counts what it pads wrongly.
        raw += b"\0" * (count - len(raw))
        buffer[: len(raw)] = raw
        self._at += len(raw)
        return len(raw)


def hide_archive(made: Dataset, archive: Path, tell: Callable[[], None]) -> None:
    """Put the archive of a scene into a data set; it is read when the data set is written.

    Parameters
    ----------
    made : Dataset
    archive : Path
        Must stay until `made` is written.
    tell : callable
        Called between parts; may raise `Cancelled`.

    Raises
    ------
    OSError
        It cannot be read.
    """
    hashed, length = hashlib.sha256(), 0
    with open(archive, "rb") as file:
        while part := file.read(CHUNK):
            tell()
            hashed.update(part)
            length += len(part)
    block = made.private_block(GROUP, CREATOR, create=True)
    block.add_new(_FORMAT, "LO", FORMAT)
    block.add_new(_VERSION, "IS", VERSION)
    block.add_new(_LENGTH, "LO", str(length))
    block.add_new(_DIGEST, "LO", hashed.hexdigest())
    for k, start in enumerate(range(0, length, CHUNK)):
        part_file = _Part(archive, start, min(CHUNK, length - start))
        block.add_new(_FIRST + k, "OB", io.BufferedReader(part_file, _BUFFER))


def archive_in(path: Path) -> IO[bytes]:
    """Return the archive that a DICOM object holds; large ones lie on the disk until closed.

    Raises
    ------
    LoadError
        "bad-scene": there is none, or it is damaged.
    InvalidDicomError, OSError, ValueError, EOFError
        It is no DICOM object.
    """
    from pydicom import dcmread

    with open(path, "rb") as file:
        read = dcmread(file, stop_before_pixels=True, specific_tags=["SOPClassUID"])
    syntax = str(getattr(read.file_meta, "TransferSyntaxUID", ""))
    # What is deflated is in memory as a whole anyway.
    later = None if syntax == _DEFLATED else _LATER
    return _found(dcmread(path, stop_before_pixels=True, defer_size=later))


def _found(data_set: Dataset) -> IO[bytes]:
    try:
        block = data_set.private_block(GROUP, CREATOR)
    except KeyError as error:
        raise bad_scene(
            "the object holds no scene (private data may have been removed)"
        ) from error
    try:
        length, digest = int(_plain(block[_LENGTH].value)), _plain(block[_DIGEST].value)
    except (KeyError, TypeError, ValueError) as error:
        raise bad_scene("the archive in the object is incomplete") from error
    if not 0 < length <= LARGEST:
        raise bad_scene("the archive in the object is incomplete")
    # It has no name on the disk (or, on Windows, none for long).
    whole = cast("IO[bytes]", tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115
    try:
        _gather(block, whole, length, digest)
    except BaseException:
        whole.close()
        raise
    whole.seek(0)
    return whole


def _gather(block: PrivateBlock, whole: IO[bytes], length: int, digest: str) -> None:
    hashed, left = hashlib.sha256(), length
    try:
        for part in _parts(block):
            used = part[:left]
            hashed.update(used)
            whole.write(used)
            left -= len(used)
    except (TypeError, ValueError) as error:
        raise bad_scene("the archive in the object is damaged") from error
    if left:
        raise bad_scene("the archive in the object is incomplete")
    if hashed.hexdigest() != digest:
        raise bad_scene("the archive in the object was changed on its way")


def _parts(block: PrivateBlock) -> Iterator[bytes]:
    for element in range(_FIRST, 0x100):
        if element not in block:
            return
        # Not kept: a deferred value stays with its data set once it was read.
        yield bytes(block[element].value)
        del block[element]


def _plain(value: Any) -> str:
    # Through a transfer syntax of implicit VR it has come as UN: bytes.
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    return text.strip(" \0")
