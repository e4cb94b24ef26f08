"""Which studies there are, in order and with their counts, without reading their records.

A list of 200 000 studies can be laid out from whole numbers alone. The records
of the few that are in sight are then read by their keys: paging with OFFSET
would walk over all rows before the page each time.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import listing
from napari_dicomdb.database.browsing import Browsing
from napari_dicomdb.errors import DicomDbError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_dicomdb.database.listing import Condition
    from napari_dicomdb.database.records import PatientRecord, SeriesRecord, StudyRecord

__all__ = ["ORDERS", "Outline", "Outlining"]

_NEWEST_FIRST = "study.date DESC, study.time DESC, study.id DESC"
ORDERS: dict[str, str] = {
    "date": _NEWEST_FIRST,
    "patient": f"patient.sort_name, patient.id, {_NEWEST_FIRST}",
    "added": "study.added DESC, study.id DESC",
}
"""What an outline may be ordered by: newest first, and of patients by name."""

_AT_ONCE = 500  # keys in one statement


def _numbers() -> array[int]:
    return array("q")


@dataclass(frozen=True, slots=True)
class Outline:
    """Studies in an order, as parallel arrays of 64-bit numbers.

    Attributes
    ----------
    studies, patients : array of int
        Keys of the studies and of whom they belong to.
    counts : array of int
        How many series of each are listed.
    totals : array of int
        How many series each has; more than `counts` when searching.
    """

    studies: array[int] = field(default_factory=_numbers)
    patients: array[int] = field(default_factory=_numbers)
    counts: array[int] = field(default_factory=_numbers)
    totals: array[int] = field(default_factory=_numbers)

    def __len__(self) -> int:
        return len(self.studies)


class Outlining(Browsing):
    """The calls for views that lay out all studies but read only those in sight."""

    def outline(self, *, text: str = "", order: str = "date") -> Outline:
        """Return the keys and counts of all studies in an order.

        Parameters
        ----------
        text : str
            Only studies with series that this search text finds, see `search`;
            `Outline.counts` then counts those.
        order : str
            "date" and "added" (newest first), or "patient" (by name; of each
            patient the newest first).

        Raises
        ------
        DicomDbError
            If there is no such order.
        """
        if order not in ORDERS:
            raise DicomDbError(
                f"cannot outline studies by {order!r}: use one of {', '.join(ORDERS)}"
            )
        where, parameters = self._condition(text, [])
        if where:
            sql = (
                "SELECT study.id, study.patient, count(*), study.series_count FROM series"
                " JOIN study ON study.id = series.study"
                f" JOIN patient ON patient.id = study.patient WHERE {where} GROUP BY study.id"
            )
        else:
            sql = (
                "SELECT study.id, study.patient, study.series_count, study.series_count"
                " FROM study JOIN patient ON patient.id = study.patient"
            )
        made = Outline()
        with self._connections.borrow() as connection:
            for study, patient, count, total in connection.execute(
                f"{sql} ORDER BY {ORDERS[order]}", parameters
            ):
                made.studies.append(study)
                made.patients.append(patient)
                made.counts.append(count)
                made.totals.append(total)
        return made

    def patients_by_key(self, keys: Iterable[int]) -> list[PatientRecord]:
        """Return the records of these patients that are (still) there, in this order."""
        return self._by_key("patient.id", keys, listing.patients, "name")

    def studies_by_key(self, keys: Iterable[int]) -> list[StudyRecord]:
        """Return the records of these studies that are (still) there, in this order."""
        return self._by_key("study.id", keys, listing.studies, "date")

    def _by_key(
        self, column: str, keys: Iterable[int], listed: Callable[..., list[Any]], order: str
    ) -> list[Any]:
        wanted = list(dict.fromkeys(keys))
        found: dict[int, Any] = {}
        with self._connections.borrow() as connection:
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                condition = _one_of(column, some)
                found.update((r.key, r) for r in listed(connection, condition, order=order))
        return [found[key] for key in wanted if key in found]

    def series_of(self, studies: Iterable[int], *, text: str = "") -> list[SeriesRecord]:
        """Return the series of several studies that a text finds.

        Parameters
        ----------
        studies : iterable of int
            Keys of studies.
        text : str
            As for `search`; "": all.

        Returns
        -------
        list of SeriesRecord
            By study in the order given, in each by number.
        """
        wanted = list(dict.fromkeys(studies))
        where, parameters = self._condition(text, [])
        found: dict[int, list[SeriesRecord]] = {key: [] for key in wanted}
        with self._connections.borrow() as connection:
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                sql, keys = _one_of("series.study", some)
                condition = (f"{sql} AND {where}" if where else sql), [*keys, *parameters]
                for record in listing.series(connection, condition, order="number"):
                    found[record.study_key].append(record)
        return [record for key in wanted for record in found[key]]


def _one_of(column: str, keys: list[int]) -> Condition:
    return f"{column} IN ({', '.join('?' * len(keys))})", keys
