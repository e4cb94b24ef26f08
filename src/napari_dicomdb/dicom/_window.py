"""The part of a file that the header walk looks at, moved forward as it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.errors import HeaderError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_BYTES", "Window"]

WINDOW = 131_072  # holds any element with a 16-bit length
MAX_BYTES = 268_435_456  # of headers read in one file; more is hostile


class Window:
    """Part of a file in memory, moved forward as the walk goes on."""

    __slots__ = ("base", "buffer", "read", "size", "spent")

    def __init__(self, buffer: bytes, size: int, read: Callable[[int, int], bytes]) -> None:
        self.buffer = buffer
        self.base = 0
        self.size = size
        self.read = read  # (offset, count) -> bytes
        self.spent = len(buffer)

    @property
    def at_end(self) -> bool:
        """Whether no byte of the file lies beyond the window."""
        return self.base + len(self.buffer) >= self.size

    def load(self, start: int, need: int = WINDOW) -> None:
        """Move the window to `start` (absolute), with `need` bytes if there are so many."""
        need = min(max(need, WINDOW), max(self.size - start, 0))
        if self.spent + need > MAX_BYTES:
            raise HeaderError(
                f"the header is longer than {MAX_BYTES >> 20} MB", reason="header-too-large"
            )
        self.buffer = self.read(start, need)
        self.base = start
        self.spent += len(self.buffer)
        if len(self.buffer) < need:  # also when the file is shorter than was said
            self.size = min(self.size, start + len(self.buffer))
