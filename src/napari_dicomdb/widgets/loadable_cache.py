"""What the series in sight can be opened as, found out in the background before a click."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, QTimer, Signal

from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.related_cache import RelatedCache

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.loading.stored import LoadableSummary
    from napari_dicomdb.progress import Progress
    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._tasks import Task

    Summaries = tuple[LoadableSummary, ...]

__all__ = ["LoadableCache"]

_log = logging.getLogger(__name__)
_KEPT = 1000  # series
_WAITING = 100  # series; who scrolled past more will ask again when they come back
_AT_ONCE = 50  # series of which the database is asked in one go
_PAUSE = 30  # ms; what is painted in one go is asked for in one go


class LoadableCache(QObject):
    """Summaries of the ways to open series, by series UID.

    One thread of its own asks: first what the database knows already, then it
    has the others examined one by one, those last asked for first. It rests
    while an import runs. What cannot be found out is simply not shown: the
    panel says why as soon as the series is selected.

    Parameters
    ----------
    session : DatabaseSession
        Tells when an import runs.
    """

    ready = Signal(str)  # series UID, of which something else is known now

    def __init__(self, session: DatabaseSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.runner = TaskRunner("examine")
        self.related = RelatedCache(self)  # what is shown beside the ways
        self._session = session
        self.is_enabled = True
        self._database: Database | None = None
        self._known: OrderedDict[str, Summaries] = OrderedDict()
        self._stale: set[str] = set()
        self._asked: dict[str, SeriesRecord] = {}  # since the last pause
        self._wanted: OrderedDict[str, SeriesRecord] = OrderedDict()
        self._unexamined: OrderedDict[str, SeriesRecord] = OrderedDict()
        self._running: set[str] = set()
        self._task: Task | None = None
        self._generation = 0
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE)
        self._pause.timeout.connect(self._take_wishes)
        # Queued: while these are told, the import still counts as running.
        queued = Qt.ConnectionType.QueuedConnection
        for end in (session.import_finished, session.import_failed, session.import_cancelled):
            end.connect(self._work, queued)

    def reset(self, database: Database | None) -> None:
        """Forget everything and ask `database` from now on."""
        self._known.clear()
        self.expire()
        self.related.reset(database)
        self._database = database

    def expire(self) -> None:
        """Ask again for what is known, which is shown until the answer is there."""
        self._generation += 1
        self.related.expire()
        self._stale = set(self._known)
        self._pause.stop()
        for waiting in (self._asked, self._wanted, self._unexamined):
            waiting.clear()
        if self._task is not None:
            self._task.cancel()

    def summaries(self, series: SeriesRecord) -> Summaries:
        """Return the ways to open `series`, best first.

        They are empty, or of before the last change, as long as they are not
        known: then `ready` follows.
        """
        known = self._known.get(series.uid)
        if known is not None and series.uid not in self._stale:
            self._known.move_to_end(series.uid)
        elif self._database is not None and self.is_enabled:
            self._asked[series.uid] = series
            if not self._pause.isActive():
                self._pause.start()
        return known or ()

    def _take_wishes(self) -> None:
        # Rows are painted from the top: the last of one go is not the most wanted.
        for uid, series in reversed(self._asked.items()):
            if uid in self._unexamined:
                self._unexamined.move_to_end(uid)
            elif uid not in self._running:
                self._wanted[uid] = series
                self._wanted.move_to_end(uid)
        self._asked.clear()
        _shorten(self._wanted, _WAITING)
        self._work()

    def _work(self, *_: object) -> None:
        database, generation = self._database, self._generation
        if self._task is not None or database is None or self._session.is_importing:
            return
        if self._wanted:
            newest = min(_AT_ONCE, len(self._wanted))
            batch = [self._wanted.popitem()[1] for _ in range(newest)]
            call = _stored
        elif self._unexamined:
            batch = [self._unexamined.popitem()[1]]
            call = _examined
        else:
            return
        self._running = {series.uid for series in batch}
        self._task = self.runner.submit(
            call,
            database,
            batch,
            pass_progress=True,
            returned=lambda found: self._keep(generation, batch, found),
            failed=lambda error: self._fail(generation, batch, error),
            finished=self._next,
        )

    def _keep(
        self, generation: int, batch: list[SeriesRecord], found: dict[str, Summaries | None]
    ) -> None:
        if generation != self._generation:
            return
        for series in reversed(batch):
            summaries = found.get(series.uid, ())
            if summaries is None:
                self._unexamined[series.uid] = series
                self._unexamined.move_to_end(series.uid)
                continue
            before = self._known.get(series.uid, ())
            self._known[series.uid] = summaries
            self._known.move_to_end(series.uid)
            self._stale.discard(series.uid)
            if summaries != before:
                self.ready.emit(series.uid)
        _shorten(self._unexamined, _WAITING)
        _shorten(self._known, _KEPT)

    def _fail(self, generation: int, batch: list[SeriesRecord], error: Exception) -> None:
        _log.info("%d series could not be examined: %s", len(batch), error)
        self._keep(generation, batch, {})

    def _next(self) -> None:
        self._task = None
        self._running = set()
        self._work()


def _shorten(queue: OrderedDict[str, Any], length: int) -> None:
    while len(queue) > length:
        queue.popitem(last=False)


def _stored(
    database: Database, batch: Sequence[SeriesRecord], *, progress: Progress
) -> dict[str, Summaries | None]:
    """Return what the database knows; a series that is there no more has no ways."""
    found: dict[str, Summaries | None] = {}
    for done, series in enumerate(batch):
        progress(done, len(batch), "Examining")
        try:
            known = database.loadables(series)
        except NotFoundError:
            continue
        found[series.uid] = None if known is None else tuple(known)
    return found


def _examined(
    database: Database, batch: Sequence[SeriesRecord], *, progress: Progress
) -> dict[str, Summaries | None]:
    return {uid: tuple(known) for uid, known in database.examine_each(batch, progress=progress)}
