"""What was selected and scrolled to in the tables, to be so again when their rows are there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_dicomdb.widgets._session import recall_view, remember_view

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.widgets.models import PagedTable
    from napari_dicomdb.widgets.record_view import RecordView

__all__ = ["Wanted"]

_KEY = "selection"
_TABLES = ("patients", "studies", "series")
_MOST = 500  # rows whose selection outlives a refresh or a restart
_MOST_READ = 2000  # rows read at once to get to where one was


@dataclass
class Wanted:
    """Keys of rows to select in each table, and how far it was scrolled.

    Parameters
    ----------
    keys : dict
        Of each table, the `key` of records still to be selected.
    scrolled : dict
        Of each table, how many pixels.
    rows : dict
        Of each table, how many rows had been read.
    reaches : bool
        Whether to read on until the rows are found, however far down they are.
    """

    keys: dict[str, list[int]] = field(default_factory=dict)
    scrolled: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    reaches: bool = False
    done: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, series: Sequence[SeriesRecord]) -> Wanted:
        """Wish for the patient and study of the first of `series`, and for them."""
        first = series[0]
        keys = {
            "patients": [first.patient_key],
            "studies": [first.study_key],
            "series": [one.key for one in series],
        }
        return cls(keys, reaches=True)

    @classmethod
    def seen(cls, *views: RecordView) -> Wanted:
        """Wish for what is selected and in sight now."""
        made = cls()
        for name, view in zip(_TABLES, views, strict=True):
            model: PagedTable = view.model()
            rows = view.selected_rows()
            if 0 < len(rows) <= _MOST:
                made.keys[name] = [record.key for record in model.records(rows)]
            made.scrolled[name] = view.verticalScrollBar().value()
            made.rows[name] = min(model.fetched, _MOST_READ)
        return made

    @classmethod
    def recalled(cls, path: Path | None) -> Wanted:
        """Wish for what was in sight when the database at `path` was shown last."""
        kept = recall_view(path, _KEY, {})
        made = cls()
        for name in _TABLES:
            keys = kept.get(name)
            if isinstance(keys, list):
                made.keys[name] = [key for key in keys if isinstance(key, int)]
        for numbers, of in ((made.scrolled, "scrolled"), (made.rows, "rows")):
            said = kept.get(of)
            if isinstance(said, dict):
                numbers.update((n, said[n]) for n in _TABLES if isinstance(said.get(n), int))
        return made

    def remember(self, path: Path | None) -> None:
        """Keep this for the next session."""
        kept: dict[str, Any] = {**self.keys, "scrolled": self.scrolled, "rows": self.rows}
        remember_view(path, _KEY, kept)

    @property
    def is_open(self) -> bool:
        """Whether something is still to be restored."""
        return bool(any(self.keys.values()) or self.scrolled) and "series" not in self.done

    @property
    def patient_rows(self) -> int:
        """How many patients to read at once."""
        return min(self.rows.get("patients", 0), _MOST_READ)

    @property
    def study_rows(self) -> int:
        """How many studies to read at once."""
        return min(self.rows.get("studies", 0), _MOST_READ)

    @property
    def series_rows(self) -> int:
        """How many series to read at once."""
        return min(self.rows.get("series", 0), _MOST_READ)

    def is_done(self, name: str) -> bool:
        """Whether a table is as it was wished for, or nothing was."""
        return name in self.done or not self.is_open

    def restore(self, view: RecordView, name: str) -> bool:
        """Select the wanted rows of a table and scroll to where it was.

        Returns
        -------
        bool
            Whether the table is done; else it is reading on.
        """
        if self.is_done(name):
            return True
        model: PagedTable = view.model()
        wanted = self.keys.get(name, [])
        rows = {key: model.row_of_key(key) for key in wanted}
        if self.reaches and not model.is_complete and any(row < 0 for row in rows.values()):
            model.fetch_all()
            return False
        self.done.add(name)
        bar, scrolled = view.verticalScrollBar(), self.scrolled.get(name, 0)
        if scrolled:
            view.executeDelayedItemsLayout()
            view.updateGeometries()
            bar.setValue(scrolled)
        # This lists what the rows hold: the table is done before.
        view.select_rows(row for row in rows.values() if row >= 0)
        return True
