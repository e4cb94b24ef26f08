"""Labels on the grids of images: as they are, turned, the nearest; frames of reference."""

from __future__ import annotations

import numpy as np
import pytest
from tests.export.sources import DIMS, made_up, oblique, of_data

from napari_dicomdb import Database
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.segment_grids import check_frame_of_reference, on_grid
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.export.study import StudyForm
from napari_dicomdb.progress import no_progress


@pytest.fixture
def image(reference_data):
    with Database.in_memory() as database:
        yield of_data(database, reference_data / "seg" / "ct-3slice")


def labels_of(source, array):
    return ExportSource("Labels", array, DIMS, "labels", source.geometry)


def test_what_is_on_the_grid_is_not_touched(image):
    source, target = image
    labels = labels_of(source, np.ones(source.grid, np.uint8))
    grid = on_grid([labels], target, own=False, progress=no_progress)
    assert grid.arrays[0] is labels.array
    assert not grid.resampled
    assert list(grid.references) == list(source.references)
    assert grid.planes.positions[0] == pytest.approx(source.geometry.affine[:3, 3])


def test_without_images_it_keeps_its_own_grid():
    array = np.ones((3, 4, 5), np.uint8)
    target = StudyForm(patient_id="1").target()
    source = made_up(array, role="labels")
    grid = on_grid([source], target, own=False, progress=no_progress)
    assert grid.references == ()
    assert grid.planes.positions[1] == pytest.approx((oblique() @ (1, 0, 0, 1))[:3])


def test_a_sheared_grid_is_made_right_angled():
    affine = np.eye(4)[[2, 1, 0, 3]]
    affine[0, 1] = 0.4
    source = made_up(np.ones((2, 6, 6), np.uint8), affine, role="labels")
    target = StudyForm(patient_id="1").target()
    grid = on_grid([source], target, own=True, progress=no_progress)
    assert grid.resampled
    assert set(np.unique(grid.arrays[0])) == {0, 1}
    assert abs(grid.planes.orientation[:3] @ grid.planes.orientation[3:]) < 1e-9


def test_no_place_is_refused():
    source = made_up(np.ones((2, 3, 4), np.uint8), role="labels", geometry=None)
    with pytest.raises(ExportError) as refused:
        on_grid([source], StudyForm(patient_id="1").target(), own=True, progress=no_progress)
    assert refused.value.reason == "no-geometry"


def test_the_frame_of_reference_of_the_image_is_written(image):
    source, target = image
    labels = labels_of(source, np.ones(source.grid, np.uint8))
    uid = source.geometry.frame_of_reference_uid
    assert check_frame_of_reference(labels, target, confirmed=False) == uid
    unknown = made_up(np.ones((2, 3, 4), np.uint8), role="labels")
    assert check_frame_of_reference(unknown, target, confirmed=False) == uid
    alone = StudyForm(patient_id="1").target()
    assert check_frame_of_reference(labels, alone, confirmed=False) == uid
