"""What is selected on study cards: series, and the studies and patients they came by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari_dicomdb.database.records import SeriesRecord

__all__ = ["CardSelection"]

Head = tuple[str, int]
"""\"study" or "patient", and its key."""


class CardSelection:
    """Series selected, and the headers by which they were.

    A header stays selected as long as all of its series are: then what is done
    with the selection is done with the study or the patient.
    """

    def __init__(self) -> None:
        self._series: dict[str, SeriesRecord] = {}
        self._heads: dict[Head, tuple[Any, frozenset[str]]] = {}

    def __len__(self) -> int:
        return len(self._series)

    def __contains__(self, series_uid: object) -> bool:
        return series_uid in self._series

    def has_head(self, head: Head) -> bool:
        """Whether a study or patient is selected as such."""
        return head in self._heads

    def clear(self) -> None:
        """Select nothing."""
        self._series.clear()
        self._heads.clear()

    def add(self, series: Iterable[SeriesRecord]) -> None:
        """Select series as well."""
        self._series.update((one.uid, one) for one in series)

    def add_head(self, head: Head, record: Any, series: Sequence[SeriesRecord]) -> None:
        """Select a study or a patient with these series of theirs."""
        self.add(series)
        self._heads[head] = (record, frozenset(one.uid for one in series))

    def remove(self, series: Iterable[SeriesRecord]) -> None:
        """Select these series no more, nor what they belong to."""
        self.drop({one.uid for one in series})

    def drop(self, uids: set[str] | frozenset[str]) -> None:
        """Select the series with these UIDs no more, nor what they belong to."""
        for uid in uids:
            self._series.pop(uid, None)
        self._heads = {h: kept for h, kept in self._heads.items() if not kept[1] & uids}

    def remove_head(self, head: Head) -> None:
        """Select a study or patient no more, nor its series."""
        kept = self._heads.pop(head, None)
        if kept is not None:
            self.drop(kept[1])

    def forget_heads(self) -> None:
        """Mean the series alone, not the studies and patients that they came by."""
        self._heads.clear()

    @property
    def is_by_heads(self) -> bool:
        """Whether studies and patients are meant: they cover all that is selected."""
        covered: set[str] = set()
        for _record, uids in self._heads.values():
            covered |= uids
        return bool(self._heads) and covered >= set(self._series)

    def renew(self, study_key: int, series: Sequence[SeriesRecord], record: Any) -> bool:
        """Take what a study has now; return whether a selected series is gone."""
        now = {one.uid: one for one in series}
        before = {s.uid for s in self._series.values() if s.study_key == study_key}
        gone = before - set(now)
        self.drop(gone)
        for uid in before - gone:
            self._series[uid] = now[uid]
        head = ("study", study_key)
        if head in self._heads:
            # A study stays selected as such, with what has come to it meanwhile.
            self.add_head(head, record, series)
        return bool(gone)

    def keep(self, rows_of: Callable[[list[int]], Iterable[int]]) -> bool:
        """Drop the series of studies that are listed no more; return whether there were any.

        Parameters
        ----------
        rows_of : callable
            Given keys of studies returns their rows, -1 for those not listed.
        """
        studies = list({one.study_key for one in self._series.values()})
        rows = rows_of(studies)
        unlisted = {key for key, row in zip(studies, rows, strict=True) if row < 0}
        gone = {uid for uid, one in self._series.items() if one.study_key in unlisted}
        self.drop(gone)
        return bool(gone)

    def series(self, rows_of: Callable[[list[int]], Iterable[int]]) -> list[SeriesRecord]:
        """Return the selected series by the rows of their studies, then by number."""
        series = list(self._series.values())
        rows = rows_of([one.study_key for one in series])
        places = [
            (row, one.number is not None, one.number or 0, one.key)
            for row, one in zip(rows, series, strict=True)
        ]
        return [series[k] for k in sorted(range(len(series)), key=places.__getitem__)]

    def records(self, rows_of: Callable[[list[int]], Iterable[int]]) -> list[Any]:
        """Return the selected patients and studies if they cover all, else the series."""
        if self.is_by_heads:
            return [record for record, _uids in self._heads.values()]
        return self.series(rows_of)
