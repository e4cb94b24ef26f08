"""Labels on the voxels of another grid, against voxel by voxel arithmetic and SimpleITK."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from napari_dicomdb.loading.segments.segment_resampling import resampled_labels
from napari_dicomdb.progress import no_progress


def affine(origin, matrix):
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = matrix, origin
    return result


def labels(shape=(5, 7, 6)):
    return np.random.default_rng(3).integers(0, 9, shape).astype(np.uint8)


def as_itk(array, grid):
    """Axes of ITK are column, row, slice."""
    image = sitk.GetImageFromArray(array)
    steps = grid[:3, [2, 1, 0]]
    spacing = np.linalg.norm(steps, axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((steps / spacing).ravel().tolist())
    image.SetOrigin(grid[:3, 3].tolist())
    return image


def axes(degrees, spacing):
    a, b = np.deg2rad(degrees)
    one = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    other = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return (one @ other)[:, [2, 1, 0]] * spacing


@pytest.mark.parametrize(
    ("degrees", "spacing", "origin"),
    [((0, 0), (1.31, 0.47, 0.83), (-0.21, 0.13, 0.37)),
     ((90, 0), (1.31, 0.47, 0.83), (4.03, 0.13, 0.37)),
     ((23, 11), (0.71, 0.53, 0.61), (-0.21, 0.13, 0.37))],
)  # fmt: skip
def test_same_as_simpleitk(degrees, spacing, origin):
    source = affine((0, 0, 0), axes((0, 0), (2.0, 0.9, 0.8)))
    target = affine(origin, axes(degrees, spacing))
    array = labels()
    found = resampled_labels(array, source, target, (6, 9, 8), progress=no_progress)
    grid = as_itk(np.zeros((6, 9, 8), np.uint8), target)
    judge = sitk.Resample(as_itk(array, source), grid, sitk.Transform(), sitk.sitkNearestNeighbor)
    expected = sitk.GetArrayFromImage(judge)
    assert expected.any()
    assert np.array_equal(found, expected)


def test_the_same_grid_or_its_flip_changes_nothing():
    source = affine((3, 4, 5), axes((0, 0), (2.0, 0.9, 0.8)))
    array = labels()
    same = resampled_labels(array, source, source.copy(), array.shape, progress=no_progress)
    assert np.array_equal(same, array)
    flipped = source.copy()
    flipped[:3, 3] += source[:3, 0] * 4
    flipped[:3, 0] *= -1
    turned = resampled_labels(array, source, flipped, array.shape, progress=no_progress)
    assert np.array_equal(turned, array[::-1])


def test_leading_axes_stay():
    source = affine((0, 0, 0), axes((0, 0), (2.0, 1.0, 1.0)))
    array = np.stack([labels(), np.zeros_like(labels())])
    target = affine((0, 0, 2.0), axes((0, 0), (2.0, 1.0, 1.0)))
    found = resampled_labels(array, source, target, (5, 7, 6), progress=no_progress)
    assert found.shape == (2, 5, 7, 6)
    assert np.array_equal(found[0, :4], array[0, 1:])
    assert not found[0, 4].any() and not found[1].any()


@pytest.mark.parametrize("turn", [0, 1e-3])
def test_uneven_slices_are_taken_where_they_are(turn):
    """At 0, 3 and 8 mm, on slices 1 mm apart; a little oblique, too."""
    source = affine((0, 0, 0), axes((0, 0), (4.0, 1.0, 1.0)))
    array = np.stack([np.full((7, 6), n, np.uint8) for n in (1, 2, 3)])
    target = affine((0, 0, -2.25), axes((0, turn), (1.0, 1.0, 1.0)))
    levels = np.array([0.0, 3.0, 8.0])
    found = resampled_labels(
        array, source, target, (14, 7, 6), levels=levels, progress=no_progress
    )
    # At -2.25, -1.25 ... 10.75 mm; slices reach from -1.5 over 1.5 and 5.5 to 10.5 mm.
    assert found[:, 3, 3].tolist() == [0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 0]
