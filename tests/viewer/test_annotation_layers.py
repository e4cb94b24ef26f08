from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.loading.image_annotations import Annotation
from napari_dicomdb.loading.volume import Coord, Volume, VolumeGeometry
from napari_dicomdb.viewer.layers import volume_to_layers
from napari_dicomdb.viewer.open import make_layer

SQUARE = np.array([(0.5, 0.5), (0.5, 2.5), (3.5, 2.5), (3.5, 0.5)])


def volume_of(shape, dims, *annotations, in_patient, affine=None):
    if affine is None:
        affine = np.zeros((4, 4))
        affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = 3, 0.5, 0.75, 1
    return Volume(
        np.zeros(shape, np.int16),
        dims,
        VolumeGeometry(affine, (1, *shape)[-3:], in_patient=in_patient),
        coords={"time": Coord(tuple(0.04 * k for k in range(shape[0])), "s")},
        meta={"name": "4: Thorax", "annotations": annotations},
    )


def regions():
    return Annotation("shapes", "ultrasound regions", [SQUARE], {"label": ["2D tissue"]})


def marks(array):
    return Annotation("labels", "overlays", array, {"index": [1], "label": ["arrow"]})


def test_a_loop_has_its_overlays_and_regions_off():
    overlay = np.zeros((4, 6, 5), np.uint8)
    overlay[:, 2, 3] = 1
    volume = volume_of(
        (4, 6, 5), ("time", "row", "column"), marks(overlay), regions(), in_patient=False
    )
    image, labels, shapes = (make_layer(one) for one in volume_to_layers(volume))
    assert [layer.visible for layer in (image, labels, shapes)] == [True, False, False]
    assert labels.name == "4: Thorax, overlays"
    assert shapes.name == "4: Thorax, ultrasound regions"
    assert np.array_equal(labels.scale, image.scale)
    assert np.array_equal(shapes.scale, image.scale[1:])
    assert labels.units == image.units
    assert shapes.features["label"].tolist() == ["2D tissue"]
    place = np.round(labels.world_to_data((0.04, 1.0, 2.25))).astype(int)
    assert labels.data[tuple(place)] == 1
    assert labels.get_color(1).tolist() == [1, 1, 0, 1]
    assert labels.metadata["dicomdb"]["kind"] == "annotation: overlays"


@pytest.mark.parametrize("seed", range(3))
def test_in_the_patient_overlays_lie_where_the_voxels_lie(seed):
    rng = np.random.default_rng(seed)
    directions = np.eye(3)[rng.permutation(3)] * rng.choice([-1, 1], 3)[:, None]
    affine = np.eye(4)
    affine[:3, :3] = directions.T * (3, 0.5, 0.75)
    affine[:3, 3] = rng.normal(size=3) * 50
    volume = volume_of(
        (4, 6, 5), ("slice", "row", "column"), regions(), in_patient=True, affine=affine
    )
    overlay = rng.integers(0, 2, (4, 6, 5)).astype(np.uint8)
    volume.array[...] = overlay
    volume.meta["annotations"] = (marks(overlay), regions())
    layers = volume_to_layers(volume)
    assert [kind for _, _, kind in layers] == ["image", "labels"]  # regions are for pictures
    (image, one, _), (labels, two, _) = layers
    assert np.array_equal(np.asarray(image), np.asarray(labels))
    for key in ("scale", "translate"):
        assert one[key] == two[key]
    for key in ("rotate", "affine"):
        assert np.array_equal(one[key], two[key])


def test_rows_of_features_count_from_the_background():
    volume = volume_of(
        (6, 5), ("row", "column"), marks(np.zeros((6, 5), np.uint8)), in_patient=False
    )
    _, (_, kwargs, _) = volume_to_layers(volume)
    assert kwargs["features"]["index"].tolist() == [0, 1]
    assert kwargs["features"]["label"] == ["", "arrow"]


def test_a_volume_without_annotations_is_one_layer():
    volume = volume_of((6, 5), ("row", "column"), in_patient=False)
    assert len(volume_to_layers(volume)) == 1


def test_a_shutter_hides_what_it_covers():
    shutter = Annotation("labels", "shutter", np.ones((6, 5), np.uint8), {"index": [1]})
    volume = volume_of((6, 5), ("row", "column"), shutter, in_patient=False)
    layer = make_layer(volume_to_layers(volume)[1])
    assert layer.get_color(1).tolist() == [0, 0, 0, 1]
    assert layer.opacity == 1
