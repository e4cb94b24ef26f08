"""Which series were made from which: segmentations, maps, reports, plans and their images.

Nothing is stored for it: what objects refer to is among the kept values of their series
(`dicom.keywords`), so a link is there as soon as both ends are, whichever came first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import listing

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from napari_dicomdb.database.records import SeriesRecord

__all__ = ["UNRELATED", "Related", "related_of"]

_NAME_SERIES = (
    "ReferencedSeriesSequence.SeriesInstanceUID",
    "CurrentRequestedProcedureEvidenceSequence.ReferencedSeriesSequence.SeriesInstanceUID",
    "ReferencedFrameOfReferenceSequence.RTReferencedStudySequence"
    ".RTReferencedSeriesSequence.SeriesInstanceUID",
)
_NAME_INSTANCES = (
    "ReferencedStructureSetSequence.ReferencedSOPInstanceUID",
    "ReferencedRTPlanSequence.ReferencedSOPInstanceUID",
)
_KEYWORDS = (*_NAME_SERIES, *_NAME_INSTANCES)
_SEVERAL_IN_A_SERIES = ("SEG", "RTDOSE")
"""Modalities with pixels of which each object in a series may refer to something else."""
_LOOKED_AT = 1000  # objects of one series


@dataclass(frozen=True, slots=True)
class Related:
    """What a series was made from, and what was made from it.

    Parameters
    ----------
    sources : tuple of SeriesRecord
        Series that its objects refer to, as far as the database has them.
    results : tuple of SeriesRecord
        Series of the same patient whose objects refer to it.
    missing : int
        How many series or objects it refers to that the database has not (any more).
    """

    sources: tuple[SeriesRecord, ...] = ()
    results: tuple[SeriesRecord, ...] = ()
    missing: int = 0


UNRELATED = Related()


def related_of(connection: sqlite3.Connection, keys: Iterable[int]) -> dict[int, Related]:
    """Return what each of these series, by key, is linked to.

    Original images are no results, whatever they refer to: a scanner names the localizer.
    """
    wanted = list(dict.fromkeys(keys))
    patient_of: dict[int, int] = dict(
        connection.execute(
            "SELECT series.id, study.patient FROM study JOIN series ON series.study = study.id"
            " WHERE study.patient IN (SELECT patient FROM study WHERE id IN"
            " (SELECT study FROM series WHERE id IN (SELECT value FROM json_each(?))))",
            (json.dumps(wanted),),
        ).fetchall()
    )
    refers = _references(connection, list(patient_of))
    homes = _homes(connection, refers)
    sources: dict[int, dict[int, None]] = {key: {} for key in wanted}
    results: dict[int, dict[int, None]] = {key: {} for key in wanted}
    missing = dict.fromkeys(wanted, 0)
    for key, uids in refers.items():
        for uid in uids:
            home = homes.get(uid)
            if home in results and home != key and patient_of.get(home) == patient_of[key]:
                results[home][key] = None
            if key in sources:
                if home is None:
                    missing[key] += 1
                elif home != key:
                    sources[key][home] = None
    named = {k for links in (sources, results) for found in links.values() for k in found}
    records = {
        one.key: one
        for one in listing.series(
            connection,
            ("series.id IN (SELECT value FROM json_each(?))", [json.dumps(sorted(named))]),
            order="number",
        )
    }

    def told(found: Iterable[int]) -> tuple[SeriesRecord, ...]:
        return tuple(record for key, record in records.items() if key in found)

    return {key: Related(told(sources[key]), told(results[key]), missing[key]) for key in wanted}


def _references(connection: sqlite3.Connection, keys: Sequence[int]) -> dict[int, dict[str, None]]:
    """Return the UIDs that the objects of each series refer to; without those that have none."""
    chosen, marks = json.dumps(keys), ", ".join("?" * len(_KEYWORDS))
    found: dict[int, dict[str, None]] = {}
    for series, value in connection.execute(
        f"SELECT series, value FROM series_value WHERE keyword IN ({marks})"
        " AND series IN (SELECT value FROM json_each(?))",
        (*_KEYWORDS, chosen),
    ):
        found.setdefault(series, {}).update(dict.fromkeys(_uids(value)))
    # Where the objects of a series differ in it, each says its own.
    kinds = ", ".join("?" * len(_SEVERAL_IN_A_SERIES))
    for (series,) in connection.execute(
        f"SELECT id FROM series WHERE instance_count > 1 AND (rows = 0 OR modality IN ({kinds}))"
        " AND id IN (SELECT value FROM json_each(?))",
        (*_SEVERAL_IN_A_SERIES, chosen),
    ).fetchall():
        for (text,) in connection.execute(
            "SELECT overrides FROM instance WHERE series = ? AND overrides LIKE '%InstanceUID\"%'"
            f" LIMIT {_LOOKED_AT}",
            (series,),
        ):
            values = json.loads(text)
            for keyword in _KEYWORDS:
                uids = _uids(values.get(keyword))
                if uids:
                    found.setdefault(series, {}).update(dict.fromkeys(uids))
    for (series,) in connection.execute(
        "SELECT series FROM series_value WHERE keyword = 'ImageType' AND value LIKE 'ORIGINAL%'"
        " AND series IN (SELECT value FROM json_each(?))",
        (json.dumps(list(found)),),
    ):
        del found[series]
    return found


def _homes(
    connection: sqlite3.Connection, refers: dict[int, dict[str, None]]
) -> dict[str, int | None]:
    """Return the series that each UID, of a series or of an instance, leads to."""
    uids = list({uid for found in refers.values() for uid in found})
    asked = json.dumps(uids)
    homes: dict[str, int | None] = dict.fromkeys(uids)
    for sql in (
        "SELECT uid, series FROM instance WHERE uid IN (SELECT value FROM json_each(?))",
        "SELECT uid, id FROM series WHERE uid IN (SELECT value FROM json_each(?))",
    ):
        homes.update(connection.execute(sql, (asked,)).fetchall())
    return homes


def _uids(value: Any) -> list[str]:
    """Return the UIDs of a kept value: a text, a list, or a list as JSON in bytes."""
    if isinstance(value, bytes):
        value = json.loads(value)
    each = value if isinstance(value, list) else [value]
    return [uid for uid in each if isinstance(uid, str) and uid]
