"""What the instances of a series differ in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.database.series_notes import MOST, merged, note_of, recount


def test_notes() -> None:
    assert note_of("EchoTime", ["80", None, "20", "80.0"]) == [20.0, 80.0]
    assert note_of("EchoTime", map(str, range(100))) == [0.0, 99.0, None, 1.0, 0.0]
    assert note_of("EchoTime", [str(n * n) for n in range(100)]) == [0.0, 9801.0, None]
    assert note_of("ImageComments", ["b", "a"]) == ["a", "b"]
    many = note_of("ImageComments", [f"{n:03}" for n in range(100)])
    assert many == [*(f"{n:03}" for n in range(MOST)), None]
    assert merged("EchoTime", [1.0, 9.0, None], [20.0]) == [1.0, 20.0, None]
    assert merged("EchoTime", [1.0], [2.0]) == [1.0, 2.0]


def test_notes_of_evenly_spaced_numbers_grow_together() -> None:
    places = [f"{-1000 + 0.7 * n:.1f}" for n in range(200)]
    parts = [note_of("SliceLocation", places[at : at + 64]) for at in range(0, 200, 64)]
    assert parts[-1] == [float(place) for place in places[192:]]
    whole: list[float | str | None] = []
    for part in (parts[2], parts[1], parts[3], parts[0]):
        whole = merged("SliceLocation", whole, part) if whole else part
    assert whole == pytest.approx([-1000.0, -860.7, None, 0.7, 0.0])
    # One that is missing between them, and they are not evenly spaced any more.
    assert merged("SliceLocation", parts[0], parts[2]) == [-1000.0, -866.3, None]
    assert merged("SliceLocation", parts[0], [-1000.35]) == [-1000.35, -955.9, None]
    assert merged("SliceLocation", [-1000.0, -866.3, None], parts[0]) == [-1000.0, -866.3, None]


def test_growth_gives_what_a_recount_gives(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    for number in range(1, 7):
        echo = {} if number == 6 else {"EchoTime": str(10 * (number // 2))}
        path = write_instance(tmp_path / f"{number}", number, **echo)
        database.import_paths([path])
    with database._connections.transaction() as connection:
        (grown,) = connection.execute("SELECT notes FROM series_note").fetchone()
        recount(connection, database.series()[0].key)
        (counted,) = connection.execute("SELECT notes FROM series_note").fetchone()
    assert json.loads(grown) == json.loads(counted)
    assert json.loads(grown)["EchoTime"] == [0.0, 10.0, 20.0]
