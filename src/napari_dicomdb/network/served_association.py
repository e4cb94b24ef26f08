"""One association that a peer has with us: negotiated, served message by message, ended."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Protocol

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.acceptor import Rejection, decide, too_many
from napari_dicomdb.network.association_pdus import (
    decode_association_request,
    encode_acceptance,
    encode_rejection,
)
from napari_dicomdb.network.commands import (
    C_CANCEL_RQ,
    C_ECHO_RQ,
    C_STORE_RQ,
    N_ACTION_RQ,
    N_EVENT_REPORT_RQ,
    NO_DATA_SET,
    RESPONSE,
)
from napari_dicomdb.network.commitment import take_result
from napari_dicomdb.network.commitment_data import (
    COMMITMENT_INSTANCE,
    decode_request,
    decode_result,
    encode_result,
)
from napari_dicomdb.network.commitment_service import check_commitment, event_command
from napari_dicomdb.network.framing import (
    ABORT,
    ASSOCIATE_AC,
    ASSOCIATE_RJ,
    ASSOCIATE_RQ,
    RELEASE_RP,
    Framing,
    PeerReleased,
)
from napari_dicomdb.network.listener_events import ListenerEvent
from napari_dicomdb.network.logbook import PeerLog
from napari_dicomdb.network.storage_classes import STORAGE_COMMITMENT
from napari_dicomdb.network.storage_service import StoreOperation, is_written_uid

if TYPE_CHECKING:
    import ssl

    from napari_dicomdb.database.receiving import Inbox
    from napari_dicomdb.network.accepted_wire import AcceptedWire
    from napari_dicomdb.network.commands import Command
    from napari_dicomdb.network.commitment_data import CommitmentResult
    from napari_dicomdb.network.framing import Message, Sink
    from napari_dicomdb.network.listener_events import Counters
    from napari_dicomdb.network.listener_settings import ListenerSettings

__all__ = ["Host", "ServedAssociation", "Stopping"]

_REQUEST_SECONDS = 10.0  # from the connection to the whole request (ARTIM)
_LARGEST_REQUEST = 256 * 1024
_LARGEST_DATA = 32 << 20  # of a message that stores nothing
_LAST_WORD_SECONDS = 2.0
_REPORT_AFTER = 0.3  # seconds in which a peer may say something before it gets a report
_STOP_SECONDS = 10.0  # for an object that is on its way when the listener stops
_ABORTED_BY_US = b"\0\0\0\0"
# PS3.7 Annex C
_SUCCESS, _PROCESSING_FAILURE, _INVALID_ARGUMENT = 0x0000, 0x0110, 0x0115
_UNRECOGNIZED, _NO_SUCH_ACTION = 0x0211, 0x0123
_log = logging.getLogger(__name__)


class Stopping(NetworkError):
    """The listener stops, and nothing is on its way on this association."""

    default_reason = "stopped"


class Host(Protocol):
    """What an association needs of its listener."""

    settings: ListenerSettings
    inbox: Inbox | None
    tls: ssl.SSLContext | None
    counters: Counters

    def tell(self, event: ListenerEvent) -> None:
        """Tell of an event."""

    def enter(self, association: ServedAssociation) -> bool:
        """Count an association in; False: there are too many."""

    def leave(self, association: ServedAssociation) -> None:
        """Count it out; it may have gone before."""

    def stopping_since(self) -> float | None:
        """When the listener began to stop, by `time.monotonic`; None: it does not."""

    def bring_later(self, result: CommitmentResult, aet: str, address: str) -> None:
        """Bring a result to a peer on another association."""


class ServedAssociation:
    """Serves one connection, in the thread that calls `run`.

    Parameters
    ----------
    host : Host
    number : int
        Of the association, for events and the log.
    """

    def __init__(self, host: Host, number: int) -> None:
        self._host = host
        self.number = number
        self._peer = ""
        self._aet = ""
        self._contexts: dict[int, tuple[str, str]] = {}
        self._store: StoreOperation | None = None
        self._reports: list[tuple[int, CommitmentResult]] = []  # not said yet
        self._unanswered: dict[int, CommitmentResult] = {}  # said, by MessageID
        self._message = 0
        # Its number is not `number`: the log counts those that we ask for, too.
        self.log = PeerLog(_log, "")

    def waiting(self) -> None:
        """Look, a few times a second, whether the listener stops."""
        since = self._host.stopping_since()
        if since is None:
            return
        if self._store is None or time.monotonic() > since + _STOP_SECONDS:
            raise Stopping("the listener stops")

    def run(self, wire: AcceptedWire) -> None:
        """Serve the connection to its end; it is closed then.

        Parameters
        ----------
        wire : AcceptedWire
            Its `waiting` is that of this.
        """
        self._wire = wire
        self._peer = wire.host
        settings = self._host.settings
        self._framing = Framing(wire, seconds=settings.idle_seconds, largest_pdu=settings.max_pdu)
        try:
            wire.deadline = time.monotonic() + _REQUEST_SECONDS
            if self._host.tls is not None:
                wire.encrypt(self._host.tls, _REQUEST_SECONDS)
            if self._is_negotiated():
                self._serve()
        except PeerReleased:
            self._end()
            self._answer_release()
        except NetworkError as error:
            self._end()
            self._break_off(error)
        finally:
            self._end()
            wire.close()
            for _, result in self._reports:
                self._host.bring_later(result, self._aet, wire.host)
            for result in self._unanswered.values():
                self._host.bring_later(result, self._aet, wire.host)

    # -- beginning and end ------------------------------------------------------------------

    def _is_negotiated(self) -> bool:
        kind, body = self._framing.read_pdu(_LARGEST_REQUEST, seconds=_REQUEST_SECONDS)
        if kind != ASSOCIATE_RQ:
            raise NetworkError("the peer does not begin with a request", reason="bad-request")
        request = decode_association_request(body)
        self._aet = request.calling_aet
        self._peer = f"{self._aet}@{self._wire.host}"
        self.log.name_peer(self._peer)
        host = self._host
        answer = decide(request, host.settings, self._wire.host, stores=host.inbox is not None)
        if not isinstance(answer, Rejection) and not host.enter(self):
            answer = too_many(host.settings)
        if isinstance(answer, Rejection):
            self.log.warning("rejected: %s", answer.code)
            host.counters.add(rejected_associations=1)
            body = encode_rejection(answer.result, answer.source, answer.reason)
            self._framing.send_pdu(ASSOCIATE_RJ, body, seconds=_LAST_WORD_SECONDS)
            self._tell("rejected", f"association rejected: {answer.text}", reason=answer.code)
            self._wire.drain(_LAST_WORD_SECONDS)
            return False
        body = encode_acceptance(request, answer.answers, host.settings.max_pdu, answer.roles)
        self._framing.send_pdu(ASSOCIATE_AC, body, seconds=_REQUEST_SECONDS)
        self._framing.peer_max_pdu = request.max_pdu
        self._contexts = answer.contexts
        self._wire.deadline = None
        host.counters.add(associations=1)
        count = len(answer.contexts)
        self.log.info("association: %d of %d contexts", count, len(answer.answers))
        self._tell("associated", f"{count} of {len(answer.answers)} presentation contexts")
        return True

    def _end(self) -> None:
        """Keep nothing in halves and make room, before the peer or anyone is told."""
        if self._store is not None:
            self._store.discard()
        self._host.leave(self)

    def _answer_release(self) -> None:
        try:
            self._framing.send_pdu(RELEASE_RP, seconds=_LAST_WORD_SECONDS)
            self._wire.drain(_LAST_WORD_SECONDS)
        except NetworkError as error:
            self.log.debug("the peer did not wait: %s", error.reason)
        self.log.info("released")
        self._tell("released", "association released")

    def _break_off(self, error: NetworkError) -> None:
        if error.reason not in ("closed", "aborted") and self._wire.is_ready:
            try:
                self._framing.send_pdu(ABORT, _ABORTED_BY_US, seconds=_LAST_WORD_SECONDS)
                self._wire.drain(0.2)
            except NetworkError as gone:
                self.log.debug("the peer has gone: %s", gone.reason)
        if not self._contexts and not self._aet and error.reason == "closed":
            self.log.debug("a connection without a word")  # a port scan, a health check
            return
        self._host.counters.add(broken_associations=1)
        self.log.warning("broken off: %s", error.reason)
        self._tell("broken", f"association broken off: {error}", reason=error.reason)

    # -- messages -----------------------------------------------------------------------------

    def _serve(self) -> None:
        while True:
            self._say_reports()
            message = self._framing.read_message(self._open_sink, _LARGEST_DATA)
            self._context_of(message.context)
            field = message.command.get("CommandField")
            if field == C_STORE_RQ:
                self._stored(message)
            elif field == C_ECHO_RQ:
                self._respond(message, _SUCCESS)
                self._tell("echo", "echo answered")
            elif field == N_ACTION_RQ:
                self._commitment_asked(message)
            elif field == N_EVENT_REPORT_RQ:
                self._commitment_told(message)
            elif field == N_EVENT_REPORT_RQ | RESPONSE:
                self._report_answered(message.command)
            elif field == C_CANCEL_RQ:
                continue  # what it would end has ended
            elif isinstance(field, int) and not field & RESPONSE:
                self._respond(message, _UNRECOGNIZED)
            else:
                raise NetworkError("the peer answers what nobody asked", reason="bad-answer")
            self.waiting()

    def _context_of(self, number: int) -> tuple[str, str]:
        try:
            return self._contexts[number]
        except KeyError:
            raise NetworkError(
                "the peer uses a presentation context that was not agreed", reason="bad-context"
            ) from None

    def _open_sink(self, number: int, command: Command) -> Sink | None:
        abstract, syntax = self._context_of(number)
        if command.get("CommandField") != C_STORE_RQ or self._host.inbox is None:
            return None
        self._store = StoreOperation(
            self._host.inbox,
            command,
            abstract,
            syntax,
            source=self._aet,
            largest=self._host.settings.max_object_bytes,
        )
        return self._store

    def _stored(self, message: Message) -> None:
        store, command = self._store, message.command
        if store is None:  # no data set, or nothing is stored here
            self._respond(message, 0xC000, "no data set")
            return
        result = store.finish()
        self._respond(message, result.status, result.comment)
        self._store = None
        originator = str(command.get("MoveOriginatorApplicationEntityTitle", ""))
        known: dict[str, Any] = {
            "uid": store.uid if is_written_uid(store.uid) else "",
            "size": result.size,
            "status": result.status,
            "originator": originator,
            "originator_message": int(command.get("MoveOriginatorMessageID", 0)),
        }
        if result.path is not None:
            self._host.counters.add(stored=1, size=result.size)
            self.log.debug("stored %s", known["uid"])
            self._tell("stored", "stored", path=result.path, **known)
        else:
            self._host.counters.add(refused=1)
            self.log.warning("refused %s: %s", known["uid"], result.reason)
            self._tell("refused", result.text, reason=result.reason, **known)

    def _respond(self, message: Message, status: int, comment: str = "", **more: int) -> None:
        command = message.command
        answered = command.get("MessageID")
        if not isinstance(answered, int):
            raise NetworkError("a request has no message ID", reason="bad-answer")
        answer: dict[str, int | str] = {
            "CommandField": int(command["CommandField"]) | RESPONSE,
            "MessageIDBeingRespondedTo": answered,
            "CommandDataSetType": NO_DATA_SET,
            "Status": status,
            **more,
        }
        for keyword, asked in (
            ("AffectedSOPClassUID", "RequestedSOPClassUID"),
            ("AffectedSOPInstanceUID", "RequestedSOPInstanceUID"),
        ):
            uid = str(command.get(keyword) or command.get(asked) or "")
            if is_written_uid(uid):
                answer[keyword] = uid
        if comment:
            answer["ErrorComment"] = comment
        self._framing.send_message(message.context, answer)

    # -- storage commitment -------------------------------------------------------------------

    def _commitment_asked(self, message: Message) -> None:
        inbox, command = self._host.inbox, message.command
        abstract, syntax = self._context_of(message.context)
        if abstract != STORAGE_COMMITMENT or inbox is None:
            self._respond(message, _UNRECOGNIZED)
            return
        if command.get("ActionTypeID") != 1:
            self._respond(message, _NO_SUCH_ACTION, "only action 1 is known")
            return
        try:
            request = decode_request(message.data or b"", syntax)
        except NetworkError as error:
            self._respond(message, _INVALID_ARGUMENT, "the data set cannot be read")
            self._tell("commitment", str(error), reason=error.reason)
            return
        if command.get("RequestedSOPInstanceUID") != COMMITMENT_INSTANCE:
            self._respond(message, 0x0112, "no such SOP instance")
            return
        self._respond(message, _SUCCESS, ActionTypeID=1)
        count = len(request.references)
        self._tell("commitment", f"asked to commit to {count} instances")
        self._reports.append((message.context, check_commitment(inbox, request)))

    def _say_reports(self) -> None:
        """Report on this association, unless the peer goes on or ends it at once."""
        if not self._reports or self._framing.has_input or self._wire.has_input(_REPORT_AFTER):
            return
        while self._reports:
            context, result = self._reports[0]
            self._message = self._message % 0xFFFF + 1
            content = encode_result(result, self._contexts[context][1])
            self._framing.send_message(
                context, {**event_command(result), "MessageID": self._message}, content
            )
            self._unanswered[self._message] = result
            self._reports.pop(0)

    def _report_answered(self, command: Command) -> None:
        result = self._unanswered.pop(int(command.get("MessageIDBeingRespondedTo", -1)), None)
        if result is None:
            raise NetworkError("the peer answers what nobody asked", reason="bad-answer")
        text = f"{len(result.committed)} instances committed, {len(result.failed)} not"
        status = int(command.get("Status", _PROCESSING_FAILURE))
        reason = f"status-{status:04x}" if status else ""
        self._tell("committed", text, reason=reason)

    def _commitment_told(self, message: Message) -> None:
        abstract, syntax = self._context_of(message.context)
        if abstract != STORAGE_COMMITMENT:
            self._respond(message, _UNRECOGNIZED)
            return
        try:
            result = decode_result(message.data or b"", syntax)
        except NetworkError as error:
            self._respond(message, _INVALID_ARGUMENT, "the data set cannot be read")
            self._tell("committed", str(error), reason=error.reason)
            return
        is_ours = take_result(result)
        self._respond(message, _SUCCESS if is_ours else _PROCESSING_FAILURE)
        text = f"{len(result.committed)} instances committed, {len(result.failed)} not"
        self._tell("committed", text, reason="" if is_ours else "unknown-transaction")

    def _tell(self, kind: str, text: str, **known: Any) -> None:
        self._host.tell(
            ListenerEvent(kind, text, association=self.number, peer=self._peer, **known)
        )
