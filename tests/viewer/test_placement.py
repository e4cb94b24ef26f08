"""Placement against the header's geometry: exact for native, analytic for resliced."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_dicomdb.errors import GeometryError
from napari_dicomdb.loading.volume import Volume, VolumeGeometry
from napari_dicomdb.viewer.indexing import DuckArray
from napari_dicomdb.viewer.placement import (
    IPL_FROM_LPS,
    NATIVE_TOLERANCE,
    frame_for,
    lay_out,
    place,
)
from napari_dicomdb.viewer.reslice import Resliced

AXIAL = [1, 0, 0, 0, 1, 0]
CORONAL = [1, 0, 0, 0, 0, -1]
SAGITTAL = [0, 1, 0, 0, 0, -1]


def affine_of(orientation, spacing=(3.0, 0.8, 0.9), position=(-120.0, -90.0, 40.0), step=None):
    """Affine from IOP, IPP, spacing by PS3.3 equation C.7.6.2.1-1."""
    row, column = np.array(orientation[:3], float), np.array(orientation[3:], float)
    affine = np.eye(4)
    affine[:3, 0] = np.cross(row, column) * spacing[0] if step is None else step
    affine[:3, 1] = column * spacing[1]
    affine[:3, 2] = row * spacing[2]
    affine[:3, 3] = position
    return affine


def rotated(affine, angles, origin=(0, 0, 0)):
    """The same volume turned about `origin`."""
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    turn[:3, 3] = np.array(origin) - turn[:3, :3] @ np.array(origin)
    return turn @ affine


def smooth(points):
    """A function of LPS that linear interpolation reproduces."""
    return 500 + points @ np.array([1.5, -2.0, 0.7])


def volume_of(affine, shape, function=smooth, **kwargs):
    indices = np.moveaxis(np.indices(shape), 0, -1)
    values = function(indices @ affine[:3, :3].T + affine[:3, 3])
    return Volume(values, ("slice", "row", "column"), VolumeGeometry(affine, shape), **kwargs)


def lps_of_data(placement, shape):
    indices = np.moveaxis(np.indices(shape), 0, -1)
    return indices @ placement.lps_from_data[:3, :3].T + placement.lps_from_data[:3, 3]


def test_physical_space_is_right_handed():
    assert np.linalg.det(IPL_FROM_LPS) == pytest.approx(1)
    assert (IPL_FROM_LPS @ (1, 2, 3, 1)).tolist() == [-3, 2, 1, 1]


@pytest.mark.parametrize("orientation", [AXIAL, CORONAL, SAGITTAL])
@pytest.mark.parametrize("signs", list(itertools.product((1, -1), repeat=3)))
def test_aligned_volumes_are_native_views(orientation, signs):
    affine = affine_of(orientation) @ np.diag([*map(float, signs), 1.0])
    volume = volume_of(affine, (6, 7, 8))
    placement = place(volume)
    assert placement.native and placement.displacement < 1e-12
    assert np.shares_memory(placement.array, volume.array)
    np.testing.assert_array_equal(placement.frame, np.eye(4))
    assert (placement.scale > 0).all()
    assert sorted(placement.scale) == pytest.approx([0.8, 0.9, 3.0], abs=1e-12)
    lps = lps_of_data(placement, placement.array.shape)
    np.testing.assert_allclose(placement.array, smooth(lps), atol=1e-9)
    # The layer's transform says the same as the exact one.
    physical = np.moveaxis(np.indices(placement.shape), 0, -1) * placement.scale
    np.testing.assert_allclose(
        (physical + placement.translate)[..., [2, 1]], lps[..., [0, 1]], atol=1e-9
    )
    np.testing.assert_allclose(-(physical + placement.translate)[..., 0], lps[..., 2], atol=1e-9)


def test_slice_row_column_end_up_where_they_point():
    # A sagittal slice: rows run to posterior, columns to inferior; slices to the left.
    layout = lay_out(affine_of(SAGITTAL), (5, 6, 7))
    assert layout.axes == (1, 2, 0)
    assert layout.shape == (6, 7, 5)
    # IOP (0,1,0, 0,0,-1): the normal is (-1, 0, 0), so slices come from the left.
    assert layout.flips == (False, False, True)


@settings(deadline=None)
@given(
    quaternion=st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1),
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 6)] * 3),
    position=st.tuples(*[st.floats(-500, 500)] * 3),
    mirrored=st.booleans(),
)
@example((0.75, 0.0, 1.0, 0.0), (2, 6, 1), (3.0, 1.0, 2.0), (0.0, 0.0, 0.0), False)
def test_any_first_volume_is_never_interpolated(quaternion, shape, spacing, position, mirrored):
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_quat(quaternion).as_matrix() @ np.diag(spacing)
    affine[:3, 3] = position
    if mirrored:
        affine[:, 0] *= -1
    volume = volume_of(affine, shape)
    placement = place(volume)
    assert placement.native
    assert np.shares_memory(placement.array, volume.array)
    np.testing.assert_allclose(
        placement.array, smooth(lps_of_data(placement, placement.array.shape)), atol=1e-9
    )
    frame = placement.frame
    np.testing.assert_allclose(frame[:3, :3] @ frame[:3, :3].T, np.eye(3), atol=1e-14)
    assert np.linalg.det(frame) == pytest.approx(1)
    # Turned no more than needed: an axis stays nearest to itself.
    assert (np.diag(frame)[:3] > 0.3).all()
    # What napari is told is the exact transform, but for less than half a voxel at the corners.
    exact = frame @ IPL_FROM_LPS @ placement.lps_from_data
    corners = np.array(list(itertools.product(*[(0, n - 1) for n in placement.shape])))
    there = corners @ exact[:3, :3].T + exact[:3, 3]
    laid = corners * placement.scale + placement.origin
    assert np.linalg.norm((there - laid) / placement.scale, axis=1).max() < NATIVE_TOLERANCE


@settings(deadline=None)
@given(
    quaternion=st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1),
    frame_quaternion=st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1),
    shear=st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),
)
def test_any_volume_in_any_frame_shows_the_function(quaternion, frame_quaternion, shear):
    shape = (7, 9, 8)
    affine = np.eye(4)
    linear = np.diag([2.0, 1.0, 1.2])
    linear[1, 0], linear[2, 0] = shear
    affine[:3, :3] = Rotation.from_quat(quaternion).as_matrix() @ linear
    affine[:3, 3] = (-20, 30, 400)
    frame = np.eye(4)
    frame[:3, :3] = Rotation.from_quat(frame_quaternion).as_matrix()
    volume = volume_of(affine, shape)
    placement = place(volume, frame)
    shown = np.asarray(placement.array)
    assert shown.shape == placement.shape
    lps = lps_of_data(placement, shown.shape)
    # Indices in the volume; compare where all eight neighbours are its voxels.
    indices = (lps - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    inside = ((indices > 1e-6) & (indices < np.array(shape) - 1 - 1e-6)).all(axis=-1)
    np.testing.assert_allclose(shown[inside], smooth(lps)[inside], atol=1e-6)
    assert inside.any() or placement.native
    # No voxel is left out: the grid covers all their centres.
    corners = np.array(list(itertools.product(*[(0, n - 1) for n in shape])))
    on_grid = np.linalg.solve(
        placement.lps_from_data,
        affine @ np.c_[corners, np.ones(8)].T,
    )[:3].T
    assert (on_grid > -0.51).all() and (on_grid < np.array(placement.shape) - 0.49).all()
    # No step of the grid leaps over a voxel.
    steps = np.abs(np.linalg.solve(affine, placement.lps_from_data)[:3, :3])
    assert steps.max() <= 1 + 1e-6
    # World transform without off-diagonal part.
    world = frame @ IPL_FROM_LPS @ placement.lps_from_data
    if not placement.native:
        np.testing.assert_allclose(world[:3, :3], np.diag(placement.scale), atol=1e-12)


def test_six_digit_cosines_are_snapped_and_remembered():
    cosines = [0.999998, 0.002, 0.0, -0.002, 0.999998, 0.0]
    affine = affine_of(cosines)
    placement = place(volume_of(affine, (20, 64, 64)))
    assert placement.native
    np.testing.assert_array_equal(placement.frame, np.eye(4))
    assert placement.dropped_angle_degrees == pytest.approx(np.degrees(0.002), rel=1e-3)
    # What was dropped is not lost.
    np.testing.assert_allclose(
        placement.array, smooth(lps_of_data(placement, placement.array.shape)), atol=1e-9
    )


@pytest.mark.parametrize(("voxels", "native"), [(0.49, True), (0.51, False)])
def test_half_a_voxel_is_the_limit(voxels, native):
    # Turned in plane: the corner n-1 voxels away moves by that many voxels.
    angle = voxels / (np.hypot(511, 511))
    affine = affine_of(
        [np.cos(angle), np.sin(angle), 0, -np.sin(angle), np.cos(angle), 0],
        spacing=(1.0, 1.0, 1.0),
    )
    layout = lay_out(affine, (2, 512, 512), np.eye(4))
    assert layout.displacement == pytest.approx(voxels, rel=1e-3)
    assert layout.native is native


def test_no_corner_moves_by_more_than_was_promised():
    affine = rotated(affine_of(AXIAL, spacing=(1, 1, 1)), (0.05, 0.04, -0.03))
    layout = lay_out(affine, (40, 256, 256))
    assert layout.native
    corners = np.array(list(itertools.product(*[(0, n - 1) for n in layout.shape])))
    exact = corners @ layout.lps_from_data[:3, :3].T + layout.lps_from_data[:3, 3]
    drawn = corners * layout.scale + layout.origin
    drawn_lps = drawn @ (layout.frame @ IPL_FROM_LPS)[:3, :3]
    moved = np.linalg.norm(drawn_lps - exact, axis=1)
    assert moved.max() <= layout.displacement / 2 + 1e-9 < NATIVE_TOLERANCE / 2


def test_tilted_gantry_keeps_whole_slices():
    tilt = np.radians(18)
    cosines = [1, 0, 0, 0, np.cos(tilt), np.sin(tilt)]
    affine = affine_of(cosines, step=(0, 0, 4.0))
    shape = (9, 40, 40)
    volume = volume_of(affine, shape)
    placement = place(volume)
    assert not placement.native
    # In the volume's own frame each shown slice is one acquired slice.
    assert placement.shape[0] == 9
    assert placement.scale[0] == pytest.approx(4 * np.cos(tilt))
    slices = placement.volume_from_data[0]
    np.testing.assert_allclose(np.abs(slices[:3]), [1, 0, 0], atol=1e-12)
    # The rows stay rows: only shifted.
    np.testing.assert_allclose(np.abs(placement.volume_from_data[2]), [0, 0, 1, 0], atol=1e-9)


def test_thick_tilted_slices_lose_no_rows():
    affine = rotated(affine_of(AXIAL, spacing=(5.0, 0.5, 0.5)), (20, 0, 0))
    layout = lay_out(affine, (10, 64, 64), np.eye(4))
    assert not layout.native
    assert layout.scale[0] == pytest.approx(0.5 / np.sin(np.radians(20)))
    assert layout.scale[1] == pytest.approx(0.5)


def test_second_volume_follows_the_first():
    first = rotated(affine_of(AXIAL), (15, -8, 4))
    frame = frame_for(first, (10, 10, 10))
    assert not np.allclose(frame, np.eye(4))
    # Of the same orientation: native too.
    assert lay_out(rotated(affine_of(SAGITTAL), (15, -8, 4)), (9, 8, 7), frame).native
    aligned = place(volume_of(affine_of(AXIAL), (10, 12, 14)), frame)
    assert isinstance(aligned.array, Resliced)


def test_single_slice_can_be_oblique():
    volume = volume_of(rotated(affine_of(AXIAL), (30, 10, 0)), (1, 16, 16))
    assert place(volume).native
    placement = place(volume, np.eye(4))
    shown = np.asarray(placement.array)
    lps = lps_of_data(placement, shown.shape)
    indices = (lps - volume.geometry.affine[:3, 3]) @ np.linalg.inv(
        volume.geometry.affine[:3, :3]
    ).T
    on_slice = (np.abs(indices[..., 0]) < 0.5) & ((indices >= 0)[..., 1:]).all(-1)
    on_slice &= (indices[..., 1:] <= 15).all(-1)
    # Constant through the thickness of the slice.
    indices[..., 0] = 0
    flat = indices @ volume.geometry.affine[:3, :3].T + volume.geometry.affine[:3, 3]
    np.testing.assert_allclose(shown[on_slice], smooth(flat)[on_slice], atol=1e-9)
    assert on_slice.sum() > 100


def test_leading_and_colour_axes_are_kept():
    values = np.random.default_rng(0).integers(0, 255, (4, 5, 6, 7, 3)).astype(np.uint8)
    geometry = VolumeGeometry(affine_of(CORONAL), (5, 6, 7))
    volume = Volume(values, ("time", "slice", "row", "column"), geometry, is_rgb=True)
    placement = place(volume)
    assert placement.array.shape == (4, 6, 5, 7, 3)
    assert np.shares_memory(placement.array, values)
    oblique = VolumeGeometry(rotated(affine_of(CORONAL), (20, 5, 0)), (5, 6, 7))
    volume = Volume(values, ("time", "slice", "row", "column"), oblique, is_rgb=True)
    array = place(volume, np.eye(4)).array
    assert isinstance(array, DuckArray)
    assert array.shape[0] == 4 and array.shape[-1] == 3
    assert array[2, 3].shape == (*array.shape[2:4], 3)


def test_padding_is_what_lies_outside():
    volume = volume_of(rotated(affine_of(AXIAL), (30, 0, 0)), (8, 20, 20))
    volume.meta["padding"] = (-2000.0, -2000.0)
    assert place(volume, np.eye(4)).array[0].min() == -2000


@pytest.mark.parametrize(
    "affine",
    [np.zeros((4, 4)), np.diag([1.0, 1.0, np.nan, 1.0]), np.diag([1.0, 0.0, 1.0, 1.0]), np.eye(3)],
)
def test_what_spans_no_space_is_refused(affine):
    with pytest.raises(GeometryError):
        lay_out(affine, (3, 3, 3))
