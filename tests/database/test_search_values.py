"""Kept header values, compared within SQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.database.connection import connect
from napari_dicomdb.database.search_values import KEYWORDS, condition, understood
from napari_dicomdb.database.series_notes import PASSED_OVER
from napari_dicomdb.dicom.keywords import KEPT_KEYWORDS


def compared(keyword: str, asked: str, value: object, note: object = None) -> int:
    connection = connect(None)
    notes = None if note is None else json.dumps({keyword: note}, separators=(",", ":"))
    text = json.dumps({"X": '"EchoTime":', keyword: value}, separators=(",", ":"))
    (found,) = connection.execute(
        "SELECT dicomdb_value(?, ?, ?)", (text, notes, json.dumps([keyword, asked, False]))
    ).fetchone()
    connection.close()
    return int(found)


@pytest.mark.parametrize(
    ("keyword", "asked", "value", "note", "found"),
    [
        ("EchoTime", "80", "80.0", None, 1),
        ("EchoTime", "80", "81", [80.0, 81.0], 1),
        ("EchoTime", "80", "80", [81.0], 0),
        ("EchoTime", "50", "80", [10.0, 90.0, None], 2),
        ("EchoTime", ">90", "80", [10.0, 90.0, None], 0),
        ("EchoTime", "90", "80", [10.0, 90.0, None], 1),
        ("PixelSpacing", "<0.6", "0.5\\0.7", None, 1),
        ("Manufacturer", "sie", 'SIEMENS "AG"', None, 1),
        ("Manufacturer", "iemens", "SIEMENS", None, 0),
        ("ImageType", "mip", "DERIVED\\MIP", None, 1),
        ("StudyDate", "2019-03", "20190330", None, 1),
        ("StudyTime", "08:00..09", "090159.5", None, 1),
        ("FrameOfReferenceUID", "1.2", "1.2.3", None, 1),
        ("Manufacturer", "*", "", None, 0),
    ],
)
def test_compared(keyword: str, asked: str, value: object, note: object, found: int) -> None:
    assert compared(keyword, asked, value, note) == found


def test_every_kept_keyword_may_be_asked() -> None:
    assert set(KEYWORDS.values()) == set(KEPT_KEYWORDS)
    for keyword in KEPT_KEYWORDS:
        # What is another one in every image is not noted.
        assert understood(keyword, "1") == (keyword not in PASSED_OVER)
        assert condition(keyword, "1")[1]


def test_a_damaged_row_does_not_hide_the_others(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    for number in (1, 2):
        write_instance(tmp_path / "in" / f"{number}.dcm", number, number, EchoTime="5")
    database.import_paths(tmp_path / "in", workers=0)
    with database._connections.transaction() as connection:
        sql = """UPDATE series SET defaults = '{"EchoTime":' WHERE number = 1"""
        connection.execute(sql)
    assert [one.number for one in database.search("EchoTime:5")] == [2]
