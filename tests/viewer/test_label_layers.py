"""Segmentations as napari layers: names, colours, codes, place."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_dicomdb import Database, examine
from napari_dicomdb.export.registry import examine_for_export
from napari_dicomdb.export.study import StudyTarget
from napari_dicomdb.loading.segments.segment_list import Segment
from napari_dicomdb.loading.volume import Coord, Volume, VolumeGeometry
from napari_dicomdb.progress import no_progress
from napari_dicomdb.viewer.export_source import source_of
from napari_dicomdb.viewer.label_layers import is_segmentation
from napari_dicomdb.viewer.layers import volume_to_layers

RED = Segment(1, 1, "Red", (255, 0, 0))
BLUE = Segment(4, 4, "Blue", (0, 0, 255))
AFFINE = np.array([[0, 0, 2, -5], [0, 2, 0, -7], [3, 0, 0, 11], [0, 0, 0, 1.0]])


def volume(array, dims=("slice", "row", "column"), affine=AFFINE, **meta):
    grid = array.shape[-3:]
    meta = {"kind": "segmentation", "name": "Seg", "segments": ((RED, BLUE),)} | meta
    return Volume(array, dims, VolumeGeometry(affine, grid, "1.2.3"), meta=meta)


def test_names_colours_and_volumes_of_labels():
    array = np.zeros((2, 3, 4), np.uint8)
    array[0, 0, :2], array[1] = 1, 4
    ((data, kwargs, kind),) = volume_to_layers(volume(array, segment_voxels={1: 2, 4: 12}))
    assert kind == "labels"
    layer = Layer.create(data, kwargs, kind)
    assert layer.get_color(1).tolist() == [1, 0, 0, 1]
    assert layer.get_color(4).tolist() == [0, 0, 1, 1]
    assert layer.features["name"].tolist() == ["background", "Red", "Blue"]
    assert layer.features["index"].tolist() == [0, 1, 4]
    assert layer.features["volume_ml"].tolist()[1:] == pytest.approx([0.024, 0.144])
    assert layer.features["voxels"].tolist() == [10, 2, 12]
    assert [s["name"] for s in layer.metadata["dicomdb"]["segments"]] == ["Red", "Blue"]
    assert layer.metadata["dicomdb"]["frame_of_reference_uid"] == "1.2.3"
    world = layer.data_to_world((1, 1, 2))
    lps = layer.metadata["dicomdb"]["lps_from_data"] @ (1, 1, 2, 1)
    assert world == pytest.approx((-lps[2], lps[1], lps[0]))


def test_overlapping_groups_are_layers_of_their_own():
    array = np.stack([np.full((2, 3, 4), 1, np.uint8), np.full((2, 3, 4), 4, np.uint8)])
    made = volume(array, ("group", "slice", "row", "column"), segments=((RED,), (BLUE,)))
    layers = volume_to_layers(made)
    assert [kwargs["name"] for _, kwargs, _ in layers] == ["Seg: Red", "Seg: Blue"]
    assert [int(np.max(data)) for data, *_ in layers] == [1, 4]
    assert all(len(kwargs["scale"]) == 3 for _, kwargs, _ in layers)


def test_fractions_add_up_in_the_colour_of_their_segment():
    array = np.linspace(0, 1, 48, dtype=np.float32).reshape(2, 2, 3, 4)
    made = volume(
        array,
        ("segment", "slice", "row", "column"),
        kind="fractional-segmentation",
        segments=((RED,), (BLUE,)),
    )
    made.coords["segment"] = Coord(("Red", "Blue"))
    first, second = volume_to_layers(made)
    layer = Layer.create(*second)
    assert first[2] == second[2] == "image"
    assert layer.blending == "additive"
    assert layer.contrast_limits == [0, 1]
    assert layer.colormap.map(np.array([1.0]))[0].tolist() == pytest.approx([0, 0, 1, 1])
    assert np.asarray(first[0]).max() < np.asarray(second[0]).max()


def test_an_oblique_one_takes_the_nearest_label():
    turned = AFFINE.copy()
    angle = np.radians(20)
    turn = np.eye(3)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turned[:3, :3] = turn @ turned[:3, :3]
    array = np.zeros((2, 9, 9), np.uint8)
    array[:, 3:6, 3:6] = 4
    ((data, kwargs, _),) = volume_to_layers(volume(array, affine=turned), frame=np.eye(4))
    assert not kwargs["metadata"]["dicomdb"]["native"]
    assert set(np.unique(data)) == {0, 4}
    assert isinstance(data, np.ndarray)


def test_only_segmentations_are_taken():
    assert not is_segmentation(volume(np.zeros((1, 2, 2), np.uint8), segments=()))


def test_a_segmentation_lies_on_its_image(reference_data):
    folder = reference_data / "seg"
    found = examine(folder / "liver.dcm", folder / "ct-3slice")
    by_kind = {one.kind: one for one in found if one.selected}
    (labels,) = [Layer.create(*one) for one in by_kind["segmentation"].to_layers()]
    (image,) = [Layer.create(*one) for one in by_kind["scalar-volume"].to_layers()]
    assert labels.data.shape == image.data.shape
    assert np.allclose(labels.extent.world, image.extent.world, atol=1e-3)
    assert labels.metadata["dicomdb"]["references"] == image.metadata["dicomdb"]["instance_uids"]
    assert labels.features["name"].tolist() == ["background", "Liver"]


def test_a_layer_is_written_as_it_was_read(reference_data, tmp_path):
    with Database.in_memory() as database:
        database.import_paths([reference_data / "seg" / f for f in ("liver.dcm", "ct-3slice")])
        offers = [one for series in database.series() for one in database.examine(series)]
        (found,) = [one for one in offers if one.kind == "segmentation"]
        volume = found.load()
        (layer,) = [Layer.create(*one) for one in found.to_layers(volume)]
        layer.data[0, :5, :5] = 1
        source = source_of(layer)
        target = StudyTarget.of_study(database, source.study_uid, source.references)
        (path,) = examine_for_export(source)[0].write(target, tmp_path, progress=no_progress)
    found_again = examine(path, reference_data / "seg" / "ct-3slice")
    (again,) = [one for one in found_again if one.kind == "segmentation"]
    written = again.load()
    (after,) = [Layer.create(*one) for one in again.to_layers(written)]
    assert np.array_equal(after.data, layer.data)
    known = ["name", "type_code", "category_code", "colour", "algorithm_type"]
    assert after.features[known].equals(layer.features[known])
    assert after.metadata["dicomdb"]["references"] == layer.metadata["dicomdb"]["references"]


def test_the_status_line_names_what_is_under_the_pointer(reference_data):
    (best,) = examine(reference_data / "seg" / "liver.dcm")
    ((data, kwargs, kind),) = best.to_layers()
    layer = Layer.create(data, kwargs, kind)
    viewer = ViewerModel()
    viewer.add_layer(layer)

    def told(point):
        where = layer.data_to_world(point)
        viewer.dims.set_point(range(3), where)
        return layer.get_status(where, dims_displayed=[1, 2], world=True)["value"]

    inside = np.argwhere(layer.data)[7]
    status = told(inside)
    assert status.startswith("1; name: Liver, number: 1")
    assert "type_code: SRT T-62000" in status or "type_code: SCT 10200004" in status
    voxels = int(np.count_nonzero(data))
    assert f"voxels: {voxels}" in status
    assert ": ," not in status  # what nobody said is not listed
    outside = told(np.argwhere(layer.data == 0)[0])
    assert outside == f"0; name: background, number: 0, voxels: {data.size - voxels}"
