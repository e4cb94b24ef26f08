"""Keys of a query against values, by the rules of PS3.4 Section C.2.2.2."""

from __future__ import annotations

import sqlite3
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dicomdb.database.key_matching import FUNCTION, matcher, register
from napari_dicomdb.errors import DicomDbError


@pytest.mark.parametrize(
    ("vr", "wanted", "value", "met"),
    [
        ("LO", "chest*", "chest CT", True),
        ("LO", "Chest*", "chest CT", False),  # case counts, but in names
        ("LO", "*CT", "chest CT", True),
        ("LO", "che?t CT", "chest CT", True),
        ("LO", "chest", "chest CT", False),
        ("LO", "a.b", "axb", False),  # no regular expression
        ("LO", "[a]*", "[a]b", True),
        ("LO", "a,b", "a,b", True),
        ("LO", "a\\b", "b", True),
        ("LO", "", "anything", True),
        ("LO", "*", None, True),
        ("LO", "x", None, False),
        ("LO", '""', "", True),
        ("LO", '""', None, True),
        ("LO", '""', "x", False),
        ("LO", "one", "two\\one", True),
        ("CS", "CT,MR", "MR", True),
        ("CS", "CT,MR", "PT", False),
        ("CS", "C?", "CT", True),
        ("PN", "doe^jane", "Doe^Jane", True),
        ("PN", "DOE^J*", "Doe^Jane^Q", True),
        ("PN", "Doe^Jane", "Doe^Jane^^^", True),
        ("PN", "Doe", "Doe^Jane", False),
        ("PN", "山田*", "Yamada^Tarou=山田^太郎=やまだ^たろう", True),
        ("PN", "yamada^tarou", "Yamada^Tarou=山田^太郎", True),
        ("PN", "yamada^tarou=山田^太郎", "Yamada^Tarou=山田^太郎", True),
        ("PN", "müller*", "MÜLLER^Hans", True),
        ("DA", "20200115", "20200115", True),
        ("DA", "20200101-20200131", "20200131", True),
        ("DA", "20200101-20200131", "20200201", False),
        ("DA", "-20200131", "19991231", True),
        ("DA", "20200101-", "20200101", True),
        ("DA", "20200101-", "2019-12-31", False),
        ("DA", "20200115", "", False),
        ("DA", "20200115,20200117", "20200117", True),
        ("TM", "1020", "102030.5", True),
        ("TM", "10-11", "115959.9", True),
        ("TM", "10-11", "120000", False),
        ("TM", "-0930", "093059", True),
        ("TM", "102030", "10:20:30", True),
        ("DT", "20200101", "20200101093000", True),
        ("DT", "20200101-20200102", "20200102235959.5", True),
        ("DT", "202001-", "20200101000000", True),
        ("DT", "20200101-", "20191231235959", False),
        ("IS", "5", " 005", True),
        ("IS", "5,7", 7, True),
        ("DS", "1.50", "1.5", True),
        ("US", "512", [512, 3], True),
        ("US", "512", 256, False),
        ("UI", "1.2.3\\1.2.4", "1.2.4", True),
        ("UI", "1.2.3,1.2.4", "1.2.4", True),
        ("UI", "1.2.*", "1.2.3", False),  # no wildcards in UIDs
    ],
)
def test_matches(vr: str, wanted: str, value: Any, met: bool) -> None:
    assert matcher(vr, wanted)(value) is met


@pytest.mark.parametrize(
    ("wanted", "name", "met"),
    [
        ("jane doe", "Doe^Jane", True),
        ("DOE", "Doe^Jane", True),
        ("ja", "Doe^Jane", True),
        ("muller", "Müller^Hans", True),
        ("mueller hans", "Müller^Hans", True),
        ("obrien", "O'Brien^Pat", True),
        ("smith", "Doe^Jane", False),
        ("*do*", "Doe^Jane", True),
        ("=", "Doe^Jane", False),
    ],
)
def test_fuzzy_names(wanted: str, name: str, met: bool) -> None:
    assert matcher("PN", wanted, fuzzy=True)(name) is met


@pytest.mark.parametrize(
    ("vr", "wanted"),
    [
        ("DA", "yesterday"),
        ("DA", "2020-01-15"),
        ("DA", "20201301"),
        ("DA", "-"),
        ("DA", "2020*"),
        ("TM", "25"),
        ("DT", "x"),
        ("IS", "1*"),
        ("US", "many"),
        ("LO", "x" * 5000),
        ("CS", ","),
    ],
)
def test_keys_that_can_be_none(vr: str, wanted: str) -> None:
    with pytest.raises(DicomDbError) as refused:
        matcher(vr, wanted)
    assert refused.value.reason == "bad-key"
    assert wanted not in str(refused.value)[:20]


def test_a_hostile_pattern_ends() -> None:
    """By backtracking it would take longer than the universe has."""
    assert not matcher("LO", "*a" * 1000 + "b")("a" * 2000)
    assert matcher("LO", "*a?" * 500)("ab" * 1000)


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_wildcards_are_those_of_a_shell(wanted: str, text: str) -> None:
    if wanted.strip("*") and text:
        assert matcher("LO", wanted)(text) is fnmatchcase(text, wanted)


def test_in_sql() -> None:
    connection = sqlite3.connect(":memory:")
    register(connection)
    call = f"SELECT {FUNCTION}(?, ?, ?, ?)"
    assert connection.execute(call, ("Doe^Jane", "PN", "doe*", 0)).fetchone() == (1,)
    assert connection.execute(call, (b"[1,2]", "US", "2", 0)).fetchone() == (1,)
    assert connection.execute(call, (None, "LO", "x", 0)).fetchone() == (0,)
    connection.close()
