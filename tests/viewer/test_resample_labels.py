"""Labels taken on the voxels of an image of the viewer."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.segments.segment_list import Segment
from napari_dicomdb.loading.volume import Volume, VolumeGeometry
from napari_dicomdb.viewer.open import add_volume
from napari_dicomdb.viewer.resample_labels import choose_layers, resample_labels, resampled_layer

RED = Segment(1, 1, "Red", (255, 0, 0))
FINE = np.array([[0, 0, 1, -5], [0, 1, 0, -7], [1.5, 0, 0, 11], [0, 0, 0, 1.0]])
COARSE = np.array([[0, 0, 2, -4.5], [0, 2, 0, -6.5], [3, 0, 0, 11.75], [0, 0, 0, 1.0]])


def volumes():
    image = np.arange(8 * 12 * 10, dtype=np.int16).reshape(8, 12, 10)
    labels = np.zeros((4, 6, 5), np.uint8)
    labels[1:3, 2, 1:4] = 1
    told = {"kind": "segmentation", "name": "Seg", "segments": ((RED,),), "segment_voxels": {1: 6}}
    dims = ("slice", "row", "column")
    return (
        Volume(image, dims, VolumeGeometry(FINE, (8, 12, 10), "1.2"),
               meta={"name": "CT", "series_uid": "1.9", "instance_uids": ("1.9.1",)}),
        Volume(labels, dims, VolumeGeometry(COARSE, (4, 6, 5), "1.2"), meta=told),
    )  # fmt: skip


@pytest.fixture
def viewer():
    made = ViewerModel()
    for volume in volumes():
        add_volume(made, volume)
    made.layers.selection = {made.layers[1]}
    return made


def test_each_voxel_takes_the_nearest_label(viewer):
    labels, image = choose_layers(viewer)
    data, kwargs, kind = resampled_layer(labels, image)
    assert kind == "labels"
    assert data.shape == image.data.shape
    made = viewer.add_labels(data, **kwargs)
    inside = np.argwhere(data)
    assert len(inside) == 6 * 8  # voxels of half the size each way
    # Where the image has a voxel, in the world, the labels had that label.
    for index in inside:
        world = image.data_to_world(index)
        assert made.data_to_world(index) == pytest.approx(world)
        assert labels.data[tuple(np.rint(labels.world_to_data(world)).astype(int))] == 1
    assert made.features["voxels"].tolist() == [data.size - 48, 48]
    assert made.features["volume_ml"][1] == pytest.approx(labels.features["volume_ml"][1])
    told = made.metadata["dicomdb"]
    assert told["reference_series_uid"] == "1.9"
    assert np.array_equal(told["lps_from_data"], image.metadata["dicomdb"]["lps_from_data"])
    assert made.get_color(1).tolist() == [1, 0, 0, 1]


def test_what_is_meant_must_be_clear(viewer):
    viewer.layers.selection = {viewer.layers[0]}
    with pytest.raises(LoadError, match="one layer of DICOM labels"):
        choose_layers(viewer)
    labels = viewer.layers[1]
    add_volume(viewer, volumes()[0])
    viewer.layers.selection = {labels}
    with pytest.raises(LoadError, match="several images"):
        choose_layers(viewer)
    viewer.layers.selection = {labels, viewer.layers[2]}
    assert choose_layers(viewer) == (labels, viewer.layers[2])
    for image in (viewer.layers[2], viewer.layers[0]):
        viewer.layers.remove(image)
    viewer.layers.selection = {labels}
    with pytest.raises(LoadError) as refused:
        choose_layers(viewer)
    assert refused.value.reason == "no-image"


def test_the_menu_of_a_layer_does_it(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    for volume in volumes():
        add_volume(viewer, volume)
    viewer.layers.selection = {viewer.layers[1]}
    worker = resample_labels()
    with qtbot.waitSignal(worker.finished, timeout=20_000):
        pass
    qtbot.waitUntil(lambda: len(viewer.layers) == 3)
    assert viewer.layers[2].name == "Seg, on the voxels of CT"
    viewer.layers.selection = {viewer.layers[0]}
    assert resample_labels(viewer) is None
    assert "Select one layer" in notification_manager.records[-1].message
