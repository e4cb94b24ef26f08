"""How much the index has of what others name, against raw SQL."""

from __future__ import annotations

import sqlite3

import pytest

from napari_dicomdb import Database
from napari_dicomdb.database.held import held_instances, held_of_patients


@pytest.fixture
def database(tmp_path, reference_data):
    with Database.open(tmp_path / "db") as opened:
        opened.import_paths([reference_data / "charset", reference_data / "cine"], workers=0)
        yield opened


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_counts(database, level):
    raw = sqlite3.connect(database.path / "dicomdb.sqlite")
    column = {"study": "study.uid", "series": "series.uid", "instance": "instance.uid"}[level]
    counts = dict(
        raw.execute(
            f"SELECT {column}, count(*) FROM instance JOIN series ON series.id = instance.series"
            f" JOIN study ON study.id = series.study GROUP BY {column}"
        )
    )
    raw.close()
    assert counts
    asked = [*counts, "1.2.3.4", "' OR 1"]
    assert held_instances(database._connections, level, asked) == counts
    assert held_instances(database._connections, level, []) == {}


def test_patients(database):
    found = held_of_patients(database._connections, ["SCSFREN", "nobody"])
    record = database.patient("SCSFREN")
    assert found == {"SCSFREN": [(record.birth_date, record.instance_count, record.name)]}
