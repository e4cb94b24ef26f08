"""The forest of merged patients, on rows written by hand."""

from __future__ import annotations

import sqlite3

import pytest

from napari_dicomdb.database import identities, schema


@pytest.fixture
def connection() -> sqlite3.Connection:
    """Patients 1 to 5, each with study 10 times its number; 3 -> 2 -> 1, 5 -> 4."""
    made = sqlite3.connect(":memory:", isolation_level=None)
    made.execute("PRAGMA foreign_keys = ON")
    schema.prepare(made, "here")
    above = {3: 2, 2: 1, 5: 4}
    for key in range(1, 6):
        made.execute(
            "INSERT INTO patient (id, patient_id, issuer, name, birth_date, apart, sex,"
            " sort_name, added) VALUES (?, ?, '', ?, '', '', '', '', 0)",
            (key, f"ID{key}", f"N{key}"),
        )
        made.execute(
            "INSERT INTO study (id, patient, uid, study_id, date, time, description,"
            " accession_number, referring_physician, institution, added)"
            " VALUES (?, ?, ?, '', '', '', '', '', '', '', 0)",
            (10 * key, key, f"1.{key}"),
        )
    for key, root in above.items():
        made.execute("UPDATE patient SET merged_into = ? WHERE id = ?", (root, key))
    for key in above:
        identities.show_with_root(made, key)
    return made


def homes(connection: sqlite3.Connection) -> list[tuple[int, int | None]]:
    return connection.execute("SELECT patient, home_patient FROM study ORDER BY id").fetchall()


def test_roots(connection: sqlite3.Connection) -> None:
    assert [identities.root_of(connection, key) for key in range(1, 7)] == [1, 1, 1, 4, 4, 6]
    assert identities.roots_with_id(connection, "ID3") == [1]
    assert identities.roots_with_id(connection, "nobody") == []
    assert homes(connection) == [(1, None), (1, 2), (1, 3), (4, None), (4, 5)]


def test_merged_identities(connection: sqlite3.Connection) -> None:
    found = identities.merged_identities(connection, [1, 4, 99])
    assert {root: [one.key for one in others] for root, others in found.items()} == {
        1: [2, 3],
        4: [5],
    }
    connection.execute("UPDATE patient SET merged_into = NULL")
    assert identities.merged_identities(connection, [1, 4]) == {}


def test_show_with_root_after_a_part_was_cut_off(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE patient SET merged_into = NULL WHERE id = 2")
    assert identities.show_with_root(connection, 2) == [1, 2]
    assert homes(connection)[:3] == [(1, None), (2, None), (2, 3)]


def test_forget_unused(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM study WHERE id = 20")
    identities.forget_unused(connection, [1, 2])
    assert connection.execute("SELECT id, merged_into FROM patient ORDER BY id").fetchall() == [
        (1, None),
        (3, 1),
        (4, None),
        (5, 4),
    ]
    connection.execute("DELETE FROM study WHERE id > 30")
    identities.forget_unused(connection, [4])  # with what was merged into it
    assert connection.execute("SELECT count(*) FROM patient").fetchone() == (2,)
