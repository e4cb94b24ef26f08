"""Keeps count while something is retrieved: what is missing, what has come, who is told."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_dicomdb.database.instance_paths import instance_paths
from napari_dicomdb.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from napari_dicomdb.database import Database
    from napari_dicomdb.network.retrieve_report import RetrieveReport
    from napari_dicomdb.progress import Progress

__all__ = ["Watch"]

_TURN = 0.1


class Watch:
    """What is known of a retrieve while it goes on; for one thread.

    Parameters
    ----------
    database : Database
    report : RetrieveReport
        Takes what has come.
    progress : Progress
    arrived : callable or None
        See `retrieving.retrieve`.

    Attributes
    ----------
    missing : dict of str to None
        SOPInstanceUIDs that should come and have not.
    unwanted : dict of str to (str, str)
        What came and was not kept: reason and text.
    is_received_elsewhere : bool
        Another inbox takes the objects: that they have come is seen in the index.
    """

    def __init__(
        self,
        database: Database,
        report: RetrieveReport,
        progress: Progress,
        arrived: Callable[[str, Path], None] | None,
    ) -> None:
        self.database, self.report = database, report
        self.arrived = arrived
        self.text = "Retrieving"
        self.missing: dict[str, None] = {}
        self.unwanted: dict[str, tuple[str, str]] = {}
        self.is_received_elsewhere = False
        self._progress = progress
        self._total: int | None = None
        self._held: Collection[str] = ()
        self._received: set[str] = set()
        self._fresh: dict[str, None] = {}
        self._stored: deque[tuple[str, Path | None, int]] = deque()
        self._seen = -1
        self._last = 0.0

    def expect(self, uids: Iterable[str], held: Collection[str] = ()) -> None:
        """Say what should come, more than before; `held` is here in another copy already."""
        self.missing.update(dict.fromkeys(uids))
        self._held = held
        self._total = len(self.missing) + len(self._received)

    def keep(self, uid: str, path: Path | None = None, size: int = 0) -> None:
        """Note an object that has come and is kept."""
        self.missing.pop(uid, None)
        self.unwanted.pop(uid, None)
        self.report.size += size
        if uid not in self._received:
            self._received.add(uid)
            self.report.received += 1
            self.report.received_uids.append(uid)
            self._fresh[uid] = None

    def keep_later(self, uid: str, path: Path | None, size: int) -> None:
        """Note an object that a listener of our own has kept, in a thread of its."""
        self._stored.append((uid, path, size))

    def _take_stored(self) -> None:
        while self._stored:
            uid, path, size = self._stored.popleft()
            if not self._total or uid in self.missing or uid in self._held:
                self.keep(uid, path, size)

    def has(self, uid: str) -> bool:
        """Tell whether it has come."""
        return uid in self._received

    def count(self) -> int:
        """Return how many have come; looks into the index where that alone knows."""
        self._take_stored()
        if self.is_received_elsewhere:
            self.look()
        return self.report.received

    def tell(self) -> None:
        """Tell progress and arrivals, ten times a second at most; may raise `Cancelled`."""
        now = time.monotonic()
        if now - self._last >= _TURN:
            self._last = now
            self.look()
            self._progress(self.report.received, self._total, self.text)

    def look(self, *, force: bool = False) -> None:
        """Look into the index, when that has changed, and tell what has come."""
        self._take_stored()
        if not (self.is_received_elsewhere or (self._fresh and self.arrived)):
            return
        counter = self.database.change_counter
        if counter == self._seen and not force:
            return
        self._seen = counter
        asked = dict(self._fresh)
        if self.is_received_elsewhere:
            asked |= {uid: None for uid in self.missing if uid not in self._held}
        if not asked:
            return
        found = instance_paths(self.database._connections, self.database._root, asked)
        for uid in asked:
            if uid in found:
                self.keep(uid)
                self._fresh.pop(uid, None)
                if self.arrived is not None:
                    self.arrived(uid, found[uid])

    def taken_elsewhere(self, uids: Iterable[str]) -> None:
        """Believe the node that it has sent again what was here before."""
        if self.is_received_elsewhere:
            for uid in uids:
                if uid in self._held:
                    self.keep(uid)

    def settle(self, seconds: float) -> None:
        """Wait until all has come that was sent to another inbox, or nothing more comes."""
        until = time.monotonic() + seconds
        count = self.count()
        while self.missing and time.monotonic() < until:
            time.sleep(_TURN / 2)
            self.tell()
            if self.count() != count:
                count, until = self.count(), time.monotonic() + seconds

    def rest(self, seconds: float, name: str) -> None:
        """Wait before a further attempt."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            text = f"Waiting to try {name} again"
            self._progress(self.report.received, self._total, text)
            time.sleep(min(left, _TURN))

    def finish(self) -> None:
        """Tell the last arrivals, and how many there were."""
        self.look(force=True)
        if self.report.received and not self.report.cancelled:
            with suppress(Cancelled):  # it has ended
                self._progress(self.report.received, self._total, self.text)
