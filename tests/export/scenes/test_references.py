"""Layers are kept by reference when, and only when, the database gives them again."""

import numpy as np
import pytest
from pydicom import dcmread

from napari_dicomdb import Database
from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.export.scenes.references import (
    find_reference,
    layer_of,
    referenced_instances,
)
from napari_dicomdb.loading import examine
from napari_dicomdb.viewer.phantom import write_phantom_study


@pytest.fixture
def database(tmp_path):
    write_phantom_study(tmp_path / "phantom", ("axial-ct", "oblique-mr"), matrix=16, slices=4)
    with Database.open(tmp_path / "db") as made:
        made.import_paths([tmp_path / "phantom"], workers=0)
        yield made


@pytest.fixture
def layer(database):
    loadable = database.examine(database.series()[0].uid)[0]
    data, kwargs, _ = loadable.to_layers()[0]
    return data, kwargs["metadata"]["dicomdb"]


def test_there_and_back(database, layer):
    data, metadata = layer
    found = find_reference("image", data, metadata, database)
    uids = {i.uid for i in database.instances(database.series()[0])}
    assert set(referenced_instances([found, None])) == uids
    again, kwargs, kind = layer_of(found, database)
    assert kind == "image"
    assert np.array_equal(np.asarray(again), np.asarray(data))
    assert np.array_equal(
        kwargs["metadata"]["dicomdb"]["lps_from_data"], metadata["lps_from_data"]
    )


def test_every_way_to_open_a_series_is_told_apart(database):
    for loadable in database.examine(database.series()[1].uid):
        data, kwargs, kind = loadable.to_layers()[0]
        found = find_reference(kind, data, kwargs["metadata"]["dicomdb"], database)
        again, _, _ = layer_of(found, database)
        assert np.array_equal(np.asarray(again), np.asarray(data))


def test_what_is_not_the_same_has_no_reference(database, layer, tmp_path):
    data, metadata = layer
    changed = np.array(data)
    assert find_reference("image", changed, metadata, database) is not None
    changed[0, 0, 0] += 1
    moved = {**metadata, "lps_from_data": metadata["lps_from_data"] + np.eye(4)}
    with Database.open(tmp_path / "empty") as empty:
        assert find_reference("image", data, metadata, empty) is None
    assert find_reference("image", changed, metadata, database) is None
    assert find_reference("image", np.asarray(data).astype(float), metadata, database) is None
    assert find_reference("image", data, moved, database) is None
    assert find_reference("image", data, {**metadata, "loader": "gone"}, database) is None
    assert find_reference("image", data, None, database) is None
    assert find_reference("points", data, metadata, database) is None
    assert find_reference("image", data, metadata, None) is None


def test_missing_images_are_counted(database, layer):
    found = find_reference("image", *layer, database)
    gone = found["series"][0]["instances"][1]
    database.remove(instance=gone)
    with pytest.raises(NotFoundError, match="1 of its 4 images") as caught:
        layer_of(found, database)
    assert caught.value.reason == "not-in-database"
    with pytest.raises(NotFoundError, match="4 of its 4 images"):
        layer_of(found, None)


@pytest.mark.parametrize(
    "change",
    [
        {"loader": 5},
        {"kind": "scene"},
        {"index": 99},
        {"index": "0"},
        {"series": "x"},
        {"series": [{"uid": 5, "instances": [[]]}]},
        {"frame": [[1]]},
        {"frame": "x"},
    ],
)
def test_damaged_references(database, layer, change):
    from napari_dicomdb.errors import DicomDbError

    found = find_reference("image", *layer, database)
    with pytest.raises(DicomDbError):
        layer_of({**found, **change}, database)


@pytest.mark.parametrize("alone", [False, True])
def test_what_is_found_of_a_part_of_a_series_stays(tmp_path, alone):
    """Whether a part was opened as one of two of its series, or without the other."""
    write_phantom_study(tmp_path / "phantom", ("axial-ct",), matrix=16, slices=6)
    for k, path in enumerate(sorted((tmp_path / "phantom").rglob("*.dcm"))):
        header = dcmread(path)
        if k < 2:  # a localizer
            header.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
            header.ImagePositionPatient = [5 * k, 0, 0]
            header.save_as(path)
    with Database.open(tmp_path / "db") as database:
        database.import_paths([tmp_path / "phantom"], workers=0)
        (series,) = database.series()
        ways = [way for way in database.examine(series) if way.kind == "scalar-volume"]
        way = next(way for way in ways if len(way.instances) == 4)
        if alone:
            way = next(w for w in examine(way.instances) if w.kind == way.kind)
        data, kwargs, kind = way.to_layers()[0]
        metadata = kwargs["metadata"]["dicomdb"]
        codes = {finding["code"] for finding in metadata["findings"]}
        assert ("split-series" in codes) is not alone
        found = find_reference(kind, data, metadata, database)
        assert found["of_series"] is not alone
        _, again, _ = layer_of(found, database)
        assert again["metadata"]["dicomdb"]["findings"] == metadata["findings"]
        assert again["name"] == kwargs["name"]
        # The rest of the series is gone: what is left opens all the same.
        for record in database.instances(series):
            if record.uid not in metadata["instance_uids"]:
                database.remove(instance=record)
        again, _, _ = layer_of(found, database)
        assert np.array_equal(np.asarray(again), np.asarray(data))


def test_segments_lie_on_their_image_again(reference_data, tmp_path):
    with Database.open(tmp_path / "db") as database:
        database.import_paths([reference_data / "seg"], workers=0)
        (series,) = [s for s in database.series() if s.description == "Segmentation"][:1]
        way = database.examine(series)[0]
        data, kwargs, kind = way.to_layers()[0]
        metadata = kwargs["metadata"]["dicomdb"]
        assert metadata["reference_series_uid"]
        found = find_reference(kind, data, metadata, database)
        _, again, _ = layer_of(found, database)
        told = again["metadata"]["dicomdb"]
        assert told["reference_series_uid"] == metadata["reference_series_uid"]
        assert told["references"] == metadata["references"]
        assert np.array_equal(told["lps_from_data"], metadata["lps_from_data"])
