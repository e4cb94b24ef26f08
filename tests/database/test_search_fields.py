"""Each field of the search language."""

from __future__ import annotations

import datetime

import pytest

from napari_dicomdb.database.search_fields import ALIASES, FIELDS, condition_of_field


def test_aliases_lead_to_fields() -> None:
    assert set(ALIASES.values()) <= FIELDS.keys()
    assert not ALIASES.keys() & FIELDS.keys()


def test_what_was_typed_is_only_a_parameter() -> None:
    for name in ("id", "accession", "uid", "modality", "sex"):
        sql, parameters = condition_of_field(name, "x' OR 1=1", quoted=False)
        assert "1=1" not in sql
        assert any("1=1" in str(value).lower() for value in parameters)


@pytest.mark.parametrize(
    ("value", "first", "behind"),
    [
        ("2019", (2019, 1, 1), (2020, 1, 1)),
        ("2019-12", (2019, 12, 1), (2020, 1, 1)),
        ("2019-12-31", (2019, 12, 31), (2020, 1, 1)),
        ("2019..2020-02", (2019, 1, 1), (2020, 3, 1)),
    ],
)
def test_days_of_adding(
    value: str, first: tuple[int, int, int], behind: tuple[int, int, int]
) -> None:
    _, parameters = condition_of_field("added", value, quoted=False)
    assert parameters == [
        datetime.datetime(*day).astimezone().timestamp() for day in (first, behind)
    ]


def test_relative_dates() -> None:
    today = datetime.datetime.now().astimezone().date()
    _, parameters = condition_of_field("date", "7d", quoted=False)
    week = today - datetime.timedelta(days=7)
    assert parameters == [week.isoformat(), f"{today.isoformat()}~"]
