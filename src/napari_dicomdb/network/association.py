"""An association that we request: negotiation, messages, release. Synchronous, no threads.

The PDUs of the negotiation are pynetdicom's. What flows then is framed here: its reactor
takes several turns of a millisecond for each message and builds every PDU in Python, and
that makes it slower than DCMTK by a factor of ten (DESIGN 7).
"""

from __future__ import annotations

import logging
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.commands import C_CANCEL_RQ, NO_DATA_SET
from napari_dicomdb.network.framing import (
    ABORT,
    ASSOCIATE_AC,
    ASSOCIATE_RJ,
    DATA,
    LARGEST_DATA,
    RELEASE_RQ,
    Framing,
    encode_pdu,
    strange,
)
from napari_dicomdb.network.logbook import PeerLog
from napari_dicomdb.network.negotiation import (
    decode_answer,
    decode_extended,
    decode_roles,
    encode_request,
)
from napari_dicomdb.network.rejections import rejection_error
from napari_dicomdb.network.wire import Wire, no_waiting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dicomdb.network.commands import Command
    from napari_dicomdb.network.framing import Message, OpenSink
    from napari_dicomdb.network.negotiation import Proposal
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.wire import Waiting

__all__ = ["Association"]

_LARGEST_ANSWER = 1 << 20  # of an A-ASSOCIATE-AC
_RELEASE_SECONDS = 3.0
_log = logging.getLogger(__name__)


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
    roles : frozenset of str
        SOP classes of which it agrees to send us objects.
    extended : dict of str to bytes
        What it grants by SOP class extended negotiation.
    log : PeerLog
        For what is to be said of this association.
    """

    node: Node
    wire: Wire
    accepted: dict[Proposal, int] = field(default_factory=dict)
    refused: dict[Proposal, int] = field(default_factory=dict)
    peer_max_pdu: int = 0
    roles: frozenset[str] = frozenset()
    extended: dict[str, bytes] = field(default_factory=dict)
    is_open: bool = True
    _message: int = 0
    given_log: InitVar[PeerLog | None] = None

    def __post_init__(self, given_log: PeerLog | None) -> None:
        self.log = _log_of(self.node) if given_log is None else given_log
        limits = self.node.limits
        self.framing = Framing(
            self.wire, seconds=limits.answer_seconds, largest_pdu=limits.max_pdu
        )

    # -- beginning and end ------------------------------------------------------------------

    @classmethod
    def request(
        cls,
        node: Node,
        proposals: Sequence[Proposal],
        *,
        roles: Sequence[str] = (),
        extended: Mapping[str, bytes] | None = None,
        waiting: Waiting = no_waiting,
    ) -> Association:
        """Connect to a node and negotiate.

        Parameters
        ----------
        node : Node
            A DIMSE node.
        proposals : sequence of Proposal
            At most `negotiation.MOST_CONTEXTS`.
        roles : sequence of str
            SOP classes of which the node is to send us objects (C-GET).
        extended : mapping of str to bytes, optional
            SOP class extended negotiation: what is asked of a SOP class.
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
        asked = encode_request(node, proposals, roles=roles, extended=extended)
        seconds = node.limits.connect_seconds
        log = _log_of(node)
        log.info("presentation contexts asked for as %s: %d", node.calling_aet, len(proposals))
        try:
            wire = Wire(node.host, node.port, tls=node.tls, seconds=seconds, waiting=waiting)
            made = cls(node, wire, given_log=log)
            try:
                wire.send(asked, seconds)
                made._negotiated(made._read_answer(seconds), proposals)
            except BaseException:
                made.close()
                raise
        except NetworkError as error:
            log.warning("no association: %s", error.reason)
            raise
        made._log_contexts()
        return made

    def _log_contexts(self) -> None:
        self.log.info(
            "associated; contexts accepted: %d, refused: %d",
            len(self.accepted),
            len(self.refused),
        )
        for (sop_class, syntax), number in self.accepted.items():
            self.log.debug("context %d accepted: %s in %s", number, sop_class, syntax)
        for (sop_class, syntax), result in self.refused.items():
            self.log.debug("refused with result %d: %s in %s", result, sop_class, syntax)

    def _read_answer(self, seconds: float) -> bytes:
        kind, body = self.framing.read_pdu(_LARGEST_ANSWER, seconds=seconds)
        if kind == ASSOCIATE_RJ:
            raise rejection_error(self.node, body[2], body[3]) if len(body) == 4 else strange()
        if kind != ASSOCIATE_AC:
            raise strange()
        return encode_pdu(kind, body)

    def _negotiated(self, answer: bytes, proposals: Sequence[Proposal]) -> None:
        try:
            self.peer_max_pdu, said = decode_answer(answer)
            self.roles = decode_roles(answer)
            self.extended = decode_extended(answer)
        except ValueError as error:
            raise strange() from error
        self.framing.peer_max_pdu = self.peer_max_pdu
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
        self.log.info("released; requests: %d", self._message)
        try:
            self.framing.send_pdu(RELEASE_RQ, seconds=_RELEASE_SECONDS)
            while self.framing.read_pdu(seconds=_RELEASE_SECONDS)[0] == DATA:
                continue
        except NetworkError:
            self.close()
        self.close()

    def abort(self) -> None:
        """Break the association off."""
        if self.is_open:
            self.log.info("aborted by us; requests: %d", self._message)
            try:
                self.framing.send_pdu(ABORT, seconds=_RELEASE_SECONDS)
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
        content: BinaryIO | bytes | None = None,
        length: int = 0,
    ) -> int:
        """Send a message: a command set and perhaps an encoded data set.

        Parameters
        ----------
        context : int
            Number of the presentation context, of `accepted`.
        command : mapping
            Without MessageID.
        content : bytes or binary file, optional
            The data set; a file is read from where it stands.
        length : int
            Bytes of the data set in a file.

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
        self._send(context, {**command, "MessageID": self._message}, content, length)
        return self._message

    def send_response(
        self, context: int, command: Mapping[str, int | str], data: bytes | None = None
    ) -> None:
        """Answer a request of the node, as those of C-GET and of storage commitment.

        Parameters
        ----------
        context : int
            Number of the presentation context of the request.
        command : mapping
            With its MessageIDBeingRespondedTo.
        data : bytes, optional
            An encoded data set.

        Raises
        ------
        NetworkError
            As `send_request`.
        """
        self._send(context, command, data, 0)

    def send_cancel(self, context: int, message: int) -> None:
        """Ask the node to end an operation (C-CANCEL); it still sends its last answer.

        Raises
        ------
        NetworkError
            As `send_request`.
        """
        self._send(
            context,
            {
                "CommandField": C_CANCEL_RQ,
                "MessageIDBeingRespondedTo": message,
                "CommandDataSetType": NO_DATA_SET,
            },
            None,
            0,
        )

    def _send(
        self,
        context: int,
        command: Mapping[str, int | str],
        content: BinaryIO | bytes | None,
        length: int,
    ) -> None:
        try:
            self.framing.send_message(context, command, content, length)
        except NetworkError as error:
            raise self._why_ended(error) from error
        except (OSError, EOFError):
            self.abort()
            raise

    def _why_ended(self, error: NetworkError) -> NetworkError:
        """Look whether the node has said why it closed."""
        if error.reason == "closed":
            try:
                self.framing.read_pdu(seconds=0.2)
            except NetworkError as said:
                error = said if said.reason == "aborted" else error
        self.log.warning("broke after %d requests: %s", self._message, error.reason)
        self.close()
        return error

    def read_message(
        self,
        open_sink: OpenSink | None = None,
        largest: int = LARGEST_DATA,
        *,
        seconds: float | None = None,
    ) -> Message:
        """Read the next message: an answer, or a request of the node.

        Parameters
        ----------
        open_sink, largest, seconds
            See `Framing.read_message`; unless said otherwise as long as the node's limits
            allow is waited.

        Raises
        ------
        NetworkError
            If none comes, or it is none: the association has then ended.
        """
        try:
            return self.framing.read_message(open_sink, largest, seconds=seconds)
        except BaseException as error:
            if isinstance(error, NetworkError) and error.reason in ("closed", "aborted"):
                self.log.warning("broke after %d requests: %s", self._message, error.reason)
                self.close()
            else:
                self.abort()  # in the midst of a message: nothing can follow
            raise

    def read_answer(self, message: int) -> Command:
        """Read the answer to a request that has no data set.

        Raises
        ------
        NetworkError
            If none comes, it is none, or it is the answer to something else.
        """
        answer = self.read_message()
        command = answer.command
        if (
            command.get("MessageIDBeingRespondedTo") != message
            or "Status" not in command
            or answer.data is not None
        ):
            self.abort()
            raise NetworkError("the node answered something else", reason="bad-answer")
        return command


def _log_of(node: Node) -> PeerLog:
    return PeerLog(_log, f"{node.called_aet}@{node.host}:{node.port}")
