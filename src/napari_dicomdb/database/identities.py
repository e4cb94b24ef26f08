"""Which patient a study is shown with: identities of files, merged and split by hand.

Every study has a *home*: the patient that its files name, ``study.home_patient``, or
``study.patient`` where that is NULL. Merging sets ``patient.merged_into``, which makes the
patients a forest; a study is shown with the root above its home. So any merge can be taken
back at any time, whatever was merged before or after.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from napari_dicomdb.database import series_text
from napari_dicomdb.database.records import PatientIdentity

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

__all__ = [
    "HOME",
    "SPLIT",
    "forget_unused",
    "merged_identities",
    "refile",
    "root_of",
    "roots_with_id",
    "show_with_root",
]

HOME = "coalesce(study.home_patient, study.patient)"
"""SQL: the patient that a study's files name."""

SPLIT = "split:"
"""What `patient.apart` begins with in a patient that was split off by hand."""

_UPWARDS = (
    "WITH RECURSIVE up (id, above) AS ("
    " SELECT id, merged_into FROM patient WHERE {start}"
    " UNION SELECT patient.id, merged_into FROM patient JOIN up ON patient.id = up.above)"
    " SELECT DISTINCT id FROM up WHERE above IS NULL ORDER BY id"
)
_UNDER = (
    "WITH RECURSIVE under (root, id) AS ("
    " SELECT merged_into, id FROM patient WHERE merged_into IN (SELECT value FROM json_each(?))"
    " UNION SELECT root, patient.id FROM patient JOIN under ON patient.merged_into = under.id)"
)


def root_of(connection: sqlite3.Connection, patient: int) -> int:
    """Return the patient that this one is shown as: itself, unless it was merged."""
    row = connection.execute(_UPWARDS.format(start="id = ?"), (patient,)).fetchone()
    return patient if row is None else int(row[0])


def roots_with_id(connection: sqlite3.Connection, patient_id: str) -> list[int]:
    """Return the patients that are shown for a PatientID, also that of a merged one."""
    rows = connection.execute(_UPWARDS.format(start="patient_id = ?"), (patient_id,))
    return [int(row[0]) for row in rows]


def merged_identities(
    connection: sqlite3.Connection, patients: Sequence[int]
) -> dict[int, tuple[PatientIdentity, ...]]:
    """Return the identities that were merged into patients, by the key of these."""
    if not connection.execute(
        "SELECT 1 FROM patient WHERE merged_into IS NOT NULL LIMIT 1"
    ).fetchone():
        return {}
    found: dict[int, tuple[PatientIdentity, ...]] = {}
    for root, *values in connection.execute(
        f"{_UNDER} SELECT root, patient.id, patient_id, name, birth_date, sex, issuer"
        " FROM under JOIN patient ON patient.id = under.id ORDER BY patient.id",
        (json.dumps(list(patients)),),
    ):
        found[root] = (*found.get(root, ()), PatientIdentity(*values))
    return found


def show_with_root(connection: sqlite3.Connection, patient: int) -> list[int]:
    """Show the studies at home in a patient, or in what was merged into it, with its root.

    Returns
    -------
    list of int
        The patients whose counts have changed.
    """
    root = root_of(connection, patient)
    homes = [patient] + [
        int(row[0])
        for row in connection.execute(f"{_UNDER} SELECT id FROM under", (json.dumps([patient]),))
    ]
    homes_json = json.dumps(homes)
    mine = (
        "home_patient IN (SELECT value FROM json_each(?1))"
        " OR (home_patient IS NULL AND patient IN (SELECT value FROM json_each(?1)))"
    )
    shown = {
        int(row[0])
        for row in connection.execute(
            f"SELECT DISTINCT patient FROM study WHERE {mine}", (homes_json,)
        )
    }
    moved = connection.execute(
        "UPDATE study SET patient = ?2, home_patient ="
        f" nullif(coalesce(home_patient, patient), ?2) WHERE {mine} RETURNING id",
        (homes_json, root),
    ).fetchall()
    refile(connection, [row[0] for row in moved])
    return sorted({patient, root} | shown)


def refile(connection: sqlite3.Connection, studies: Sequence[int]) -> None:
    """File the search text of studies anew: it names who they are shown with."""
    series = connection.execute(
        "SELECT id FROM series WHERE study IN (SELECT value FROM json_each(?))",
        (json.dumps(list(studies)),),
    ).fetchall()
    series_text.file_series(connection, [row[0] for row in series])


def forget_unused(connection: sqlite3.Connection, patients: Iterable[int]) -> None:
    """Delete those of these patients that no study names and none is shown with.

    What was merged into a deleted one belongs to the patient above from now on.
    """
    waiting = list(patients)
    while waiting:
        key = waiting.pop()
        row = connection.execute("SELECT merged_into FROM patient WHERE id = ?", (key,)).fetchone()
        if row is None or _is_used(connection, key):
            continue
        above = row[0]
        under = [
            int(child[0])
            for child in connection.execute("SELECT id FROM patient WHERE merged_into = ?", (key,))
        ]
        if above is not None:
            connection.execute(
                "UPDATE patient SET merged_into = ? WHERE merged_into = ?", (above, key)
            )
            connection.execute(
                "UPDATE patient_change SET patient = ? WHERE patient = ? AND kind = 'merge'",
                (above, key),
            )
        connection.execute("DELETE FROM patient WHERE id = ?", (key,))
        waiting += under


def _is_used(connection: sqlite3.Connection, patient: int) -> bool:
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM study WHERE patient = ?1)"
        " OR EXISTS (SELECT 1 FROM study WHERE home_patient = ?1)",
        (patient,),
    ).fetchone()
    return bool(row[0])
