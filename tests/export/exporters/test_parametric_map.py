"""Parametric maps: dciodvfy, us, highdicom's pixels by pydicom, dcmqi."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from tests.export.sources import DIMS, anybody, errors_of, made_up, of_data

from napari_dicomdb import Database
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.exporters.parametric_map import ParametricMapExporter
from napari_dicomdb.export.results import write_results
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.loading.volume import Coord, VolumeGeometry


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("name", ["STS_002_MR_T1", "STS_002_PET"])
def test_every_value_comes_back(
    name: str, precision: str, reference_data: Path, tmp_path: Path, program
) -> None:
    with Database.in_memory() as database:
        source, target = of_data(database, reference_data / "ctmrpet_rtstruct" / name / "dicom")
    dtype = np.float64 if precision == "double" else np.float32
    values = source.numpy().astype(dtype) / dtype(7)
    source = replace(source, array=values)
    (one,) = ParametricMapExporter().examine(source)
    one = one.with_options(precision=precision, quantity="adc", units="mm2/s", description="Map")
    (path,) = write_results(None, [one], target, folder=tmp_path).files
    assert errors_of(program, path) == []
    header = pydicom.dcmread(path)
    assert header.SeriesDescription == "Map"
    np.testing.assert_array_equal(np.sort(header.pixel_array, None), np.sort(values, None))
    with Database.in_memory() as database:
        database.import_paths(path, workers=0)
        (series,) = database.series()
        back = database.load(series, lazy=False)
    assert (back.units, back.meta["quantity"]) == ("mm2/s", "Apparent Diffusion Coefficient")
    assert back.dtype == dtype
    np.testing.assert_allclose(back.geometry.affine, source.geometry.affine, atol=1e-4)
    np.testing.assert_array_equal(back.numpy(), values)
    if precision == "double":
        return
    subprocess.run(
        [program("paramap2itkimage"), "--inputDICOM", path, "--outputDirectory", str(tmp_path),
         "--prefix", "x"], check=True, capture_output=True)  # fmt: skip
    (nrrd,) = tmp_path.glob("x*.nrrd")
    image = SimpleITK.ReadImage(str(nrrd))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image), values)
    place = np.eye(4)
    turned = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    place[:3, :3], place[:3, 3] = turned[:, ::-1], image.GetOrigin()
    np.testing.assert_allclose(place, source.geometry.affine, atol=1e-4)


def test_what_a_map_cannot_be_is_said_before() -> None:
    examine = ParametricMapExporter().examine
    array = np.zeros((3, 4, 5), np.float32)
    for source, words in (
        (made_up(array, geometry=None), "place in the patient"),
        (made_up(array[None, None, None, None]), "too many axes"),
    ):
        (one,) = examine(source)
        assert words in one.refusal
    assert examine(made_up(array, role="labels")) == []
    assert examine(made_up(array.astype(np.complex64))) == []
    assert examine(made_up(np.zeros((1, 2, 2, 3), np.uint8), is_rgb=True)) == []
    flat = VolumeGeometry(np.eye(4), (3, 4, 5), in_patient=False)
    assert examine(made_up(array, geometry=flat))[0].refusal


@pytest.mark.parametrize("shape", [(0, 4, 5), (3, 0, 5), (2, 3, 4, 0)])
def test_a_map_without_a_voxel_is_refused_before_writing(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    (one,) = ParametricMapExporter().examine(made_up(np.zeros(shape, np.float32)))
    assert one.refusal == "it is empty"
    with pytest.raises(ExportError, match="it is empty"):
        write_results(None, [one], anybody(), folder=tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_a_map_of_nothing_that_is_known(tmp_path: Path, program) -> None:
    array = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    array[1, 2, 3] = np.nan
    (one,) = examine_one(made_up(array))
    (path,) = write_results(None, [one], anybody(), folder=tmp_path).files
    assert errors_of(program, path) == []
    header = pydicom.dcmread(path)
    assert "ReferencedSeriesSequence" not in header
    np.testing.assert_array_equal(header.pixel_array, array)
    assert np.isnan(header.pixel_array[1, 2, 3])
    with Database.in_memory() as database:
        database.import_paths(path, workers=0)
        back = database.load(database.series()[0], lazy=False)
    np.testing.assert_array_equal(back.numpy(), array)


def examine_one(source):
    return ParametricMapExporter().examine(source)


def test_sources_are_named_by_series(reference_data: Path, tmp_path: Path) -> None:
    # Enhanced sources, and headers without attributes of type 2: highdicom took neither.
    folder = reference_data / "enhanced/dcm_qa_enh__Philips_WIP_B0_NS_801_e1/dicom"
    with Database.in_memory() as database:
        source, target = of_data(database, folder)
    (one,) = examine_one(source)
    (path,) = write_results(None, [one], target, folder=tmp_path).files
    header = pydicom.dcmread(path)
    (series,) = header.ReferencedSeriesSequence
    named = {str(i.ReferencedSOPInstanceUID) for i in series.ReferencedInstanceSequence}
    assert named == set(source.references)
    np.testing.assert_array_equal(np.sort(header.pixel_array, None), np.sort(source.numpy(), None))


def test_a_unit_that_is_no_code_is_left_to_be_said(tmp_path: Path) -> None:
    (one,) = examine_one(made_up(np.ones((1, 2, 2), np.float32), units="a very long unit indeed"))
    assert any("a very long unit indeed" in loss for loss in one.losses)
    assert one.answers["units"] == "1"
    assert write_results(None, [one], anybody(), folder=tmp_path).files


def loaded(paths) -> list:
    with Database.in_memory() as database:
        database.import_paths(paths, workers=0)
        offers = [one for one in database.examine(database.series()[0]) if one.selected]
        return [one.load(lazy=lazy) for one in offers for lazy in (False, True)]


def test_maps_over_time_keep_unit_quantity_and_times(tmp_path: Path) -> None:
    # Read as volumes over time, they were numbers of nothing.
    array = np.random.default_rng(3).normal(size=(2, 3, 4, 5, 6)).astype(np.float32)
    coords = {"time": Coord((0.0, 1.5), "s"), "echo_time": Coord((2.5, 5.0, 80.0), "ms")}
    (one,) = examine_one(made_up(array, dims=("time", "echo_time", *DIMS), coords=coords))
    one = one.with_options(quantity="t1", units="ms")
    for back in loaded(write_results(None, [one], anybody(), folder=tmp_path).files):
        assert (back.units, back.meta["quantity"], back.dtype) == ("ms", "T1", np.float32)
        assert {k: tuple(c.values) for k, c in back.coords.items()} == {
            k: c.values for k, c in coords.items()
        }
        np.testing.assert_array_equal(back.numpy(), array)
        (again,) = examine_one(ExportSource.of_volume(back))
        assert (again.answers["quantity"], again.answers["units"]) == ("t1", "ms")


def test_quantities_over_time_stay_apart(tmp_path: Path) -> None:
    # T1 and T2 have the same unit, and were taken for two steps of one volume.
    array = np.random.default_rng(3).normal(size=(2, 2, 3, 4, 5)).astype(np.float32)
    coords = {"quantity": Coord(("t1", "t2"), ""), "time": Coord((0.0, 1.5), "s")}
    (one,) = examine_one(made_up(array, dims=("quantity", "time", *DIMS), coords=coords))
    back = loaded(write_results(None, [one], anybody(), folder=tmp_path).files)[::2]
    assert [(one.meta["quantity"], one.dims[0]) for one in back] == [
        ("T1", "time"),
        ("T2", "time"),
    ]
    for volume, expected in zip(back, array, strict=True):
        np.testing.assert_array_equal(volume.numpy(), expected)
