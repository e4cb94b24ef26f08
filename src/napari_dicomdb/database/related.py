"""Which series were made from which: segmentations, maps, reports, plans and their images.

Nothing is stored for it: what objects refer to is among the kept values of their series
(`dicom.keywords`), so a link is there as soon as both ends are, whichever came first.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import listing
from napari_dicomdb.dicom.keywords import REFERRED_INSTANCES, REFERRED_SERIES, SOURCES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from napari_dicomdb.database.records import SeriesRecord

__all__ = ["UNRELATED", "Related", "related_of"]

_KEYWORDS = (*REFERRED_SERIES, *REFERRED_INSTANCES, *SOURCES)
_SEVERAL_IN_A_SERIES = ("SEG", "RTDOSE")
"""Modalities with pixels of which each object in a series may refer to something else."""
_IMAGES_NAMED = 'ImageSequence.ReferencedSOPInstanceUID":'  # the end of each of `SOURCES`
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
        Images that frames or a registration name one by one, and none of them there,
        count once; those of derived images do not: these are whole by themselves, and an
        archive often has nothing else.
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
    homes = _homes(connection, refers.values())
    sources: dict[int, dict[int, None]] = {key: {} for key in wanted}
    results: dict[int, dict[int, None]] = {key: {} for key in wanted}
    missing = dict.fromkeys(wanted, 0)
    for key, references in refers.items():
        for uid in (*references.named, *references.sampled):
            home = homes.get(uid)
            if home in results and home != key and patient_of.get(home) == patient_of[key]:
                results[home][key] = None
            if key in sources and home is not None and home != key:
                sources[key][home] = None
        if key in missing:
            missing[key] = sum(homes.get(uid) is None for uid in references.named)
            # Of images one by one some may be gone without their series.
            missing[key] += references.is_on_others and not any(
                homes.get(uid) for uid in references.sampled
            )
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


class _References:
    """UIDs that the objects of one series refer to."""

    __slots__ = ("is_on_others", "named", "sampled")

    def __init__(self) -> None:
        self.named: dict[str, None] = {}
        self.sampled: dict[str, None] = {}  # `SOURCES`: some of many of a series
        self.is_on_others = False  # frames or a registration: less without these

    def add(self, keyword: str, value: Any) -> None:
        """Add the UIDs of a kept value: a text, a list, a list as JSON in bytes, or None."""
        if isinstance(value, bytes):
            value = json.loads(value)
        each = value.split("\\") if isinstance(value, str) else value or []
        uids = dict.fromkeys(uid for uid in each if isinstance(uid, str) and uid)
        (self.sampled if keyword in SOURCES else self.named).update(uids)
        self.is_on_others |= bool(uids) and keyword in SOURCES[1:]

    def __bool__(self) -> bool:
        return bool(self.named or self.sampled)


def _references(connection: sqlite3.Connection, keys: Sequence[int]) -> dict[int, _References]:
    """Return what the objects of each series refer to; without those that refer to nothing."""
    chosen, marks = json.dumps(keys), ", ".join("?" * len(_KEYWORDS))
    found: defaultdict[int, _References] = defaultdict(_References)
    for series, keyword, value in connection.execute(
        f"SELECT series, keyword, value FROM series_value WHERE keyword IN ({marks})"
        " AND series IN (SELECT value FROM json_each(?))",
        (*_KEYWORDS, chosen),
    ):
        found[series].add(keyword, value)
    # Where the objects of a series differ in it, each says its own; so does a single one that was
    # read anew: the values of its series are those that were read first, by an older scan maybe.
    kinds = ", ".join("?" * len(_SEVERAL_IN_A_SERIES))
    for (series,) in connection.execute(
        f"SELECT id FROM series WHERE (instance_count = 1 OR rows = 0 OR modality IN ({kinds}))"
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
                found[series].add(keyword, values.get(keyword))
    # What images were made from is noted: there may be thousands in a series.
    for series, text in connection.execute(
        "SELECT series, notes FROM series_note WHERE instr(notes, ?)"
        " AND series IN (SELECT value FROM json_each(?))",
        (_IMAGES_NAMED, chosen),
    ):
        notes = json.loads(text)
        for keyword in SOURCES:
            found[series].add(keyword, notes.get(keyword))
    for (series,) in connection.execute(
        "SELECT series FROM series_value WHERE keyword = 'ImageType' AND value LIKE 'ORIGINAL%'"
        " AND series IN (SELECT value FROM json_each(?))",
        (json.dumps(list(found)),),
    ):
        del found[series]
    return {series: references for series, references in found.items() if references}


def _homes(connection: sqlite3.Connection, refers: Iterable[_References]) -> dict[str, int | None]:
    """Return the series that each UID, of a series or of an instance, leads to."""
    uids = list({uid for one in refers for uid in (*one.named, *one.sampled)})
    asked = json.dumps(uids)
    homes: dict[str, int | None] = dict.fromkeys(uids)
    for sql in (
        "SELECT uid, series FROM instance WHERE uid IN (SELECT value FROM json_each(?))",
        "SELECT uid, id FROM series WHERE uid IN (SELECT value FROM json_each(?))",
    ):
        homes.update(connection.execute(sql, (asked,)).fetchall())
    return homes
