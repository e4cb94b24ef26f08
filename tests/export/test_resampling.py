"""Linear fields stay linear under linear interpolation; labels stay labels."""

from __future__ import annotations

import numpy as np
import pytest
from tests.export.sources import made_up, oblique

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.planes import in_plane_shear, slice_shear
from napari_dicomdb.export.resampling import (
    can_be_resampled,
    resampled_at_right_angles,
    resampled_planes,
    right_angled_grid,
)

SHEAR = np.array([[1, 0, 0, 0], [0.2, 1, 0.1, 0], [0.1, 0.3, 1, 0], [0, 0, 0, 1.0]])


@pytest.mark.parametrize("rgb", [False, True])
def test_a_field_stays_where_it_is(rgb: bool) -> None:
    affine = oblique() @ SHEAR
    k, r, c = np.indices((6, 8, 9)).astype(float)
    field = np.stack([k, r, c], -1) if rgb else k + 10 * r + 100 * c
    source = made_up(field, affine, is_rgb=rgb)
    made = resampled_at_right_angles(source, fill=-1)
    at = made.geometry.affine
    assert in_plane_shear(at) < 1e-12
    assert slice_shear(at) < 1e-6
    assert made.geometry.shape == made.grid
    index = np.indices(made.grid).reshape(3, -1)
    back = np.linalg.solve(affine, at @ np.vstack([index, np.ones(index.shape[1])]))[:3]
    size = np.array([[5], [7], [8]])
    inside = ((back >= 0) & (back <= size)).all(axis=0)
    outside = ((back < -0.51) | (back > size + 0.51)).any(axis=0)
    assert inside.sum() > 200
    assert outside.any()
    values = made.array.reshape(-1, 3) if rgb else made.array.ravel()
    wanted = back.T if rgb else back[0] + 10 * back[1] + 100 * back[2]
    np.testing.assert_allclose(values[inside], wanted[inside], atol=1e-6)
    assert (values[outside] == -1).all()
    # Nothing of the volume lies beyond the grid.
    corners = np.array(np.meshgrid([0, 5], [0, 7], [0, 8], indexing="ij")).reshape(3, -1)
    there = np.linalg.solve(at, affine @ np.vstack([corners, np.ones(8)]))[:3]
    assert (there >= -1e-5).all()
    assert (there <= np.array(made.grid)[:, None] - 1 + 1e-5).all()


def test_labels_keep_their_values_and_leading_axes() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, (2, 3, 4, 5)).astype(np.int32)
    source = made_up(labels, oblique() @ SHEAR, role="labels")
    made = resampled_at_right_angles(source)
    assert made.leading == (2,)
    assert set(np.unique(made.array)) <= set(range(5))
    same = resampled_planes(source, np.eye(4), (3, 4, 5), nearest=True)
    np.testing.assert_array_equal(same, labels)
    linear = resampled_planes(source, np.eye(4), (3, 4, 5), nearest=False)
    np.testing.assert_array_equal(linear, labels)


def test_too_oblique() -> None:
    flat = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 60, 1, 0], [0, 0, 0, 1.0]])
    source = made_up(np.zeros((3, 9, 9)), oblique() @ flat)
    for refused in (resampled_at_right_angles, right_angled_grid):
        with pytest.raises(ExportError) as error:
            refused(source)
        assert error.value.reason == "too-large"
    assert not can_be_resampled(source)
    with pytest.raises(ExportError):
        resampled_at_right_angles(made_up(np.zeros((3, 9, 9)), geometry=None))


def test_the_grid_is_known_without_reading_a_voxel() -> None:
    source = made_up(np.zeros((3, 4, 5)), oblique() @ SHEAR)
    affine, shape = right_angled_grid(source)
    made = resampled_at_right_angles(source)
    assert made.geometry is not None
    assert made.grid == shape
    np.testing.assert_array_equal(made.geometry.affine, affine)
    assert can_be_resampled(source)


def test_uneven_slices_are_taken_from_where_they_are() -> None:
    # They were interpolated as if they were even, and written as if that were right.
    affine = np.diag([1.0, 1, 1, 1])[:, [2, 1, 0, 3]] * (2, 1, 1, 1)
    heights = np.array([0.0, 2.0, 5.0, 6.5, 10.0])
    array = np.broadcast_to(heights[:, None, None] * 10, (5, 4, 3)).astype(np.float32)
    positions = np.stack([0 * heights, 0 * heights, heights], axis=1)
    source = made_up(array, affine)
    made = resampled_at_right_angles(source, fill=-1, positions=positions)
    assert made.geometry.is_regular
    places = [(made.geometry.affine @ (k, 0, 0, 1))[2] for k in range(made.grid[0])]
    np.testing.assert_allclose(places, [0, 2, 4, 6, 8, 10])
    np.testing.assert_allclose(made.numpy()[:, 1, 1], [0, 20, 40, 60, 80, 100], atol=1e-4)
    with pytest.raises(ExportError, match="order"):
        resampled_at_right_angles(source, positions=positions[::-1])


def test_what_integers_cannot_hold_is_the_nearest_they_can() -> None:
    # Air of a CT in unsigned numbers was 64536: brighter than metal.
    affine = oblique() @ SHEAR
    for dtype, fill, held in ((np.uint16, -1000, 0), (np.int8, 500, 127), (np.bool_, -1000, 0)):
        array = np.ones((3, 4, 5), dtype)
        made = resampled_at_right_angles(made_up(array, affine), fill=fill)
        assert set(np.unique(made.array.astype(int))) == {held, 1}
