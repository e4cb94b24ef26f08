"""A search over several databases at once."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_dicomdb.database import listing
from napari_dicomdb.database.database import Database
from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_dicomdb.database.records import PatientRecord, SeriesRecord, StudyRecord

__all__ = ["Hit", "SeveralResult", "search_several"]

_PATIENCE = 2.0  # seconds for a lock: the others wait meanwhile


@dataclass(frozen=True, slots=True)
class Hit:
    """One series that was found, with the database that has it."""

    database: Path
    series: SeriesRecord
    patient: PatientRecord
    study: StudyRecord


@dataclass(slots=True)
class SeveralResult:
    """What a search over several databases found.

    Parameters
    ----------
    hits : list of Hit
        Latest first, those of all databases among each other.
    failures : list of (Path, str)
        Databases that could not be searched, and why.
    """

    hits: list[Hit] = field(default_factory=list)
    failures: list[tuple[Path, str]] = field(default_factory=list)


class _Impatient(Database):
    wait_for_writer = _PATIENCE


def search_several(
    paths: Iterable[str | os.PathLike[str]],
    text: str,
    *,
    limit: int | None = None,
    progress: Progress | None = None,
) -> SeveralResult:
    """Search several databases; none is made, migrated or changed.

    Parameters
    ----------
    paths : iterable of path-like
        Database directories; one that is named twice is searched once.
    text : str
        As for `Database.search`.
    limit : int, optional
        How many hits at most, the latest.
    progress : Progress, optional
        Called before each database; may raise `Cancelled`.

    Returns
    -------
    SeveralResult
        One that is missing, locked, damaged or of another version is among the
        failures; the others are searched.
    """
    report = progress or no_progress
    places = list(dict.fromkeys(Path(os.path.expanduser(path)).absolute() for path in paths))
    result = SeveralResult()
    for done, place in enumerate(places):
        report(done, len(places), f"Searching {place.name}")
        try:
            result.hits += _hits(place, text, limit)
        except DicomDbError as error:
            result.failures.append((place, str(error)))
        except OSError as error:
            result.failures.append((place, error.strerror or type(error).__name__))
    result.hits.sort(key=lambda hit: (hit.series.date, hit.series.time), reverse=True)
    if limit is not None:
        del result.hits[max(limit, 0) :]
    report(len(places), len(places), "Searching")
    return result


def _hits(place: Path, text: str, limit: int | None) -> list[Hit]:
    with _Impatient.open(place, read_only=True) as database:
        series = database.search(text, limit=limit)
        keys = json.dumps(sorted({one.study_key for one in series}))
        where = "IN (SELECT value FROM json_each(?))"
        with database._connections.borrow() as connection:
            studies = {
                study.key: study
                for study in listing.studies(
                    connection, (f"study.id {where}", [keys]), order="date"
                )
            }
            owners = json.dumps(sorted({study.patient_key for study in studies.values()}))
            patients = {
                patient.key: patient
                for patient in listing.patients(
                    connection, (f"patient.id {where}", [owners]), order="name"
                )
            }
    found: list[Hit] = []
    for one in series:
        study = studies.get(one.study_key)
        patient = None if study is None else patients.get(study.patient_key)
        if study is not None and patient is not None:  # else it has just been removed
            found.append(Hit(place, one, patient, study))
    return found
