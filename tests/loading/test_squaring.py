from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.loading.squaring import is_right_angled, right_angled

TILTED = np.array([[0, 0, 1, 0], [1, 1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1.0]])


@pytest.mark.parametrize(
    ("affine", "expected"),
    [
        (np.eye(4), True),
        (np.diag([3, -1, 0.5, 1]), True),
        (TILTED, False),
        # Cosines of six digits are no tilt.
        (np.eye(4) + np.array([[0, 1e-6, 0, 0]] + [[0] * 4] * 3), True),
    ],
)
def test_which_affines_have_right_angles(affine, expected):
    assert is_right_angled(affine) is expected


def test_colour_keeps_all_samples():
    array = np.zeros((3, 4, 2, 3), np.uint8)
    array[:] = (10, 20, 30)
    squared, affine = right_angled(array, TILTED, 0, is_rgb=True)
    assert squared.shape == (3, 6, 2, 3)
    assert squared.dtype == np.uint8
    assert is_right_angled(affine)
    assert {tuple(v) for v in squared.reshape(-1, 3).tolist()} == {(0, 0, 0), (10, 20, 30)}


def test_leading_axes_are_squared_one_by_one():
    array = np.arange(2 * 3 * 4 * 2).reshape(2, 3, 4, 2).astype(np.float32)
    both, affine = right_angled(array, TILTED, -1)
    for k in range(2):
        one, same = right_angled(array[k], TILTED, -1)
        assert np.array_equal(both[k], one)
        assert np.array_equal(same, affine)
    # No pixel is lost: the shift is a whole number of rows.
    assert sorted(both[both >= 0].tolist()) == list(range(48))
