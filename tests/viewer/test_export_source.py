"""Layers as sources: written and loaded again they are where they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels, Layer, Points
from pandas import DataFrame, Series
from pydicom import dcmread
from tests.database.conftest import write_series

from napari_dicomdb import Database
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.images.leading_axes import leading_axes
from napari_dicomdb.export.registry import examine_for_export
from napari_dicomdb.export.results import write_results
from napari_dicomdb.export.segments.segment_meanings import meaning_of
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.export.study import StudyTarget
from napari_dicomdb.viewer.export_source import source_of
from napari_dicomdb.viewer.layers import volume_to_layers
from napari_dicomdb.viewer.placement import LPS_FROM_IPL


def same_places(source, array: np.ndarray, affine: np.ndarray) -> None:
    """Compare values by their place in LPS."""
    index = np.indices(source.grid).reshape(3, -1)
    places = source.geometry.affine @ np.vstack([index, np.ones(index.shape[1])])
    at = np.linalg.solve(affine, places)[:3]
    near = np.rint(at).astype(int)
    assert np.abs(at - near).max() < 1e-3
    np.testing.assert_array_equal(source.numpy()[tuple(index)], array[tuple(near)])
    assert source.array.size == array.size


@pytest.mark.parametrize(
    "name",
    ["rt_dvh_slicerrt/ct", "ctmrpet_rtstruct/STS_002_MR_T1/dicom", "seg/ct-3slice",
     "mr_vendors/dicom2nifti__hyperfine_anatomical_001"],
)  # fmt: skip
def test_our_layers_are_exactly_where_their_files_are(name: str, reference_data: Path) -> None:
    with Database.in_memory() as database:
        database.import_paths(reference_data / name, workers=0)
        series = max(database.series(), key=lambda s: s.instance_count)
        offer = next(o for o in database.examine(series) if o.selected)
        volume = offer.load(lazy=False)
    layer = Layer.create(*volume_to_layers(volume)[0])
    source = source_of(layer)
    assert source.dims == ("slice", "row", "column")
    assert source.references == tuple(volume.meta["instance_uids"])
    assert (source.modality, source.units) == (volume.meta["modality"], volume.units)
    assert source.study_uid == series.study_uid
    assert source.geometry.frame_of_reference_uid == series.frame_of_reference_uid
    if layer.metadata["dicomdb"]["native"]:
        assert sorted(source.grid) == sorted(volume.shape)
        same_places(source, volume.numpy(), volume.geometry.affine)
        assert source.findings == ()
    else:
        assert [f.code for f in source.findings] == ["resampled"]


def test_layers_of_diffusion_keep_their_gradients(reference_data: Path) -> None:
    with Database.in_memory() as database:
        database.import_paths(
            reference_data / "mr_vendors" / "dicom2nifti__philips_dti_001", workers=0
        )
        (series,) = database.series()
        volume = next(o for o in database.examine(series) if o.selected).load(lazy=False)
    source = source_of(Layer.create(*volume_to_layers(volume)[0]))
    (axis,) = leading_axes(source)
    assert axis.diffusion is not None
    assert axis.diffusion.b_values == tuple(volume.meta["b_values"])
    assert [d or (0, 0, 0) for d in axis.diffusion.directions] == pytest.approx(
        np.array(volume.meta["directions_lps"])
    )
    assert list(axis.diffusion.directionality) == volume.meta["directionality"]


def test_a_layer_of_others_is_where_napari_shows_it() -> None:
    array = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    layer = Image(
        array,
        scale=(2, 3, 4, 5),
        translate=(10, 100, 200, 300),
        units=("s", "mm", "mm", "um"),
        axis_labels=("Time", "z", "y", "x"),
        contrast_limits=(3, 40),
    )
    source = source_of(layer)
    assert source.dims == ("time", "slice", "row", "column")
    assert (source.coords["time"].values, source.coords["time"].unit) == ((10, 12), "s")
    # (I, P, L) = (-z, y, x); micrometres along the last axis.
    at = source.geometry.affine @ [2, 3, 4, 1]
    np.testing.assert_allclose(at[:3], [0.001 * (300 + 20), 200 + 12, -(100 + 6)])
    assert source.window == (3, 40)
    assert source.geometry.in_patient
    assert source.references == ()


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")
def test_sheared_and_rotated_layers_keep_their_transform() -> None:
    layer = Image(np.zeros((3, 4, 5)), scale=(1, 2, 3), rotate=(10, 20, 30), shear=(0.1, 0, 0.2),
                  units=("mm",) * 3)  # fmt: skip
    source = source_of(layer)
    for point in ((0, 0, 0), (2, 0, 1), (1, 3, 4)):
        inferior, posterior, left = layer.data_to_world(point)
        at = source.geometry.affine @ [*point, 1]
        np.testing.assert_allclose(at[:3], [left, posterior, -inferior], atol=1e-9)


def test_a_layer_that_was_moved_is_where_it_is_shown(reference_data: Path) -> None:
    with Database.in_memory() as database:
        database.import_paths(reference_data / "rt_dvh_slicerrt/ct", workers=0)
        volume = database.load(database.series()[0], lazy=False)
    layer = Layer.create(*volume_to_layers(volume)[0])
    before = source_of(layer).geometry.affine
    layer.translate = np.add(layer.translate, (0, 0, 50))
    source = source_of(layer)
    assert [f.code for f in source.findings] == ["drift"]
    np.testing.assert_allclose(source.geometry.affine[:3, 3] - before[:3, 3], [50, 0, 0], atol=0.5)
    half = Image(layer.data[:, ::2, ::2], metadata=layer.metadata, units=("mm",) * 3,
                 scale=np.asarray(layer.scale) * (1, 2, 2), translate=layer.translate)  # fmt: skip
    assert source_of(half).geometry.spacing[1] == pytest.approx(2 * volume.geometry.spacing[1])


def test_pixels_pictures_and_colours() -> None:
    source = source_of(Image(np.zeros((3, 4, 5))))
    assert not source.geometry.in_patient
    assert [f.code for f in source.findings] == ["no-spacing"]
    flat = source_of(Image(np.zeros((4, 5, 3), np.uint8), rgb=True, scale=(0.5, 0.25),
                           units=("mm", "mm")))  # fmt: skip
    assert (flat.shape, flat.is_rgb, flat.geometry.in_patient) == ((1, 4, 5, 3), True, False)
    assert flat.geometry.spacing[1:] == (0.5, 0.25)
    with pytest.raises(ExportError) as error:
        source_of(Points(np.zeros((2, 3))))
    assert error.value.reason == "not-an-image"


def test_labels_bring_names_and_colours() -> None:
    layer = Labels(
        np.array([[[0, 1], [2, 2]]]),
        features={"index": [0, 1, 2], "name": ["background", "liver", "spleen"]},
        units=("mm",) * 3,
    )
    source = source_of(layer)
    assert source.role == "labels"
    assert {v: one.name for v, one in source.labels.items()} == {1: "liver", 2: "spleen"}
    np.testing.assert_allclose(source.labels[1].colour, layer.get_color(1)[:3])
    assert source.window is None


@pytest.mark.parametrize(
    ("labels", "units", "dims"),
    [
        (("t", "y", "x"), ("pixel",) * 3, ("time", "slice", "row", "column")),
        (("a", "y", "x"), ("s", "mm", "mm"), ("a", "slice", "row", "column")),
        (("t", "c", "y", "x"), ("s", "pixel", "um", "um"), ("time", "channel")),
        (("z", "y", "x"), ("pixel",) * 3, ("slice", "row", "column")),
        (("t", "t", "z", "y", "x"), ("mm",) * 5, ("time", "time_1")),
    ],
)
def test_axes_that_are_none_of_space(labels, units, dims) -> None:
    # A time series (t, y, x) was written as a stack of slices.
    array = np.arange(2 * 3 * 4 * 5 * 6).reshape(2, 3, 4, 5, 6)[(0,) * (5 - len(labels))]
    layer = Image(array, axis_labels=labels, units=units, scale=(1,) * (len(labels) - 2) + (2, 3))
    source = source_of(layer)
    assert source.dims[: len(dims)] == dims
    assert source.numpy().size == array.size
    np.testing.assert_array_equal(source.numpy().reshape(array.shape), array)
    if "y" in labels[-2:] and labels[-3] != "z":
        assert source.grid[0] == 1
        assert not source.geometry.in_patient
        scale = 0.001 if "um" in units else 1
        np.testing.assert_allclose(source.geometry.spacing[1:], (2 * scale, 3 * scale))


def test_an_axis_without_a_name_in_seconds_is_time() -> None:
    layer = Image(np.zeros((2, 3, 4, 5, 6)), units=("s", "ms", "mm", "mm", "mm"),
                  scale=(1.5, 20, 1, 1, 1))  # fmt: skip
    source = source_of(layer)
    assert source.dims == ("time", "axis_1", "slice", "row", "column")
    assert (source.coords["time"].values, source.coords["time"].unit) == ((0, 1.5), "s")


def test_what_is_lazy_stays_lazy() -> None:
    dask = pytest.importorskip("dask.array")
    picture = dask.ones((40, 50), chunks=20, dtype="u1")
    source = source_of(Image(picture, contrast_limits=(0, 2)))
    assert hasattr(source.array, "dask")
    pyramid = [dask.ones((4, 64, 64), chunks=16), dask.ones((4, 32, 32), chunks=16)]
    source = source_of(
        Image(pyramid, multiscale=True, units=("mm",) * 3, scale=(2, 1, 1), contrast_limits=(0, 2))
    )
    assert (source.grid, hasattr(source.array, "dask")) == ((4, 64, 64), True)
    assert source.geometry.spacing == pytest.approx((2, 1, 1))


def test_labels_of_a_slide_are_read_where_they_are_asked_for(counting_array) -> None:
    values = np.arange(600, dtype=np.uint16).reshape(20, 30)
    lazy = counting_array(values)
    layer = Labels(lazy, multiscale=False)
    lazy.slices.clear()
    source = source_of(layer)
    assert (source.grid, lazy.slices) == ((1, 20, 30), [])
    np.testing.assert_array_equal(source.array[0, 3:5, 10:], values[3:5, 10:])
    assert lazy.slices == [3, 4]


def test_levels_of_multiscale_labels_come_along() -> None:
    levels = [np.zeros((64, 40), np.uint8), np.ones((32, 20), np.uint8)]
    source = source_of(Labels(levels, multiscale=True, scale=(0.5, 0.5), units=("mm", "mm")))
    assert source.grid == (1, 64, 40)
    assert [np.asarray(level).tolist() for level in source.levels] == [levels[1][None].tolist()]
    assert source.with_array(source.array, source.geometry).levels == ()


def test_a_volume_that_is_turned_stays_lazy(counting_array) -> None:
    values = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    lazy = counting_array(values)
    layer = Image(lazy, contrast_limits=(0, 9), units=("mm",) * 3)
    affine = LPS_FROM_IPL
    layer.metadata["dicomdb"] = {"lps_from_data": affine, "native_axes": (1, 0, 2), "native": True}
    lazy.slices.clear()
    source = source_of(layer)
    assert lazy.slices == []
    assert source.grid == (5, 4, 6)
    np.testing.assert_array_equal(source.plane((), 2), values[:, 2])


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")
def test_layers_mirrored_or_with_an_affine_are_where_they_are_shown() -> None:
    matrix = np.eye(4)
    matrix[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    matrix[:3, 3] = (5, 6, 7)
    for layer in (
        Image(np.zeros((3, 4, 5)), scale=(1, -2, 3), units=("mm",) * 3),
        Image(np.zeros((3, 4, 5)), scale=(1, 2, 3), affine=matrix, units=("mm",) * 3),
    ):
        affine = source_of(layer).geometry.affine
        for point in ((0, 0, 0), (2, 3, 1)):
            inferior, posterior, left = layer.data_to_world(point)
            np.testing.assert_allclose(
                (affine @ (*point, 1))[:3], (left, posterior, -inferior), atol=1e-9
            )


@pytest.mark.parametrize(
    ("place", "is_said"),
    [
        ({"shear": (0.2, 0, 0)}, True),
        ({"rotate": (0, 0, 20)}, True),
        ({"scale": (3, 0.5, 0.5), "translate": (9, 0, 0)}, False),
        ({}, False),
    ],
)
def test_a_turn_that_goes_with_the_pixels_is_said(place: dict[str, Any], is_said: bool) -> None:
    source = source_of(Image(np.zeros((2, 3, 4), np.uint8), **place))
    assert not source.geometry.in_patient
    (finding,) = source.findings
    assert ("turned or sheared is not kept" in finding.text) is is_said


def test_pixels_beside_images_in_millimetres() -> None:
    result = Image(np.zeros((3, 4, 5)), scale=(3, 0.5, 0.5), translate=(10, 0, 0))
    assert not source_of(result).geometry.in_patient
    source = source_of(result, frame=np.eye(4))
    assert source.geometry.in_patient
    assert [f.code for f in source.findings] == ["no-spacing"]
    # Nobody gave this one a place.
    assert not source_of(Image(np.zeros((3, 4, 5))), frame=np.eye(4)).geometry.in_patient


@pytest.mark.parametrize("nothing", [np.nan, np.inf, None])
def test_rows_of_features_that_say_nothing(nothing) -> None:
    # A row without a number stopped the dock; a label without a name was called "nan".
    layer = Labels(
        np.array([[[0, 1], [2, 2]]]),
        features={"index": [0, 1, nothing], "name": ["background", "liver", "lost"]},
    )
    assert {v: one.name for v, one in source_of(layer).labels.items()} == {1: "liver"}
    layer.features = DataFrame({"index": [0, 1, 2], "name": ["background", np.nan, "spleen"]})
    labels = source_of(layer).labels
    assert {v: one.name for v, one in labels.items()} == {1: "", 2: "spleen"}
    assert meaning_of(labels[1]).label == "Segment 1"


def test_cells_of_pandas_that_say_nothing() -> None:
    table = DataFrame({"index": Series([0, 1, None], dtype="Int64"), "name": ["", "liver", ""]})
    table["type_code"] = Series([None, None, "SCT 1"], dtype="string")
    (label,) = source_of(Labels(np.array([[[0, 1]]]), features=table)).labels.values()
    assert meaning_of(label).type.meaning == "Liver"


def test_a_series_with_a_gap_can_be_written_however_it_was_opened(tmp_path) -> None:
    # Opened with the gap filled, as it is by default, it was refused as uneven; a volume
    # of it with the gap was refused for what the window only warns of.
    files = write_series(tmp_path / "in", 8, 1, FrameOfReferenceUID="1.2.3")
    files[3].unlink()
    with Database.in_memory() as database:
        database.import_paths(tmp_path / "in", workers=0)
        (series,) = database.series()
        filled, *_, stacked = database.examine(series)
        assert (filled.shape, stacked.shape) == ((8, 4, 4), (7, 4, 4))
        for way in (filled, stacked):
            volume = way.load(lazy=False)
            data, kwargs, kind = way.to_layers(volume)[0]
            of_layer = source_of(Layer.create(data, kwargs, kind))
            del kwargs["metadata"]["dicomdb"]["is_regular"]  # as scenes of earlier versions
            of_old = source_of(Layer.create(data, kwargs, kind))
            for k, source in enumerate((ExportSource.of_volume(volume), of_layer, of_old)):
                assert source.geometry.is_regular == (way is filled)
                offer = examine_for_export(source)[0]
                if way is stacked:
                    offer = offer.with_options(geometry="keep")
                target = StudyTarget.of_study(database, series.study_uid, source.references)
                folder = tmp_path / f"{way.shape[0]}-{k}"
                report = write_results(None, [offer], target, folder=folder)
                heights = [float(dcmread(path).ImagePositionPatient[2]) for path in report.files]
                wanted = [2.5 * n for n in range(1, 9) if way is filled or n != 4]
                assert heights == pytest.approx(wanted)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_gradients_go_with_a_layer_that_is_turned(reference_data: Path) -> None:
    with Database.in_memory() as database:
        database.import_paths(
            reference_data / "mr_vendors" / "dicom2nifti__siemens_dti_classic_001", workers=0
        )
        (series,) = database.series()
        volume = next(o for o in database.examine(series) if o.selected).load(lazy=False)
    layer = Layer.create(*volume_to_layers(volume)[0])
    before = source_of(layer)
    assert np.allclose(before.meta["directions_lps"], volume.meta["directions_lps"])
    turn = np.eye(5)
    turn[2:4, 2:4] = [[0, -1], [1, 0]]  # in the world: a right angle would look like other axes
    turn[2:4, 2:4] = turn[2:4, 2:4] * 0.6 + np.eye(2) * 0.8
    layer.affine = turn
    after = source_of(layer)
    moved = after.geometry.affine[:3, :3] @ np.linalg.inv(before.geometry.affine[:3, :3])
    wanted = np.asarray(before.meta["directions_lps"]) @ moved.T
    assert np.abs(moved - np.eye(3)).max() > 0.5
    assert np.allclose(after.meta["directions_lps"], wanted, atol=1e-6)
    (axis,) = leading_axes(after)
    assert axis.diffusion is not None
    assert np.allclose(axis.diffusion.directions[1], wanted[1], atol=1e-6)
