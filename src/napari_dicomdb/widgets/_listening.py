"""The listener as the windows see it: on or off, what it received last, what went wrong."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal

from napari_dicomdb.errors import DatabaseError
from napari_dicomdb.network.listener_settings import (
    load_listener_settings,
    save_listener_settings,
)
from napari_dicomdb.widgets._remembered import recall, remember
from napari_dicomdb.widgets._tasks import TaskRunner

if TYPE_CHECKING:
    from napari_dicomdb.network.listener import Listener
    from napari_dicomdb.network.listener_events import ListenerEvent, ListenerStatistics
    from napari_dicomdb.network.listener_settings import ListenerSettings
    from napari_dicomdb.widgets._network_session import Work

__all__ = ["Listening"]

_LAUNCH_KEY = "listener_at_launch"
_WRONG = frozenset({"rejected", "refused", "broken"})
_TOLD = frozenset({"stored", "indexed", *_WRONG})


class _Mailbox(QObject):
    """Carries events of the listener's threads to the GUI thread."""

    happened = Signal(object)

    def post(self, event: ListenerEvent) -> None:
        """Hand an event on, from the thread where it happened."""
        if event.kind in _TOLD:
            self.happened.emit(event)


class Listening(QObject):
    """Starts and stops the listener of the open database, on a thread.

    When another database is opened while it listens, it goes on for that one.

    Attributes
    ----------
    state : str
        "off", "starting", "on" or "stopping".
    error : Exception or None
        Why it could not start.
    last : ListenerEvent or None
        The last object that was stored.
    wrong : ListenerEvent or None
        The last that went wrong.
    """

    changed = Signal()  # state or error
    went_wrong = Signal(object)  # ListenerEvent
    indexed = Signal(object)  # ListenerEvent: rows of the database changed

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = TaskRunner("listening")
        self._mailbox = _Mailbox()
        self._mailbox.happened.connect(self._on_event, Qt.ConnectionType.QueuedConnection)
        self._work: Work | None = None
        self._is_first = True
        self._goes_on = False
        self.state = "off"
        self.error: Exception | None = None
        self.last: ListenerEvent | None = None
        self.wrong: ListenerEvent | None = None

    # -- settings -------------------------------------------------------------------------

    @property
    def at_launch(self) -> bool:
        """Whether it starts with the first database that is opened."""
        return bool(recall(_LAUNCH_KEY, False))

    @at_launch.setter
    def at_launch(self, value: bool) -> None:
        remember(_LAUNCH_KEY, value)

    # -- database -------------------------------------------------------------------------

    def leave(self) -> None:
        """Stop for the database that is left."""
        work, self._work = self._work, None
        self._goes_on = self.state in ("on", "starting")
        if work is not None:
            self._runner.submit(work.stop_listener)
        self._set("off")

    def follow(self, work: Work) -> None:
        """Listen for this database if it did for the one before, or is to at launch."""
        self._work = work
        launches = self._is_first and self.at_launch
        self._is_first = False
        if (self._goes_on or launches) and not work.database.read_only:
            self.start()

    # -- on and off -----------------------------------------------------------------------

    @property
    def listener(self) -> Listener | None:
        """The listener while it runs."""
        return None if self._work is None else self._work.listener

    @property
    def statistics(self) -> ListenerStatistics | None:
        """Numbers since it was started."""
        listener = self.listener
        return None if listener is None else listener.statistics

    def start(self, settings: ListenerSettings | None = None) -> None:
        """Start it; by default as it was saved. `changed` follows."""
        work = self._work
        if self.state != "off":
            return
        if work is None or work.database.read_only:
            why = "is not open yet" if work is None else "was opened read-only"
            self.error = DatabaseError(f"The database {why}: nothing can be received into it.")
            self.changed.emit()
            return
        self.error = self.last = self.wrong = None
        self._set("starting")
        self._runner.submit(
            _start,
            work,
            settings,
            self._mailbox.post,
            returned=partial(self._started, work),
            failed=partial(self._not_started, work),
        )

    def _started(self, work: Work, _: Any) -> None:
        if work is self._work:
            self._set("on")

    def _not_started(self, work: Work, error: Exception) -> None:
        if work is self._work:
            self.error = error
            self._set("off")

    def stop(self) -> None:
        """Stop it; what was acknowledged stays. `changed` follows."""
        work = self._work
        if work is None or self.state not in ("on", "starting"):
            return
        self._set("stopping")

        def stopped() -> None:
            if work is self._work:
                self._set("off")

        self._runner.submit(work.stop_listener, finished=stopped)

    def close(self) -> None:
        """Stop, and wait for it."""
        work, self._work = self._work, None
        self._runner.close()
        if work is not None:
            work.stop_listener()

    def _set(self, state: str) -> None:
        if state != self.state or self.error is not None:
            self.state = state
            self.changed.emit()

    # -- what happens ---------------------------------------------------------------------

    def _on_event(self, event: ListenerEvent) -> None:
        if event.kind == "stored":
            self.last = event
        elif event.kind == "indexed":
            self.indexed.emit(event)
        elif event.kind in _WRONG:
            self.wrong = event
            self.went_wrong.emit(event)


def _start(work: Work, settings: ListenerSettings | None, on_event: Any) -> None:
    from napari_dicomdb.network.listener import Listener

    if settings is not None:
        save_listener_settings(settings)
    listener = Listener(work.database, settings or load_listener_settings(), on_event=on_event)
    work.start_listener(listener)
