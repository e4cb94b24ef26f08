"""Paths to layers through an index in memory."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_dicomdb.errors import LoadError
from napari_dicomdb.viewer.direct import current_viewer, default_loadables, layers_of
from napari_dicomdb.viewer.phantom import write_phantom_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_phantom_study(folder, ("oblique-mr", "axial-ct"), matrix=24, slices=5)
    return folder


def test_each_instance_is_covered_once(study):
    loadables = default_loadables([study])
    uids = [i.uid for loadable in loadables for i in loadable.instances]
    assert len(uids) == len(set(uids)) == sum(p.is_file() for p in study.rglob("*"))


def test_a_file_stands_for_its_series_when_asked(study):
    file = next(p for p in sorted(study.rglob("*")) if p.is_file())
    [one] = default_loadables([file])
    [whole] = default_loadables([file], whole_series=True)
    assert len(one.instances) == 1 and len(whole.instances) == 5
    assert one.instances[0].uid in {i.uid for i in whole.instances}


def test_tuples_without_a_viewer_layers_with_one(study):
    loadables = default_loadables([study])
    tuples = layers_of(loadables, None)
    assert all(isinstance(layer, tuple) for layer in tuples)
    layers = layers_of(loadables, ViewerModel(), lazy=False)
    assert all(isinstance(layer, Image) for layer in layers)
    frames = [layer.metadata["dicomdb"]["frame"] for layer in layers]
    np.testing.assert_array_equal(frames[0], frames[1])


def test_reason_of_the_first_refused(tmp_path):
    (tmp_path / "text").write_text("no image at all" * 20)
    with pytest.raises(LoadError, match="text"):
        default_loadables([tmp_path / "text"])


def test_napari_is_not_imported_to_look_for_a_viewer(monkeypatch):
    monkeypatch.setitem(sys.modules, "napari", None)
    assert current_viewer() is None
