"""Records of a database as UIDs, which a job can keep, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.records import (
    InstanceRecord,
    PatientRecord,
    SeriesRecord,
    StudyRecord,
)
from napari_dicomdb.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_dicomdb.database import Database

__all__ = ["LEVELS", "instances_named", "named_by", "records_named"]

LEVELS = ("studies", "series", "instances")
"""Keys under which a job names what it is about."""

Record = PatientRecord | StudyRecord | SeriesRecord | InstanceRecord


def named_by(database: Database, records: Iterable[Record]) -> dict[str, list[str]]:
    """Return the UIDs of records for `JobQueue.add`; patients become their studies.

    Parameters
    ----------
    database : Database
        Whose records they are.
    records : iterable of records

    Returns
    -------
    dict of str to list of str
        By the keys of `LEVELS`; those with nothing are left out.
    """
    found: dict[str, dict[str, None]] = {level: {} for level in LEVELS}
    for record in records:
        if isinstance(record, PatientRecord):
            found["studies"].update((study.uid, None) for study in database.studies(record))
        elif isinstance(record, StudyRecord):
            found["studies"][record.uid] = None
        elif isinstance(record, SeriesRecord):
            found["series"][record.uid] = None
        else:
            found["instances"][record.uid] = None
    return {level: list(uids) for level, uids in found.items() if uids}


def records_named(
    database: Database, what: Mapping[str, Any]
) -> tuple[list[SeriesRecord | InstanceRecord], list[str]]:
    """Return the series and instances that a job names, and the UIDs that are not there."""
    found: list[SeriesRecord | InstanceRecord] = []
    missing: list[str] = []
    for uid in what.get("studies", ()):
        try:
            found += database.series(study=uid)
        except NotFoundError:
            missing.append(uid)
    for uid in what.get("series", ()):
        try:
            found.append(database.find_series(uid))
        except NotFoundError:
            missing.append(uid)
    for uid in what.get("instances", ()):
        instances = database.instances(uid=uid)
        found += instances
        missing += [] if instances else [uid]
    return found, missing


def instances_named(
    database: Database, what: Mapping[str, Any]
) -> tuple[list[InstanceRecord], list[str]]:
    """Return the instances that a job names, each once, and the UIDs that are not there."""
    records, missing = records_named(database, what)
    found: dict[str, InstanceRecord] = {}
    for record in records:
        several = [record] if isinstance(record, InstanceRecord) else database.instances(record)
        for instance in several:
            found.setdefault(instance.uid, instance)
    return list(found.values()), missing
