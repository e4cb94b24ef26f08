# ruff: noqa: RUF001 - letters that resemble others are what this is about
"""The search box: what it finds, and that nothing typed into it does harm."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dicomdb.database import Database, schema
from napari_dicomdb.database.folding import filed_text
from napari_dicomdb.database.search import FIELDS, condition_of, remarks
from napari_dicomdb.settings import save_filter

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


# Beyond words: numbers, attributes, alternatives, saved filters


@pytest.fixture(scope="module")
def measured(
    tmp_path_factory: pytest.TempPathFactory, write_instance: Callable[..., Path]
) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("measured")
    for echo in (20, 80):
        write_instance(
            folder / f"1-{echo}",
            echo,
            series=1,
            EchoTime=str(echo),
            SliceThickness="1.5",
            Manufacturer="SIEMENS Healthineers",
            Modality="MR",
            ImagePositionPatient=[0, 0, echo / 80],
        )
    for number in range(1, 61):
        write_instance(
            folder / f"2-{number}",
            number,
            series=2,
            TriggerTime=str(10 * number),
            SliceThickness="3",
            Manufacturer="Größe & Söhne",
            ImagePositionPatient=[0, 0, 4 * number],
            PixelSpacing=[0.48828125, 0.48828125],
        )
    write_instance(
        folder / "3", 1, series=3, PixelSpacing=None, Modality="US", ContentDate="20210304"
    )
    with Database.in_memory() as database:
        assert database.import_paths([folder]).added == 63
        yield database


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("slices:>2", {2}),
        ("images:60", {2}),
        ("slices>=2", {1, 2}),
        ("slices:1..2", {1, 3}),
        ("-slices:60", {1, 3}),
        ("spacing:<1", {1}),
        ("spacing:>=4", {2}),
        ("pixel:0.49", {2}),
        ("pixel:=0.49", set()),
        ("pixel:0.48828125", {2}),
        ("gap:0.75", {1}),
        ("thickness:<2", {1}),
        ("SliceThickness:<2", {1}),
        ("slicethickness:1..3", {1, 2}),
        ("-thickness:<2", {2, 3}),
        ("Manufacturer:siemens", {1}),
        ("manufacturer:healthin", {1}),
        ('manufacturer:"healthin"', set()),
        ("manufacturer:grosse", {2}),
        ("equipment:soehne", {2}),
        ("EchoTime:80..100", {1}),
        ("EchoTime:20,100", {1}),
        ("EchoTime:21..79", set()),
        ("has:EchoTime", {1}),
        ("-has:echotime", {2, 3}),
        ("TriggerTime:300", {2}),
        ("TriggerTime:301..309", set()),
        ("TriggerTime:>600", set()),
        ("TriggerTime:>599", {2}),
        ("InstanceNumber:7", {2}),
        ("InstanceNumber:61..", {1}),
        ("InstanceNumber:>80", set()),
        ("InstanceNumber:20,60", {1, 2}),
        ("has:InstanceNumber", {1, 2, 3}),
        ("ImagePositionPatient:236", set()),
        ("has:ImagePositionPatient", {1, 2, 3}),
        ("ContentDate:2021-03", {3}),
        ("ContentDate:>2020", {3}),
        ("ContentDate:..2020", set()),
        ("modality:MR OR modality:US", {1, 3}),
        ("modality:MR OR modality:US slices:1", {3}),
        ("OR modality:MR OR", {1}),
        ("siemens OR slices:60", {1, 2}),
        ("siemens OR -slices:60", {1, 3}),
        ("size:<1GB", {1, 2, 3}),
        ("size:>1MiB", set()),
        ("number:2", {2}),
        ("rows:4 columns:=4", {1, 2, 3}),
        ("is:linked", {1, 2, 3}),
        ("is:copied", set()),
        ("is:missing", set()),
        ("is:volume", {1, 2}),
        ("added:today", {1, 2, 3}),
        ("added:>=2d", {1, 2, 3}),
        ("added:<2000", set()),
        ("slices:many", set()),
        ("EchoTime:long", set()),
        ("is:nothing", set()),
        ("modality:", {1, 2, 3}),
        ("id:p1", {1, 2, 3}),
        ('id:"=P"', set()),
        ("@fine", {1}),
        ("-@fine", {2, 3}),
        ("filter:fine OR modality:US", {1, 3}),
        ('@"two words" slices:>1', {2}),
        ("@loop", set()),
        ("@nosuch", set()),
    ],
)
def test_fields_and_attributes(
    text: str, numbers: set[int], measured: Database, saved: None
) -> None:
    assert {series.number for series in measured.search(text)} == numbers


@pytest.fixture
def saved() -> None:
    save_filter("fine", "spacing:<1")
    save_filter("two words", "modality:US OR modality:CT")
    save_filter("loop", "@loop")


def test_remarks(saved: None) -> None:
    assert remarks('chest "low dose" -scout modality:CT date:2019.. slices:>3 @fine') == []
    for text, word in [
        ("modalty:CT", "modalty"),
        ("slices:many", "slices"),
        ("date:junk", "date"),
        ("date:2019-13", "date"),
        ("date:2019-02-30", "date"),
        ("date:2020..2019", "date"),
        ("EchoTime:long", "EchoTime"),
        ("is:nothing", "is:"),
        ("@nosuch", "nosuch"),
        ("@loop", "loop"),
        ("modality:", "waits"),
    ]:
        assert any(word in remark for remark in remarks(text)), text


def test_every_field_has_an_example_that_is_understood() -> None:
    for name, told in FIELDS.items():
        assert told.help
        assert told.example.startswith(f"{name}:")
        assert remarks(told.example, {"NAME": ""}) == []


def test_attributes_of_changed_and_removed_instances(
    database: Database,
    tmp_path: Path,
    write_instance: Callable[..., Path],
    touch: Callable[[Path], None],
) -> None:
    def echoes_found() -> list[int]:
        return [len(database.search(f"EchoTime:{value}")) for value in (10, 20, 30, 40)]

    files = [write_instance(tmp_path / f"{n}", n, EchoTime=str(10 * n)) for n in (1, 2, 3)]
    database.import_paths(files[:1])
    database.import_paths(files)
    assert [len(database.search(f"EchoTime:{value}")) for value in (10, 20, 30, 40)] == [
        1,
        1,
        1,
        0,
    ]
    write_instance(files[1], 2, EchoTime="40")
    touch(files[1])
    database.import_paths(files)
    assert [len(database.search(f"EchoTime:{value}")) for value in (10, 20, 30, 40)] == [
        1,
        0,
        1,
        1,
    ]
    database.remove(instance=next(i for i in database.instances() if i.number == 3))
    assert [len(database.search(f"EchoTime:{value}")) for value in (10, 20, 30, 40)] == [
        1,
        0,
        0,
        1,
    ]


# Free text against a plain matcher of words

TEXTS = st.text(
    alphabet=st.sampled_from([*"aAeésßøıTt1 '-.^\"*:()%_", "山", "田", "김", "И", "й", "م", "́"]),
    max_size=12,
)


def words_in(text: str) -> list[str]:
    """Fold as a reader does, in this alphabet."""
    table = {"é": "e", "ß": "ss", "ø": "o", "ı": "i", "И": "и", "й": "и"}
    lowered = "".join(table.get(c, c.lower()) for c in unicodedata.normalize("NFC", text))
    lowered = "".join(c for c in unicodedata.normalize("NFD", lowered) if c != "\u0301")
    spaced = "".join(
        f" {c} " if c in "山田김" else c for c in unicodedata.normalize("NFC", lowered)
    )
    return "".join(c if c.isalnum() or c == " " else " " for c in spaced).split()


def naively_found(query: str, text: str) -> bool:
    def begins(words: list[str], asked: list[str]) -> bool:
        return any(
            words[at : at + len(asked) - 1] == asked[:-1]
            and words[at + len(asked) - 1].startswith(asked[-1])
            for at in range(len(words) - len(asked) + 1)
        )

    whole = words_in(text)
    joined = [words_in(re.sub(r"['.-]", "", chunk)) for chunk in re.split(r"[\s^:()]+", text)]
    for chunk in query.split():
        ways = [words_in(chunk), words_in(re.sub(r"['.-]", "", chunk))]
        ways = [way for way in ways if way]
        places = [whole, *joined]
        if ways and not any(begins(words, way) for way in ways for words in places):
            return False
    return True


QUERIES = st.text(
    alphabet=st.sampled_from([*"aesßøtT1 '.", "山", "田", "김", "й", "م"]), max_size=8
)


@given(texts=st.lists(TEXTS, min_size=1, max_size=4), query=QUERIES)
def test_free_text_as_a_plain_matcher_finds_it(
    filed: Callable[[list[str], str], list[bool]], texts: list[str], query: str
) -> None:
    assert filed(texts, query) == [naively_found(query, text) for text in texts]


@pytest.fixture(scope="module")
def filed() -> Iterator[Callable[[list[str], str], list[bool]]]:
    """Search in texts as the index files them."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.prepare(connection, "here")

        def search(texts: list[str], query: str) -> list[bool]:
            connection.execute("DELETE FROM series_text")
            connection.executemany(
                "INSERT INTO series_text (rowid, other) VALUES (?, ?)",
                [(key, filed_text([text])) for key, text in enumerate(texts)],
            )
            sql, parameters = condition_of(query, {})
            found = connection.execute(
                "WITH series (id) AS (SELECT rowid FROM series_text)"
                f" SELECT id FROM series WHERE {sql or '1'}",
                parameters,
            )
            keys = {row[0] for row in found}
            return [key in keys for key in range(len(texts))]

        yield search


@pytest.mark.parametrize(
    "text",
    [
        "a" * 10_000,
        "a " * 5_000,
        " ".join(f"w{n}" for n in range(5_000)),
        " OR ".join(f"w{n}" for n in range(2_000)),
        "slices:" + ",".join(map(str, range(3_000))),
        "modality:" + ",".join(map(str, range(40_000))),
        "\x00\x01\x1b[31m\ud800",
        "'; DROP TABLE series; --",
        '" OR 1=1 OR "',
        "id:%' OR '1'='1",
        "-" * 10_000,
        '"' * 9_999,
        "@" * 5_000,
        "date:" + "9" * 5_000,
        "spacing:1e999 spacing:nan slices:" + "9" * 400,
    ],
)
def test_hostile_text(text: str, filled: Database) -> None:
    found = filled.search(text)
    assert {one.number for one in found} in (set(), {2, 3}, {1, 2, 3}, {1, 3}, {1, 2})
    assert isinstance(remarks(text), list)
    assert filled.info()["series"] == 3
