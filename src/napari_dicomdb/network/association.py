"""An association that we request: negotiation, messages, release. Synchronous, no threads.

The PDUs of the negotiation are pynetdicom's. What flows then is framed here: its reactor
takes several turns of a millisecond for each message and builds every PDU in Python, and
that makes it slower than DCMTK by a factor of ten (DESIGN 7).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.commands import decode_command, encode_command
from napari_dicomdb.network.negotiation import decode_answer, encode_request
from napari_dicomdb.network.rejections import abort_error, rejection_error
from napari_dicomdb.network.wire import Wire, no_waiting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dicomdb.network.commands import Command
    from napari_dicomdb.network.negotiation import Proposal
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.wire import Waiting

__all__ = ["Association"]

# Types of PDU (PS3.8 Section 9.3)
_ACCEPT, _REJECT, _DATA, _RELEASE_RQ, _RELEASE_RP, _ABORT = range(2, 8)
_TYPES = range(1, 8)
_PDU = struct.Struct(">BxL")
_PDV = struct.Struct(">BxLLBB")  # of a P-DATA-TF with one value: type, lengths, context, flags
_VALUE = struct.Struct(">LBB")
_COMMAND, _LAST = 1, 2
_RELEASE = _PDU.pack(5, 4) + b"\0\0\0\0"
_ABORTED = _PDU.pack(7, 4) + b"\0\0\0\0"
_LARGEST_ANSWER = 1 << 20  # of an A-ASSOCIATE-AC
_LARGEST_COMMAND = 1 << 16
_AT_ONCE = 256 * 1024  # bytes given to the socket in one call
_LARGEST_SENT = 128 * 1024  # PDU, where the peer takes any
_RELEASE_SECONDS = 3.0


@dataclass
class Association:
    """An association with a node; make one with `Association.request`.

    Attributes
    ----------
    node : Node
    accepted : dict of Proposal to int
        Number of the presentation context of what the node takes.
    refused : dict of Proposal to int
        Result of PS3.8 Table 9-18 of what it does not take.
    peer_max_pdu : int
        Largest PDU that the node takes, bytes; 0: any.
    """

    node: Node
    wire: Wire
    accepted: dict[Proposal, int] = field(default_factory=dict)
    refused: dict[Proposal, int] = field(default_factory=dict)
    peer_max_pdu: int = 0
    is_open: bool = True
    _message: int = 0

    # -- beginning and end ------------------------------------------------------------------

    @classmethod
    def request(
        cls, node: Node, proposals: Sequence[Proposal], *, waiting: Waiting = no_waiting
    ) -> Association:
        """Connect to a node and negotiate.

        Parameters
        ----------
        node : Node
            A DIMSE node.
        proposals : sequence of Proposal
            At most `negotiation.MOST_CONTEXTS`.
        waiting : callable
            Called a few times a second while something is waited for.

        Raises
        ------
        NetworkError
            If there is no association; the message says what is wrong.
        MissingLibraryError
            If pynetdicom is not installed.
        NodeError
            If the password cannot be had from the keyring.
        """
        if node.kind != "dimse":
            raise NetworkError(
                f"{node.name} is a DICOMweb node: this needs a DIMSE node", reason="wrong-kind"
            )
        asked = encode_request(node, proposals)
        seconds = node.limits.connect_seconds
        wire = Wire(node.host, node.port, tls=node.tls, seconds=seconds, waiting=waiting)
        made = cls(node, wire)
        try:
            wire.send(asked, seconds)
            made._negotiated(made._read_answer(seconds), proposals)
        except BaseException:
            made.close()
            raise
        return made

    def _read_answer(self, seconds: float) -> bytes:
        kind, body = self._read_pdu(_LARGEST_ANSWER, seconds)
        if kind == _REJECT:
            raise rejection_error(self.node, body[2], body[3]) if len(body) == 4 else _strange()
        if kind != _ACCEPT:
            raise _strange()
        return _PDU.pack(kind, len(body)) + body

    def _negotiated(self, answer: bytes, proposals: Sequence[Proposal]) -> None:
        try:
            self.peer_max_pdu, said = decode_answer(answer)
        except ValueError as error:
            raise _strange() from error
        for number, proposal in zip(range(1, 256, 2), proposals, strict=False):
            result, syntax = said.get(number, (2, ""))
            if result == 0 and syntax in ("", proposal[1]):
                self.accepted[proposal] = number
            else:
                self.refused[proposal] = result or 4

    def release(self) -> None:
        """End the association as the standard wants it; what goes wrong there is no matter."""
        if not self.is_open:
            return
        try:
            self.wire.send(_RELEASE, _RELEASE_SECONDS)
            while self._read_pdu(self.node.limits.max_pdu, _RELEASE_SECONDS)[0] == _DATA:
                continue
        except NetworkError:
            self.close()
        self.close()

    def abort(self) -> None:
        """Break the association off."""
        if self.is_open:
            try:
                self.wire.send(_ABORTED, _RELEASE_SECONDS)
            except NetworkError:
                self.close()
            self.close()

    def close(self) -> None:
        """Close the connection."""
        self.is_open = False
        self.wire.close()

    # -- messages -----------------------------------------------------------------------------

    def send_request(
        self,
        context: int,
        command: Mapping[str, int | str],
        content: BinaryIO | None = None,
        length: int = 0,
    ) -> int:
        """Send a message: a command set and perhaps an encoded data set.

        Parameters
        ----------
        context : int
            Number of the presentation context, of `accepted`.
        command : mapping
            Without MessageID.
        content : binary file, optional
            Read from where it stands.
        length : int
            Bytes of the data set.

        Returns
        -------
        int
            Its MessageID.

        Raises
        ------
        NetworkError
            If the connection breaks, or the node ends the association.
        EOFError
            If `content` holds fewer than `length` bytes: the association is then broken off.
        OSError
            If `content` cannot be read; likewise.
        """
        self._message = self._message % 0xFFFF + 1
        raw = encode_command({**command, "MessageID": self._message})
        seconds = self.node.limits.answer_seconds
        begin = _PDV.pack(_DATA, len(raw) + 6, len(raw) + 2, context, _COMMAND | _LAST) + raw
        try:
            if content is None:
                self.wire.send(begin, seconds)
            else:
                self._send_content(context, begin, content, length, seconds)
        except NetworkError as error:
            raise self._why_ended(error) from error
        except (OSError, EOFError):
            self.abort()
            raise
        return self._message

    def _send_content(
        self, context: int, begin: bytes, content: BinaryIO, length: int, seconds: float
    ) -> None:
        largest = min(self.peer_max_pdu or _LARGEST_SENT, 8 * _AT_ONCE)
        share = max(largest - 6, 2) & ~1  # PDV header; values have an even length
        buffer = bytearray(max(_AT_ONCE, share + 12) + len(begin))
        view = memoryview(buffer)
        view[: len(begin)] = begin
        filled, left = len(begin), length
        while left:
            part = min(share, left)
            if filled and filled + 12 + part > len(buffer):
                self.wire.send(view[:filled], seconds)
                filled = 0
            left -= part
            flags = 0 if left else _LAST
            _PDV.pack_into(buffer, filled, _DATA, part + 6, part + 2, context, flags)
            filled += 12
            _read_into(content, view[filled : filled + part])
            filled += part
        self.wire.send(view[:filled], seconds)

    def _why_ended(self, error: NetworkError) -> NetworkError:
        """Look whether the node has said why it closed."""
        if error.reason == "closed":
            try:
                self._read_pdu(self.node.limits.max_pdu, 0.2)
            except NetworkError as said:
                error = said if said.reason == "aborted" else error
        self.close()
        return error

    def read_answer(self, message: int) -> Command:
        """Read the answer to a request that has no data set.

        Raises
        ------
        NetworkError
            If none comes, it is none, or it is the answer to something else.
        """
        try:
            command = decode_command(self._read_command())
        except NetworkError:
            self.close()
            raise
        if command.get("MessageIDBeingRespondedTo") != message or "Status" not in command:
            self.abort()
            raise NetworkError("the node answered something else", reason="bad-answer")
        return command

    def _read_command(self) -> bytes:
        parts: list[bytes] = []
        while True:
            kind, body = self._read_pdu(self.node.limits.max_pdu, self.node.limits.answer_seconds)
            if kind == _RELEASE_RQ:
                raise NetworkError("the node ended the association", reason="closed")
            if kind != _DATA:
                raise _strange()
            place = 0
            while place < len(body):
                if place + 6 > len(body):
                    raise _strange()
                length, _, flags = _VALUE.unpack_from(body, place)
                if length < 2 or place + 4 + length > len(body) or not flags & _COMMAND:
                    raise _strange()
                parts.append(body[place + 6 : place + 4 + length])
                place += 4 + length
                if sum(map(len, parts)) > _LARGEST_COMMAND:
                    raise _strange()
                if flags & _LAST:
                    return b"".join(parts)

    def _read_pdu(self, largest: int, seconds: float) -> tuple[int, bytes]:
        head = self.wire.receive(6, seconds)
        kind, length = _PDU.unpack(head)
        if kind not in _TYPES:
            raise _not_dicom(head, self.wire.host)
        if length > largest:
            raise NetworkError(
                f"the node sent a PDU of {length} bytes: more than was agreed", reason="bad-answer"
            )
        body = self.wire.receive(length, seconds)
        if kind == _ABORT:
            raise abort_error(*body[2:4]) if len(body) == 4 else _strange()
        return kind, body


def _read_into(content: BinaryIO, view: memoryview) -> None:
    while view:
        count = content.readinto(view)  # type: ignore[attr-defined]
        if not count:
            raise EOFError("the file ends before its data set does")
        view = view[count:]


def _strange() -> NetworkError:
    return NetworkError("the node answers in a way that DICOM does not know", reason="bad-answer")


def _not_dicom(head: bytes, host: str) -> NetworkError:
    if head[:2] in (b"\x15\x03", b"\x16\x03"):
        return NetworkError(
            f"{host} speaks TLS on this port: turn TLS on for this node", reason="tls-needed"
        )
    what = "a web server" if head.startswith(b"HTTP/") else "something else"
    return NetworkError(
        f"what answers at this port of {host} is no DICOM node but {what}", reason="not-dicom"
    )
