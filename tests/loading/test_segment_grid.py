"""Grids of segmentations: their own, with holes; that of the image."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.dicom.findings import FindingCode
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.segments.segment_grid import (
    grid_of,
    image_grids,
    on_image,
    orientations_apart,
    own_grid,
)


def frames_at(series, records, places, **attributes):
    for place in places:
        series.slice(place, **attributes)
    return FrameSet.of(records(series.paths))


def test_missing_frames_leave_holes(series, records):
    frames = frames_at(series, records, [(0, 0, z) for z in (12, 0, 6, 3)])
    grid = own_grid(frames)
    assert grid.shape == (5, 6, 5)
    assert grid.places[:, 0].tolist() == [4, 0, 2, 1]
    assert grid.is_regular
    assert grid.affine[:3, 0] == pytest.approx([0, 0, 3])


def test_what_the_header_says_of_the_distance_decides_between_multiples(series, records):
    frames = frames_at(series, records, [(0, 0, 0), (0, 0, 5)], SpacingBetweenSlices=2.5)
    assert own_grid(frames).places[:, 0].tolist() == [0, 2]


def test_gaps_of_two_and_three_have_a_step_of_one(series, records):
    frames = frames_at(series, records, [(0, 0, z) for z in (0, 2, 5)])
    grid = own_grid(frames)
    assert grid.places[:, 0].tolist() == [0, 2, 5]
    assert grid.shape[0] == 6


def test_cropped_frames_are_shifted_by_whole_pixels(series, records):
    frames = frames_at(series, records, [(0, 0, 0), (1.5, 1.0, 3)])  # columns 0.75, rows 0.5 mm
    grid = own_grid(frames)
    assert grid.places.tolist() == [[0, 0, 0], [1, 2, 2]]
    assert grid.shape == (2, 8, 7)


def test_a_tilted_gantry_leans_the_grid(series, records):
    frames = frames_at(series, records, [(0, 0.2 * k, 3 * k) for k in range(4)])
    grid = own_grid(frames)
    assert grid.affine[:3, 0] == pytest.approx([0, 0.2, 3])
    assert grid.shape == (4, 6, 5)
    assert grid.findings == ()


def test_uneven_frames_are_told(series, records):
    grid = own_grid(frames_at(series, records, [(0, 0, z) for z in (0, 3, 7.7)]))
    assert [f.code for f in grid.findings] == [FindingCode.UNEVEN_SPACING]
    assert grid.places[:, 0].tolist() == [0, 1, 2]


def test_a_single_frame_is_as_thick_as_the_header_says(series, records):
    grid = own_grid(frames_at(series, records, [(0, 0, 0)], SliceThickness=4))
    assert np.linalg.norm(grid.affine[:3, 0]) == pytest.approx(4)


def test_the_grid_of_the_image_is_taken_when_voxels_agree(series, another_series, records):
    image = another_series()
    image.frame = series.frame
    image.axial(range(0, 30, 3))
    images = records(image.paths)
    frames = frames_at(series, records, [(-10, -20, 9), (-10, -20, 12)])
    grid = grid_of(frames, images)
    assert grid.of_series == image.series
    assert grid.places[:, 0].tolist() == [3, 4]
    (whole,) = image_grids(images)
    assert len(whole.instance_uids) == 10
    assert on_image(frames, whole).shape == (10, 6, 5)


@pytest.mark.parametrize("place", [(-10.1, -20, 9), (-10, -20, 40), (-10, -20, 10)])
def test_another_grid_is_not_taken(series, another_series, records, place):
    image = another_series()
    image.frame = series.frame
    image.axial(range(0, 30, 3))
    grid = grid_of(frames_at(series, records, [place]), records(image.paths))
    assert grid.of_series == ""
    assert grid.affine[:3, 3] == pytest.approx(place)


def test_an_image_of_another_frame_of_reference_is_not_taken(series, another_series, records):
    image = another_series()
    image.axial(range(0, 30, 3))
    frames = frames_at(series, records, [(-10, -20, 9)])
    assert grid_of(frames, records(image.paths)).of_series == ""


def test_orientations_are_told_apart(series, records):
    series.slice((0, 0, 0))
    series.slice((0, 0, 0), ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    series.slice((0, 0, 3))
    parts = orientations_apart(FrameSet.of(records(series.paths)))
    assert [part.tolist() for part in parts] == [[0, 2], [1]]


def test_frames_without_a_place_stay_in_their_order(series, records):
    series.slice((0, 0, 0), ImageOrientationPatient=None)
    grid = grid_of(FrameSet.of(records(series.paths)))
    assert not grid.in_patient
    assert [f.code for f in grid.findings] == [FindingCode.NO_GEOMETRY]


def test_thin_slices_with_gaps_are_not_cut_finer(series, records):
    frames = frames_at(series, records, [(0, 0, z) for z in (0, 5, 10)], SliceThickness=1)
    assert own_grid(frames).shape[0] == 3


def test_thickness_tells_of_holes(series, records):
    frames = frames_at(series, records, [(0, 0, z) for z in (0, 10)], SliceThickness=5)
    assert own_grid(frames).places[:, 0].tolist() == [0, 2]


def test_the_grid_of_an_image_with_a_slice_missing_is_that_it_is_shown_on(
    series, another_series, records
):
    image = another_series()
    image.frame = series.frame
    image.axial([3 * k for k in range(24) if k != 7])
    frames = frames_at(series, records, [(-10, -20, z) for z in (15, 18, 24)])
    grid = grid_of(frames, records(image.paths))
    assert grid.of_series == image.series
    assert grid.shape[0] == 24
    assert grid.places[:, 0].tolist() == [5, 6, 8]


def test_slices_of_a_microscope_are_not_one(series, records):
    # Half a micrometre apart they were painted over each other.
    places = [(0, 0, 4e-4 * k) for k in range(3)]
    frames = frames_at(series, records, places, PixelSpacing=[1e-3, 1e-3], SliceThickness=4e-4)
    grid = own_grid(frames)
    assert grid.shape[0] == 3
    assert grid.affine[2, 0] == pytest.approx(4e-4)
