"""Labels on the grids of images: as they are, turned, the nearest; frames of reference."""

from __future__ import annotations

import numpy as np
import pytest
from tests.export.sources import DIMS, made_up, oblique, of_data

from napari_dicomdb import Database
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.segments.image_planes import image_planes
from napari_dicomdb.export.segments.segment_grids import check_frame_of_reference, on_grid
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.export.study import StudyForm, StudyTarget
from napari_dicomdb.loading.volume import VolumeGeometry
from napari_dicomdb.progress import no_progress


@pytest.fixture
def image(reference_data):
    with Database.in_memory() as database:
        yield of_data(database, reference_data / "seg" / "ct-3slice")


class Lazy:
    """An array that counts how often it is read."""

    def __init__(self, array):
        self._array, self.shape, self.dtype, self.reads = array, array.shape, array.dtype, 0

    def __getitem__(self, index):
        self.reads += 1
        return self._array[index]

    def __array__(self, dtype=None, copy=None):
        self.reads += 1
        return self._array


def labels_of(source, array):
    return ExportSource("Labels", array, DIMS, "labels", source.geometry)


def test_what_is_on_the_grid_is_not_touched(image):
    source, target = image
    labels = labels_of(source, np.ones(source.grid, np.uint8))
    grid = on_grid([labels], target, own=False, progress=no_progress)
    assert np.shares_memory(grid.readers[0]((), 1), labels.array)
    assert not (grid.resampled or grid.outside or grid.uneven)
    assert grid.times == 1
    sources = [grid.sources_of(k, None) for k in range(3)]
    uids = [frames[0].record.uid for frames, _ in sources]
    assert uids == list(source.references)
    assert all(preserved for _, preserved in sources)
    assert grid.planes.positions[0] == pytest.approx(source.geometry.affine[:3, 3])


def test_without_images_it_keeps_its_own_grid():
    array = np.ones((3, 4, 5), np.uint8)
    target = StudyForm(patient_id="1").target()
    source = made_up(array, role="labels")
    grid = on_grid([source], target, own=False, progress=no_progress)
    assert (grid.times, grid.sources_of(0, None)) == (0, ([], False))
    assert grid.planes.positions[1] == pytest.approx((oblique() @ (1, 0, 0, 1))[:3])


def test_a_sheared_grid_is_made_right_angled():
    affine = np.eye(4)[[2, 1, 0, 3]]
    affine[0, 1] = 0.4
    source = made_up(np.ones((2, 6, 6), np.uint8), affine, role="labels")
    target = StudyForm(patient_id="1").target()
    grid = on_grid([source], target, own=True, progress=no_progress)
    assert grid.resampled
    assert set(np.unique(grid.numpy())) == {0, 1}
    assert abs(grid.planes.orientation[:3] @ grid.planes.orientation[3:]) < 1e-9


def test_shifted_slices_are_put_straight_when_asked():
    affine = np.eye(4)[[2, 1, 0, 3]]
    affine[1, 0] = 0.4  # each slice that much of a row further
    array = np.zeros((4, 6, 6), np.uint8)
    array[3, 0] = 1
    source = made_up(array, affine, role="labels")
    target = StudyForm(patient_id="1").target()
    leaning = on_grid([source], target, own=True, progress=no_progress)
    assert leaning.uneven
    assert np.array_equal(leaning.numpy(), array)
    grid = on_grid([source], target, own=False, upright=True, progress=no_progress)
    assert not grid.uneven
    assert grid.resampled
    straight = np.diff(grid.planes.positions, axis=0)
    assert straight == pytest.approx(np.array([[0, 0, 1.0]] * 3))
    rows = np.flatnonzero(grid.numpy()[3].any(axis=1))
    assert rows.tolist() == [1]  # 1.2 rows lower


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("order", [(0, 2, 1), (1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_turned_and_flipped_labels_come_to_the_voxels_they_were_on(image, order, lazy):
    source, target = image
    labels = (np.arange(np.prod(source.grid)) % 251).astype(np.uint8).reshape(source.grid)
    turned = labels.transpose(order)[:, ::-1]
    affine = source.geometry.affine[:, [*order, 3]].copy()
    affine[:3, 3] += affine[:3, 1] * (turned.shape[1] - 1)
    affine[:3, 1] *= -1
    geometry = VolumeGeometry(affine, turned.shape, source.geometry.frame_of_reference_uid)
    array = Lazy(turned) if lazy else turned
    other = ExportSource("Turned", array, DIMS, "labels", geometry)
    grid = on_grid([other], target, own=False, progress=no_progress)
    assert not grid.resampled
    assert np.array_equal(grid.numpy(), labels)
    if lazy:
        assert array.reads <= 3  # not all of it for every plane


def test_labels_on_uneven_slices_keep_the_positions_of_the_images(reference_data):
    folder = reference_data / "bad_geometry" / "sliceincrement" / "002"
    with Database.in_memory() as database:
        database.import_paths(folder, workers=0)
        target = StudyTarget.of_study(
            database, database.series()[0].study_uid, [i.uid for i in database.instances()]
        )
    (images,) = image_planes(target.instances.values())
    assert not images.is_regular
    # As a loader shows them that takes them for even.
    affine = np.eye(4)
    affine[:3, 1:3] = images.steps
    affine[:3, 0] = (images.positions[-1] - images.positions[0]) / 3
    affine[:3, 3] = images.positions[0]
    geometry = VolumeGeometry(affine, images.grid, is_regular=False)
    labels = np.zeros(images.grid, np.uint8)
    labels[:] = np.arange(4)[:, None, None]
    source = ExportSource("Uneven", labels, DIMS, "labels", geometry)
    grid = on_grid([source], target, own=False, progress=no_progress)
    assert grid.uneven
    assert grid.planes.positions == pytest.approx(images.positions)
    assert np.array_equal(grid.numpy(), labels)


def test_what_is_beyond_the_image_is_told(image):
    source, target = image
    affine = source.geometry.affine.copy()
    affine[:3, 3] += 3 * affine[:3, 2]
    geometry = VolumeGeometry(affine, source.grid, source.geometry.frame_of_reference_uid)
    labels = ExportSource("Moved", np.ones(source.grid, np.uint8), DIMS, "labels", geometry)
    grid = on_grid([labels], target, own=False, progress=no_progress)
    assert grid.outside
    assert not grid.numpy()[0, :, :3].any()
    assert grid.numpy()[0, :, 3:].all()


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
