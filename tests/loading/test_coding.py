"""Codes against what `numpy.unique` and plain Python say of the same values."""

from __future__ import annotations

import numpy as np

from napari_dicomdb.loading.coding import (
    codes_of,
    combined_codes,
    first_come,
    mapped,
    members_of,
)


def test_codes_number_values_as_they_come() -> None:
    assert codes_of(["x", None, "x", (1, 2)]).tolist() == [0, 1, 0, 2]


def test_a_combination_has_one_code() -> None:
    rng = np.random.default_rng(3)
    a, b, c = (rng.integers(0, n, 60) for n in (2, 3, 5))
    code = combined_codes([a, b, c])
    rows = list(zip(a.tolist(), b.tolist(), c.tolist(), strict=True))
    order = list(dict.fromkeys(rows))
    assert code.tolist() == [order.index(row) for row in rows]


def test_codes_are_numbered_anew() -> None:
    assert first_come(np.array([7, 3, 7, 9])).tolist() == [0, 1, 0, 2]


def test_a_function_is_asked_once_for_equal_values() -> None:
    asked = []

    def double(value: int) -> int:
        asked.append(value)
        return 2 * value

    assert mapped(double, [1, 2, 1, 1]) == [2, 4, 2, 2]
    assert sorted(asked) == [1, 2]


def test_members_keep_their_order() -> None:
    assert [m.tolist() for m in members_of(np.array([1, 0, 1, 2]))] == [[1], [0, 2], [3]]
