"""Storage commitment as its provider: says what is kept, and brings the answer."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_dicomdb.dicom._meta import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from napari_dicomdb.errors import Cancelled, DatabaseError, DicomDbError, NetworkError
from napari_dicomdb.network.association import Association
from napari_dicomdb.network.commands import N_EVENT_REPORT_RQ, WITH_DATA_SET
from napari_dicomdb.network.commitment_data import (
    COMMITMENT_INSTANCE,
    CommitmentResult,
    encode_result,
)
from napari_dicomdb.network.nodes import load_nodes
from napari_dicomdb.network.storage_classes import STORAGE_COMMITMENT
from napari_dicomdb.network.wire import no_waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.database.receiving import Inbox
    from napari_dicomdb.network.commands import Command
    from napari_dicomdb.network.commitment_data import CommitmentRequest
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.wire import Waiting

__all__ = ["PAUSES", "Courier", "check_commitment", "event_command", "node_of"]

PAUSES = (1.0, 5.0, 30.0)
"""Seconds before each further attempt to bring a result to a node."""

_NOT_CHECKED, _NOT_HERE, _OTHER_CLASS = 0x0110, 0x0112, 0x0119
_FLUSH_SECONDS = 20.0
_log = logging.getLogger(__name__)


def check_commitment(inbox: Inbox, request: CommitmentRequest) -> CommitmentResult:
    """Say which of these instances the database keeps.

    An instance is committed when it is in the index under its SOP class, and its file
    is there and as long as it was.

    Parameters
    ----------
    inbox : Inbox
        What just came is indexed first.
    request : CommitmentRequest
    """
    try:
        inbox.flush(_FLUSH_SECONDS)
    except DatabaseError as error:
        _log.warning("commitment is answered by an index that is not complete: %s", error.reason)
    committed = []
    failed = {}
    for reference in dict.fromkeys(request.references):
        why = _failure(inbox, *reference)
        if why is None:
            committed.append(reference)
        else:
            failed[reference] = why
    return CommitmentResult(request.transaction_uid, tuple(committed), failed)


def _failure(inbox: Inbox, class_uid: str, uid: str) -> int | None:
    try:
        found = inbox.database.instances(uid=uid)
    except DatabaseError:
        return _NOT_CHECKED
    if not found:
        return _NOT_HERE
    if found[0].sop_class_uid != class_uid:
        return _OTHER_CLASS
    try:
        is_whole = os.stat(found[0].path).st_size == found[0].file_size
    except OSError:
        return _NOT_HERE
    return None if is_whole else _NOT_CHECKED


def event_command(result: CommitmentResult) -> Command:
    """Return the command set of an N-EVENT-REPORT, without MessageID."""
    return {
        "AffectedSOPClassUID": STORAGE_COMMITMENT,
        "CommandField": N_EVENT_REPORT_RQ,
        "CommandDataSetType": WITH_DATA_SET,
        "AffectedSOPInstanceUID": COMMITMENT_INSTANCE,
        "EventTypeID": 2 if result.failed else 1,
    }


def node_of(aet: str, address: str, our_aet: str) -> Node | None:
    """Return the node of the list that a peer is; None: none has its AE title.

    Parameters
    ----------
    aet, address : str
        Calling AE title and address of the peer.
    our_aet : str
        What it calls us.
    """
    fitting = [n for n in load_nodes() if n.kind == "dimse" and n.called_aet.strip() == aet]
    fitting.sort(key=lambda node: node.host != address)
    return replace(fitting[0], calling_aet=our_aet) if fitting else None


def bring(node: Node, result: CommitmentResult, waiting: Waiting = no_waiting) -> None:
    """Bring a result to a node on an association of our own.

    Parameters
    ----------
    node : Node
    result : CommitmentResult
    waiting : callable
        Called a few times a second; may raise `Cancelled`.

    Raises
    ------
    NetworkError
        If the node does not take it.
    """
    proposals = [(STORAGE_COMMITMENT, IMPLICIT_LITTLE), (STORAGE_COMMITMENT, EXPLICIT_LITTLE)]
    association = Association.request(node, proposals, roles=[STORAGE_COMMITMENT], waiting=waiting)
    try:
        proposal = next((one for one in proposals if one in association.accepted), None)
        if proposal is None:
            raise NetworkError(
                "the node does not take results of storage commitment", reason="no-context"
            )
        message = association.send_request(
            association.accepted[proposal],
            event_command(result),
            encode_result(result, proposal[1]),
        )
        status = association.read_answer(message)["Status"]
    except BaseException:
        association.abort()
        raise
    association.release()
    if status:
        raise NetworkError(
            f"the node answered the result with {status:04X}H", reason=f"status-{status:04x}"
        )


class Courier:
    """Brings results to nodes whose association has ended, each in a thread of its own.

    Parameters
    ----------
    tell : callable
        Called with whether it was brought, the node's name ("" for none) and plain words.
    pauses : sequence of float
    """

    def __init__(
        self, tell: Callable[[bool, str, str], None], pauses: Sequence[float] = PAUSES
    ) -> None:
        self._tell = tell
        self._pauses = tuple(pauses)
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def send(self, result: CommitmentResult, aet: str, address: str, our_aet: str) -> None:
        """Begin to bring a result to whoever asked for it."""
        try:
            node = node_of(aet, address, our_aet)
        except DicomDbError as error:  # the list cannot be read
            self._tell(False, "", str(error))
            return
        if node is None:
            self._tell(False, "", f"no node of the list has the AE title {aet!r}")
            return
        thread = threading.Thread(
            target=self._bring, args=(node, result), name="dicomdb commitment", daemon=True
        )
        with self._lock:
            if self._ended.is_set():
                return
            self._threads = [one for one in self._threads if one.is_alive()]
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Do not try again; end what runs."""
        with self._lock:
            self._ended.set()
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def _waiting(self) -> None:
        if self._ended.is_set():
            raise Cancelled("the listener stops")

    def _bring(self, node: Node, result: CommitmentResult) -> None:
        for pause in (*self._pauses, None):
            try:
                bring(node, result, self._waiting)
            except DicomDbError as error:
                why = str(error)
            else:
                self._tell(True, node.name, "the result of storage commitment was brought")
                return
            if pause is None or self._ended.wait(pause):
                break
        self._tell(False, node.name, f"the result of storage commitment was not taken: {why}")
