"""Storage commitment as its user: asks a node whether it keeps what was sent."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_dicomdb.dicom._meta import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.association import Association
from napari_dicomdb.network.commands import (
    N_ACTION_RQ,
    N_EVENT_REPORT_RQ,
    NO_DATA_SET,
    RESPONSE,
    WITH_DATA_SET,
)
from napari_dicomdb.network.commitment_data import (
    COMMITMENT_INSTANCE,
    FAILURES,
    CommitmentRequest,
    decode_result,
    encode_request,
)
from napari_dicomdb.network.storage_classes import STORAGE_COMMITMENT
from napari_dicomdb.network.wire import no_waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.network.commitment_data import CommitmentResult, Reference
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.wire import Waiting

__all__ = ["COMMIT_SECONDS", "Commitment", "request_commitment", "take_result"]

COMMIT_SECONDS = 60.0
"""What is waited for the result unless told otherwise."""

_MOST_AT_ONCE = 5_000  # instances of one transaction
_TURN = 0.1
_log = logging.getLogger(__name__)

_lock = threading.Condition()
_expected: dict[str, CommitmentResult | None] = {}  # by transaction UID, of this process


@dataclass(slots=True)
class Commitment:
    """What a node says of the instances that it was asked about.

    Attributes
    ----------
    states : dict of str to (str, str)
        By SOPInstanceUID: "committed", "failed" (it says no), "no-answer" (it has not
        said anything in time) or "not-offered"; and plain words.
    """

    states: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the node keeps all of them."""
        return all(state == "committed" for state, _ in self.states.values())


def take_result(result: CommitmentResult) -> bool:
    """Hand a result that reached a listener of this process to who waits for it.

    Returns
    -------
    bool
        Whether somebody does.
    """
    with _lock:
        if result.transaction_uid not in _expected:
            return False
        _expected[result.transaction_uid] = result
        _lock.notify_all()
        return True


def request_commitment(
    node: Node,
    references: Sequence[Reference],
    *,
    seconds: float = COMMIT_SECONDS,
    waiting: Waiting = no_waiting,
) -> Commitment:
    """Ask a node to commit itself to keeping instances, and wait for what it says.

    The node answers on the same association, or on one of its own to a listener of this
    process (see `network.listener`): without one, such an answer does not arrive.

    Parameters
    ----------
    node : Node
    references : sequence of (str, str)
        SOP class and SOP instance UIDs.
    seconds : float
        What is waited for its answer.
    waiting : callable
        Called a few times a second; may raise `Cancelled`.

    Returns
    -------
    Commitment
    """
    found = Commitment()
    for first in range(0, len(references), _MOST_AT_ONCE):
        part = tuple(references[first : first + _MOST_AT_ONCE])
        try:
            _ask(node, part, seconds, waiting, found)
        except NetworkError as error:
            _log.warning("no storage commitment by %s: %s", node.name, error.reason)
            state = "not-offered" if error.reason == "no-context" else "no-answer"
            for _, uid in part:
                found.states.setdefault(uid, (state, str(error)))
    return found


def _ask(
    node: Node,
    references: tuple[Reference, ...],
    seconds: float,
    waiting: Waiting,
    found: Commitment,
) -> None:
    from pydicom.uid import generate_uid

    transaction = str(generate_uid(prefix=None))
    proposals = [(STORAGE_COMMITMENT, IMPLICIT_LITTLE), (STORAGE_COMMITMENT, EXPLICIT_LITTLE)]
    association = Association.request(node, proposals, waiting=waiting)
    with _lock:
        _expected[transaction] = None
    try:
        result = _result(association, proposals, transaction, references, seconds, waiting)
    except BaseException:
        association.abort()
        raise
    finally:
        with _lock:
            _expected.pop(transaction, None)
    kept = {uid for _, uid in result.committed}
    failures = {uid: why for (_, uid), why in result.failed.items()}
    for _, uid in references:
        if uid in failures:
            words = FAILURES.get(failures[uid], f"the node gives reason {failures[uid]:04X}H")
            found.states[uid] = ("failed", words)
        elif uid in kept:
            found.states[uid] = ("committed", "the node keeps it")
        else:
            found.states[uid] = ("no-answer", "the node's answer does not name it")


def _result(
    association: Association,
    proposals: list[tuple[str, str]],
    transaction: str,
    references: tuple[Reference, ...],
    seconds: float,
    waiting: Waiting,
) -> CommitmentResult:
    proposal = next((one for one in proposals if one in association.accepted), None)
    if proposal is None:
        association.release()
        raise NetworkError("the node does not offer storage commitment", reason="no-context")
    message = association.send_request(
        association.accepted[proposal],
        {
            "RequestedSOPClassUID": STORAGE_COMMITMENT,
            "CommandField": N_ACTION_RQ,
            "CommandDataSetType": WITH_DATA_SET,
            "RequestedSOPInstanceUID": COMMITMENT_INSTANCE,
            "ActionTypeID": 1,
        },
        encode_request(CommitmentRequest(transaction, references), proposal[1]),
    )
    # The answer need not have a data set; one that has is read all the same.
    answer = association.read_message().command
    if answer.get("MessageIDBeingRespondedTo") != message or "Status" not in answer:
        raise NetworkError("the node answered something else", reason="bad-answer")
    if answer["Status"]:
        raise NetworkError(
            f"the node refuses storage commitment with status {answer['Status']:04X}H",
            reason=f"status-{answer['Status']:04x}",
        )
    return _wait_for(association, transaction, seconds, waiting)


def _wait_for(
    association: Association, transaction: str, seconds: float, waiting: Waiting
) -> CommitmentResult:
    """Wait for a result, on this association or by a listener."""
    deadline = time.monotonic() + seconds
    while True:
        with _lock:
            if not association.is_open and _expected[transaction] is None:
                _lock.wait(_TURN)
            result = _expected[transaction]
        if result is None and association.is_open:
            result = _reported(association, transaction)
        if result is not None:
            association.release()
            return result
        waiting()
        if time.monotonic() >= deadline:
            raise NetworkError(
                "the node has not said in time whether it keeps them: if it answers on an "
                "association of its own, start the listener under the AE title that the node "
                "knows",
                reason="timeout",
            )


def _reported(association: Association, transaction: str) -> CommitmentResult | None:
    """Take a report on our own association, if one comes now."""
    if not association.framing.has_input and not association.wire.has_input(_TURN):
        return None
    try:
        message = association.read_message()
    except NetworkError as error:
        if error.reason in ("closed", "aborted"):
            return None  # the node answers on an association of its own
        raise
    command = message.command
    if command.get("CommandField") != N_EVENT_REPORT_RQ:
        raise NetworkError("the node answered something else", reason="bad-answer")
    syntax = next(
        (p[1] for p, number in association.accepted.items() if number == message.context), ""
    )
    result = decode_result(message.data or b"", syntax)
    association.send_response(
        message.context,
        {
            "AffectedSOPClassUID": STORAGE_COMMITMENT,
            "CommandField": N_EVENT_REPORT_RQ | RESPONSE,
            "MessageIDBeingRespondedTo": int(command.get("MessageID", 0)),
            "CommandDataSetType": NO_DATA_SET,
            "Status": 0x0000,
            "AffectedSOPInstanceUID": COMMITMENT_INSTANCE,
            "EventTypeID": int(command.get("EventTypeID", 1)),
        },
    )
    return result if result.transaction_uid == transaction else None
