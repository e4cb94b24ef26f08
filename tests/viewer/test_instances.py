"""The instances behind a layer, and the one where the viewer stands."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Points

from napari_dicomdb import Database
from napari_dicomdb.viewer.instances import instance_shown, instances_of_layer
from napari_dicomdb.viewer.phantom import write_phantom_study


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    made = write_phantom_study(folder, ["axial-ct", "sagittal-mr"], matrix=16, slices=6)
    return {one.name: one for one in made}


@pytest.fixture
def database(phantom):
    with Database.in_memory() as made:
        made.import_paths([p for s in phantom.values() for p in s.paths], workers=0)
        yield made


def layer_of(database, uid):
    loadable = next(x for x in database.examine(uid) if x.selected)
    data, kwargs, _ = loadable.to_layers(loadable.load())[0]
    return Image(data, **kwargs)


@pytest.mark.parametrize("name", ["axial-ct", "sagittal-mr"])
def test_each_slice_leads_to_its_instance(database, phantom, name):
    layer = layer_of(database, phantom[name].series_uid)
    instances = instances_of_layer(layer, database)
    assert {one.uid for one in instances} == set(phantom[name].instance_uids)
    inverse = np.linalg.inv(layer.metadata["dicomdb"]["lps_from_data"])
    for place, one in enumerate(instances):
        world = layer.data_to_world((inverse @ [*one.position, 1])[:3])
        assert instance_shown(layer, world, instances) == place


def test_from_files_where_the_database_lacks_them(database, phantom):
    layer = layer_of(database, phantom["axial-ct"].series_uid)
    with Database.in_memory() as empty:
        found = instances_of_layer(layer, empty)
    assert [one.uid for one in found] == list(layer.metadata["dicomdb"]["instance_uids"])
    layer.metadata["dicomdb"]["source_paths"] = ("/gone/a.dcm",)
    assert instances_of_layer(layer, None) == []


def test_other_layers_have_none(database):
    assert instances_of_layer(Points(np.zeros((1, 3))), database) == []


def test_without_geometry_the_axis_of_their_number(database, phantom):
    instances = database.instances(phantom["axial-ct"].series_uid)
    layer = Image(np.zeros((6, 4, 4)), metadata={"dicomdb": {"lps_from_data": None}})
    assert instance_shown(layer, (4, 0, 0), instances) == 4
    assert instance_shown(layer, (4, 0, 0), instances[:1]) == 0
