"""What was done is told, without a patient's values, and not for ever."""

from __future__ import annotations

from pathlib import Path

from napari_dicomdb.database import Database, activity


def test_import_and_removal_are_told(database: Database, ct: Path) -> None:
    database.import_paths([ct / "a"])
    database.import_paths([ct / "a"])  # nothing new
    database.import_paths([ct / "b"])
    assert [series.number for series in database.recent(5)] == [2, 1]
    assert [series.number for series in database.recent(1)] == [2]
    database.remove(series=database.recent(1)[0])
    told = database.activity()
    assert [one.kind for one in told] == ["remove", "import", "import"]
    assert told[0].counts == {"series": 1, "instances": 3}
    assert told[1].counts == {"added": 3, "series": 1}
    assert told[0].at >= told[1].at
    assert database.activity(1) == told[:1]


def test_the_oldest_go(database: Database) -> None:
    with database._connections.transaction() as connection:
        for number in range(activity.KEPT + 20):
            activity.record(connection, "import", {"added": number})
    told = database.activity(10 * activity.KEPT)
    assert len(told) == activity.KEPT
    assert told[-1].counts == {"added": 20}


def test_a_damaged_row_is_told_without_numbers(database: Database) -> None:
    with database._connections.transaction() as connection:
        for counts in ("{", "[]", ""):
            connection.execute(
                "INSERT INTO activity (at, kind, counts) VALUES (1, 'import', ?)", (counts,)
            )
    assert [dict(one.counts) for one in database.activity()] == [{}, {}, {}]
