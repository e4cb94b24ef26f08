"""Which series in sight were made from which, asked of the database in the background."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_dicomdb.database.related import UNRELATED, Related
from napari_dicomdb.widgets._tasks import TaskRunner

if TYPE_CHECKING:
    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.widgets._tasks import Task

__all__ = ["RelatedCache"]

_log = logging.getLogger(__name__)
_KEPT = 2000  # series
_AT_ONCE = 100  # series of which the database is asked in one go
_PAUSE = 30  # ms; what is painted in one go is asked for in one go


class RelatedCache(QObject):
    """What series are linked to, by series UID; one thread of its own asks."""

    ready = Signal(str)  # series UID, of which something else is known now

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.runner = TaskRunner("related")
        self._database: Database | None = None
        self._known: OrderedDict[str, Related] = OrderedDict()
        self._stale: set[str] = set()
        self._asked: dict[str, SeriesRecord] = {}
        self._task: Task | None = None
        self._generation = 0
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE)
        self._pause.timeout.connect(self._work)

    def reset(self, database: Database | None) -> None:
        """Forget everything and ask `database` from now on."""
        self._known.clear()
        self.expire()
        self._database = database

    def expire(self) -> None:
        """Ask again for what is known, which is shown until the answer is there."""
        self._generation += 1
        self._stale = set(self._known)
        self._pause.stop()
        self._asked.clear()

    def of(self, series: SeriesRecord) -> Related:
        """Return what `series` is linked to; nothing while it is not known: `ready` follows."""
        known = self._known.get(series.uid)
        if known is not None and series.uid not in self._stale:
            self._known.move_to_end(series.uid)
        elif self._database is not None:
            self._asked[series.uid] = series
            if not self._pause.isActive() and self._task is None:
                self._pause.start()
        return known or UNRELATED

    def _work(self) -> None:
        database, generation = self._database, self._generation
        if self._task is not None or database is None or not self._asked:
            return
        # Who scrolled past more will ask again when they come back.
        batch = list(self._asked.values())[-_AT_ONCE:]
        self._asked.clear()
        self._task = self.runner.submit(
            database.related_each,
            batch,
            returned=lambda found: self._keep(generation, found),
            failed=lambda error: _log.info("links are not known: %s", error),
            finished=self._next,
        )

    def _keep(self, generation: int, found: dict[str, Related]) -> None:
        if generation != self._generation:
            return
        for uid, related in found.items():
            before = self._known.get(uid, UNRELATED)
            self._known[uid] = related
            self._known.move_to_end(uid)
            self._stale.discard(uid)
            if related != before:
                self.ready.emit(uid)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)

    def _next(self) -> None:
        self._task = None
        if self._asked:
            self._pause.start()
