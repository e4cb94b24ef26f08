"""C-GET: the node sends what we ask for on our own association (PS3.4 Section C.4.3)."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from napari_dicomdb.dicom._meta import IMPLICIT_LITTLE
from napari_dicomdb.errors import Cancelled, DatabaseError, DicomDbError, NetworkError
from napari_dicomdb.network.association import Association
from napari_dicomdb.network.commands import (
    C_GET_RQ,
    C_STORE_RQ,
    NO_DATA_SET,
    RESPONSE,
    WITH_DATA_SET,
)
from napari_dicomdb.network.identifiers import encode_identifier
from napari_dicomdb.network.negotiation import MOST_CONTEXTS
from napari_dicomdb.network.retrieve_answers import Ending, ending_of, is_answer
from napari_dicomdb.network.storage_contexts import (
    COMMON_CLASSES,
    SYNTAXES,
    all_classes,
    storage_proposals,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_dicomdb.database.arriving import Arrival
    from napari_dicomdb.network.commands import Command
    from napari_dicomdb.network.framing import Message
    from napari_dicomdb.network.negotiation import Proposal
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.retrieve_plan import Request
    from napari_dicomdb.network.wire import Waiting

    Open = Callable[[str, str, str, str], Arrival]

__all__ = ["Getter"]

_MODELS = {
    "study": "1.2.840.10008.5.1.4.1.2.2.3",
    "patient": "1.2.840.10008.5.1.4.1.2.1.3",
}
_CANCEL_SECONDS = 5.0
_TURN = 0.1
_STATUS_OF = {"disk-full": 0xA700, "uid-mismatch": 0xA900}
_NO_SYNTAX = 0x0122
_NOT_UNDERSTOOD, _NOT_PROCESSED = 0xC000, 0x0110
_log = logging.getLogger(__name__)


class Getter:
    """Retrieves from one node by C-GET; use it in a ``with`` statement.

    Parameters
    ----------
    node : Node
    open_arrival : callable
        `Inbox.open`.
    kept : callable
        Called with UID, path and size of each object that is kept.
    refused : callable
        Called with UID, reason and text of each that is not.
    waiting : callable
        Called a few times a second; may raise `Cancelled`.
    syntaxes : sequence of str
        Transfer syntaxes to offer.
    """

    method = "C-GET"

    def __init__(
        self,
        node: Node,
        open_arrival: Open,
        kept: Callable[[str, Path, int], None],
        refused: Callable[[str, str, str], None],
        waiting: Waiting,
        syntaxes: Sequence[str] = SYNTAXES,
    ) -> None:
        self._syntaxes = syntaxes
        self._node, self._open = node, open_arrival
        self._kept, self._refused = kept, refused
        self._ask = waiting
        self._association: Association | None = None
        self._contexts: dict[int, Proposal] = {}
        self._classes: frozenset[str] = frozenset()
        self._cancelled_at = 0.0
        self._last_turn = 0.0
        self._fatal: DatabaseError | None = None

    def __enter__(self) -> Getter:
        """Return the getter itself."""
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        """End the association."""
        if self._association is not None:
            if kind is None:
                self._association.release()
            else:
                self._association.abort()

    def run(self, request: Request, ahead: Sequence[Request] = ()) -> Ending:
        """Ask once, and take what comes.

        Parameters
        ----------
        request : Request
        ahead : sequence of Request
            What will be asked for afterwards, perhaps on the same association.

        Raises
        ------
        NetworkError
            If there is no association, or it breaks; what was kept stays.
        Cancelled
            If `waiting` says so: the node was told, and what it had begun was taken.
        DatabaseError
            If nothing can be kept any more, as the disk is full.
        """
        model = _MODELS["patient" if request.level == "patient" else "study"]
        association = self._associated(model, request, ahead)
        context = association.accepted.get((model, IMPLICIT_LITTLE))
        if context is None:
            raise NetworkError(
                f"{self._node.name} does not offer C-GET: choose C-MOVE for this node",
                reason="no-context",
            )
        if not self._contexts:
            text = "the node agrees to none of its transfer syntaxes"
            return Ending(_NO_SYNTAX, text, "failure")
        message = association.send_request(
            context,
            {
                "AffectedSOPClassUID": model,
                "CommandField": C_GET_RQ,
                "Priority": 0,
                "CommandDataSetType": WITH_DATA_SET,
            },
            encode_identifier(
                request.keys, level=request.level, character_set=self._node.character_set
            ),
        )
        try:
            ending = self._take_all(association, context, message, request)
        except BaseException:
            association.abort()
            raise
        if self._fatal is not None:
            raise self._fatal
        if self._cancelled_at:
            raise Cancelled("cancelled")
        return ending

    # -- the association ----------------------------------------------------------------------

    def _associated(self, model: str, request: Request, ahead: Sequence[Request]) -> Association:
        classes = request.sop_classes or COMMON_CLASSES
        if not request.sop_classes and len(self._syntaxes) == 1:
            classes = all_classes()[: MOST_CONTEXTS - 1]
        current = self._association
        if current is not None and current.is_open:
            if (model, IMPLICIT_LITTLE) in current.accepted and self._classes.issuperset(classes):
                return current
            current.release()
        offered = dict.fromkeys(classes)
        for one in ahead:
            more = offered | dict.fromkeys(one.sop_classes)
            if len(more) * len(self._syntaxes) >= MOST_CONTEXTS:
                break  # so that each keeps all its transfer syntaxes
            offered = more
        proposals: list[Proposal] = [(model, IMPLICIT_LITTLE)]
        proposals += storage_proposals(offered, syntaxes=self._syntaxes, room=MOST_CONTEXTS - 1)
        made = Association.request(
            self._node, proposals, roles=list(offered), waiting=self._waiting
        )
        self._association, self._classes = made, frozenset(offered)
        self._contexts = {
            number: proposal
            for proposal, number in made.accepted.items()
            if proposal[0] in self._classes
        }
        return made

    def _waiting(self) -> None:
        """Look whether it was cancelled; a node that was told so has a few seconds."""
        if self._cancelled_at:
            if time.monotonic() - self._cancelled_at > _CANCEL_SECONDS:
                raise Cancelled("cancelled; the node did not answer to that")
            return
        try:
            self._ask()
        except Cancelled:
            if self._association is None or not self._association.is_open:
                raise
            self._cancelled_at = time.monotonic()

    # -- what comes ---------------------------------------------------------------------------

    def _take_all(
        self, association: Association, context: int, message: int, request: Request
    ) -> Ending:
        told = False
        while True:
            taking = _Taking(self, request)
            try:
                answer = association.read_message(taking.open)
                if not is_answer(answer, message, C_GET_RQ):
                    self._store(association, answer, taking)
                    ending = None
                else:
                    ending = ending_of(answer)
            finally:
                taking.close()
            if ending is not None:
                return ending
            self.turn()
            if (self._cancelled_at or self._fatal) and not told:
                self._cancelled_at = self._cancelled_at or time.monotonic()
                association.send_cancel(context, message)
                told = True

    def turn(self) -> None:
        """Ask `waiting`, at most ten times a second."""
        now = time.monotonic()
        if now - self._last_turn >= _TURN:
            self._last_turn = now
            self._waiting()

    def _store(self, association: Association, answer: Message, taking: _Taking) -> None:
        command = answer.command
        if command.get("CommandField") != C_STORE_RQ:
            raise NetworkError("the node asks for what it was not offered", reason="bad-answer")
        uid = str(command.get("AffectedSOPInstanceUID", ""))
        status = 0
        try:
            path = taking.commit()
        except DicomDbError as error:
            status = _STATUS_OF.get(error.reason, _NOT_UNDERSTOOD)
            if isinstance(error, DatabaseError):
                status = _STATUS_OF.get(error.reason, _NOT_PROCESSED)
                self._fatal = error
            self._refused(uid, error.reason, str(error))
        else:
            self._kept(uid, path, taking.size)
        association.send_response(
            answer.context,
            {
                "AffectedSOPClassUID": str(command.get("AffectedSOPClassUID", "")),
                "CommandField": C_STORE_RQ | RESPONSE,
                "MessageIDBeingRespondedTo": int(command.get("MessageID", 0)),
                "CommandDataSetType": NO_DATA_SET,
                "Status": status,
                "AffectedSOPInstanceUID": uid,
            },
        )

    def begin(self, context: int, command: Command, request: Request) -> Arrival:
        """Open the arrival for an object that the node announces.

        Raises
        ------
        DicomDbError
            If it is not to be taken.
        """
        proposal = self._contexts.get(context)
        sop_class = str(command.get("AffectedSOPClassUID", ""))
        uid = str(command.get("AffectedSOPInstanceUID", ""))
        if proposal is None or proposal[0] != sop_class:
            raise NetworkError(
                "the node sent a SOP class that was not agreed", reason="not-agreed"
            )
        if request.level == "instance" and uid not in request.uids:
            raise NetworkError(
                "the node sent another object than was asked for: it is not kept",
                reason="not-asked",
            )
        arrival = self._open(sop_class, uid, proposal[1], self._node.called_aet)
        arrival.expected = dict(request.expected)
        return arrival


class _Taking:
    """One message that may bring an object."""

    def __init__(self, getter: Getter, request: Request) -> None:
        self._getter, self._request = getter, request
        self._arrival: Arrival | None = None
        self._error: DicomDbError | None = None
        self.size = 0

    def open(self, context: int, command: Command) -> _Taking | None:
        """Return what takes a data set: this, for that of a C-STORE."""
        if command.get("CommandField") != C_STORE_RQ:
            return None
        try:
            self._arrival = self._getter.begin(context, command, self._request)
        except DicomDbError as error:
            self._error = error
        return self

    def write(self, content: memoryview) -> None:
        """Take the next bytes, or pass over them when the object is not wanted."""
        self.size += len(content)
        if self._arrival is not None and self._error is None:
            try:
                self._arrival.write(content)
            except DicomDbError as error:
                self._error = error
        self._getter.turn()

    def commit(self) -> Path:
        """Keep it; raises why it cannot be kept."""
        if self._error is not None:
            raise self._error
        if self._arrival is None:
            raise NetworkError("the node sent an object without a data set", reason="bad-answer")
        return self._arrival.commit()

    def close(self) -> None:
        """Leave nothing of what was not kept."""
        if self._arrival is not None:
            self._arrival.discard()
