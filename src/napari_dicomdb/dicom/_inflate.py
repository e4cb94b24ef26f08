"""Deflated data sets (PS3.5 Section A.5), inflated only as far as they are read."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING

from napari_dicomdb.errors import HeaderError

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

__all__ = ["MAX_INFLATED", "Inflated", "Reading"]

MAX_INFLATED = 67_108_864  # bytes; a header that needs more is a bomb
_CHUNK = 65_536


class Inflated:
    """Random access to the start of a deflated stream.

    Parameters
    ----------
    read : callable
        ``(offset, count) -> bytes`` of the compressed file.
    start : int
        Where the stream starts in it.
    """

    def __init__(self, read: Callable[[int, int], bytes], start: int) -> None:
        self._read_file = read
        self._position = start
        self._engine = zlib.decompressobj(-zlib.MAX_WBITS)
        self._pending = b""
        self._held = bytearray()

    def read(self, offset: int, count: int) -> bytes:
        """Return up to `count` inflated bytes from `offset`."""
        end = offset + count
        if end > MAX_INFLATED:
            raise HeaderError(
                f"the inflated header is longer than {MAX_INFLATED >> 20} MB",
                reason="header-too-large",
            )
        try:
            while len(self._held) < end and not self._engine.eof:
                if not self._pending:
                    self._pending = self._read_file(self._position, _CHUNK)
                    self._position += len(self._pending)
                    if not self._pending:
                        break
                self._held += self._engine.decompress(self._pending, end - len(self._held))
                self._pending = self._engine.unconsumed_tail
        except zlib.error as error:
            raise HeaderError(f"the deflated data set is damaged: {error}") from error
        return bytes(self._held[offset:end])


class Reading(io.RawIOBase):
    """A file object over ``(offset, count) -> bytes``, for pydicom."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        super().__init__()
        self.name = ""  # pydicom asks
        self._read_at = read
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move; see `io.IOBase.seek`."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("negative position in the file")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill `buffer`; see `io.RawIOBase.readinto`."""
        view = memoryview(buffer).cast("B")
        count = max(min(len(view), self._size - self._position), 0)
        data = self._read_at(self._position, count) if count else b""
        view[: len(data)] = data
        self._position += len(data)
        return len(data)
