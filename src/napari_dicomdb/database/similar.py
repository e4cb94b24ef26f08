"""Suggests which patients may be one person, compared in SQL."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import listing
from napari_dicomdb.database.identities import SPLIT

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from napari_dicomdb.database.records import PatientRecord

__all__ = ["SimilarPatients", "folded_name", "records_of", "similar_patients"]


@dataclass(frozen=True, slots=True)
class SimilarPatients:
    """Patients that may be one person.

    Attributes
    ----------
    patients : tuple of PatientRecord
        Two or more, the one with most studies first.
    code : str
        "same-id" or "same-name-and-birth-date".
    reason : str
        The same in words, with what differs.
    """

    patients: tuple[PatientRecord, ...]
    code: str
    reason: str


def similar_patients(connection: sqlite3.Connection, limit: int) -> list[SimilarPatients]:
    """Suggest who may be one person; see `Database.similar_patients`."""
    return [*_same_id(connection, limit), *_same_name(connection, limit)]


_LISTED = f"merged_into IS NULL AND apart NOT LIKE '{SPLIT}%'"


def _same_id(connection: sqlite3.Connection, limit: int) -> list[SimilarPatients]:
    rows = connection.execute(
        f"SELECT patient_id FROM patient WHERE patient_id <> '' AND {_LISTED}"
        " GROUP BY patient_id HAVING count(*) > 1 ORDER BY patient_id LIMIT ?",
        (limit,),
    ).fetchall()
    found: list[SimilarPatients] = []
    for (patient_id,) in rows:
        patients = _records(connection, "patient_id = ?", [patient_id])
        differing = [
            word
            for word, values in (
                ("names", {p.name for p in patients}),
                ("birth dates", {p.birth_date for p in patients}),
                ("issuers", {p.issuer for p in patients}),
            )
            if len(values) > 1
        ]
        text = f"One patient ID, differing {_listed(differing)}"
        found.append(SimilarPatients(patients, "same-id", text))
    return found


def _same_name(connection: sqlite3.Connection, limit: int) -> list[SimilarPatients]:
    connection.create_function("folded_name", 1, folded_name, deterministic=True)
    usable = f"name <> '' AND birth_date <> '' AND {_LISTED}"
    rows = connection.execute(
        "SELECT birth_date, folded_name(sort_name) AS folded, json_group_array(id) FROM patient"
        f" WHERE {usable} GROUP BY birth_date, folded"
        " HAVING folded <> '' AND count(DISTINCT patient_id) > 1"
        " ORDER BY folded, birth_date LIMIT ?",
        (limit,),
    ).fetchall()
    return [
        SimilarPatients(
            _records(connection, "patient.id IN (SELECT value FROM json_each(?))", [keys]),
            "same-name-and-birth-date",
            "One name and birth date, differing patient IDs",
        )
        for _birth, _name, keys in rows
    ]


def _records(
    connection: sqlite3.Connection, where: str, parameters: list[Any]
) -> tuple[PatientRecord, ...]:
    sql = f"SELECT id FROM patient WHERE {where} AND {_LISTED}"
    keys = [row[0] for row in connection.execute(sql, parameters)]
    return tuple(
        sorted(
            records_of(connection, keys), key=lambda p: (-p.study_count, -p.instance_count, p.key)
        )
    )


def records_of(connection: sqlite3.Connection, keys: Sequence[int]) -> list[PatientRecord]:
    """List those of these patients that are there and shown."""
    chosen = ("patient.id IN (SELECT value FROM json_each(?))", [json.dumps(list(keys))])
    return listing.patients(connection, chosen, order="name")


def _listed(words: Sequence[str]) -> str:
    return " and ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} and {words[-1]}"


def folded_name(name: str) -> str:
    """Return a name without case, accents, signs and order of its words, for comparison.

    Examples
    --------
    >>> folded_name("Müller-Lüdenscheidt, Anna") == folded_name("anna muller ludenscheidt")
    True
    """
    text = name.casefold()
    if not text.isascii():
        text = "".join(
            c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)
        )
    return " ".join(sorted(re.findall(r"[^\W_]+", text)))
