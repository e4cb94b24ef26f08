"""Send by STOW-RS (PS3.18 Section 10.5): many instances in one request, each with its result."""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter, deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dicomdb.dicom.file_meta import encode_file_meta
from napari_dicomdb.errors import Cancelled, DicomDbError, NetworkError
from napari_dicomdb.network.dicomweb.client import JSON, PAUSES, DicomWebClient
from napari_dicomdb.network.dicomweb.store_answers import Stored, read_store_answer
from napari_dicomdb.network.outgoing import open_outgoing
from napari_dicomdb.network.send_report import SendOutcome, SendReport
from napari_dicomdb.network.statuses import store_status
from napari_dicomdb.network.transcoding import TARGETS
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.network.negotiation import Proposal
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.outgoing import Outgoing

__all__ = ["store_instances"]

LARGEST_BATCH = 32 * 1024 * 1024
"""Bytes of instances of one request, unless one alone has more."""

MOST_IN_BATCH = 64
_PART = 256 * 1024
_PASSING = frozenset({"closed", "timeout", "busy", "tls-closed"})
# Of a batch, smaller ones may succeed.
_DIVISIBLE = frozenset({"too-large", "bad-request", "server-error", "conflict"})
# The reason with which a server refuses a transfer syntax (PS3.18 Table I.2-2).
_SYNTAX_REFUSED = frozenset({0xC122})
_log = logging.getLogger(__name__)


def store_instances(
    instances: Iterable[InstanceRecord],
    node: Node,
    *,
    transcode: bool = True,
    pauses: Sequence[float] = PAUSES,
    progress: Progress = no_progress,
    acknowledged: Callable[[SendOutcome], None] | None = None,
) -> SendReport:
    """Send instances to a DICOMweb node; arguments and result as of `send_instances`.

    Files go in the transfer syntax that they have, read while they are sent. Where the
    server refuses that of an instance, it is decompressed and sent again.

    Raises
    ------
    NetworkError
        If the node cannot be reached, or wants nothing of us at all; nothing was sent.
    MissingLibraryError
        If httpx is not installed.
    NodeError
        If the node's password cannot be had from the keyring.
    """
    chosen = list({record.uid: record for record in instances}.values())
    return _Storing(chosen, node, transcode, pauses, progress, acknowledged).run()


class _Anything(tuple["Proposal", ...]):
    """What a server takes that is not asked beforehand."""

    def __contains__(self, item: object) -> bool:
        return True


@dataclass(slots=True)
class _Batch:
    """Opened instances of one request."""

    records: list[InstanceRecord]
    opened: list[Outgoing]
    boundary: str
    changed: InstanceRecord | None = None  # its file changed while it was read

    @property
    def _heads(self) -> list[bytes]:
        return [
            b"\r\n--" + self.boundary.encode() + b"\r\nContent-Type: application/dicom\r\n\r\n"
            + encode_file_meta(one.proposal[0], one.uid, one.proposal[1])
            for one in self.opened
        ]  # fmt: skip

    @property
    def _end(self) -> bytes:
        return b"\r\n--" + self.boundary.encode() + b"--\r\n"

    @property
    def length(self) -> int:
        """Bytes of the request."""
        return (
            sum(len(h) for h in self._heads) + sum(o.length for o in self.opened) + len(self._end)
        )

    def content(self) -> Iterator[bytes]:
        """Give the request piece by piece."""
        for record, head, one in zip(self.records, self._heads, self.opened, strict=True):
            yield head
            left = one.length
            while left:
                piece = one.content.read(min(_PART, left))
                if not piece:
                    self.changed = record
                    raise EOFError
                left -= len(piece)
                yield piece
        yield self._end


class _Storing:
    """The state of one call of `store_instances`."""

    def __init__(
        self,
        chosen: list[InstanceRecord],
        node: Node,
        transcode: bool,
        pauses: Sequence[float],
        progress: Progress,
        acknowledged: Callable[[SendOutcome], None] | None = None,
    ) -> None:
        self._acknowledged = acknowledged
        self._chosen, self._node, self._transcode = chosen, node, transcode
        self._pauses, self._tell = tuple(pauses), progress
        # Batches to send, each whole or cut in halves.
        self._queue: deque[list[InstanceRecord]] = deque()
        self._plain: set[str] = set()  # to be decompressed
        self._attempts: Counter[str] = Counter()
        self._outcomes: dict[str, SendOutcome] = {}
        self._sizes: dict[str, tuple[int, str, bool]] = {}
        self._report = SendReport(node.name)

    def run(self) -> SendReport:
        started = time.monotonic()
        try:
            with DicomWebClient(self._node, waiting=self._waiting, pauses=()) as client:
                self._queue.extend(_batches(self._chosen))
                while self._queue:
                    self._waiting()
                    self._send(client, self._queue.popleft())
        except Cancelled:
            self._report.cancelled = True
        else:
            with suppress(Cancelled):  # too late: everything is done
                self._waiting()
        text = "cancelled: the node has not acknowledged it"
        for record in self._chosen:
            lost = SendOutcome(record.uid, str(record.path), "not-sent", text, "cancelled")
            self._report.outcomes.append(self._outcomes.get(record.uid, lost))
        self._report.seconds = time.monotonic() - started
        _log.info("STOW-RS to %s: %s", self._node.name, self._report.counts)
        return self._report

    def _waiting(self) -> None:
        self._tell(len(self._outcomes), len(self._chosen), f"Sending to {self._node.name}")

    def _send(self, client: DicomWebClient, records: list[InstanceRecord]) -> None:
        with ExitStack() as stack:
            batch = self._opened(records, stack)
            if not batch.records:
                return
            for record in batch.records:
                self._attempts[record.uid] += 1
            try:
                results = self._posted(client, batch)
            except NetworkError as error:
                self._failed(client, batch.records, error)
                return
            except (OSError, EOFError) as error:
                self._unreadable(batch, error)
                return
        again: list[InstanceRecord] = []
        for record in batch.records:
            self._settle(record, results, again)
        if again:
            client.rest(self._pause_of(again))
            self._queue.extend(_batches(again))

    def _opened(self, records: list[InstanceRecord], stack: ExitStack) -> _Batch:
        batch = _Batch([], [], f"dicomdb-{secrets.token_hex(16)}")
        for record in records:
            accepted: Collection[Proposal] = _Anything()
            if record.uid in self._plain:
                accepted = [(record.sop_class_uid, syntax) for syntax in TARGETS]
            try:
                one = stack.enter_context(open_outgoing(record, accepted))
            except DicomDbError as error:
                self._end(record, "refused", str(error), error.reason)
                continue
            self._sizes[record.uid] = one.length, one.proposal[1], one.is_transcoded
            batch.records.append(record)
            batch.opened.append(one)
        return batch

    def _posted(self, client: DicomWebClient, batch: _Batch) -> Stored:
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; '
            f"boundary={batch.boundary}",
            "Content-Length": str(batch.length),
        }
        with client.stream(
            "POST", "studies", accept=JSON, content=batch.content(), headers=headers,
            raising=False,
        ) as answer:  # fmt: skip
            self._report.associations += 1
            content = b"".join(client.bounded(answer))
            return read_store_answer(answer.status_code, content, self._node, answer.headers)

    # -- what became of it --------------------------------------------------------------------

    def _settle(
        self, record: InstanceRecord, results: Stored, again: list[InstanceRecord]
    ) -> None:
        size, syntax, is_transcoded = self._sizes[record.uid]
        status = results.status_of(record.uid)
        if status is None:
            text = "the server's answer does not say whether it was stored"
            self._end(record, "failed", text, "not-confirmed")
            return
        meaning = store_status(status)
        if meaning.kind != "failure":
            self._report.size += size
            self._report.transcoded += is_transcoded
            state = "sent" if meaning.kind == "success" else "warning"
            self._end(record, state, meaning.text, "", status, syntax)
        elif self._may_decompress(record, status):
            self._plain.add(record.uid)
            again.append(record)
        elif meaning.is_passing and self._attempts[record.uid] <= len(self._pauses):
            again.append(record)
        else:
            self._end(record, "failed", meaning.text, f"status-{status:04x}", status)

    def _may_decompress(self, record: InstanceRecord, status: int) -> bool:
        return (
            self._transcode
            and status in _SYNTAX_REFUSED
            and record.uid not in self._plain
            and record.transfer_syntax_uid not in TARGETS
        )

    def _failed(
        self, client: DicomWebClient, records: list[InstanceRecord], error: NetworkError
    ) -> None:
        """Handle a request that failed as a whole: again, in parts, or given up."""
        _log.info("STOW-RS to %s: %s", self._node.name, error.reason)
        tries = max(self._attempts[record.uid] for record in records)
        first = not self._outcomes and self._report.associations == 0
        if error.reason in _PASSING and tries <= len(self._pauses):
            client.rest(self._pauses[tries - 1])
            self._queue.append(records)
        elif error.reason in _DIVISIBLE and len(records) > 1:
            half = len(records) // 2
            for record in records:
                self._attempts[record.uid] -= 1
            self._queue.extendleft([records[half:], records[:half]])
        elif error.reason == "not-acceptable" and self._transcode and self._decompress(records):
            self._queue.appendleft(records)
        elif error.reason in _DIVISIBLE:
            self._end(records[0], "failed", str(error), error.reason)
        elif first or not any(o.state in ("sent", "warning") for o in self._outcomes.values()):
            if error.reason in _PASSING and not first:
                self._give_up(records, error)
            else:
                raise error
        else:
            self._give_up(records, error)

    def _decompress(self, records: list[InstanceRecord]) -> bool:
        found = {
            record.uid
            for record in records
            if record.uid not in self._plain and record.transfer_syntax_uid not in TARGETS
        }
        self._plain |= found
        return bool(found)

    def _give_up(self, records: list[InstanceRecord], error: NetworkError) -> None:
        for batch in (records, *self._queue):
            for record in batch:
                self._end(record, "failed", str(error), error.reason)
        self._queue.clear()

    def _unreadable(self, batch: _Batch, error: Exception) -> None:
        """Refuse the instance whose file failed; send the others again without it."""
        text = "the file changed while it was read"
        if isinstance(error, OSError):
            text = f"the file cannot be read: {error.strerror or type(error).__name__}"
        bad = batch.changed or batch.records[0]
        self._end(bad, "refused", text, "unreadable")
        rest = [record for record in batch.records if record is not bad]
        for record in rest:
            self._attempts[record.uid] -= 1
        if rest:
            self._queue.appendleft(rest)

    def _pause_of(self, records: list[InstanceRecord]) -> float:
        if all(record.uid in self._plain for record in records) or not self._pauses:
            return 0.0
        tries = max(self._attempts[record.uid] for record in records)
        return self._pauses[min(tries, len(self._pauses)) - 1]

    def _end(
        self,
        record: InstanceRecord,
        state: str,
        text: str,
        reason: str,
        status: int | None = None,
        syntax: str = "",
    ) -> None:
        tries = self._attempts[record.uid]
        outcome = SendOutcome(
            record.uid, str(record.path), state, text, reason, status, syntax, tries
        )
        self._outcomes[record.uid] = outcome
        if self._acknowledged is not None and state in ("sent", "warning"):
            self._acknowledged(outcome)


def _batches(records: list[InstanceRecord]) -> Iterator[list[InstanceRecord]]:
    batch: list[InstanceRecord] = []
    size = 0
    for record in records:
        full = size + record.file_size > LARGEST_BATCH or len(batch) >= MOST_IN_BATCH
        if batch and full:
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += record.file_size
    if batch:
        yield batch
