"""The search box: what it finds, and that nothing typed into it does harm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dicomdb.database import Database
from napari_dicomdb.database.search import FIELDS, condition_of

SERIES: dict[int, dict[str, Any]] = {
    1: {
        "PatientName": "Doe^Jane",
        "PatientID": "ID-100",
        "Modality": "CT",
        "SeriesDescription": "Chest arterial phase",
        "StudyDate": "20190105",
        "BodyPartExamined": "CHEST",
    },
    2: {
        "PatientName": "Müller^Jürgen",
        "PatientID": "ID-200",
        "Modality": "MR",
        "SeriesDescription": "T1-w MPRAGE",
        "StudyDate": "20200630",
        "SpecificCharacterSet": "ISO_IR 192",
    },
    3: {
        "PatientName": "Yamada^Tarou=山田^太郎",
        "PatientID": "300",
        "Modality": "PT",
        "SeriesDescription": "Chest WB",
        "StudyDate": "",
        "AccessionNumber": "A'17",
        "SpecificCharacterSet": "ISO_IR 192",
    },
}


@pytest.fixture(scope="module")
def filled(
    tmp_path_factory: pytest.TempPathFactory, write_instance: Callable[..., Path]
) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("search")
    for number, values in SERIES.items():
        write_instance(
            folder / str(number), 1, series=number, StudyInstanceUID=f"1.2.{number}", **values
        )
    with Database.in_memory() as database:
        assert database.import_paths([folder]).added == 3
        yield database


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", {1, 2, 3}),
        ("chest", {1, 3}),
        ("CHEST", {1, 3}),
        ("che", {1, 3}),
        ("hest", set()),
        ("chest ct", {1}),
        ("chest -wb", {1}),
        ("doe jane", {1}),
        ("jane", {1}),
        ("muller", {2}),
        ("MÜLLER", {2}),
        ("jurgen", {2}),
        ("山田", {3}),
        ("tarou", {3}),
        ("t1-w", {2}),
        ('"arterial phase"', {1}),
        ('"phase arterial"', set()),
        ("modality:CT", {1}),
        ("modality:ct,pt", {1, 3}),
        ("-modality:ct", {2, 3}),
        ("mod:MR mprage", {2}),
        ("date:2019", {1}),
        ("date:2019-01", {1}),
        ("date:20190105", {1}),
        ("date:2019-01-06..", {2}),
        ("date:..2019-12-31", {1}),
        ("date:2019-01-01..2020-06-30", {1, 2}),
        ("date:2019-01-01..2020-06-29", {1}),
        ("date:junk", set()),
        ("id:ID", {1, 2}),
        ("id:ID-1", {1}),
        ("id:%", set()),
        ("accession:A'17", {3}),
        ("desc:chest", {1, 3}),
        ("desc:doe", set()),
        ('desc:"chest wb"', {3}),
        ("name:jane", {1}),
        ("name:chest", set()),
        ("body:chest", {1}),
        ("uid:1.2.2", {2}),
        ("birth:1970", {1, 2, 3}),
        ("nosuchfield:chest", set()),
        ("***", {1, 2, 3}),
        ('"', {1, 2, 3}),
        ("chest AND mprage", set()),
        ("NEAR(chest)", set()),
    ],
)
def test_what_is_found(text: str, numbers: set[int], filled: Database) -> None:
    assert {series.number for series in filled.search(text)} == numbers
    assert {p.name for p in filled.patients(text=text)} == {
        SERIES[number]["PatientName"] for number in numbers
    }
    assert {s.uid for s in filled.studies(text=text)} == {f"1.2.{number}" for number in numbers}


@given(st.text(max_size=60))
def test_no_text_is_an_error(filled: Database, text: str) -> None:
    assert isinstance(filled.search(text), list)


@given(
    st.lists(
        st.sampled_from([*FIELDS, '"', "*", "-", "(", ")", ":", "'", " ", "a", "1", "..", "^"])
    )
)
def test_no_mixture_of_syntax_is_an_error(filled: Database, parts: list[str]) -> None:
    assert isinstance(filled.search("".join(parts)), list)
    assert filled.info()["series"] == 3


@given(st.text(alphabet=st.characters(categories=("L", "N")), min_size=1, max_size=20))
def test_typed_words_are_only_parameters(word: str) -> None:
    sql, parameters = condition_of(word)
    assert sql == (
        "series.id IN (SELECT rowid FROM series_text WHERE series_text MATCH ?)"
        if parameters
        else ""
    )


def test_very_many_conditions(database: Database, ct: Path) -> None:
    """A text of thousands of words is no error: SQLite's limit on depth is not met."""
    database.import_paths([ct])
    nothing = " ".join(f"-word{i}" for i in range(3000))
    assert len(database.search(nothing)) == len(database.series())
    assert database.search(" ".join(f"modality:X{i}" for i in range(3000))) == []
