"""Names of 10 000 characters, of any script and none, and searches for anything: right rows."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database, search
from napari_dicomdb.errors import DicomDbError

CLI = "import sys; from napari_dicomdb.cli import main; sys.exit(main())"

NAMES = [
    "Doe^Jane",
    'O\'Brien^Pat "Paddy"',
    "Robert'); DROP TABLE patient;--",
    "Star*^Per%cent_",
    "\u05d3\u05d5\u05d3^\u05db\u05d4\u05df",  # Hebrew
    "\u202eevil\u202c^Right",
    "tab\there^line\nbreak\x1b[31m",
    "NEAR^AND OR NOT",
    "x" * 10_000,
    "Wang^XiaoDong=王^小東=",
    "-minus^+plus",
    "colon:name^modality:CT",
    "(paren^{brace}",
    "null\x00inside",
]
PIECES = [
    *("'", '"', "*", "%", "_", "(", ")", "-", "+", ":", "^", "\\", "\0", "\n", "\x1b", ";", "--"),
    *(" ", " ", " ", "OR", "AND", "NOT", "NEAR(", "modality:", "id:", "slices:>", "spacing:<1"),
    *("date:2020..", "@x", "filter:", "doe", "jane", "x" * 5000, "\u202e", "\u05d3\u05d5\u05d3"),
    *("\ud800", "\udcff", "🙂", "é", "e\u0301", "ß", "ÅSE", "1e999", "99999999999999999999", ".."),
    *(
        "DROP TABLE patient",
        "{name} :",
        "rowid",
        "series_text",
        "EchoTime:",
        "unknown:1",
        ">=",
        ",",
    ),
]


@pytest.fixture
def hostile(database: Database, tmp_path: Path, write_series: Callable[..., Any]) -> Database:
    """Give a database of one series for each of `NAMES`."""
    for number, name in enumerate(NAMES, 1):
        write_series(
            tmp_path / "in" / str(number),
            1,
            series=number,
            SpecificCharacterSet="ISO_IR 192",
            PatientName=name,
            PatientID=f"ID{number:02}",
            StudyInstanceUID=f"1.2.3.{number}",
            StudyDescription=name[:64],
        )
    database.import_paths([tmp_path / "in"], workers=0)
    return database


pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning")


def test_every_name_is_listed_and_found(hostile: Database) -> None:
    patients = {p.patient_id: p for p in hostile.patients()}
    assert len(patients) == len(NAMES)
    for number, _name in enumerate(NAMES, 1):
        shown = patients[f"ID{number:02}"].name
        assert not set(shown) & set("\n\t\0")
        assert len(shown) <= 1024
        found = hostile.search(f"id:ID{number:02}")
        assert [s.number for s in found] == [number]
    for text, number in (("דוד", 5), ("小東", 10), ("brien paddy", 2), ("drop table", 3)):
        assert [s.number for s in hostile.search(text)] == [number], text
    assert [s.number for s in hostile.search("x" * 900)] == [9]


def test_no_name_drives_the_terminal(hostile: Database) -> None:
    command = [sys.executable, "-c", CLI, "ls", "--db", str(hostile.path)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert not set(done.stdout) & {"\x1b", "\t", "\0", "\u202e"}


def test_any_text_is_a_search(hostile: Database) -> None:
    chance = random.Random(4)
    everything = {s.uid for s in hostile.series()}
    for _ in range(400):
        text = "".join(chance.choice(PIECES) for _ in range(chance.randrange(1, 7)))
        try:
            found = hostile.search(text)
            hostile.patients(text=text)
            hostile.studies(text=text)
        except DicomDbError as error:
            assert str(error)
            continue
        assert {s.uid for s in found} <= everything
        assert len({s.uid for s in found}) == len(found)
        search.remarks(text)
    assert len(hostile.patients()) == len(NAMES)
    assert hostile.check(full=True).ok


def test_plain_words_against_a_naive_matcher(
    database: Database, tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    words = [
        "anna",
        "annika",
        "bert",
        "berta",
        "carl",
        "doe",
        "roe",
        "smith",
        "smythe",
        "thorax",
        "knee",
    ]
    chance = random.Random(7)
    truth: dict[int, str] = {}
    for number in range(1, 31):
        family, given, about, more = (chance.choice(words) for _ in range(4))
        truth[number] = f"{family} {given} {about} {more} series"
        write_series(
            tmp_path / "in" / str(number),
            1,
            series=number,
            PatientName=f"{family}^{given}",
            PatientID=f"zq{number}",
            StudyInstanceUID=f"1.2.3.{number}",
            StudyDescription=about,
            SeriesDescription=f"{more} series",
        )
    database.import_paths([tmp_path / "in"], workers=0)
    for _ in range(150):
        # Every word begins a word of the series.
        asked = [
            chance.choice(words)[: chance.randrange(2, 7)] for _ in range(chance.randrange(1, 4))
        ]
        expected = {
            number
            for number, text in truth.items()
            if all(any(word.startswith(part) for word in text.split()) for part in asked)
        }
        # Other fields that the index has may begin so, too, but they are all alike.
        found = {s.number for s in database.search(" ".join(asked))}
        assert found == expected, asked


def test_names_of_files(database: Database, tmp_path: Path, write_instance: Any) -> None:
    odd = ["new\nline", "\x1b[31m", "quote'\"", "\u202etxt.exe", "*?%", "-rf", "n" * 200]
    for number, name in enumerate(odd, 1):
        write_instance(tmp_path / "in" / name / name, number)
        (tmp_path / "in" / name / f"{name}.txt"[-240:]).write_text("no DICOM")
    report = database.import_paths([tmp_path / "in"], workers=0)
    assert (report.added, len(report.rejected)) == (len(odd), len(odd))
    assert {i.path.name for i in database.instances()} == set(odd)
    assert database.import_paths([tmp_path / "in"], workers=0).unchanged == len(odd)
    assert database.verify(content=True).ok
    database.remove(patient="P1")
    assert database.path is not None
    with sqlite3.connect(database.path / "dicomdb.sqlite") as raw:
        assert raw.execute("SELECT count(*) FROM directory").fetchone() == (0,)
    raw.close()
