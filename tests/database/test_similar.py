"""Who may be one person: comparison of names, and of many patients."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.database.similar import folded_name


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Müller-Lüdenscheidt, Anna", "ANNA MULLER LUDENSCHEIDT", True),
        ("Straße, Ü", "strasse u", True),
        ("山田, 太郎", "太郎 山田", True),
        ("Doe, Jane", "Doe, Joan", False),
        ("^^--_", "", True),
    ],
)
def test_folded_name(one: str, other: str, same: bool) -> None:
    assert (folded_name(one) == folded_name(other)) is same


def test_a_hundred_thousand_patients_are_compared_in_sql(database: Database) -> None:
    """Rows written past the import: only the number matters here."""
    assert database.path is not None
    with contextlib.closing(sqlite3.connect(database.path / "dicomdb.sqlite")) as connection:
        connection.executemany(
            "INSERT INTO patient (id, patient_id, issuer, name, birth_date, apart, sex, sort_name,"
            " added) VALUES (?, ?, '', ?, ?, '', '', ?, 0)",
            (
                (n, f"I{n // 2 if n < 8 else n}", f"N{n}", f"19{n % 90 + 10}-01-01", f"n{n}")
                for n in range(1, 100_001)
            ),
        )
        connection.execute(
            "INSERT INTO study (patient, uid, study_id, date, time, description,"
            " accession_number, referring_physician, institution, added)"
            " SELECT id, 'u' || id, '', '', '', '', '', '', '', 0 FROM patient"
        )
        connection.execute(
            "INSERT INTO series (study, uid, modality, description, date, time, body_part,"
            " protocol, manufacturer, model, sop_class_uid, frame_of_reference_uid, rows, columns,"
            " defaults, added) SELECT id, uid || '.1', '', '', '', '', '', '', '', '', '', '', 0,"
            " 0, '{}', 0 FROM study"
        )
        connection.commit()
    assert [len(s.patients) for s in database.similar_patients()] == [2, 2, 2]
    merged = database.merge_patients(2, [3])
    assert [o.key for o in merged.others] == [3]
    assert len(database.patients(limit=10)) == 10
