"""Says of matches how much of them is in the local database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_dicomdb.database.held import held_instances, held_of_patients
from napari_dicomdb.dicom.values import parse_date

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.database import Database
    from napari_dicomdb.network.query import Match

__all__ = ["with_holdings"]


def with_holdings(database: Database, matches: Sequence[Match]) -> list[Match]:
    """Return the matches with `held` and `held_count` as the index has them now.

    Parameters
    ----------
    database : Database
    matches : sequence of Match
        Of any level. Of patients those of the same ID count, unless both birth dates
        are known and differ; without an ID, those of the same name that have none either.
    """
    connections = database._connections
    found = list(matches)
    for level in dict.fromkeys(match.level for match in found):
        places = [i for i, match in enumerate(found) if match.level == level]
        keys = dict.fromkeys(found[i].uid for i in places)
        if level == "patient":
            patients = held_of_patients(connections, keys)
            for i in places:
                known = patients.get(found[i].uid, [])
                found[i] = _held(found[i], _count_of(found[i], known))
        else:
            counts = held_instances(connections, level, keys)
            for i in places:
                found[i] = _held(found[i], counts.get(found[i].uid, 0))
    return found


def _count_of(match: Match, known: Sequence[tuple[str, int, str]]) -> int:
    born = parse_date(match.text("PatientBirthDate"))
    name = match.text("PatientName")
    return sum(
        count
        for date, count, theirs in known
        if (not (born and date) or born == date) and (match.uid or name == theirs)
    )


def _held(match: Match, count: int) -> Match:
    there = match.count
    held = "none" if not count else "all" if there is not None and count >= there else "part"
    # What the database itself has is all there.
    if count and not match.node:
        held = "all"
    return replace(match, held=held, held_count=count)
