"""Which study cards and tiles are selected, also where they have not been read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal

from napari_dicomdb.widgets import _card_moves as moves
from napari_dicomdb.widgets._card_area import CardArea
from napari_dicomdb.widgets._card_selection import CardSelection
from napari_dicomdb.widgets.card_layout import PATIENT, STUDY, Spot
from napari_dicomdb.widgets.models.study_cards import KEPT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.widgets._tasks import Task

__all__ = ["ChoosingArea"]

MOST_SELECTED = 10_000
"""Series selected at once; more would only be waited for."""


class ChoosingArea(CardArea):
    """Study cards with a selection.

    What is selected but not read yet is read in the background, and is
    selected as soon as it has come.
    """

    selection_changed = Signal()
    touched = Signal()  # by mouse or key
    cut_short = Signal(int)  # so many are selected, and not the others

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.selection = CardSelection()
        self.database_path: Path | None = None
        self._from: Spot | None = None  # where a range begins
        self._fetching: Task | None = None
        self._band_before: list[SeriesRecord] = []
        self._band_seen: dict[Spot, None] = {}
        self.touched.connect(self._stop_fetching)
        self.model.outlined.connect(self._renew_all)
        self.model.arrived.connect(self._renew)

    # -- what is selected -------------------------------------------------------------

    def _rows_of(self, keys: list[int]) -> list[int]:
        rows: list[int] = self.model.rows_of(keys).tolist()
        return rows

    def selected_series(self) -> list[SeriesRecord]:
        """Return the selected series, in the order shown."""
        return self.selection.series(self._rows_of)

    def selected_records(self) -> list[Any]:
        """Return patients or studies when their headers were hit, else the series."""
        return self.selection.records(self._rows_of)

    def is_selected(self, spot: Spot) -> bool:
        """Whether a tile, study or patient is selected."""
        if spot.item < 0:
            return self.selection.has_head(self._head(spot))
        series = self.series_at(spot)
        return series is not None and not self._is_more(spot) and series.uid in self.selection

    def _head(self, spot: Spot) -> tuple[str, int]:
        if spot.item == PATIENT:
            return "patient", int(self.model.patients[spot.row])
        return "study", int(self.model.keys[spot.row])

    def _is_more(self, spot: Spot) -> bool:
        return bool(spot.item >= 0 and spot.item >= self.layout_.shown(spot.row))

    def set_current(self, spot: Spot | None) -> None:
        """Put the keyboard on a spot."""
        self.current = spot
        self.viewport().update()

    # -- selecting --------------------------------------------------------------------

    def choose_nothing(self) -> None:
        """Select nothing."""
        self._stop_fetching()
        if len(self.selection):
            self.selection.clear()
            self._tell()

    def choose(self, spot: Spot) -> None:
        """Select one tile, study or patient and nothing else."""
        self._from = spot
        self.set_current(spot)
        self.selection.clear()
        self._add(spot)
        self._tell()

    def toggle(self, spot: Spot) -> None:
        """Select a tile, study or patient as well, or no more."""
        self._from = spot
        self.set_current(spot)
        if not self.is_selected(spot):
            self._add(spot)
        elif spot.item < 0:
            self.selection.remove_head(self._head(spot))
        else:
            series = self.series_at(spot)
            self.selection.remove([] if series is None else [series])
        self._tell()

    def _add(self, spot: Spot) -> None:
        if self._is_more(spot):
            return
        if spot.item >= 0:
            one = slice(spot.item, spot.item + 1)
            self._with_series([spot.row], lambda series: self.selection.add(series[one]))
            return
        rows = [spot.row]
        if spot.item == PATIENT:
            rows = self.model.rows_of_patient(int(self.model.patients[spot.row]))
        head = self._head(spot)

        def add_head(series: list[SeriesRecord]) -> None:
            card = self.model.card(spot.row) if spot.row < len(self.model) else None
            if card is None:
                self.selection.add(series)
            else:
                record = card[1] if head[0] == "patient" else card[0]
                self.selection.add_head(head, record, series)

        self._with_series(rows, add_head)

    def choose_range(self, spot: Spot, *, add: bool = False) -> None:
        """Select everything from where the last selection began to a spot."""
        if self._from is None or not self.layout_.has(self._from):
            self._from = (
                moves.first_spot(self.layout_, 0) if self.current is None else self.current
            )
        begin = self.layout_.nearest(self._from)
        self.set_current(spot)
        first, last = min(begin, spot), max(begin, spot)
        if not add:
            self.selection.clear()
        if begin.item < 0 and spot.item < 0:
            last = Spot(last.row, self.layout_.count(last.row))
        folded_end = self.layout_.is_folded(last.row) and last.item == STUDY
        stop = last.row + 1 if last.item >= 0 or folded_end else last.row
        rows = range(first.row, stop)

        def keep_range(series: list[SeriesRecord]) -> None:
            left_out = self._uids(first.row, range(max(first.item, 0)))
            if last.item >= 0 and last.row in rows:
                left_out |= self._uids(last.row, range(last.item + 1, self.model.counts[last.row]))
            self.selection.add(one for one in series if one.uid not in left_out)

        self._with_series(rows, keep_range)
        self._tell()

    def _uids(self, row: int, indices: range) -> set[str]:
        series = self.model.series(row) or ()
        return {series[k].uid for k in indices if k < len(series)}

    def choose_all(self) -> None:
        """Select all series listed."""
        self._stop_fetching()
        self.selection.clear()
        self._with_series(range(len(self.model)), self.selection.add)
        self._tell()

    def _with_series(self, rows: Sequence[int], act: Any) -> None:
        """Call `act` with the series of rows: at once, or when they have been read."""
        # More than the model keeps are not worth looking for.
        read = [self.model.series(row) for row in rows] if len(rows) <= KEPT else [None]
        if all(series is not None for series in read):
            act([one for series in read for one in series or ()])
            return

        def act_late(series: list[SeriesRecord]) -> None:
            self._fetching = None
            act(series)
            self._tell()
            if len(series) >= MOST_SELECTED:
                self.cut_short.emit(len(series))

        self._stop_fetching()
        self._fetching = self.model.fetch(rows, MOST_SELECTED, act_late)

    def _stop_fetching(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            self._fetching = None

    def _tell(self) -> None:
        self.viewport().update()
        self.selection_changed.emit()

    # -- rubber band ------------------------------------------------------------------

    def _begin_band(self, *, add: bool) -> None:
        self._band_before = self.selected_series() if add else []
        self._band_seen = {}

    def _choose_band(self, spots: Iterable[Spot]) -> None:
        self._band_seen = dict.fromkeys(spots)
        self._choose_seen()
        self.viewport().update()

    def _choose_seen(self) -> None:
        found = (self.series_at(spot) for spot in self._band_seen)
        self.selection.clear()
        self.selection.add(self._band_before)
        self.selection.add(one for one in found if one is not None)

    def _end_band(self) -> None:
        rows = sorted({spot.row for spot in self._band_seen})
        if self._band_seen:
            self.set_current(next(iter(self._band_seen)))
            self._from = self.current
        if any(self.model.series(row) is None for row in rows):
            seen = dict(self._band_seen)

            def choose_late(series: list[SeriesRecord]) -> None:
                by_study: dict[int, list[SeriesRecord]] = {}
                for one in series:
                    by_study.setdefault(one.study_key, []).append(one)
                for row, index in seen:
                    listed = by_study.get(int(self.model.keys[row]), [])
                    self.selection.add(listed[index : index + 1])

            self._with_series(rows, choose_late)
        self._tell()

    # -- what changes meanwhile -------------------------------------------------------

    def _renew_all(self) -> None:
        # Row numbers mean other studies now.
        self._from = self.current
        if self.selection.keep(self._rows_of):
            self._tell()

    def _renew(self, rows: list[int]) -> None:
        gone = False
        for row in rows:
            card = self.model.card(row)
            if card is not None:
                gone |= self.selection.renew(card[0].key, card[2], card[0])
        if gone:
            self._tell()

    def select_records(self, series: Iterable[SeriesRecord]) -> None:
        """Select these series, and nothing else."""
        self._stop_fetching()
        self.selection.clear()
        self.selection.add(series)
        self._tell()
