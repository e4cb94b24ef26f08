"""One plane: normal, affine and corners, against the standard's equation."""

from __future__ import annotations

import numpy as np
import pytest
from highdicom.spatial import create_affine_matrix_from_attributes

from napari_dicomdb.dicom.plane import (
    PlaneGeometry,
    affine_from_plane,
    check_orientation,
    patient_direction,
    slice_normal,
)
from napari_dicomdb.errors import GeometryError

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


def oblique(seed: int = 0) -> np.ndarray:
    """Two perpendicular unit vectors in no particular direction."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return np.concatenate([q[:, 0], q[:, 1]])


def test_pixel_positions_follow_equation_c_7_6_2_1_1() -> None:
    # P = S + X di i + Y dj j; i is the column index, di the column spacing.
    orientation = oblique()
    s, spacing = np.array([-12.5, 7.25, 900.0]), (0.7, 1.3)
    affine = affine_from_plane(s, orientation, spacing, 2.5 * slice_normal(orientation))
    x, y = orientation[:3], orientation[3:]
    for row, column in [(0, 0), (0, 5), (4, 0), (17, 31)]:
        expected = s + x * spacing[1] * column + y * spacing[0] * row
        np.testing.assert_allclose((affine @ [0, row, column, 1])[:3], expected, atol=1e-9)


def test_affine_agrees_with_highdicom() -> None:
    orientation = oblique(3)
    affine = affine_from_plane([1, 2, 3], orientation, [0.5, 0.75], 4 * slice_normal(orientation))
    # Slices first, along row x column: left-handed in the order (slice, row, column).
    other = create_affine_matrix_from_attributes(
        image_position=[1, 2, 3],
        image_orientation=orientation,
        pixel_spacing=[0.5, 0.75],
        spacing_between_slices=4,
        index_convention="DR",
        slices_first=True,
        handedness="LEFT_HANDED",
    )
    np.testing.assert_allclose(affine, other, atol=1e-9)


def test_step_may_lean() -> None:
    affine = affine_from_plane([0, 0, 0], AXIAL, [1, 1], [0, -0.5, 2])
    assert (affine @ [3, 0, 0, 1])[:3].tolist() == [0, -1.5, 6]


@pytest.mark.parametrize(
    ("orientation", "normal"),
    [(AXIAL, (0, 0, 1)), (SAGITTAL, (-1, 0, 0)), (CORONAL, (0, 1, 0))],
)
def test_normals_of_the_three_planes(
    orientation: tuple[float, ...], normal: tuple[int, ...]
) -> None:
    assert slice_normal(orientation).tolist() == list(normal)


def test_rounded_cosines_are_no_larger_pixels() -> None:
    orientation = np.round(oblique(5), 4)
    affine = affine_from_plane([0, 0, 0], orientation, [2, 3], [0, 0, 1])
    np.testing.assert_allclose(np.linalg.norm(affine[:3, 1:3], axis=0), [2, 3], rtol=1e-12)


@pytest.mark.parametrize(
    ("orientation", "word"),
    [
        ((1, 0, 0, 0.1, 0.995, 0), "degrees apart"),
        ((1, 0, 0, 0, 0, 0), "length 0"),
        ((2, 0, 0, 0, 1, 0), "length 2"),
        ((1, 0, 0, 0, float("nan"), 0), "not numbers"),
        ((1, 0, 0), "3 values"),
    ],
)
def test_bad_orientations_are_refused_with_the_reason(
    orientation: tuple[float, ...], word: str
) -> None:
    assert word in check_orientation(orientation)
    with pytest.raises(GeometryError, match=word):
        affine_from_plane([0, 0, 0], orientation, [1, 1], [0, 0, 1])


def test_orientation_within_1e_3_is_accepted() -> None:
    assert check_orientation((1, 0, 0, 0.0009, 1, 0)) == ""
    assert check_orientation((1, 0, 0, 0.0011, 1, 0)) != ""


@pytest.mark.parametrize("spacing", [(0, 1), (-1, 1), (float("nan"), 1), (1,), (float("inf"), 1)])
def test_bad_spacing_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(GeometryError, match="PixelSpacing"):
        affine_from_plane([0, 0, 0], AXIAL, spacing, [0, 0, 1])


def test_position_that_is_no_number_is_refused() -> None:
    with pytest.raises(GeometryError, match="ImagePositionPatient"):
        affine_from_plane([0, float("nan"), 0], AXIAL, [1, 1], [0, 0, 1])


def test_parallel_directions_have_no_normal() -> None:
    with pytest.raises(GeometryError, match="spans no plane"):
        slice_normal((1, 0, 0, -1, 0, 0))
    with pytest.raises(GeometryError, match="6 values"):
        slice_normal((1, 0, 0))


def test_corners_of_pixels_and_of_their_edges() -> None:
    plane = PlaneGeometry((10, 20, 30), SAGITTAL, (2, 1), rows=3, columns=5)
    # Rows run to posterior (+y), columns of pixels run down (-z).
    assert plane.corners().tolist() == [
        [10, 20, 30],
        [10, 24, 30],
        [10, 24, 26],
        [10, 20, 26],
    ]
    assert plane.corners(outer=True).tolist() == [
        [10, 19.5, 31],
        [10, 24.5, 31],
        [10, 24.5, 25],
        [10, 19.5, 25],
    ]
    assert plane.distance == -10
    assert plane.affine[:3, 0].tolist() == [-1, 0, 0]


def test_directions_have_names() -> None:
    names = [patient_direction(v) for v in np.vstack([np.eye(3), -np.eye(3)])]
    assert names == ["left", "posterior", "superior", "right", "anterior", "inferior"]
