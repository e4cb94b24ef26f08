"""Days are moved, times stay, and so do all intervals."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dicomdb.export.deidentification.dates import shifted

DAYS = st.integers(-3650, -1)
NEAR = st.dates(date(1950, 1, 1), date(2100, 1, 1))


@given(NEAR, NEAR, st.times(), DAYS)
def test_intervals_stay(one: date, other: date, at: time, days: int) -> None:
    first = shifted(f"{one:%Y%m%d}", "DA", days)
    second = shifted(f"{other:%Y%m%d}{at:%H%M%S.%f}+0100", "DT", days)
    assert first is not None
    assert second is not None
    moved = datetime.strptime(second, "%Y%m%d%H%M%S.%f%z").replace(tzinfo=None)
    assert moved - datetime.strptime(first, "%Y%m%d") == datetime.combine(
        other, at
    ) - datetime.combine(one, time())
    assert datetime.strptime(first, "%Y%m%d").date() - one == timedelta(days=days)
    assert shifted(f"{at:%H%M%S.%f}", "TM", days) == f"{at:%H%M%S.%f}"


@given(st.text(), st.sampled_from(["DA", "DT", "TM"]), DAYS)
def test_anything_else_is_refused(text: str, vr: str, days: int) -> None:
    made = shifted(text, vr, days)
    assert made is None or made.replace(".", "").replace("+", "").replace("-", "").isdigit()


@pytest.mark.parametrize(
    ("value", "vr", "made"),
    [
        ("2020.03.01", "DA", "20200229"),
        ("20200301 ", "DA", "20200229"),
        ("00010101", "DA", None),
        ("20201301", "DA", None),
        ("202003", "DT", None),
        ("20200301", "DT", "20200229"),
        ("20200301-0500", "DT", "20200229-0500"),
        ("12:30:01", "TM", "123001"),
        ("noon", "TM", None),
    ],
)
def test_odd_values(value: str, vr: str, made: str | None) -> None:
    assert shifted(value, vr, -1) == made
