"""Window presets of files and of CT, applied to layers."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_dicomdb.dicom.voi import Window
from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.viewer.open import add_volume
from napari_dicomdb.viewer.windows import apply_preset, presets, volume_presets


@pytest.fixture
def layer(make_volume):
    volume = make_volume("axial CT")
    volume.meta["windows"] = (Window(40, 400, "ABDOMEN"), Window(-600, 1500, "CT lung"))
    return add_volume(ViewerModel(), volume)[0]


def test_windows_of_the_file_come_first(layer):
    found = presets(layer)
    assert found[0] == ("ABDOMEN", -160.0, 239.0)
    labels = [label for label, _, _ in found]
    assert labels.count("CT lung") == 1
    assert "CT bone" in labels


def test_applying_sets_the_limits_and_makes_room(layer):
    apply_preset(layer, "CT bone")
    # PS3.3 C.11.2.1.2.1: from c - 0.5 - (w - 1) / 2 to c - 0.5 + (w - 1) / 2.
    assert tuple(layer.contrast_limits) == (-650.0, 1349.0)
    low, high = layer.contrast_limits_range
    assert low <= -1024 and high >= 3071


def test_room_is_made_beyond_the_stored_range(make_volume):
    volume = make_volume("axial CT")
    volume.meta["value_range"] = (0, 255)
    [layer] = add_volume(ViewerModel(), volume)
    apply_preset(layer, "CT bone")
    assert tuple(layer.contrast_limits) == (-650.0, 1349.0)
    low, high = layer.contrast_limits_range
    assert (low, high) == (-650.0, 1349.0)


def test_mr_has_only_its_own(make_volume):
    [layer] = add_volume(ViewerModel(), make_volume("oblique MR"))
    assert [label for label, _, _ in presets(layer)] == ["all"]


def test_other_layers_have_none():
    assert presets(Image(np.zeros((4, 4)))) == []


def test_unknown_preset_names_the_known_ones(layer):
    with pytest.raises(NotFoundError, match="ABDOMEN"):
        apply_preset(layer, "no such window")


def test_equal_explanations_are_told_apart(make_volume):
    volume = make_volume("oblique MR")
    volume.meta["windows"] = (Window(10, 20, "WINDOW"), Window(50, 100, "WINDOW"))
    labels = [label for label, _, _ in volume_presets(volume)]
    assert labels == ["WINDOW", "WINDOW (W 100 L 50)"]
