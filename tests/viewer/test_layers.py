"""LayerData tuples: transform, units, window, colours, metadata; what is read."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Image, Layer

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.loading.volume import Coord, Volume, VolumeGeometry
from napari_dicomdb.viewer.layers import contrast_limits, volume_to_layers


def lps_of_layer(layer, index):
    """LPS of a data index, through napari's own transform and the frame."""
    world = np.asarray(layer.data_to_world(index))[-3:]
    frame = layer.metadata["dicomdb"]["frame"]
    minus_z, y, x = frame[:3, :3].T @ world
    return np.array([x, y, -minus_z])


@pytest.mark.parametrize("kind", ["axial CT", "oblique MR", "sagittal MR", "tilted CT"])
@pytest.mark.parametrize("frame", [None, np.eye(4)])
def test_napari_transform_and_metadata_agree(make_volume, kind, frame):
    [(data, kwargs, layer_type)] = volume_to_layers(make_volume(kind), frame=frame)
    layer = Layer.create(data, kwargs, layer_type)
    matrix = layer.metadata["dicomdb"]["lps_from_data"]
    for index in ([0, 0, 0], [3, 4, 5], [n - 1 for n in data.shape]):
        np.testing.assert_allclose(
            lps_of_layer(layer, index), (matrix @ [*index, 1])[:3], atol=1e-9
        )
    assert [str(u) for u in layer.units] == ["millimeter"] * 3
    assert layer.axis_labels == ("I", "P", "L")
    assert isinstance(layer, Image) and not layer.rgb


def test_native_data_are_the_header_geometry(make_volume):
    volume = make_volume("sagittal MR")
    [(data, kwargs, _)] = volume_to_layers(volume)
    meta = kwargs["metadata"]["dicomdb"]
    assert meta["native"]
    affine = volume.geometry.affine
    for k, r, c in [(0, 0, 0), (5, 6, 7), (41, 69, 71)]:
        lps = affine @ (k, r, c, 1)
        index = np.linalg.solve(meta["lps_from_data"], lps)[:3]
        np.testing.assert_allclose(index, np.rint(index), atol=1e-9)
        assert data[tuple(np.rint(index).astype(int))] == volume.array[k, r, c]


def test_transform_is_plain_for_aligned_volumes(make_volume):
    [(_, kwargs, _)] = volume_to_layers(make_volume("axial CT"))
    np.testing.assert_array_equal(kwargs["rotate"], np.eye(3))
    np.testing.assert_array_equal(kwargs["affine"], np.eye(4))
    assert all(s > 0 for s in kwargs["scale"])


def test_metadata_says_where_it_comes_from(make_volume):
    finding = Finding(FindingCode.MISSING_SLICES, Severity.WARNING, "two are missing", {"n": 2})
    volume = make_volume("axial CT")
    volume.meta |= {"findings": (finding,), "rescale": [(1.0, -1024.0)], "loader": "scalar"}
    meta = volume_to_layers(volume)[0][1]["metadata"]["dicomdb"]
    assert meta["series_uid"] == volume.meta["series_uid"]
    assert meta["instance_uids"] == volume.meta["instance_uids"]
    assert meta["frame_of_reference_uid"] == "1.2.3"
    assert meta["findings"] == [finding.to_json()]
    assert meta["windows"] == [("all", 0.0, 255.0)]
    assert meta["rescale"] == [(1.0, -1024.0)]
    assert (meta["units"], meta["loader"]) == ("HU", "scalar")
    assert meta["dropped_angle_degrees"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("kind", ["axial CT", "sagittal MR"])
def test_adding_reads_two_slices_at_most(make_volume, counting_array, kind):
    volume = make_volume("axial CT")
    source = counting_array(volume.array)
    layer = Layer.create(*volume_to_layers(replace(volume, array=source))[0])
    assert len(set(source.slices)) <= 2
    source.slices.clear()
    from napari.components import ViewerModel

    viewer = ViewerModel()
    viewer.add_layer(layer)
    assert len(set(source.slices)) <= 2
    source.slices.clear()
    viewer.dims.set_point(0, viewer.dims.point[0] + 3.0)
    assert len(source.slices) == 1


def test_window_of_the_file_then_percentiles(make_volume):
    volume = make_volume("axial CT")
    assert contrast_limits(volume) == (0, 255)
    volume.meta["windows"] = ()
    low, high = contrast_limits(volume)
    expected = np.percentile(volume.array[22], (0.5, 99.5))
    assert (low, high) == pytest.approx(tuple(expected), abs=1)
    flat = replace(volume, array=np.full(volume.shape, 7, np.int16))
    low, high = contrast_limits(flat)
    assert low < high


def test_padding_is_not_taken_for_an_image():
    array = np.full((3, 8, 8), -2000, np.int16)
    array[:, 2:6, 2:6] = np.arange(16).reshape(4, 4) * 10
    geometry = VolumeGeometry(np.eye(4), (3, 8, 8))
    volume = Volume(
        array, ("slice", "row", "column"), geometry, meta={"padding": (-2000.0, -2000.0)}
    )
    low, high = contrast_limits(volume)
    assert 0 <= low < high <= 150


@pytest.mark.parametrize(
    ("meta", "colormap"),
    [
        ({"photometric": "MONOCHROME2", "modality": "CT"}, "gray"),
        ({"photometric": "MONOCHROME1", "modality": "CR"}, "gray_r"),
        ({"photometric": "MONOCHROME2", "modality": "PT"}, "gray_r"),
    ],
)
def test_colormap(make_volume, meta, colormap):
    volume = make_volume("axial CT")
    volume.meta |= meta
    assert volume_to_layers(volume)[0][1]["colormap"] == colormap


def test_three_slices_are_not_colours():
    geometry = VolumeGeometry(
        np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]]), (3, 40, 50)
    )
    volume = Volume(np.zeros((3, 40, 50), np.uint8), ("slice", "row", "column"), geometry)
    layer = Layer.create(*volume_to_layers(volume)[0])
    assert layer.data.shape[-1] == 3 and not layer.rgb and layer.ndim == 3


def test_colour_volume():
    geometry = VolumeGeometry(np.eye(4), (4, 6, 8))
    array = np.random.default_rng(0).integers(0, 255, (4, 6, 8, 3)).astype(np.uint8)
    volume = Volume(array, ("slice", "row", "column"), geometry, is_rgb=True)
    [(data, kwargs, kind)] = volume_to_layers(volume)
    layer = Layer.create(data, kwargs, kind)
    assert layer.rgb and layer.ndim == 3
    assert "contrast_limits" not in kwargs and "colormap" not in kwargs


def four_dimensional(coord, affine=None):
    geometry = VolumeGeometry(np.eye(4) if affine is None else affine, (4, 6, 8))
    array = np.zeros((3, 4, 6, 8), np.int16)
    array[...] = np.arange(3)[:, None, None, None]
    return Volume(array, ("time", "slice", "row", "column"), geometry, coords={"time": coord})


@pytest.mark.parametrize(
    ("coord", "scale", "start", "unit"),
    [
        (Coord((1.0, 3.5, 6.0), "s"), 2.5, 1.0, "second"),
        (Coord((0.0, 1.0, 9.0), "s"), 1.0, 0.0, "dimensionless"),  # uneven
        (Coord((0.0, 1000.0, 2000.0), "s/mm2"), 1000.0, 0.0, "second / millimeter ** 2"),
        (Coord((2.0, 1.0, 0.0), "s"), 1.0, 0.0, "dimensionless"),  # backwards
        (Coord(("a", "b", "c"), "s"), 1.0, 0.0, "dimensionless"),
        (Coord((0.0, 1.0, 2.0), "furlong"), 1.0, 0.0, "dimensionless"),
    ],
)
def test_leading_axes(coord, scale, start, unit):
    layer = Layer.create(*volume_to_layers(four_dimensional(coord))[0])
    assert layer.ndim == 4
    assert layer.data_to_world([0, 0, 0, 0])[0] == pytest.approx(start)
    assert layer.data_to_world([1, 0, 0, 0])[0] == pytest.approx(start + scale)
    assert [str(u) for u in layer.units] == [unit] + ["millimeter"] * 3
    assert layer.axis_labels == ("time", "I", "P", "L")


def test_leading_axes_of_an_oblique(make_volume):
    affine = make_volume("oblique MR").geometry.affine
    for frame in (None, np.eye(4)):
        volume = four_dimensional(Coord((0.0, 2.0, 4.0), "s"), affine)
        layer = Layer.create(*volume_to_layers(volume, frame=frame)[0])
        matrix = layer.metadata["dicomdb"]["lps_from_data"]
        np.testing.assert_allclose(
            lps_of_layer(layer, [2, 1, 2, 3]), (matrix @ (1, 2, 3, 1))[:3], atol=1e-9
        )
        middle = [n // 2 for n in layer.data.shape[1:]]
        assert np.asarray(layer.data[(2, *middle)]) == 2


def test_image_outside_the_patient():
    affine = np.diag([1.0, 0.2, 0.3, 1.0])
    geometry = VolumeGeometry(affine, (1, 5, 7), in_patient=False, spacing_label="mm, calibrated")
    volume = Volume(np.arange(35).reshape(5, 7), ("row", "column"), geometry)
    [(data, kwargs, _)] = volume_to_layers(volume, frame=np.eye(4))
    assert kwargs["scale"] == pytest.approx((0.2, 0.3))
    assert kwargs["units"] == ("mm", "mm") and data.shape == (5, 7)
    assert kwargs["axis_labels"] == ("row", "column")
    meta = kwargs["metadata"]["dicomdb"]
    assert meta["frame"] is None and meta["lps_from_data"] is None
    assert meta["spacing_label"] == "mm, calibrated"
    assert Layer.create(*volume_to_layers(volume)[0]).ndim == 2


def test_image_without_spacing_is_in_pixels():
    geometry = VolumeGeometry(np.eye(4), (1, 5, 7), in_patient=False, spacing_label="pixel")
    volume = Volume(
        np.zeros((2, 5, 7)),
        ("frame", "row", "column"),
        geometry,
        coords={"frame": Coord((0.0, 40.0), "ms")},
    )
    layer = Layer.create(*volume_to_layers(volume)[0])
    assert [str(u) for u in layer.units] == ["millisecond", "pixel", "pixel"]
    assert layer.scale.tolist() == [40, 1, 1]


def test_single_image_in_the_patient_gets_a_slice(make_volume):
    volume = make_volume("oblique MR")
    geometry = replace(volume.geometry, shape=(1, 72, 74))
    single = replace(volume, array=volume.array[3], dims=("row", "column"), geometry=geometry)
    [(data, kwargs, _)] = volume_to_layers(single)
    assert data.shape == (1, 72, 74) and kwargs["metadata"]["dicomdb"]["native"]


def test_labels_are_never_mixed(make_volume):
    volume = make_volume("oblique MR")
    labels = replace(
        volume,
        array=(volume.array > 100).astype(np.uint8) * 7,
        meta=volume.meta | {"kind": "labels"},
    )
    [(data, kwargs, kind)] = volume_to_layers(labels, frame=np.eye(4))
    assert kind == "labels" and isinstance(data, np.ndarray)
    assert set(np.unique(data)) == {0, 7}
    assert "contrast_limits" not in kwargs
    assert Layer.create(data, kwargs, kind).ndim == 3


def test_layers_need_no_napari():
    code = (
        "import sys; import napari_dicomdb.viewer.layers; "
        "print([m for m in ('napari', 'vispy', 'qtpy') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("units", "ucum", "quantity", "limits", "name"),
    [
        ("GML", "{SUVbw}g/ml", "SUVbw", (0, 6), "PET [g/ml]"),
        ("BQML", "Bq/ml", "Activity concentration", None, "PET [Bq/ml]"),
        ("CPS", "{counts}/s", "Count rate", None, "PET [CPS]"),
        ("PROPCNTS", "", "Proportional to counts", None, "PET [PROPCNTS]"),
    ],
)
def test_pet_is_dark_on_light_and_names_its_unit(units, ucum, quantity, limits, name):
    array = np.tile(np.linspace(0, 20, 30, dtype=np.float32).reshape(6, 5), (4, 1, 1))
    meta = {"modality": "PT", "name": "PET", "quantity": quantity, "pet": {"Units": units}}
    meta["ucum_units"] = ucum
    volume = Volume(
        array, ("slice", "row", "column"), VolumeGeometry(np.eye(4), (4, 6, 5)), {}, units
    )
    [(_, kwargs, _)] = volume_to_layers(replace(volume, meta=meta))
    assert kwargs["colormap"] == "gray_r"
    assert kwargs["name"] == name
    assert limits is None or kwargs["contrast_limits"] == limits
    told = kwargs["metadata"]["dicomdb"]
    assert (told["units"], told["quantity"], told["pet"]) == (units, quantity, {"Units": units})
