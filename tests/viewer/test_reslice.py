"""Resliced arrays against scipy and an analytic function; what they read."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_dicomdb.viewer import reslice
from napari_dicomdb.viewer.reslice import Resliced


class CountingArray:
    """A lazy array that notes which slices are read."""

    def __init__(self, array, axis=-3):
        self.array = array
        self.shape, self.dtype, self.ndim, self.size = (
            array.shape,
            array.dtype,
            array.ndim,
            array.size,
        )
        self.axis = axis
        self.reads = []

    def __getitem__(self, key):
        if not isinstance(key, tuple):
            key = (key,)
        for part in key:
            assert isinstance(part, (int, slice))
            if isinstance(part, slice):
                assert part.step is None or part.step > 0
        slices = np.arange(self.shape[self.axis])
        axis = self.ndim + self.axis
        picked = slices[key[axis]] if len(key) > axis else slices
        self.reads.extend(np.atleast_1d(picked).tolist())
        return self.array[key]

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[tuple(slice(None) for _ in self.shape)], dtype=dtype)


def ramp(shape, coefficients=(3.0, -2.0, 0.5), start=100.0):
    k, r, c = np.indices(shape)
    a, b, d = coefficients
    return start + a * k + b * r + d * c


def tilted(angle=20.0, shape=(20, 24, 28)):
    centre = (np.array(shape) - 1) / 2
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", [angle, angle / 2, 5], degrees=True).as_matrix()
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre
    return matrix


def test_linear_function_is_reproduced_inside():
    shape = (20, 24, 28)
    matrix = tilted(shape=shape)
    array = Resliced(ramp(shape), matrix, shape, outside=-1000)
    result = np.asarray(array)
    points = np.moveaxis(np.indices(shape), 0, -1) @ matrix[:3, :3].T + matrix[:3, 3]
    inside = ((points >= 0) & (points <= np.array(shape) - 1)).all(axis=-1)
    beyond = ((points < -0.51) | (points > np.array(shape) - 0.49)).any(axis=-1)
    expected = 100 + points @ (3.0, -2.0, 0.5)
    np.testing.assert_allclose(result[inside], expected[inside], atol=1e-9)
    assert (result[beyond] == -1000).all()
    assert inside.sum() > 5000 and beyond.sum() > 100


def test_border_voxels_reach_to_their_edges():
    shift = np.eye(4)
    shift[:3, 3] = (0, 0, -0.4)
    array = Resliced(np.full((2, 2, 2), 7.0), shift, (2, 2, 4), outside=0)
    assert np.asarray(array)[0, 0].tolist() == [7, 7, 0, 0]
    shift[2, 3] = -0.6
    assert np.asarray(Resliced(np.full((2, 2, 2), 7.0), shift, (2, 2, 4), outside=0))[
        0, 0
    ].tolist() == [0, 7, 7, 0]


@pytest.mark.parametrize(
    "key",
    [
        4,
        (slice(None), 3),
        (Ellipsis, -1),
        (slice(2, 15, 3), slice(None, None, -1), 5),
        (slice(4, 5), None, 2, slice(20, 3, -4)),
        (slice(3, 3),),
        (None, Ellipsis, None),
        ([1, 5], slice(None), 3),
    ],
)
@pytest.mark.parametrize("source", [np.asarray, CountingArray])
def test_every_index_agrees_with_the_whole(key, source):
    shape = (16, 18, 20)
    values = np.random.default_rng(1).integers(-500, 1500, shape).astype(np.int16)
    array = Resliced(source(values), tilted(shape=shape), shape, outside=-2000)
    whole = np.asarray(array)
    assert whole.dtype == np.int16
    np.testing.assert_array_equal(array[key], whole[key])


def test_integers_are_rounded_not_cut():
    half = np.eye(4)
    half[2, 3] = 0.75
    values = np.array([[[0, 1, 2, 3]]], dtype=np.int16)
    assert np.asarray(Resliced(values, half, (1, 1, 3)))[0, 0].tolist() == [1, 2, 3]
    assert np.asarray(Resliced(-values, half, (1, 1, 3)))[0, 0].tolist() == [-1, -2, -3]


def test_labels_are_never_mixed():
    shape = (12, 12, 12)
    values = np.random.default_rng(2).choice([0, 3, 9], shape).astype(np.uint8)
    result = np.asarray(Resliced(values, tilted(33, shape), shape, order=0, outside=0))
    assert set(np.unique(result)) == {0, 3, 9}


def test_colour_and_leading_axes():
    shape = (8, 10, 12)
    matrix = tilted(shape=shape)
    values = np.random.default_rng(3).integers(0, 255, (2, *shape, 3)).astype(np.uint8)
    array = Resliced(values, matrix, (9, 10, 11), outside=0, is_rgb=True)
    assert array.shape == (2, 9, 10, 11, 3)
    for time in range(2):
        for channel in range(3):
            single = Resliced(values[time, ..., channel], matrix, (9, 10, 11), outside=0)
            np.testing.assert_array_equal(array[time, ..., channel], np.asarray(single))
    assert array[1, 3, :, 2].shape == (10, 3)
    np.testing.assert_array_equal(array[..., ::-1], np.asarray(array)[..., ::-1])


def test_only_crossed_slices_are_read_and_once():
    shape = (40, 16, 16)
    values = ramp(shape)
    source = CountingArray(values)
    matrix = tilted(5, shape)
    array = Resliced(source, matrix, shape, outside=0)
    first = array[20]
    crossed = set(source.reads)
    assert len(crossed) <= 5 and len(source.reads) == len(crossed)
    np.testing.assert_array_equal(first, array[20])
    array[21]
    np.testing.assert_array_equal(
        np.asarray(array), np.asarray(Resliced(values, matrix, shape, outside=0))
    )
    assert sorted(source.reads) == sorted(set(source.reads))


def test_outside_defaults_to_the_least_of_the_middle_slice():
    values = np.full((5, 6, 7), 50, dtype=np.int16)
    values[2, 3, 3] = -1024
    array = Resliced(values, tilted(45, (5, 6, 7)), (5, 6, 7))
    assert array.outside == -1024
    assert np.asarray(array)[0, 0, 0] == -1024


def test_outside_value_is_kept_within_the_type():
    array = Resliced(np.ones((3, 3, 3), np.uint8), tilted(45, (3, 3, 3)), (5, 5, 5), outside=-1000)
    assert np.asarray(array).min() == 0


@pytest.mark.parametrize("dtype", [">i2", np.float16, np.float32, np.uint16, np.int32, bool])
def test_every_type(dtype):
    values = (ramp((6, 7, 8), start=20) > 18).astype(dtype)
    result = np.asarray(Resliced(values, np.eye(4), (6, 7, 8)))
    assert result.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(result, values)


def test_few_volumes_are_kept_of_many(monkeypatch):
    values = np.random.default_rng(4).random((4, 6, 6, 6))
    monkeypatch.setattr(reslice, "CACHE_BYTES", 2 * values[0].nbytes)
    source = CountingArray(values)
    array = Resliced(source, np.eye(4), (6, 6, 6))
    for time in (0, 1, 0, 2, 0, 1):
        np.testing.assert_allclose(array[time, 3], values[time, 3])
    assert source.reads == [3] * 4  # 0, 1, 2, and 1 again: 0 stayed


def test_many_threads_get_the_same(monkeypatch):
    monkeypatch.setattr(reslice, "THREADED_VOXELS", 1000)
    shape = (24, 24, 24)
    values = ramp(shape)
    matrix = tilted(shape=shape)
    array = Resliced(CountingArray(values), matrix, shape, outside=0)
    expected = np.asarray(Resliced(values, matrix, shape, outside=0))
    wrong = []

    def look(start):
        for k in range(24):
            plane = (start + k) % 24
            if not np.allclose(array[:, plane], expected[:, plane], atol=1e-9):
                wrong.append(plane)

    threads = [threading.Thread(target=look, args=(s,)) for s in range(0, 24, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
