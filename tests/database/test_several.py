"""Several databases at once, some of which cannot be searched."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import napari_dicomdb
from napari_dicomdb.database import Database, search_several
from napari_dicomdb.errors import Cancelled


@pytest.fixture
def places(tmp_path: Path, write_instance: Callable[..., Path]) -> list[Path]:
    for number, date in enumerate(("20200101", "20220101", "20210101"), 1):
        file = write_instance(tmp_path / f"f{number}", 1, series=number, StudyDate=date)
        with Database.open(tmp_path / f"db{number % 2}") as database:
            database.import_paths([file])
    return [tmp_path / "db0", tmp_path / "db1"]


def test_interleaved_and_whole(places: list[Path]) -> None:
    found = search_several([*places, places[0]], "series")
    assert [hit.series.number for hit in found.hits] == [2, 3, 1]
    assert [hit.database for hit in found.hits] == [places[0], places[1], places[1]]
    assert all(hit.study.uid == hit.series.study_uid for hit in found.hits)
    assert all(hit.patient.patient_id == "P1" for hit in found.hits)
    assert [hit.series.number for hit in search_several(places, "", limit=1).hits] == [2]
    assert napari_dicomdb.search_several is search_several


def test_failures_are_listed_and_the_rest_is_found(places: list[Path], tmp_path: Path) -> None:
    for name in ("newer", "older", "damaged"):
        with Database.open(tmp_path / name):
            pass
    for name, version in (("newer", 999), ("older", 3)):
        connection = sqlite3.connect(tmp_path / name / "dicomdb.sqlite")
        connection.execute(f"PRAGMA user_version = {version}")
        connection.close()
    (tmp_path / "damaged" / "dicomdb.sqlite").write_bytes(b"no database" * 1000)
    bad = [tmp_path / name for name in ("absent", "newer", "older", "damaged")]
    found = search_several([*bad, *places], "series")
    assert len(found.hits) == 3
    assert [path for path, _ in found.failures] == bad
    assert all(text for _, text in found.failures)
    assert not (tmp_path / "absent").exists()


def test_cancelled(places: list[Path]) -> None:
    def stop(done: int, total: int | None, text: str) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        search_several(places, "", progress=stop)


def test_nobodys_home_is_a_place_without_a_database() -> None:
    result = search_several(["~nobody-of-this-name/db"], "x")
    assert [place.name for place, _ in result.failures] == ["db"]
