"""The answers to C-GET and C-MOVE: numbers while it goes on, a status and a list at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.commands import RESPONSE
from napari_dicomdb.network.identifiers import decode_identifier
from napari_dicomdb.network.statuses import retrieve_status

if TYPE_CHECKING:
    from napari_dicomdb.network.framing import Message

__all__ = ["Ending", "ending_of", "is_answer"]

_PENDING = (0xFF00, 0xFF01)
_UNKNOWN_DESTINATION = 0xA801


@dataclass(slots=True)
class Ending:
    """How one request ended.

    Attributes
    ----------
    status : int
    text : str
        Plain words, with what the node adds.
    completed, failed : int or None
        Sub-operations, where the node counts them.
    failed_uids : tuple of str
        Where it names them.
    """

    status: int
    text: str
    kind: str
    completed: int | None = None
    failed: int | None = None
    failed_uids: tuple[str, ...] = ()
    remarks: list[str] = field(default_factory=list)

    @property
    def reason(self) -> str:
        """Reason code: "status-a702"."""
        return f"status-{self.status:04x}"


def is_answer(message: Message, request: int, field_of_request: int) -> bool:
    """Tell whether a message is an answer to a request.

    Raises
    ------
    NetworkError
        If it is an answer to something else (reason "bad-answer").
    """
    command = message.command
    number = command.get("CommandField")
    if number != field_of_request | RESPONSE:
        if isinstance(number, int) and not number & RESPONSE:
            return False
        raise NetworkError("the node answered something else", reason="bad-answer")
    if command.get("MessageIDBeingRespondedTo") != request or not isinstance(
        command.get("Status"), int
    ):
        raise NetworkError("the node answered something else", reason="bad-answer")
    return True


def ending_of(message: Message, *, destination: str = "") -> Ending | None:
    """Return how a request ended; None: it goes on.

    Parameters
    ----------
    message : Message
        An answer.
    destination : str
        Of C-MOVE: the AE title that the node was told to send to.
    """
    command = message.command
    status = int(command["Status"])
    if status in _PENDING:
        return None
    meaning = retrieve_status(status)
    comment = str(command.get("ErrorComment", ""))
    text = f"{meaning.text} ({comment})" if comment and status else meaning.text
    if destination and status == _UNKNOWN_DESTINATION:
        text += f"; ours is {destination}"
    elif destination and _may_not_know(status):
        text += (
            f"; perhaps it does not know the AE title {destination}: enter it there, with this "
            "computer's address and port"
        )
    ending = Ending(status, text, meaning.kind)
    ending.completed = _count(command.get("NumberOfCompletedSuboperations"))
    ending.failed = _count(command.get("NumberOfFailedSuboperations"))
    warned = _count(command.get("NumberOfWarningSuboperations"))
    if ending.completed is not None and warned:
        ending.completed += warned
    if message.data:
        # Some nodes send an identifier that is none: the status counts.
        try:
            found = decode_identifier(message.data).get("FailedSOPInstanceUIDList", "")
        except NetworkError as error:
            ending.remarks.append(str(error))
        else:
            ending.failed_uids = tuple(uid for uid in str(found).split("\\") if uid)
    return ending


def _may_not_know(status: int) -> bool:
    """Tell whether nodes answer so to an AE title that is not in their list."""
    # Instead of A801: Orthanc says C000, others one of the failures without a reason.
    return status == 0x0110 or 0xC000 <= status <= 0xCFFF


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None
