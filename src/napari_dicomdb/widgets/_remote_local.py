"""What rows of the query's results are in the database; called on worker threads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.values import display_name
from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.network.holdings import with_holdings
from napari_dicomdb.widgets.models.match_rows import held_by, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import InstanceRecord, SeriesRecord
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.network.query import Match

__all__ = ["LOADED_AT_ONCE", "examine_matches", "held_of", "instances_here", "series_here"]

LOADED_AT_ONCE = 16  # series
_GONE = "?"


def series_here(database: Database, matches: Iterable[Match]) -> list[SeriesRecord]:
    """Return the series of the database that are, or belong to, what was found."""
    found: dict[int, SeriesRecord] = {}
    for match in matches:
        found.update((one.key, one) for one in _series_of(database, match))
    return list(found.values())


def _series_of(database: Database, match: Match) -> list[SeriesRecord]:
    try:
        if match.level == "instance":
            series = {record.series_uid for record in instances_here(database, [match])}
            return [database.find_series(uid) for uid in series]
        if match.level == "series":
            return [database.find_series(match.series_uid)]
        if match.level == "study":
            return database.series(study=match.study_uid)
    except NotFoundError:
        return []
    name = display_name(value_of(match, "PatientName")).casefold()
    patients = database.patients(text=f'id:"{match.patient_id}"') if match.patient_id else []
    chosen = [
        patient
        for patient in patients
        if patient.patient_id == match.patient_id
        and (not name or display_name(patient.name).casefold() == name)
    ]
    return [series for patient in chosen for series in database.series(patient=patient)]


def instances_here(database: Database, matches: Iterable[Match]) -> list[InstanceRecord]:
    """Return the instances of the database that were found as instances."""
    found: list[InstanceRecord] = []
    for match in matches:
        try:
            found += database.instances(uid=match.instance_uid)
        except NotFoundError:
            continue
    return found


def examine_matches(database: Database, matches: Sequence[Match]) -> tuple[list[Loadable], int]:
    """Return what opens by default of all that was found and is here.

    Returns
    -------
    list of Loadable
    int
        How many series there are beyond those that are opened at once.
    """
    single = [match for match in matches if match.level == "instance"]
    rest = [match for match in matches if match.level != "instance"]
    series = series_here(database, rest)
    selections: list[Any] = list(series[:LOADED_AT_ONCE])
    instances = instances_here(database, single)
    if instances:
        selections.append(instances)
    ways = database.examine_several(selections)
    chosen = [way for way in ways if way.selected]
    opened = {one.series_uid for way in chosen for one in way.instances}
    for way in ways:  # of what nothing is chosen, the first says why
        if opened.isdisjoint(one.series_uid for one in way.instances):
            chosen.append(way)
            opened |= {one.series_uid for one in way.instances}
    return chosen, max(0, len(series) - LOADED_AT_ONCE)


def held_of(database: Database, rows: Sequence[tuple[int, Sequence[Match]]]) -> dict[int, str]:
    """Find out how much of what was found is in the database now.

    Parameters
    ----------
    database : Database
    rows : sequence of (int, list of Match)
        A number for each row, and what nodes said of it.

    Returns
    -------
    dict
        By the number: "none", "part" or "all".
    """
    # What was found here may be gone by now: it is asked for as if a server had it.
    asked = [replace(match, node=match.node or _GONE) for _, several in rows for match in several]
    known = iter(with_holdings(database, asked))
    held: dict[int, str] = {}
    for number, several in rows:
        now = [replace(one, node=before.node) for before, one in zip(several, known, strict=False)]
        held[number] = held_by(now)
    return held
