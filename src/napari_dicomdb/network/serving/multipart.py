"""Multipart messages: parts written as a stream, and read as they arrive (RFC 2046, RFC 2387)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Part", "Reader", "boundary", "parts_of", "related"]

_LONGEST_BOUNDARY = 200
_LONGEST_HEAD = 16_384
_MOST_PARTS = 100_000


@dataclass(slots=True)
class Part:
    """One part to be written.

    Parameters
    ----------
    content_type : str
    chunks : iterable of bytes
    length : int or None
        Bytes of all chunks, when that is known.
    location : str
        URL of what it holds; "" when there is none.
    """

    content_type: str
    chunks: Iterable[bytes]
    length: int | None = None
    location: str = ""


def boundary() -> str:
    """Return a boundary that no content holds."""
    return f"dicomdb-{secrets.token_hex(16)}"


def related(inner: str, mark: str, transfer_syntax: str = "") -> str:
    """Return the Content-Type of a message of parts of the type `inner`."""
    syntax = f"; transfer-syntax={transfer_syntax}" if transfer_syntax else ""
    return f'multipart/related; type="{inner}"; boundary={mark}{syntax}'


def parts_of(parts: Iterable[Part], mark: str) -> Iterator[bytes]:
    """Yield a message of parts, piece by piece."""
    for part in parts:
        lines = [f"--{mark}", f"Content-Type: {part.content_type}"]
        if part.length is not None:
            lines.append(f"Content-Length: {part.length}")
        if part.location:
            lines.append(f"Content-Location: {part.location}")
        yield "\r\n".join((*lines, "", "")).encode("latin-1", "replace")
        yield from part.chunks
        yield b"\r\n"
    yield f"--{mark}--\r\n".encode()


@dataclass(slots=True)
class Reader:
    """Takes a message apart as it comes, whatever it holds; keeps no part in memory.

    Parameters
    ----------
    mark : str
        The boundary, as the Content-Type names it.
    begin : callable
        Called with the headers of a part (names in lower case).
    write : callable
        Called with pieces of its content.
    end : callable
        Called when it is whole.

    Raises
    ------
    HTTPException
        400: it is no multipart message, or its end is missing.
    """

    mark: str
    begin: Callable[[dict[str, str]], None]
    write: Callable[[memoryview], None]
    end: Callable[[], None]
    _kept: bytearray = field(default_factory=bytearray)
    _state: str = "preamble"
    _parts: int = 0

    def __post_init__(self) -> None:
        if not self.mark or len(self.mark) > _LONGEST_BOUNDARY or not self.mark.isascii():
            raise HTTPException(400, "the multipart message has no usable boundary")
        # The first boundary may stand at the very beginning.
        self._kept += b"\r\n"

    def feed(self, piece: bytes) -> None:
        """Take the next bytes of the message."""
        self._kept += piece
        while self._step():
            pass

    def finish(self) -> None:
        """Make sure that the message has come to its end."""
        if self._state != "epilogue":
            raise HTTPException(400, "the multipart message ends before its last boundary")

    def _step(self) -> bool:
        if self._state == "epilogue":
            self._kept.clear()
            return False
        if self._state == "boundary":
            return self._after_boundary()
        if self._state == "head":
            return self._read_head()
        mark = b"\r\n--" + self.mark.encode()
        at = self._kept.find(mark)
        # The end of what is there may be the beginning of a boundary.
        safe = at if at >= 0 else max(0, len(self._kept) - len(mark) + 1)
        if safe and self._state == "content":
            with memoryview(self._kept)[:safe] as content:
                self.write(content)
        del self._kept[:safe]
        if at < 0:
            return False
        if self._state == "content":
            self.end()
        del self._kept[: len(mark)]
        self._state = "boundary"
        return True

    def _after_boundary(self) -> bool:
        line_end = self._kept.find(b"\r\n")
        if self._kept[:2] == b"--":
            self._state = "epilogue"
            return True
        if line_end < 0:
            if len(self._kept) > _LONGEST_BOUNDARY:
                raise HTTPException(400, "the multipart message is broken behind a boundary")
            return False
        if self._kept[:line_end].strip(b" \t"):
            raise HTTPException(400, "the multipart message is broken behind a boundary")
        # The line's end stays: a part without headers goes on with an empty line.
        del self._kept[:line_end]
        self._state = "head"
        return True

    def _read_head(self) -> bool:
        at = self._kept.find(b"\r\n\r\n")
        if at > _LONGEST_HEAD or (at < 0 and len(self._kept) > _LONGEST_HEAD):
            raise HTTPException(400, "the headers of a part are too long")
        if at < 0:
            return False
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise HTTPException(413, "the message has too many parts: send several")
        headers: dict[str, str] = {}
        for line in bytes(self._kept[2:at]).decode("latin-1").split("\r\n"):
            name, _, value = line.partition(":")
            if name.strip():
                headers[name.strip().lower()] = value.strip()
        del self._kept[: at + 4]
        self.begin(headers)
        self._state = "content"
        return True
