"""Remedies: splitting at gaps; resampling a linear function of space must give it back."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.dicom.geometry import Stack, examine_stack, regular_grid, split_at_gaps
from napari_dicomdb.errors import GeometryError

AXIAL = np.array([1.0, 0, 0, 0, 1, 0])
GRADIENT = np.array([0.5, -0.25, 2.0])


def stacked(positions: object, orientation: np.ndarray = AXIAL) -> Stack:
    where = np.asarray(positions, dtype=float)
    return examine_stack(
        where, np.tile(orientation, (len(where), 1)), np.tile([0.8, 0.5], (len(where), 1)), 12, 10
    )


def at_heights(z: object) -> Stack:
    return stacked([[1, 2, height] for height in np.asarray(z, dtype=float).tolist()])


def images_of(stack: Stack) -> np.ndarray:
    """What a scanner would see of ``GRADIENT @ x`` at the positions of the stack."""
    r, c = np.mgrid[: stack.rows, : stack.columns]
    cosines = np.array(stack.orientation)
    in_plane = (
        c[..., None] * cosines[:3] * stack.spacing[1]
        + r[..., None] * cosines[3:] * stack.spacing[0]
    )
    return (stack.positions[:, None, None] + in_plane) @ GRADIENT


def truth_of(affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    k, r, c = np.indices(shape)
    voxels = np.stack([k, r, c, np.ones_like(k)], axis=-1)
    return (voxels @ affine.T)[..., :3] @ GRADIENT


@pytest.mark.parametrize(
    ("z", "parts"),
    [
        ([0, 1, 2, 3], ((0, 1, 2, 3),)),
        ([0, 1, 2, 7, 8, 9], ((0, 1, 2), (3, 4, 5))),
        ([0, 2.5, 5, 10, 15, 20], ((0, 1, 2), (3, 4, 5))),
        ([0, 5, 10, 12.5, 15, 17.5], ((0, 1, 2), (3, 4, 5))),
        ([0, 10, 11, 12], ((0,), (1, 2, 3))),
        ([0, 1, 2, 10], ((0, 1, 2), (3,))),
        ([0, 1], ((0, 1),)),
    ],
)
def test_split_at_gaps(z: list[float], parts: tuple[tuple[int, ...], ...]) -> None:
    assert split_at_gaps(at_heights(z)) == parts


def test_parts_are_regular_and_keep_every_slice() -> None:
    z = [0, 3, 6, 9, 20, 23, 26, 29, 60, 63, 66]
    stack = at_heights(z)
    parts = split_at_gaps(stack)
    assert sorted(sum(parts, ())) == list(range(len(z)))
    for part in parts:
        assert at_heights(np.array(z)[list(part)]).is_regular


def test_missing_slices_are_filled_and_marked() -> None:
    stack = at_heights([0, 2, 4, 10, 12])
    grid = regular_grid(stack)
    assert grid.shape == (7, 12, 10)
    assert grid.filled.tolist() == [False, False, False, True, True, False, False]
    images = images_of(stack)
    got = np.stack([grid.slice(k, images.__getitem__) for k in range(7)])
    np.testing.assert_allclose(got, truth_of(grid.affine, grid.shape), atol=1e-4)


def test_uneven_spacing_is_evened_out() -> None:
    stack = at_heights(np.cumsum([0, 3, 3.4, 2.6, 3, 3.3, 2.8, 3, 3.2]))
    grid = regular_grid(stack)
    assert not grid.filled.any()
    assert grid.distances[[0, -1]] == pytest.approx(stack.distances[[0, -1]])
    images = images_of(stack)
    got = np.stack([grid.slice(k, images.__getitem__) for k in range(grid.shape[0])])
    np.testing.assert_allclose(got, truth_of(grid.affine, grid.shape), atol=1e-4)


@pytest.mark.parametrize("lean", [(0.3, 0.0), (-0.31, 0.17), (0.0, -0.4)])
def test_tilt_is_straightened_to_a_right_angled_box(lean: tuple[float, float]) -> None:
    q, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))
    row, column = q[:, 0], q[:, 1]
    normal = np.cross(row, column)
    step = 2 * normal + lean[0] * row + lean[1] * column
    stack = stacked([10, 20, 30] + np.arange(8)[:, None] * step, np.concatenate([row, column]))
    grid = regular_grid(stack)
    directions = grid.affine[:3, :3]
    np.testing.assert_allclose(directions.T @ directions, np.diag([4, 0.64, 0.25]), atol=1e-9)
    images = images_of(stack)
    for k in range(8):
        got = grid.slice(k, images.__getitem__, fill=np.nan)
        expected = truth_of(grid.affine, grid.shape)[k]
        inside = np.isfinite(got)
        # Interpolation needs both neighbours: at most the last row and column are lost.
        assert inside.sum() >= (stack.rows - 1) * (stack.columns - 1)
        np.testing.assert_allclose(got[inside], expected[inside], atol=1e-4)


def test_shifted_slice_is_moved_back() -> None:
    positions = np.array([[0, 0, 2.0 * i] for i in range(9)])
    positions[4] += [1.5, -1.6, 0]  # three columns, two rows
    stack = stacked(positions)
    grid = regular_grid(stack)
    assert grid.shape == (9, 14, 13)
    images = images_of(stack)
    got = grid.slice(4, images.__getitem__, fill=-1000)
    expected = truth_of(grid.affine, grid.shape)[4]
    np.testing.assert_allclose(got[:12, 3:], expected[:12, 3:], atol=1e-4)
    assert (got[12:] == -1000).all()
    assert (got[:, :3] == -1000).all()


def test_no_grid_without_two_positions_or_over_an_abyss() -> None:
    with pytest.raises(GeometryError, match="two slices"):
        regular_grid(at_heights([1]))
    with pytest.raises(GeometryError, match="split the series"):
        regular_grid(at_heights([0, 1, 2, 3, 10_000]))


def test_stack_without_geometry_is_one_part() -> None:
    stack = stacked([[np.nan] * 3] * 4)
    assert split_at_gaps(stack) == ((0, 1, 2, 3),)
    with pytest.raises(GeometryError):
        regular_grid(stack)
