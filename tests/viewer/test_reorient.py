"""Transposed and flipped views, of numpy and of lazy arrays."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dicomdb.viewer.reorient import TransposedArray, reoriented

SHAPE = (3, 4, 5, 6)


class Lazy:
    """Answers only integers and ascending slices, as files do."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.keys = []

    def __getitem__(self, key):
        assert isinstance(key, tuple) and len(key) == len(self.shape)
        assert all(isinstance(p, int) or (p.step or 1) > 0 for p in key)
        self.keys.append(key)
        return self.array[key]


def expected(array, axes, flips):
    return array.transpose(axes)[tuple(slice(None, None, -1 if f else 1) for f in flips)]


def test_numpy_gives_a_view():
    array = np.arange(24).reshape(2, 3, 4)
    result = reoriented(array, (2, 0, 1), (True, False, True))
    assert np.shares_memory(result, array)
    np.testing.assert_array_equal(result, expected(array, (2, 0, 1), (True, False, True)))


def test_nothing_to_do_gives_the_array_itself():
    lazy = Lazy(np.zeros((2, 3, 4)))
    assert reoriented(lazy, (0, 1, 2), (False,) * 3) is lazy


parts = st.one_of(
    st.integers(-3, 2),
    st.slices(6),
    st.none(),
    st.just(slice(None)),
    st.just(slice(None, None, -1)),
)


@settings(deadline=None)
@given(
    axes=st.permutations(range(4)),
    flips=st.tuples(*[st.booleans()] * 4),
    key=st.lists(parts, max_size=5),
    dots=st.none() | st.integers(0, 5),
)
def test_every_basic_index_agrees_with_numpy(axes, flips, key, dots):
    array = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    if dots is not None:
        key = [*key[:dots], Ellipsis, *key[dots:]]
    key = tuple(key)
    truth = expected(array, axes, flips)
    lazy = TransposedArray(Lazy(array), axes, flips)
    assert lazy.shape == truth.shape and lazy.size == truth.size and lazy.ndim == 4
    try:
        wanted = truth[key]
    except IndexError:
        with pytest.raises(IndexError):
            lazy[key]
        return
    np.testing.assert_array_equal(lazy[key], wanted)


def test_lists_and_masks_too():
    array = np.arange(24).reshape(2, 3, 4)
    lazy = TransposedArray(Lazy(array), (1, 0, 2), (True, False, False))
    truth = array.transpose(1, 0, 2)[::-1]
    np.testing.assert_array_equal(lazy[[0, 2]], truth[[0, 2]])
    np.testing.assert_array_equal(lazy[truth > 11], truth[truth > 11])


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
def test_a_plane_asks_for_an_integer_once(axes):
    source = Lazy(np.arange(120).reshape(4, 5, 6))
    lazy = TransposedArray(source, axes, (True, True, False))
    lazy[1]
    assert len(source.keys) == 1
    assert source.keys[0][axes[0]] == source.shape[axes[0]] - 2


def test_no_copy_is_refused_plainly():
    lazy = TransposedArray(Lazy(np.zeros((2, 3))), (1, 0), (False, False))
    with pytest.raises(ValueError, match="without a copy"):
        np.array(lazy, copy=False)


def test_axes_must_be_a_permutation():
    with pytest.raises(ValueError, match="permutation"):
        TransposedArray(np.zeros((2, 3)), (0, 0), (False, False))
