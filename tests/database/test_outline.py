"""Outlines against raw SQL: order, counts, what a search leaves."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.errors import DicomDbError

PEOPLE = 7
STUDIES = 40


@pytest.fixture
def made(tmp_path: Path) -> Database:
    """40 studies of 7 patients, with one to three series each."""
    with Database.open(tmp_path / "many"):
        pass
    fill_index(tmp_path / "many" / "dicomdb.sqlite")
    return Database.open(tmp_path / "many")


def fill_index(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        for k in range(PEOPLE):
            connection.execute(
                "INSERT INTO patient (id, patient_id, issuer, name, birth_date, apart, sex,"
                " sort_name, added) VALUES (?, ?, '', ?, '', '', '', ?, ?)",
                (k + 1, f"P{k}", f"Name{9 - k}^A", f"name{9 - k} a", float(k)),
            )
        for k in range(STUDIES):
            series = k % 3 + 1
            connection.execute(
                "INSERT INTO study (id, patient, uid, study_id, date, time, description,"
                " accession_number, referring_physician, institution, modalities, series_count,"
                " added) VALUES (?, ?, ?, '', ?, '120000', '', '', '', '', 'CT', ?, ?)",
                (k + 1, k % PEOPLE + 1, f"1.2.{k}", f"20{k * 7 % 30:02d}-01-01", series, 99.0 - k),
            )
            for n in range(series):
                connection.execute(
                    "INSERT INTO series (study, uid, modality, number, description, date, time,"
                    " body_part, protocol, manufacturer, model, sop_class_uid,"
                    " frame_of_reference_uid, rows, columns, defaults, storage, added)"
                    " VALUES (?, ?, ?, ?, '', '', '', '', '', '', '', '', '', 0, 0, '{}',"
                    " 'linked', 0)",
                    (k + 1, f"1.3.{k}.{n}", "MR" if n == 2 else "CT", 3 - n),
                )
    connection.close()


def rows(database: Database, sql: str) -> list[tuple[int, ...]]:
    assert database.path is not None
    connection = sqlite3.connect(database.path / "dicomdb.sqlite")
    found = connection.execute(sql).fetchall()
    connection.close()
    return found


@pytest.mark.parametrize(
    ("order", "sql"),
    [
        ("date", "ORDER BY s.date DESC, s.id DESC"),
        ("added", "ORDER BY s.added DESC"),
        ("patient", "ORDER BY p.name, s.date DESC, s.id DESC"),
    ],
)
def test_orders(made: Database, order: str, sql: str) -> None:
    found = made.outline(order=order)
    expected = rows(
        made,
        f"SELECT s.id, p.id, s.series_count FROM study s JOIN patient p ON p.id = s.patient {sql}",
    )
    assert list(zip(found.studies, found.patients, found.counts, strict=True)) == expected
    assert found.totals == found.counts
    assert len(found) == STUDIES
    made.close()


def test_a_search_leaves_studies_that_have_matching_series(made: Database) -> None:
    found = made.outline(text="modality:MR")
    assert set(found.studies) == {k + 1 for k in range(STUDIES) if k % 3 == 2}
    assert set(found.counts) == {1}
    assert set(found.totals) == {3}
    assert [s.modality for s in made.series_of(found.studies, text="modality:MR")] == ["MR"] * 13
    assert len(made.outline(text="id:nobody")) == 0
    made.close()


def test_unknown_order(made: Database) -> None:
    with pytest.raises(DicomDbError, match="date, patient, added"):
        made.outline(order="name; DROP TABLE study")
    made.close()


def test_records_by_key_in_the_order_asked(made: Database) -> None:
    keys = [31, 2, 17, 2, 4000]
    assert [s.key for s in made.studies_by_key(keys)] == [31, 2, 17]
    assert [p.key for p in made.patients_by_key([7, 99, 1])] == [7, 1]
    listed = made.series_of([4, 3])
    expected = rows(made, "SELECT id FROM series WHERE study = 4 ORDER BY number")
    expected += rows(made, "SELECT id FROM series WHERE study = 3 ORDER BY number")
    assert [(s.key,) for s in listed] == expected
    assert made.series_of([]) == []
    made.close()


def test_more_keys_than_a_statement_takes(made: Database) -> None:
    keys = [*range(2000, 1, -1)]
    assert [s.key for s in made.studies_by_key(keys)] == [*range(STUDIES, 1, -1)]
    made.close()
