from __future__ import annotations

import numpy as np

from napari_dicomdb.dicom.geometry import examine_stack, regular_grid
from napari_dicomdb.loading.eager import read_all
from napari_dicomdb.loading.reading import ReadProblems
from napari_dicomdb.loading.resample import FilledReader, GridReader, fill_plan


class Images:
    """Images in memory as a reader."""

    fill = -1000

    def __init__(self, array):
        self.array, self.dtype, self.frame_shape = array, array.dtype, array.shape[1:]
        self.problems = ReadProblems()
        self.reads = []

    def __len__(self):
        return len(self.array)

    def read(self, index, out=None):
        self.reads.append(index)
        if out is None:
            return self.array[index].copy()
        out[...] = self.array[index]
        return out


def stack_at(positions, rows=4, columns=3):
    count = len(positions)
    axial = [[1, 0, 0, 0, 1, 0]] * count
    return examine_stack(positions, axial, [[1, 1]] * count, rows, columns)


def test_a_plan_names_what_lies_below_and_how_far():
    stack = stack_at([[0, 0, z] for z in (0, 1, 2, 5, 6, 7, 8)])
    lower, weights = fill_plan(stack)
    assert lower.tolist() == [0, 1, 2, 2, 2, 3, 4, 5, 6]
    assert np.allclose(weights, [0, 0, 0, 1 / 3, 2 / 3, 0, 0, 0, 0])


def test_filling_leaves_what_was_measured_alone():
    stack = stack_at([[0, 0, z] for z in (0, 1, 3, 4, 5)])
    array = np.random.default_rng(0).integers(-1000, 1000, (5, 4, 3)).astype(np.int16)
    images = Images(array)
    filled = read_all(FilledReader(images, *fill_plan(stack)))
    assert np.array_equal(filled[[0, 1, 3, 4, 5]], array)
    mean = np.rint((array[1].astype(float) + array[2]) / 2)
    assert np.array_equal(filled[2], mean)
    assert sorted(images.reads) == [0, 1, 2, 3, 4]  # neighbours are read once


def test_a_linear_scene_survives_uneven_slices_and_shifts():
    # Value = x + 2 y + 3 z of each voxel's own place: linear interpolation is exact.
    positions = np.array([[0, 0, 0], [0.5, 0, 1], [1, -0.5, 2.5], [1, 1, 3], [2, 1, 4.5]])
    r, c = np.mgrid[0:8, 0:9]
    array = np.stack([(x + c) + 2 * (y + r) + 3 * z for x, y, z in positions.tolist()]).astype(
        np.float32
    )
    stack = stack_at(positions, 8, 9)
    grid = regular_grid(stack)
    reader = GridReader(Images(array), grid)
    values = read_all(reader)
    assert values.shape == grid.shape
    k, r, c = np.nonzero(values > -5)
    points = grid.affine @ np.stack([k, r, c, np.ones(len(k))])
    expected = points[0] + 2 * points[1] + 3 * points[2]
    inside = (r >= 3) & (r < 7) & (c >= 3) & (c < 8)
    assert inside.sum() > 50
    assert np.allclose(values[k, r, c][inside], expected[inside], atol=1e-3)


def test_integers_are_rounded_and_kept_in_range():
    array = np.full((4, 4, 3), 255, np.uint8)
    array[::2] = 254
    stack = stack_at([[0, 0, z] for z in (0, 1, 2.5, 4)])
    values = read_all(GridReader(Images(array), regular_grid(stack)))
    assert values.dtype == np.uint8
    assert set(np.unique(values)) <= {254, 255}
