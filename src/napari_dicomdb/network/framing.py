"""Messages as P-DATA, for both sides of an association: read in large pieces, streamed, bounded.

What comes is read into one large buffer, and the values of a data set go from there to a
sink as they arrive. Every length, number and order that a peer may get wrong is looked at.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.commands import NO_DATA_SET, decode_command, encode_command
from napari_dicomdb.network.rejections import abort_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_dicomdb.network.commands import Command

    OpenSink = Callable[[int, Command], "Sink | None"]

__all__ = [
    "ABORT",
    "ASSOCIATE_AC",
    "ASSOCIATE_RJ",
    "ASSOCIATE_RQ",
    "DATA",
    "LARGEST_DATA",
    "RELEASE_RP",
    "RELEASE_RQ",
    "Framing",
    "Message",
    "PeerReleased",
    "Sink",
    "Stream",
    "encode_pdu",
    "strange",
]

# Types of PDU (PS3.8 Section 9.3)
ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
_TYPES = range(1, 8)
_PDU = struct.Struct(">BxL")
_PDV = struct.Struct(">BxLLBB")  # of a P-DATA-TF with one value: type, lengths, context, flags
_VALUE = struct.Struct(">LBB")
_COMMAND, _LAST = 1, 2
_LARGEST_COMMAND = 1 << 16
_MOST_EMPTY = 1_000  # values without a byte, within one message
_AT_ONCE = 256 * 1024  # bytes given to the socket in one call
_LARGEST_SENT = 128 * 1024  # PDU, where the peer takes any
_BUFFER = 512 * 1024
_SMALLEST_BUFFER = 16 * 1024

LARGEST_DATA = 64 << 20
"""Bytes of a data set that is not streamed to a sink."""


class Stream(Protocol):
    """A connection: `wire.Wire`, or one that was accepted."""

    host: str

    def send(self, content: bytes | bytearray | memoryview, seconds: float) -> None:
        """Send everything."""

    def receive_into(self, view: memoryview, seconds: float) -> int:
        """Receive at least a byte, at most as many as `view` holds."""

    def close(self) -> None:
        """Close the connection."""


class Sink(Protocol):
    """Takes a data set while it arrives."""

    def write(self, content: memoryview, /) -> object:
        """Take the next bytes; they are only there during the call."""


class PeerReleased(NetworkError):
    """The other side asks to end the association, as the standard wants it."""

    default_reason = "closed"


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was received.

    Attributes
    ----------
    context : int
        Number of its presentation context.
    command : dict
        Its command set.
    data : bytes or None
        Its encoded data set; None: it has none, or that went to a sink.
    """

    context: int
    command: Command
    data: bytes | None = None


def encode_pdu(kind: int, body: bytes = b"\0\0\0\0") -> bytes:
    """Encode a PDU."""
    return _PDU.pack(kind, len(body)) + body


class Framing:
    """Reads and writes the PDUs of one association; for one thread at a time.

    Parameters
    ----------
    stream : Stream
    seconds : float
        What is waited for the peer, unless a call says otherwise.
    largest_pdu : int
        Largest P-DATA-TF that we take, bytes.
    """

    def __init__(self, stream: Stream, *, seconds: float, largest_pdu: int) -> None:
        self.stream = stream
        self.seconds = seconds
        self.largest_pdu = largest_pdu
        self.peer_max_pdu = 0
        """Largest PDU that the peer takes, bytes; 0: any."""
        self._buffer = memoryview(bytearray(_SMALLEST_BUFFER))
        self._start = self._end = 0  # what of the buffer is not read yet
        self._left = 0  # bytes of the P-DATA-TF that we are within

    # -- reading ------------------------------------------------------------------------------

    @property
    def has_input(self) -> bool:
        """Whether bytes have come that were not read yet."""
        return self._start < self._end

    def read_pdu(
        self, largest: int = LARGEST_DATA, *, seconds: float | None = None
    ) -> tuple[int, bytes]:
        """Read a PDU, whatever it is; of a P-DATA-TF as many bytes as were not read yet.

        Parameters
        ----------
        largest : int
            Bytes that it may have.
        seconds : float, optional
            What is waited.

        Returns
        -------
        kind : int
        body : bytes

        Raises
        ------
        NetworkError
            If it is none, or an A-ABORT (reason "aborted").
        """
        seconds = self.seconds if seconds is None else seconds
        if self._left:
            kind, length, self._left = DATA, self._left, 0
        else:
            kind, length = self._head(largest, seconds)
        body = self._take(length, seconds)
        if kind == ABORT:
            raise abort_error(*body[2:4]) if length == 4 else strange()
        return kind, body

    def read_message(
        self,
        open_sink: OpenSink | None = None,
        largest: int = LARGEST_DATA,
        *,
        seconds: float | None = None,
    ) -> Message:
        """Read the next message.

        Parameters
        ----------
        open_sink : callable, optional
            Called with the number of the presentation context and the command set of a
            message that has a data set; returns what takes that while it arrives, or None:
            it is returned. What a sink raises ends the reading in the midst of the message.
        largest : int
            Bytes that a data set may have that is returned.
        seconds : float, optional
            What is waited for each part.

        Raises
        ------
        PeerReleased
            If the peer wants to end the association.
        NetworkError
            If the peer is silent, has gone, breaks the association off, or sends what is
            no message.
        """
        seconds = self.seconds if seconds is None else seconds
        command, context = self._read_command(seconds)
        if command.get("CommandDataSetType", NO_DATA_SET) == NO_DATA_SET:
            return Message(context, command)
        sink = open_sink(context, command) if open_sink is not None else None
        if sink is not None:
            self._grow()
            self._read_data(context, sink.write, seconds)
            return Message(context, command)
        kept = _Kept(largest)
        self._read_data(context, kept.write, seconds)
        return Message(context, command, bytes(kept.content))

    def _read_command(self, seconds: float) -> tuple[Command, int]:
        raw = bytearray()
        context = empty = 0
        while True:
            length, number, flags = self._value(seconds, within=bool(context))
            if not flags & _COMMAND or number != (context or number):
                raise strange("a part of a message is out of order")
            context = number
            empty += not length
            if len(raw) + length > _LARGEST_COMMAND or empty > _MOST_EMPTY:
                raise strange("a command set has no end")
            raw += self._take(length, seconds)
            if flags & _LAST:
                return decode_command(bytes(raw)), context

    def _read_data(
        self, context: int, write: Callable[[memoryview], object], seconds: float
    ) -> None:
        empty = 0
        while True:
            length, number, flags = self._value(seconds, within=True)
            if flags & _COMMAND or number != context:
                raise strange("a part of a message is out of order")
            empty += not length
            if empty > _MOST_EMPTY:
                raise strange("a data set has no end")
            while length:
                if self._start == self._end:
                    self._fill(seconds)
                stop = min(self._end, self._start + length)
                part = self._buffer[self._start : stop]
                length -= len(part)
                self._start = stop
                write(part)
            if flags & _LAST:
                return

    def _value(self, seconds: float, *, within: bool) -> tuple[int, int, int]:
        """Read the head of the next presentation data value: length, context, flags."""
        if not self._left:
            kind, length = self._head(self.largest_pdu, seconds)
            if kind == ABORT:
                body = self._take(length, seconds)
                raise abort_error(*body[2:4]) if length == 4 else strange()
            if kind == RELEASE_RQ and not within:
                self._take(length, seconds)
                raise PeerReleased("the node ended the association")
            if kind != DATA:
                raise strange("a PDU is out of order")
            self._left = length
        if self._left < 6:
            raise strange("a PDU ends within a value")
        length, context, flags = _VALUE.unpack(self._take(6, seconds))
        if length < 2 or length + 4 > self._left:
            raise strange("the length of a value is wrong")
        if not context & 1:
            raise strange("a presentation context has an even number")
        self._left -= length + 4
        return length - 2, context, flags

    def _head(self, largest: int, seconds: float) -> tuple[int, int]:
        head = self._take(6, seconds)
        kind, length = _PDU.unpack(head)
        if kind not in _TYPES:
            raise _not_dicom(head, self.stream.host)
        if length > largest or (kind > DATA and length > 64):
            raise NetworkError(
                f"the node sent a PDU of {length} bytes: more than was agreed", reason="bad-answer"
            )
        return kind, length

    def _take(self, length: int, seconds: float) -> bytes:
        """Return exactly so many bytes."""
        if length <= self._end - self._start:
            self._start += length
            return bytes(self._buffer[self._start - length : self._start])
        parts = []
        while length:
            if self._start == self._end:
                self._fill(seconds)
            stop = min(self._end, self._start + length)
            parts.append(bytes(self._buffer[self._start : stop]))
            length -= stop - self._start
            self._start = stop
        return b"".join(parts)

    def _fill(self, seconds: float) -> None:
        self._start = self._end = 0
        self._end = self.stream.receive_into(self._buffer, seconds)

    def _grow(self) -> None:
        """Have a large buffer from now on; an association that only talks needs none."""
        if len(self._buffer) < _BUFFER:
            rest = self._buffer[self._start : self._end]
            self._buffer = memoryview(bytearray(_BUFFER))
            self._buffer[: len(rest)] = rest
            self._start, self._end = 0, len(rest)

    # -- writing ------------------------------------------------------------------------------

    def send_pdu(self, kind: int, body: bytes = b"\0\0\0\0", *, seconds: float = 0.0) -> None:
        """Send a PDU."""
        self.stream.send(encode_pdu(kind, body), seconds or self.seconds)

    def send_message(
        self,
        context: int,
        command: Mapping[str, int | str],
        content: BinaryIO | bytes | None = None,
        length: int = 0,
    ) -> None:
        """Send a message: a command set and perhaps an encoded data set.

        Parameters
        ----------
        context : int
            Number of the presentation context.
        command : mapping
            With its CommandDataSetType.
        content : bytes or binary file, optional
            A file is read from where it stands.
        length : int
            Bytes of the data set in a file.

        Raises
        ------
        NetworkError
            If the connection breaks or the peer takes nothing.
        EOFError
            If a file holds fewer than `length` bytes: the message is then not whole.
        OSError
            If a file cannot be read; likewise.
        """
        raw = encode_command(command)
        begin = _PDV.pack(DATA, len(raw) + 6, len(raw) + 2, context, _COMMAND | _LAST) + raw
        if content is None:
            self.stream.send(begin, self.seconds)
        elif isinstance(content, bytes):
            self._send_content(context, begin, _Bytes(content).read_into, len(content))
        else:
            self._send_content(context, begin, _File(content).read_into, length)

    def _send_content(
        self, context: int, begin: bytes, read_into: Callable[[memoryview], None], length: int
    ) -> None:
        largest = min(self.peer_max_pdu or _LARGEST_SENT, 8 * _AT_ONCE)
        share = max(largest - 6, 2) & ~1  # PDV header; values have an even length
        share = min(share, max(length, 2))
        buffer = bytearray(max(min(_AT_ONCE, length), share + 12) + len(begin) + 12)
        view = memoryview(buffer)
        view[: len(begin)] = begin
        filled, left = len(begin), length
        while True:
            part = min(share, left)
            if filled and filled + 12 + part > len(buffer):
                self.stream.send(view[:filled], self.seconds)
                filled = 0
            left -= part
            flags = 0 if left else _LAST
            _PDV.pack_into(buffer, filled, DATA, part + 6, part + 2, context, flags)
            filled += 12
            read_into(view[filled : filled + part])
            filled += part
            if not left:
                break
        self.stream.send(view[:filled], self.seconds)


class _Kept:
    """Keeps a data set, up to a size."""

    def __init__(self, largest: int) -> None:
        self.content = bytearray()
        self._largest = largest

    def write(self, part: memoryview) -> None:
        if len(self.content) + len(part) > self._largest:
            raise NetworkError(
                f"the node sent a data set of more than {self._largest} bytes", reason="bad-answer"
            )
        self.content += part


class _Bytes:
    def __init__(self, content: bytes) -> None:
        self._rest = memoryview(content)

    def read_into(self, view: memoryview) -> None:
        view[:] = self._rest[: len(view)]
        self._rest = self._rest[len(view) :]


class _File:
    def __init__(self, content: BinaryIO) -> None:
        self._content = content

    def read_into(self, view: memoryview) -> None:
        while view:
            count = self._content.readinto(view)  # type: ignore[attr-defined]
            if not count:
                raise EOFError("the file ends before its data set does")
            view = view[count:]


def strange(why: str = "") -> NetworkError:
    """Return the error for what DICOM does not know."""
    told = f": {why}" if why else ""
    return NetworkError(
        f"the node answers in a way that DICOM does not know{told}", reason="bad-answer"
    )


def _not_dicom(head: bytes, host: str) -> NetworkError:
    if head[:2] in (b"\x15\x03", b"\x16\x03"):
        return NetworkError(
            f"{host} speaks TLS on this port: turn TLS on for this node", reason="tls-needed"
        )
    what = "a web server" if head.startswith(b"HTTP/") else "something else"
    return NetworkError(
        f"what answers at this port of {host} is no DICOM node but {what}", reason="not-dicom"
    )
