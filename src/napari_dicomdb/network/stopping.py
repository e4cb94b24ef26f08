"""Stops an operation of a node by C-CANCEL, and waits a moment for it to end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_dicomdb.errors import Cancelled, NetworkError

if TYPE_CHECKING:
    from napari_dicomdb.network.association import Association
    from napari_dicomdb.network.wire import Waiting

__all__ = ["Stop"]


class Stop:
    """Tells the node to stop, and how long it is still listened to.

    Parameters
    ----------
    waiting : callable
        Asked while something is waited for; may raise `Cancelled`, after which the node
        still has time to say that it has stopped.
    grace : float
        How many seconds.

    Attributes
    ----------
    association : Association or None
    error : Cancelled or None
        What `waiting` has raised; to be raised again when the operation has ended.
    is_over : bool
        Nothing is asked any more.
    """

    def __init__(self, waiting: Waiting, grace: float) -> None:
        self._waiting, self._grace = waiting, grace
        self._asked: tuple[int, int] | None = None
        self._deadline = 0.0
        self._is_sending = self.is_over = False
        self.association: Association | None = None
        self.error: Cancelled | None = None

    def begin(self, context: int, message: int) -> None:
        """Say which operation, by presentation context and MessageID, runs from now on."""
        self._asked = context, message
        self._deadline = 0.0

    def end(self) -> None:
        """Say that it has ended."""
        self._asked = None

    @property
    def is_asked(self) -> bool:
        """Whether the node was told to stop."""
        return self._deadline > 0

    def turn(self) -> None:
        """Look, while something is waited for, whether to go on.

        Raises
        ------
        Cancelled
            If nothing runs that the node could be told to stop.
        NetworkError
            If the node was told, and goes on for too long.
        """
        if self._is_sending or self.is_over:
            return
        if self.is_asked:
            if time.monotonic() > self._deadline:
                raise NetworkError("the node does not stop", reason="timeout")
            return
        try:
            self._waiting()
        except Cancelled as error:
            if self._asked is None:
                raise
            self.error = error
            self.ask()

    def ask(self) -> None:
        """Send C-CANCEL; what still comes is waited for, but not for long."""
        self._deadline = time.monotonic() + self._grace
        if self.association is not None and self._asked is not None:
            self._is_sending = True
            try:
                self.association.send_cancel(*self._asked)
            finally:
                self._is_sending = False

    def seconds_left(self) -> float | None:
        """Return how long is still waited; None: as always."""
        return max(self._deadline - time.monotonic(), 0.1) if self.is_asked else None
