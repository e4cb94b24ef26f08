"""Parametric maps beyond one volume of one quantity: read by us and by dciodvfy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from tests.export.sources import anybody, errors_of, made_up

from napari_dicomdb import Database
from napari_dicomdb.export.exporters.parametric_map import ParametricMapExporter
from napari_dicomdb.export.results import write_results
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.loading.volume import Coord, Volume

DIMS = ("slice", "row", "column")
RNG = np.random.default_rng(5)


def written(source: ExportSource, folder: Path, **options) -> str:
    (one,) = ParametricMapExporter().examine(source)
    (path,) = write_results(None, [one.with_options(**options)], anybody(), folder=folder).files
    return path


def read(path: str) -> list[Volume]:
    with Database.in_memory() as database:
        database.import_paths(path, workers=0)
        (series,) = database.series()
        return [o.load(lazy=False) for o in database.examine(series) if o.selected]


@pytest.mark.parametrize(
    "coords",
    [
        {"time": Coord((0.0, 1.5, 3.0), "s")},
        {"b_value": Coord((0.0, 500.0, 1000.0), "s/mm2")},
        {"time": Coord((0.0, 2.0), "s"), "echo_time": Coord((1.0, 2.0, 4.5), "ms")},
    ],
    ids=" ".join,
)
def test_axes_beside_space_come_back(coords: dict, tmp_path: Path, program) -> None:
    lengths = [len(coord.values) for coord in coords.values()]
    array = RNG.random((*lengths, 4, 5, 6)).astype(np.float32)
    source = made_up(array, dims=(*coords, *DIMS), coords=coords)
    (one,) = ParametricMapExporter().examine(source)
    assert (one.losses, one.refusal) == ((), "")
    path = written(source, tmp_path)
    assert errors_of(program, path) == []
    (back,) = read(path)
    assert back.dims == source.dims
    assert {name: tuple(c.values) for name, c in back.coords.items()} == {
        name: c.values for name, c in coords.items()
    }
    np.testing.assert_array_equal(back.numpy(), array)
    np.testing.assert_allclose(back.geometry.affine, source.geometry.affine, atol=1e-4)


def test_several_quantities_each_with_its_unit(tmp_path: Path, program) -> None:
    array = RNG.random((2, 4, 5, 6))
    source = made_up(
        array,
        dims=("quantity", *DIMS),
        coords={"quantity": Coord(("adc", "Fractional Anisotropy"))},
    )
    (one,) = ParametricMapExporter().examine(source)
    assert "quantity" not in {need.key for need in one.needs}
    path = written(source, tmp_path, precision="double")
    assert errors_of(program, path) == []
    header = pydicom.dcmread(path)
    np.testing.assert_array_equal(
        np.frombuffer(header.DoubleFloatPixelData).reshape(header.pixel_array.shape),
        array.reshape(8, 5, 6),
    )
    volumes = {v.meta["quantity"]: v for v in read(path)}
    assert {name: v.units for name, v in volumes.items()} == {
        "Apparent Diffusion Coefficient": "mm2/s",
        "Fractional Anisotropy": "",
    }
    np.testing.assert_array_equal(volumes["Fractional Anisotropy"].numpy(), array[1])


def test_axes_of_no_known_meaning_are_said_and_kept_apart(tmp_path: Path, program) -> None:
    array = RNG.random((2, 3, 2, 5, 6)).astype(np.float32)
    (one,) = ParametricMapExporter().examine(made_up(array))
    assert [loss.split("'")[1] for loss in one.losses] == ["axis_1"]
    path = written(made_up(array), tmp_path)
    assert errors_of(program, path) == []
    (back,) = read(path)
    np.testing.assert_array_equal(back.numpy(), array)


def test_frames_ascend_along_the_normal(tmp_path: Path) -> None:
    # dcmqi lays frames down in the order of the file.
    array = RNG.random((5, 4, 3)).astype(np.float32)
    source = made_up(array)
    turned = source.geometry.affine.copy()
    turned[:3, 3] += 4 * turned[:3, 0]
    turned[:3, 0] *= -1
    header = pydicom.dcmread(written(made_up(array[::-1], turned), tmp_path))
    places = [
        np.array(f.PlanePositionSequence[0].ImagePositionPatient, float)
        for f in header.PerFrameFunctionalGroupsSequence
    ]
    shared = header.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    along, down = np.array(shared.ImageOrientationPatient, float).reshape(2, 3)
    assert (np.diff([p @ np.cross(along, down) for p in places]) > 0).all()
    np.testing.assert_array_equal(header.pixel_array, array)
