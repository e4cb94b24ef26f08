"""Sending instances to a node: one association for many, retried, each with its result."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter, deque
from typing import TYPE_CHECKING

from napari_dicomdb.database import activity
from napari_dicomdb.errors import Cancelled, DatabaseError, DicomDbError, NetworkError
from napari_dicomdb.network.association import Association
from napari_dicomdb.network.commands import C_STORE_RQ, WITH_DATA_SET
from napari_dicomdb.network.commitment import COMMIT_SECONDS
from napari_dicomdb.network.negotiation import MOST_CONTEXTS
from napari_dicomdb.network.outgoing import open_outgoing, proposals_for
from napari_dicomdb.network.send_report import SendOutcome, SendReport
from napari_dicomdb.network.statuses import store_status
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari_dicomdb.database.connection import Connections
    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.network.negotiation import Proposal
    from napari_dicomdb.network.node import Node

__all__ = ["PAUSES", "note_sending", "send_instances"]

PAUSES = (1.0, 4.0, 15.0)
"""Seconds before each further attempt: so many attempts more than one there are."""

# What may be over when it is tried again.
_PASSING = frozenset(
    {"closed", "aborted", "timeout", "busy", "refused", "unreachable", "tls-closed"}
)
# The same, when there never was an association: the user is told at once.
_PASSING_AT_FIRST = frozenset({"busy", "closed", "aborted"})
# Associations that may break in a row, without one instance acknowledged, beyond the pauses.
_STUMBLES = 8
_log = logging.getLogger(__name__)


def send_instances(
    instances: Iterable[InstanceRecord],
    node: Node,
    *,
    transcode: bool = True,
    pauses: Sequence[float] = PAUSES,
    progress: Progress = no_progress,
    acknowledged: Callable[[SendOutcome], None] | None = None,
    commit: bool = False,
    commit_seconds: float = COMMIT_SECONDS,
) -> SendReport:
    """Send instances to a node: by C-STORE, or by STOW-RS where it is one of DICOMweb.

    Data sets go as they are encoded in their files; one whose transfer syntax the node
    does not take is decompressed, which loses nothing. What fails for reasons that may
    pass (a broken connection, a busy node) is tried again on a new association. An
    instance counts as sent only when the node has acknowledged it.

    Parameters
    ----------
    instances : iterable of InstanceRecord
        What is there twice (by UID) is sent once.
    node : Node
    transcode : bool
        False refuses instances rather than change their transfer syntax.
    pauses : sequence of float
        Seconds to wait before each further attempt; empty: there is one attempt.
    progress : Progress
        Called before each instance and while something is waited for; may raise
        `Cancelled`: the report then tells what was not sent.
    acknowledged : callable, optional
        Called with each instance as soon as the node has it.
    commit : bool
        Ask a DIMSE node afterwards whether it keeps them (storage commitment); what it
        says is `committed` of each outcome.
    commit_seconds : float
        What is waited for that.

    Returns
    -------
    SendReport

    Raises
    ------
    NetworkError
        If the node cannot be reached or wants no association at all; nothing was sent.
    MissingLibraryError
        If pynetdicom (DICOMweb: httpx) is not installed.
    NodeError
        If the node's password cannot be had from the keyring.
    """
    if node.kind == "dicomweb":
        from napari_dicomdb.network.dicomweb.storing import store_instances

        return store_instances(
            instances,
            node,
            transcode=transcode,
            pauses=pauses,
            progress=progress,
            acknowledged=acknowledged,
        )
    chosen = list({record.uid: record for record in instances}.values())
    report = _Sending(chosen, node, transcode, pauses, progress, acknowledged).run()
    if commit and not report.cancelled:
        from napari_dicomdb.network.committing import commit_sent

        commit_sent(report, chosen, node, seconds=commit_seconds, progress=progress)
    return report


def note_sending(connections: Connections, report: SendReport) -> None:
    """Note among recent activity what was sent; numbers only."""
    counts = {"instances": report.stored, "failed": len(report.rejected)}
    if not report.stored:
        return
    try:
        with connections.transaction() as connection:
            activity.record(connection, "send", {k: n for k, n in counts.items() if n})
    except DatabaseError as error:  # what was sent is sent
        _log.warning("sending is not noted among recent activity: %s", error.reason)


class _Sending:
    """The state of one call of `send_instances`."""

    def __init__(
        self,
        chosen: list[InstanceRecord],
        node: Node,
        transcode: bool,
        pauses: Sequence[float],
        progress: Progress,
        acknowledged: Callable[[SendOutcome], None] | None = None,
    ) -> None:
        self._chosen = chosen
        self._node = node
        self._transcode = transcode
        self._pauses = tuple(pauses)
        self._tell = progress
        self._acknowledged = acknowledged
        self._queue: deque[InstanceRecord] = deque(chosen)
        self._again: list[InstanceRecord] = []
        self._attempts: Counter[str] = Counter()
        self._outcomes: dict[str, SendOutcome] = {}
        self._link_failures = 0  # in a row, without an acknowledgement between them
        self._report = SendReport(node.name)

    def run(self) -> SendReport:
        started = time.monotonic()
        try:
            while self._queue or self._again:
                if not self._queue:
                    # What the node itself refused for now: a pause, then once more.
                    self._pause(min(len(self._pauses), max(map(self._tries, self._again))))
                    self._queue.extend(self._again)
                    self._again.clear()
                self._send_on_one_association()
        except Cancelled:
            self._report.cancelled = True
        else:
            with contextlib.suppress(Cancelled):  # too late: everything is done
                self._waiting()
        for record in self._chosen:
            lost = SendOutcome(
                record.uid,
                str(record.path),
                "not-sent",
                "cancelled: the node has not acknowledged it",
                "cancelled",
            )
            self._report.outcomes.append(self._outcomes.get(record.uid, lost))
        self._report.seconds = time.monotonic() - started
        _log.info("C-STORE to %s: %s", self._node.name, self._report.counts)
        return self._report

    def _tries(self, record: InstanceRecord) -> int:
        return self._attempts[record.uid]

    def _waiting(self) -> None:
        self._tell(len(self._outcomes), len(self._chosen), f"Sending to {self._node.name}")

    def _pause(self, number: int) -> None:
        seconds = self._pauses[number - 1] if 0 < number <= len(self._pauses) else 0.0
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._tell(
                len(self._outcomes),
                len(self._chosen),
                f"Waiting to try {self._node.name} again",
            )
            time.sleep(min(left, 0.1))

    # -- associations -------------------------------------------------------------------------

    def _next_proposals(self) -> list[Proposal]:
        """Return what the next instances need, as many as fit into one association."""
        wanted: dict[Proposal, None] = {}
        for record in self._queue:
            with_this = wanted | dict.fromkeys(proposals_for(record))
            if len(with_this) > MOST_CONTEXTS:
                break
            wanted = with_this
        return list(wanted)

    def _send_on_one_association(self) -> None:
        proposals = self._next_proposals()
        try:
            association = Association.request(self._node, proposals, waiting=self._waiting)
        except NetworkError as error:
            self._not_associated(error)
            return
        self._report.associations += 1
        offered = frozenset(proposals)
        try:
            while self._queue and association.is_open:
                record = self._queue[0]
                if not offered.issuperset(proposals_for(record)):
                    break  # it needs an association of its own
                self._waiting()
                self._queue.popleft()
                self._send_one(association, record)
            association.release()
        except BaseException:
            association.abort()
            raise

    def _not_associated(self, error: NetworkError) -> None:
        """Note that there was no association; wait, or give everything up."""
        _log.info("no association with %s: %s", self._node.name, error.reason)
        self._link_failures += 1
        is_first = self._report.associations == 0
        passing = _PASSING_AT_FIRST if is_first else _PASSING
        if error.reason in passing and self._link_failures <= len(self._pauses):
            self._pause(self._link_failures)
        elif is_first:
            raise error
        else:
            self._give_up(error)

    def _give_up(self, error: NetworkError) -> None:
        for record in (*self._queue, *self._again):
            self._end(record, "failed", str(error), error.reason)
        self._queue.clear()
        self._again.clear()

    # -- instances ----------------------------------------------------------------------------

    def _send_one(self, association: Association, record: InstanceRecord) -> None:
        self._attempts[record.uid] += 1
        try:
            opened = open_outgoing(record, association.accepted, transcode=self._transcode)
        except DicomDbError as error:
            self._end(record, "refused", str(error), error.reason)
            return
        with opened:
            try:
                message = association.send_request(
                    association.accepted[opened.proposal],
                    {
                        "AffectedSOPClassUID": record.sop_class_uid,
                        "CommandField": C_STORE_RQ,
                        "Priority": 0,
                        "CommandDataSetType": WITH_DATA_SET,
                        "AffectedSOPInstanceUID": record.uid,
                    },
                    opened.content,
                    opened.length,
                )
                answer = association.read_answer(message)
                if str(answer.get("AffectedSOPInstanceUID") or record.uid) != record.uid:
                    association.abort()  # a line that corrupts, or a node that is confused
                    raise NetworkError(
                        "the node answered for another instance", reason="bad-answer"
                    )
            except NetworkError as error:
                self._lost_on_the_way(record, error)
                return
            except (OSError, EOFError) as error:
                text = "the file changed while it was read"
                if isinstance(error, OSError):
                    text = f"the file cannot be read: {error.strerror or type(error).__name__}"
                self._end(record, "refused", text, "unreadable")
                return
        self._link_failures = 0
        status, comment = int(answer["Status"]), str(answer.get("ErrorComment", ""))
        meaning = store_status(status)
        if meaning.kind == "failure":
            if meaning.is_passing and self._tries(record) <= len(self._pauses):
                self._again.append(record)
                return
            told = f"{meaning.text}: {comment}" if comment else meaning.text
            self._end(record, "failed", told, f"status-{status:04x}", status)
            return
        self._report.size += opened.length
        self._report.transcoded += opened.is_transcoded
        state = "sent" if meaning.kind == "success" else "warning"
        told = f"{meaning.text}: {comment}" if comment and state == "warning" else meaning.text
        self._end(record, state, told, "", status, opened.proposal[1])

    def _lost_on_the_way(self, record: InstanceRecord, error: NetworkError) -> None:
        """Put an instance that was not acknowledged behind the others, or give it up."""
        _log.info("association with %s broke: %s", self._node.name, error.reason)
        if error.reason in _PASSING and self._tries(record) <= len(self._pauses):
            # Behind the others: it may be the one that the node stumbles over.
            self._queue.append(record)
        else:
            self._end(record, "failed", str(error), error.reason)
        self._link_failures += 1
        if self._link_failures > len(self._pauses) + _STUMBLES:
            self._give_up(error)
        elif self._queue:
            self._pause(min(self._link_failures, len(self._pauses)))

    def _end(
        self,
        record: InstanceRecord,
        state: str,
        text: str,
        reason: str,
        status: int | None = None,
        syntax: str = "",
    ) -> None:
        tries = self._tries(record)
        outcome = SendOutcome(
            record.uid, str(record.path), state, text, reason, status, syntax, tries
        )
        self._outcomes[record.uid] = outcome
        if self._acknowledged is not None and state in ("sent", "warning"):
            self._acknowledged(outcome)
