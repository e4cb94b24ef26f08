"""How much of what another computer has is in this index, asked for many at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_dicomdb.database.connection import Connections

__all__ = ["held_instances", "held_of_patients"]

_SQL = {
    "study": "SELECT uid, instance_count FROM study WHERE uid IN (SELECT value FROM json_each(?))",
    "series": (
        "SELECT uid, instance_count FROM series WHERE uid IN (SELECT value FROM json_each(?))"
    ),
    "instance": "SELECT uid, 1 FROM instance WHERE uid IN (SELECT value FROM json_each(?))",
}
_PATIENTS = (
    "SELECT patient_id, birth_date, instance_count, name FROM patient"
    " WHERE merged_into IS NULL AND patient_id IN (SELECT value FROM json_each(?))"
)


def held_instances(connections: Connections, level: str, uids: Iterable[str]) -> Mapping[str, int]:
    """Return how many instances the index has of studies, series or instances.

    Parameters
    ----------
    connections : Connections
    level : str
        "study", "series" or "instance".
    uids : iterable of str

    Returns
    -------
    mapping of str to int
        By UID; what the index does not have is not in it.
    """
    with connections.borrow() as connection:
        return dict(connection.execute(_SQL[level], (json.dumps(list(uids)),)))


def held_of_patients(
    connections: Connections, patient_ids: Iterable[str]
) -> Mapping[str, list[tuple[str, int, str]]]:
    """Return birth date (ISO or ""), number of instances and name of the patients of these IDs.

    Parameters
    ----------
    connections : Connections
    patient_ids : iterable of str

    Returns
    -------
    mapping of str to list of (str, int, str)
        By PatientID: two hospitals may give the same one to two people.
    """
    found: dict[str, list[tuple[str, int, str]]] = {}
    with connections.borrow() as connection:
        for patient_id, born, count, name in connection.execute(
            _PATIENTS, (json.dumps(list(patient_ids)),)
        ):
            found.setdefault(patient_id, []).append((born, count, name))
    return found
