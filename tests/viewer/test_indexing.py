"""Basic indexing spelled out, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dicomdb.viewer.indexing import AxisPick, DuckArray, spell_out

SHAPE = (4, 5, 6)


class Duck(DuckArray):
    """An array that knows its values and answers axis by axis."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def _read(self, picks):
        return self.array[np.ix_(*[list(p.indices) for p in picks])]


ARRAY = np.arange(120).reshape(SHAPE)


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.integers(-4, 3), st.slices(6), st.none(), st.just(Ellipsis)), max_size=5)
)
def test_agrees_with_numpy(parts):
    key = tuple(parts)
    try:
        wanted = ARRAY[key]
    except IndexError:
        with pytest.raises(IndexError):
            Duck(ARRAY)[key]
        return
    np.testing.assert_array_equal(Duck(ARRAY)[key], wanted)


@pytest.mark.parametrize("key", [[0, 2], ARRAY > 50, np.array([1, 2]), True, np.True_])
def test_other_indices_are_left_to_numpy(key):
    assert spell_out(key, SHAPE) is None
    np.testing.assert_array_equal(Duck(ARRAY)[key], ARRAY[key])


@pytest.mark.parametrize("index", [np.int64(2), np.uint8(1), -1])
def test_integers_of_any_kind(index):
    np.testing.assert_array_equal(Duck(ARRAY)[index], ARRAY[index])


@settings(deadline=None)
@given(st.slices(7))
def test_ascending_and_mirrored(part):
    picks, _ = spell_out(part, (7,))
    [pick] = picks
    values = np.arange(7)
    assert sorted(values[part]) == values[pick.ascending].tolist()
    assert values[::-1][part].tolist() == list(pick.mirrored(7).indices)


def test_facts():
    duck = Duck(ARRAY)
    assert (duck.ndim, duck.size, duck.nbytes, len(duck)) == (3, 120, 960, 4)
    assert repr(duck) == "Duck(shape=(4, 5, 6), dtype=int64)"
    assert np.asarray(duck, dtype=np.float32).dtype == np.float32


def test_nothing_is_picked_of_an_empty_range():
    assert AxisPick(3, 2, 0, False).ascending == slice(0, 0, 1)
