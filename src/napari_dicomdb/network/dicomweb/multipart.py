"""Multipart answers taken apart while they arrive, and made (RFC 2046, PS3.18 Section 8.6).

What is taken apart comes from strangers: nothing in it may make us keep more than a part's
head and one piece of its content.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_dicomdb.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Part", "boundary_of", "parameter_of", "read_parts", "transfer_syntax_of"]

LONGEST_HEAD = 16 * 1024
_LONGEST_PREAMBLE = 64 * 1024
_LONGEST_BOUNDARY = 200
_SYNTAX = re.compile(r'transfer-syntax\s*=\s*"?\s*([0-9][0-9.]{0,63})', re.IGNORECASE)


def parameter_of(content_type: str, name: str) -> str:
    """Return a parameter of a Content-Type, without quotes; "" when there is none."""
    # Quoted values first: what stands in them is none of our parameters.
    pattern = rf';\s*{re.escape(name)}\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))'
    rest = content_type
    if name.lower() != "type":
        rest = re.sub(r';\s*type\s*=\s*"[^"]*"', "", content_type, flags=re.IGNORECASE)
    found = re.search(pattern, rest, re.IGNORECASE)
    if found is None:
        return ""
    return found.group(1) if found.group(1) is not None else found.group(2)


def transfer_syntax_of(content_type: str) -> str:
    """Return the transfer syntax UID that a Content-Type names anywhere; "" for none."""
    found = _SYNTAX.search(content_type)
    return found.group(1) if found else ""


def boundary_of(content_type: str) -> bytes:
    """Return the boundary of a multipart Content-Type.

    Raises
    ------
    NetworkError
        If it has none that can be used (reason "bad-multipart").
    """
    boundary = parameter_of(content_type, "boundary")
    if not 1 <= len(boundary) <= _LONGEST_BOUNDARY or not boundary.isascii():
        raise _bad("it does not say what its parts are divided by")
    return boundary.encode("ascii")


class Part:
    """One part: its head, and its content to be read once, before the next part.

    Attributes
    ----------
    headers : mapping of str to str
        By lower-case name.
    """

    def __init__(self, headers: Mapping[str, str], pieces: Iterator[bytes]) -> None:
        self.headers = headers
        self._pieces = pieces

    @property
    def content_type(self) -> str:
        """Content-Type with its parameters; "" when it has none."""
        return self.headers.get("content-type", "")

    def __iter__(self) -> Iterator[bytes]:
        """Give the content piece by piece.

        Raises
        ------
        NetworkError
            If it ends too early (reason "truncated").
        """
        return self._pieces

    def read(self, largest: int) -> bytes:
        """Return the whole content.

        Raises
        ------
        NetworkError
            If it is larger (reason "too-large") or ends too early ("truncated").
        """
        whole = bytearray()
        for piece in self:
            whole += piece
            if len(whole) > largest:
                raise NetworkError(f"a part is larger than {largest} bytes", reason="too-large")
        return bytes(whole)


def read_parts(pieces: Iterator[bytes], boundary: bytes) -> Iterator[Part]:
    """Give the parts of a multipart message as they arrive.

    Parameters
    ----------
    pieces : iterator of bytes
        The message.
    boundary : bytes
        What divides it, see `boundary_of`.

    Yields
    ------
    Part
        What is not read of it is passed over when the next one is asked for.

    Raises
    ------
    NetworkError
        If it is not multipart (reason "bad-multipart") or ends too early ("truncated").
    """
    return _Reader(pieces, boundary).parts()


class _Reader:
    def __init__(self, pieces: Iterator[bytes], boundary: bytes) -> None:
        self._pieces = pieces
        # A delimiter begins with the end of the line before it; the first one may
        # have no line before it.
        self._buffer = bytearray(b"\r\n")
        self._delimiter = b"\r\n--" + boundary
        self._is_last = False

    def parts(self) -> Iterator[Part]:
        self._pass_preamble()
        while not self._is_last:
            headers = self._head()
            content = self._content(headers.get("content-length", ""))
            yield Part(headers, content)
            for _ in content:  # what was not read
                continue

    def _more(self) -> bool:
        """Append what arrives next to the buffer; False at the end."""
        for piece in self._pieces:
            if piece:
                self._buffer += piece
                return True
        return False

    def _pass_preamble(self) -> None:
        passed = 0
        for piece in self._until_delimiter(None):
            passed += len(piece)
            if passed > _LONGEST_PREAMBLE:
                raise _bad("its first part does not begin")

    def _head(self) -> dict[str, str]:
        while not (self._buffer.startswith(b"\r\n") or b"\r\n\r\n" in self._buffer):
            if len(self._buffer) > LONGEST_HEAD:
                raise _bad("the head of a part does not end")
            if not self._more():
                raise _truncated()
        if self._buffer.startswith(b"\r\n"):  # no headers at all
            # The blank line also begins a delimiter, if the part is empty.
            del self._buffer[: 0 if self._buffer.startswith(self._delimiter) else 2]
            return {}
        end = self._buffer.index(b"\r\n\r\n")
        if end > LONGEST_HEAD:
            raise _bad("the head of a part is too long")
        raw = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        if not self._buffer.startswith(self._delimiter):
            if len(self._buffer) < len(self._delimiter) and self._delimiter.startswith(
                bytes(self._buffer)
            ):
                self._more()
            if not self._buffer.startswith(self._delimiter):
                del self._buffer[:2]
        headers: dict[str, str] = {}
        for line in raw.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\r\n"):
            name, colon, value = line.decode("latin_1").partition(":")
            if not colon:
                raise _bad("the head of a part is none")
            headers[name.strip().lower()] = value.strip()
        return headers

    def _content(self, stated: str) -> Iterator[bytes]:
        length = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 16 else -1
        return self._until_delimiter(length)

    def _until_delimiter(self, length: int | None) -> Iterator[bytes]:
        """Give what lies before the next delimiter, and pass that.

        A message that ends without one is whole all the same when the part has as many
        bytes as it states.
        """
        start, given = 0, 0
        while True:
            found = self._buffer.find(self._delimiter, start)
            if found >= 0:
                kind = self._after(found + len(self._delimiter))
                if kind is None:  # only looks like one: it is content
                    start = found + 1
                    continue
                if found:
                    given += found
                    yield bytes(self._buffer[:found])
                del self._buffer[: found + kind]
                return
            keep = len(self._delimiter) - 1
            free = len(self._buffer) - keep
            if free > 0:
                piece = bytes(self._buffer[:free])
                del self._buffer[:free]
                given += len(piece)
                yield piece
            start = 0
            if not self._more():
                if length is not None and given + len(self._buffer) == length:
                    self._is_last = True
                    yield bytes(self._buffer)
                    return
                raise _truncated()

    def _after(self, place: int) -> int | None:
        """Look behind a delimiter: how long it is with its end; None: it is none."""
        while len(self._buffer) < place + 2:
            if not self._more():
                # The close delimiter may be the very end.
                raise _truncated()
        if self._buffer[place : place + 2] == b"--":
            self._is_last = True
            return len(self._delimiter) + 2
        end = place
        while True:
            # RFC 2046: blanks may follow a boundary, then the line ends.
            while end < len(self._buffer) and self._buffer[end] in b" \t":
                end += 1
            if end - place > LONGEST_HEAD:
                return None
            if len(self._buffer) >= end + 2:
                is_end = self._buffer[end : end + 2] == b"\r\n"
                return len(self._delimiter) + end + 2 - place if is_end else None
            if not self._more():
                raise _truncated()


def _bad(text: str) -> NetworkError:
    return NetworkError(
        f"the server's multipart answer is malformed: {text}", reason="bad-multipart"
    )


def _truncated() -> NetworkError:
    return NetworkError("the server's answer ends too early", reason="truncated")
