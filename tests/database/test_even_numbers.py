"""Evenly spaced numbers, against the numbers themselves."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dicomdb.database.even_numbers import Even, even_numbers, joined


def test_of_numbers() -> None:
    assert even_numbers([3.0, 1.0, 2.0, 4.0, 4.0]) == Even(1.0, 4.0, 1.0, 0.0)
    assert even_numbers([1.0, 2.0, 3.0]) is None  # too few to say so
    assert even_numbers([1.0, 2.0, 4.0, 5.0]) is None
    assert even_numbers([7.0] * 9) is None
    decimals = [float(f"{-12.1 + 0.1 * n:.1f}") for n in range(50)]
    found = even_numbers(decimals)
    assert found is not None
    assert found.slack == 0
    assert found.count == 50
    assert found.numbers() == pytest.approx(decimals)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ((2.0, True, 2.0, True), True),
        ((2.5, True, 2.5, True), False),
        ((2.5, True, 2.9, True), False),
        ((2.5, True, 3.0, True), True),
        ((2.5, True, 3.5, False), True),
        ((9.0, False, float("inf"), False), False),
        ((8.5, False, float("inf"), False), True),
        ((float("-inf"), False, -1.0, True), False),
        ((float("-inf"), False, float("inf"), False), True),
        ((3.0, True, 2.0, True), False),
    ],
)
def test_meets(asked: tuple[float, bool, float, bool], answer: bool) -> None:
    even = Even(0.0, 9.0, 1.0, 0.0)
    found = even.meets(*asked)
    assert found is answer or (found is None and not (asked[1] and asked[3]))


@given(
    st.integers(-10_000, 10_000), st.integers(1, 999), st.integers(5, 300),
    st.integers(-3_000, 3_000), st.integers(0, 500), st.floats(0, 0.04), st.randoms(),
)  # fmt: skip
def test_never_says_what_the_numbers_do_not(
    start: int, step: int, count: int, at: int, width: int, noise: float, dice: random.Random
) -> None:
    numbers = [
        float(f"{(start + n * step) / 100 + dice.uniform(-noise, noise) * step / 100:.6f}")
        for n in range(count)
    ]
    even = even_numbers(numbers)
    assert even is not None
    first = (start + at) / 100
    last = first + width / 100
    truth = any(first <= number <= last for number in numbers)
    assert even.meets(first, True, last, True) in (truth, None)


def test_joined() -> None:
    one, other = Even(0.0, 63.0, 1.0, 0.0), Even(64.0, 99.0, 1.0, 0.0)
    assert joined(one, other) == joined(other, one) == Even(0.0, 99.0, 1.0, 0.0)
    assert joined(one, Even(65.0, 99.0, 1.0, 0.0)) is None
    assert joined(one, Even(10.0, 40.0, 1.0, 0.0)) == one
    odd, even = Even(1.0, 99.0, 2.0, 0.0), Even(0.0, 98.0, 2.0, 0.0)
    assert joined(odd, even) == Even(0.0, 99.0, 1.0, 0.0)
    assert joined(one, Even(0.5, 99.5, 3.0, 0.0)) is None
