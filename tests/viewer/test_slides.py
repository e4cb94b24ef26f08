"""Whole slides as napari layers: pyramid, place in mm, channels."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.loading.volume import Coord, Volume, VolumeGeometry
from napari_dicomdb.viewer.layers import volume_to_layers
from napari_dicomdb.viewer.open import add_volume
from napari_dicomdb.viewer.slides import (
    sample_level,
    sample_window,
    shown_levels,
    slide_transform,
)


def slide_volume(
    sizes=((400, 600), (200, 300), (100, 150), (2, 3)),
    orientation=(0, -1, 0, -1, 0, 0),
    origin=(20.0, 40.0),
    channels=(),
    rgb=False,
):
    lead, colour = (len(channels),) if channels else (), (3,) if rgb else ()
    levels = tuple(
        np.arange(np.prod([*lead, *size, *colour]), dtype=np.uint32)
        .reshape((*lead, *size, *colour))
        .astype(np.uint8)
        for size in sizes
    )
    affine = np.eye(4)
    affine[:3, 1] = np.array(orientation[3:]) * 0.001
    affine[:3, 2] = np.array(orientation[:3]) * 0.002
    affine[:2, 3] = origin
    return Volume(
        array=levels[0],
        dims=(*(["optical_path"] if channels else []), "row", "column"),
        geometry=VolumeGeometry(affine, (1, *sizes[0]), in_patient=False, in_slide=True),
        coords={"optical_path": Coord(channels)} if channels else {},
        is_rgb=rgb,
        meta={"name": "slide", "modality": "SM", "kind": "whole-slide"},
        levels=levels if len(levels) > 1 else (),
    )


def test_a_pyramid_is_one_multiscale_layer():
    ((data, kwargs, kind),) = volume_to_layers(slide_volume(rgb=True))
    assert kind == "image"
    assert kwargs["multiscale"] is True
    assert kwargs["rgb"] is True
    # The last level, of 2 x 3 pixels, would be 1 % too large.
    assert [d.shape[:2] for d in data] == [(400, 600), (200, 300), (100, 150)]
    assert kwargs["units"] == ("mm", "mm")


@pytest.mark.parametrize(
    "orientation",
    [(0, -1, 0, -1, 0, 0), (0, 1, 0, 1, 0, 0), (1, 0, 0, 0, -1, 0), (-1, 0, 0, 0, -1, 0)],
)
def test_world_is_the_slide_in_mm(orientation):
    napari_layers = pytest.importorskip("napari.layers")
    volume = slide_volume(orientation=orientation)
    ((data, kwargs, kind),) = volume_to_layers(volume)
    layer = napari_layers.Layer.create(data, kwargs, kind)
    for row, column in ((0, 0), (10, 0), (0, 20), (17, 31)):
        x, y = (volume.geometry.affine @ [0, row, column, 1])[:2]
        np.testing.assert_allclose(layer.data_to_world((row, column)), (-x, -y), atol=1e-9)
    metadata = kwargs["metadata"]["dicomdb"]
    np.testing.assert_array_equal(metadata["slide_from_data"], volume.geometry.affine)
    assert metadata["lps_from_data"] is None


def test_usual_scans_need_no_rotation():
    placing = slide_transform(slide_volume())
    assert placing == {"scale": (0.001, 0.002), "translate": (-20.0, -40.0)}


def test_optical_paths_are_layers_that_add_up():
    volume = slide_volume(channels=("DAPI", "FITC"))
    first, second = volume_to_layers(volume)
    assert [layer[1]["name"] for layer in (first, second)] == ["slide, DAPI", "slide, FITC"]
    assert first[1]["colormap"] != second[1]["colormap"]
    assert {layer[1]["blending"] for layer in (first, second)} == {"additive"}
    for k, (data, _, _) in enumerate((first, second)):
        np.testing.assert_array_equal(data[1], volume.levels[1][k])


def test_the_window_is_looked_for_in_a_small_level():
    volume = slide_volume(sizes=((1200, 1600), (600, 800), (150, 200)))
    assert sample_level(volume) is volume.levels[1]
    assert sample_level(slide_volume(sizes=((40, 60),))).shape == (40, 60)
    assert len(shown_levels(slide_volume(sizes=((4, 4), (2, 2))))) == 1


def test_of_a_huge_level_the_middle_is_looked_at():
    volume = slide_volume(sizes=((3000, 6000),))
    assert sample_window(volume) == (slice(476, 2524), slice(1976, 4024))
    assert sample_window(slide_volume()) == (slice(None), slice(None))
    ((_, kwargs, _),) = volume_to_layers(volume)
    assert kwargs["contrast_limits"][1] > kwargs["contrast_limits"][0]


def test_a_slide_opens_in_a_viewer(make_napari_viewer):
    viewer = make_napari_viewer()
    (layer,) = add_volume(viewer, slide_volume(rgb=True))
    assert layer.multiscale
    np.testing.assert_allclose(layer.extent.step, (0.001, 0.002))
    assert [str(unit) for unit in layer.units] == ["millimeter"] * 2
