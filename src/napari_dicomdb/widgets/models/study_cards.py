"""All studies in an order, their records and series read by and by, off the GUI thread."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_dicomdb.database.outline import Outline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import PatientRecord, SeriesRecord, StudyRecord
    from napari_dicomdb.progress import Progress
    from napari_dicomdb.widgets._tasks import Task, TaskRunner

    Card = tuple[StudyRecord, PatientRecord, tuple[SeriesRecord, ...]]

__all__ = ["KEPT", "StudyCardsModel"]

KEPT = 2000
"""Cards whose records are kept."""

_AT_ONCE = 40  # cards read in one go
_STEP = 400  # studies between two looks at whether somebody cancelled


class _Laid:
    """An outline as arrays, with what its cards need; made on a worker thread."""

    def __init__(self, outline: Outline) -> None:
        self.studies = np.frombuffer(outline.studies, np.int64)
        self.patients = np.frombuffer(outline.patients, np.int64)
        self.counts = np.array(outline.counts, np.int64)
        self.totals = np.frombuffer(outline.totals, np.int64)
        self.by_key = np.argsort(self.studies, kind="stable")
        self.sorted_keys = self.studies[self.by_key]


class StudyCardsModel(QObject):
    """What study cards show.

    Rows are studies. Their number, order and how many series each has are known
    as soon as `outlined` is emitted; patient, study and series of a row follow
    when they are wanted.

    Parameters
    ----------
    runner : TaskRunner
        Where queries run.
    """

    outlined = Signal()  # the rows are others now
    arrived = Signal(object)  # list of int: rows whose records have come
    failed = Signal(object)
    busy_changed = Signal(bool)  # whether the rows are being listed

    def __init__(self, runner: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._database: Database | None = None
        self._text = ""
        self._order = "date"
        self._laid = _Laid(Outline())
        self._cards: OrderedDict[int, Card] = OrderedDict()  # by key of the study
        self._stale: set[int] = set()
        self._gone: set[int] = set()  # keys whose study is there no more
        self._wanted: list[int] = []
        self._outlining: Task | None = None
        self._reading: Task | None = None
        self._generation = 0
        self.is_read = False

    # -- what to list -----------------------------------------------------------------

    @property
    def text(self) -> str:
        """What is searched for."""
        return self._text

    @property
    def order(self) -> str:
        """How the studies are ordered, see `Database.outline`."""
        return self._order

    def show(self, database: Database | None, text: str = "", order: str = "date") -> None:
        """List the studies of `database` that a text finds; `outlined` follows.

        Those of another database are listed no more from now on.
        """
        if database is not self._database or text != self._text:
            self._cards.clear()
        if database is not self._database:
            self._laid = _Laid(Outline())
            self.is_read = False
        self._database, self._text, self._order = database, text, order
        self.refresh()

    def refresh(self) -> None:
        """List them anew; what is known is shown until then, and read again."""
        self.cancel()
        self.busy_changed.emit(True)
        generation, database = self._generation, self._database
        if database is None:
            self._take(generation, _Laid(Outline()))
            return
        self._outlining = self._runner.submit(
            _laid_out,
            database,
            self._text,
            self._order,
            returned=lambda laid: self._take(generation, laid),
            failed=lambda error: self._fail(generation, error),
        )

    def cancel(self) -> None:
        """Wait for nothing that was asked for."""
        self._generation += 1
        for task in (self._outlining, self._reading):
            if task is not None:
                task.cancel()
        self._wanted = []
        if self._outlining is not None:
            self.busy_changed.emit(False)
        self._outlining = self._reading = None

    def _take(self, generation: int, laid: _Laid) -> None:
        if generation != self._generation:
            return
        self._outlining = None
        self._laid = laid
        self._stale = set(self._cards)
        self._gone.clear()
        self.is_read = True
        self.busy_changed.emit(False)
        self.outlined.emit()

    def _fail(self, generation: int, error: Exception) -> None:
        if generation == self._generation:
            self._outlining = self._reading = None
            self._wanted = []
            self.busy_changed.emit(False)
            self.failed.emit(error)

    # -- rows -------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._laid.studies)

    @property
    def is_waiting(self) -> bool:
        """Whether something is being read."""
        return self._outlining is not None or self._reading is not None

    @property
    def counts(self) -> NDArray[np.int64]:
        """(N,) array of int64: how many series of each study are listed."""
        return self._laid.counts

    @property
    def keys(self) -> NDArray[np.int64]:
        """(N,) array of int64: keys of the studies."""
        return self._laid.studies

    @property
    def patients(self) -> NDArray[np.int64]:
        """(N,) array of int64: keys of the studies' patients."""
        return self._laid.patients

    def total(self, row: int) -> int:
        """Return how many series a study has, listed or not."""
        return int(self._laid.totals[row])

    def row_of(self, study_key: int) -> int:
        """Return the row of a study, -1 when it is not listed."""
        keys = self._laid.sorted_keys
        place = int(np.searchsorted(keys, study_key))
        if place < len(keys) and keys[place] == study_key:
            return int(self._laid.by_key[place])
        return -1

    def rows_of(self, study_keys: Iterable[int]) -> NDArray[np.int64]:
        """Return the rows of many studies, (N,) array of int64; -1 for those not listed."""
        keys = np.fromiter(study_keys, np.int64)
        known = self._laid.sorted_keys
        if not len(known):
            return np.full(len(keys), -1)
        places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        return np.where(known[places] == keys, self._laid.by_key[places], -1)

    def rows_of_patient(self, patient_key: int) -> list[int]:
        """Return the rows of a patient's studies."""
        found: list[int] = np.flatnonzero(self._laid.patients == patient_key).tolist()
        return found

    def card(self, row: int) -> Card | None:
        """Return study, patient and series of a row, None as long as they are not read."""
        return self._cards.get(int(self._laid.studies[row]))

    def series(self, row: int) -> Sequence[SeriesRecord] | None:
        """Return the series of a row, None as long as they are not read."""
        card = self.card(row)
        return None if card is None else card[2]

    # -- reading ----------------------------------------------------------------------

    def want(self, rows: Iterable[int]) -> None:
        """Read these rows next, the first one first; those asked for before may wait."""
        keys = [int(self._laid.studies[row]) for row in rows]
        for key in keys:
            if key in self._cards:
                self._cards.move_to_end(key)
        self._wanted = [
            key
            for key in keys
            if (key not in self._cards or key in self._stale) and key not in self._gone
        ]
        self._read()

    def _read(self) -> None:
        if self._reading is not None or not self._wanted or self._database is None:
            return
        batch, self._wanted = self._wanted[:_AT_ONCE], self._wanted[_AT_ONCE:]
        generation = self._generation
        self._reading = self._runner.submit(
            _read_cards,
            self._database,
            batch,
            self._text,
            returned=lambda cards: self._keep(generation, batch, cards),
            failed=lambda error: self._fail(generation, error),
        )

    def _keep(self, generation: int, batch: list[int], cards: dict[int, Card]) -> None:
        if generation != self._generation:
            return
        self._reading = None
        for key in batch:
            self._stale.discard(key)
            if key in cards:
                self._cards[key] = cards[key]
                self._cards.move_to_end(key)
            else:
                self._cards.pop(key, None)
                self._gone.add(key)
        while len(self._cards) > KEPT:
            self._cards.popitem(last=False)
        rows = [row for row in map(self.row_of, batch) if row >= 0]
        for row in rows:
            card = self._cards.get(int(self._laid.studies[row]))
            # An import may have gone on between the two questions.
            self._laid.counts[row] = 0 if card is None else len(card[2])
        self.arrived.emit(rows)
        self._read()

    def fetch(
        self, rows: Sequence[int], limit: int, returned: Callable[[list[SeriesRecord]], None]
    ) -> Task | None:
        """Read the series of many rows, at most `limit` of them, and hand them on."""
        if self._database is None:
            return None
        generation = self._generation
        keys = self._laid.studies[np.asarray(rows, np.int64)].tolist()

        def hand_on(series: list[SeriesRecord]) -> None:
            if generation == self._generation:
                returned(series)

        return self._runner.submit(
            _read_series,
            self._database,
            keys,
            self._text,
            limit,
            pass_progress=True,
            returned=hand_on,
            failed=self.failed.emit,
        )


def _laid_out(database: Any, text: str, order: str) -> _Laid:
    return _Laid(database.outline(text=text, order=order))


def _read_cards(database: Any, keys: list[int], text: str) -> dict[int, Card]:
    studies = database.studies_by_key(keys)
    patients = {p.key: p for p in database.patients_by_key(s.patient_key for s in studies)}
    series: dict[int, list[SeriesRecord]] = {}
    for one in database.series_of(keys, text=text):
        series.setdefault(one.study_key, []).append(one)
    return {
        study.key: (study, patients[study.patient_key], tuple(series.get(study.key, ())))
        for study in studies
        if study.patient_key in patients
    }


def _read_series(
    database: Any, keys: list[int], text: str, limit: int, *, progress: Progress
) -> list[SeriesRecord]:
    found: list[SeriesRecord] = []
    for start in range(0, len(keys), _STEP):
        progress(start, len(keys), "Selecting")
        found += database.series_of(keys[start : start + _STEP], text=text)
        if len(found) >= limit:
            break
    return found[:limit]
