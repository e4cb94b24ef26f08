"""C-MOVE: the node sends what we ask for to an AE title that it knows (PS3.4 Section C.4.2).

That is ours, at a port where somebody of us listens: a listener that runs already, or one
that lives as long as the retrieve.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import socket
import time
from typing import TYPE_CHECKING

from napari_dicomdb.dicom._meta import IMPLICIT_LITTLE
from napari_dicomdb.errors import Cancelled, NetworkError
from napari_dicomdb.network.association import Association
from napari_dicomdb.network.commands import C_MOVE_RQ, WITH_DATA_SET
from napari_dicomdb.network.identifiers import encode_identifier
from napari_dicomdb.network.retrieve_answers import Ending, ending_of, is_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_dicomdb.database import Database
    from napari_dicomdb.network.listener import Listener
    from napari_dicomdb.network.listener_events import ListenerEvent
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.retrieve_plan import Request
    from napari_dicomdb.network.wire import Waiting

__all__ = ["Mover", "destination_of", "listening"]

_MODELS = {
    "study": "1.2.840.10008.5.1.4.1.2.2.2",
    "patient": "1.2.840.10008.5.1.4.1.2.1.2",
}
_CANCEL_SECONDS = 5.0
_LONGEST = 86_400.0
_PORT_TAKEN = "port-in-use"
_log = logging.getLogger(__name__)


def destination_of(node: Node) -> str:
    """Return the AE title that a node is told to send to."""
    return node.move_destination or node.calling_aet


@contextlib.contextmanager
def listening(
    database: Database, node: Node, on_event: Callable[[ListenerEvent], None]
) -> Iterator[bool]:
    """Listen where a node will send to, unless somebody does that already.

    Parameters
    ----------
    database : Database
    node : Node
    on_event : callable
        Told of what comes, in threads of the listener.

    Yields
    ------
    bool
        Whether the listener is one of our own, which ends with the block.

    Raises
    ------
    NetworkError
        If nobody can listen there.
    """
    listener = _own_listener(database, node)
    listener.on_event = on_event
    try:
        listener.start()
    except NetworkError as error:
        if error.reason != _PORT_TAKEN:
            raise
        _log.info("port %d is taken: by our listener, as is hoped", node.move_port)
        yield False
        return
    try:
        yield True
    finally:
        listener.stop()


def _own_listener(database: Database, node: Node) -> Listener:
    from napari_dicomdb.network.listener import Listener
    from napari_dicomdb.network.listener_settings import ListenerSettings

    peers = _addresses(node)
    local = all(ipaddress.ip_address(peer).is_loopback for peer in peers)
    settings = ListenerSettings(
        aet=destination_of(node),
        port=node.move_port,
        bind="127.0.0.1" if local else "0.0.0.0",
        # A node sends from its own address, whatever AE title it then has.
        allowed_addresses=tuple(peers),
    )
    return Listener(database, settings)


def _addresses(node: Node) -> list[str]:
    try:
        found = socket.getaddrinfo(node.host, node.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NetworkError(
            f"no computer is known under the name {node.host}: look at its spelling",
            reason="name-not-resolved",
        ) from error
    peers = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    if any(ipaddress.ip_address(peer).is_loopback for peer in peers):
        peers |= dict.fromkeys(["127.0.0.1", "::1"])
    return list(peers)


class Mover:
    """Retrieves from one node by C-MOVE; use it in a ``with`` statement.

    Parameters
    ----------
    node : Node
    count : callable
        Returns how many objects have come until now, by whatever way.
    waiting : callable
        Called a few times a second; may raise `Cancelled`.
    """

    method = "C-MOVE"

    def __init__(self, node: Node, count: Callable[[], int], waiting: Waiting) -> None:
        self._node, self._count, self._ask = node, count, waiting
        self._association: Association | None = None
        self._cancelled_at = 0.0
        self._last_sign = 0.0
        self._seen = 0

    def __enter__(self) -> Mover:
        """Return the mover itself."""
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        """End the association."""
        if self._association is not None:
            if kind is None:
                self._association.release()
            else:
                self._association.abort()

    def run(self, request: Request, ahead: Sequence[Request] = ()) -> Ending:
        """Ask once, and wait until the node has sent what it sends.

        Raises
        ------
        NetworkError
            If there is no association, it breaks, or nothing happens for too long.
        Cancelled
            If `waiting` says so: the node was told.
        """
        model = _MODELS["patient" if request.level == "patient" else "study"]
        association = self._associated(model)
        context = association.accepted[model, IMPLICIT_LITTLE]
        message = association.send_request(
            context,
            {
                "AffectedSOPClassUID": model,
                "CommandField": C_MOVE_RQ,
                "Priority": 0,
                "CommandDataSetType": WITH_DATA_SET,
                "MoveDestination": destination_of(self._node),
            },
            encode_identifier(
                request.keys, level=request.level, character_set=self._node.character_set
            ),
        )
        self._last_sign = time.monotonic()
        try:
            ending = self._wait(association, context, message)
        except BaseException:
            association.abort()
            raise
        if self._cancelled_at:
            raise Cancelled("cancelled")
        return ending

    def _associated(self, model: str) -> Association:
        current = self._association
        if current is not None and current.is_open:
            if (model, IMPLICIT_LITTLE) in current.accepted:
                return current
            current.release()
        proposals = [(uid, IMPLICIT_LITTLE) for uid in _MODELS.values()]
        made = Association.request(self._node, proposals, waiting=self._waiting)
        self._association = made
        if (model, IMPLICIT_LITTLE) not in made.accepted:
            raise NetworkError(
                f"{self._node.name} does not offer C-MOVE: choose C-GET for this node",
                reason="no-context",
            )
        return made

    def _wait(self, association: Association, context: int, message: int) -> Ending:
        told = False
        while True:
            # Answers in between are optional: that objects come is a sign of life, too.
            answer = association.read_message(seconds=_LONGEST)
            self._last_sign = time.monotonic()
            if not is_answer(answer, message, C_MOVE_RQ):
                raise NetworkError(
                    "the node asks for what it was not offered", reason="bad-answer"
                )
            ending = ending_of(answer, destination=destination_of(self._node))
            if ending is not None:
                return ending
            self._waiting()
            if self._cancelled_at and not told:
                association.send_cancel(context, message)
                told = True

    def _waiting(self) -> None:
        now = time.monotonic()
        if self._cancelled_at:
            if now - self._cancelled_at > _CANCEL_SECONDS:
                raise Cancelled("cancelled; the node did not answer to that")
            return
        try:
            self._ask()
        except Cancelled:
            if self._association is None or not self._association.is_open:
                raise
            self._cancelled_at = now
            return
        count = self._count()
        if count != self._seen:
            self._seen, self._last_sign = count, now
        limit = self._node.limits.answer_seconds
        if self._last_sign and now - self._last_sign > limit:
            raise NetworkError(
                f"{self._node.name} has neither sent nor answered anything for {limit:.0f} s",
                reason="timeout",
            )
