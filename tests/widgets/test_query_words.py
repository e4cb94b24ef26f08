"""From what is typed to keys of a query."""

from __future__ import annotations

import datetime
import doctest

import pytest

from napari_dicomdb.network.query import NodeOutcome, Query
from napari_dicomdb.widgets import _query_words
from napari_dicomdb.widgets._query_words import (
    PRESETS,
    fragment_key,
    list_key,
    listed,
    name_key,
    preset_range,
    range_key,
    remarks_of,
)

TODAY = datetime.date(2020, 3, 1)


def test_examples():
    assert doctest.testmod(_query_words).failed == 0


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("", ""),
        ("  ", ""),
        ("doe", "doe*"),
        (" Müller  ", "Müller*"),
        ("Doe, Jane", "Doe*^Jane*"),
        ("Doe,", "Doe*"),
        ("Doe^Jane", "Doe^Jane*"),
        ("D?e", "D?e"),
        ("*", "*"),
    ],
)
def test_names(typed, key):
    assert name_key(typed) == key


@pytest.mark.parametrize(
    ("preset", "dates"),
    [
        ("any", ""),
        ("today", "20200301"),
        ("yesterday", "20200229"),
        ("week", "20200224-20200301"),
        ("month", "20200201-20200301"),
        ("year", "20190302-20200301"),
        ("range", ""),
    ],
)
def test_presets(preset, dates):
    assert preset_range(preset, TODAY) == dates
    assert preset in dict(PRESETS)


@pytest.mark.parametrize(
    ("first", "last", "sent"),
    [
        ("2020-01-31", "", "20200131-"),
        ("", "2020", "-20201231"),
        ("2019", "2020-02", "20190101-20200229"),
    ],
)
def test_ranges_are_taken_by_queries(first, last, sent):
    assert Query(keys={"StudyDate": range_key(first, last)}).keys["StudyDate"] == sent


def test_no_range():
    assert range_key(" ", "") == ""


@pytest.mark.parametrize(
    ("typed", "key"), [("", ""), ("ct", "CT"), ("ct, mr ct", "CT\\MR"), ("CT\\MR", "CT\\MR")]
)
def test_lists(typed, key):
    assert list_key(typed) == key


def test_fragments():
    assert [fragment_key(text) for text in ("", "chest", "CT*")] == ["", "*chest*", "CT*"]


def test_names_are_listed():
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "", "a", "a and b", "a, b and c",
    ]  # fmt: skip


def test_what_did_not_tell_all_is_said():
    outcomes = [
        NodeOutcome("pacs", "done", 3),
        NodeOutcome("pacs", "failed", 0, False, "refused", "nothing listens"),
        NodeOutcome("", "done", 2, True, "limit", ""),
        NodeOutcome("slow", "cancelled", 1),
    ]
    assert remarks_of(outcomes) == [
        "pacs: nothing listens",
        "This database: there is more than the 2 rows shown",
        "slow: cancelled; there may be more.",
    ]
