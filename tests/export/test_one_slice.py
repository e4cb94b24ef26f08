"""An axis of one slice before lazy arrays, against numpy's own."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.export.one_slice import OneSlice, with_slice


class Lazy:
    """Answers keys one at a time and notes them; as strict as an array of tiles."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.keys = []

    def __getitem__(self, key):
        assert None not in key
        self.keys.append(key)
        return self.array[key]

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[(slice(None),) * self.array.ndim], dtype=dtype)


@pytest.fixture
def values():
    return np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
@pytest.mark.parametrize(
    "key",
    [
        ...,
        0,
        (0, 0),
        (slice(1, 3), 0),
        (..., 0),
        (..., slice(None, None, -2)),
        (0, ..., 0),
        (0, slice(0, 1), 0, slice(None)),
        (slice(0, 0), ...),
        (slice(1), slice(1, 9), slice(1), slice(2)),
        (0, 0, 0, 0),
        ([0, 0],),
    ],
)
def test_it_answers_as_numpy_does(values, axis, key) -> None:
    expected = np.expand_dims(values, axis)
    made = OneSlice(Lazy(values), axis)
    assert (made.shape, made.dtype, made.ndim) == (expected.shape, expected.dtype, 4)
    found = made[key]
    np.testing.assert_array_equal(found, expected[key])
    assert (found.shape, found.dtype) == (expected[key].shape, expected.dtype)
    np.testing.assert_array_equal(np.asarray(made), expected)


def test_only_what_is_asked_for_is_read(values) -> None:
    lazy = Lazy(values)
    made = with_slice(lazy, 0)
    assert lazy.keys == []
    made[0, 1:3, 2]
    made[0:0, 1:3]
    assert lazy.keys == [(slice(1, 3), 2, slice(None))]


@pytest.mark.parametrize("key", [1, -2, (0, 0, 0, 0, 0), (..., ...)])
def test_what_is_out_of_bounds(values, key) -> None:
    with pytest.raises(IndexError):
        OneSlice(Lazy(values), 0)[key]


def test_an_array_in_memory_is_a_view(values) -> None:
    made = with_slice(values, 1)
    assert made.base is not None
    assert np.shares_memory(made, values)
    assert made.shape == (4, 1, 5, 6)
