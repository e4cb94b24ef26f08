"""Parametric maps: dciodvfy, us, highdicom's pixels by pydicom, dcmqi."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from tests.export.sources import anybody, errors_of, made_up, of_data

from napari_dicomdb import Database
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.exporters.parametric_map import ParametricMapExporter
from napari_dicomdb.export.results import write_results
from napari_dicomdb.loading.volume import VolumeGeometry


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
    read = SimpleITK.GetArrayFromImage(image)
    # dcmqi 1.5.7 lays slices from last to first under an origin of its own: values only.
    same = [np.array_equal(one, values) for one in (read, read[::-1])]
    assert any(same)


def test_what_a_map_cannot_be_is_said_before(tmp_path: Path) -> None:
    examine = ParametricMapExporter().examine
    array = np.zeros((3, 4, 5), np.float32)
    for source, words in (
        (made_up(array), "images it was made from"),
        (made_up(array, geometry=None, references=("1.2",)), "place in the patient"),
        (made_up(array[None], references=("1.2",)), "no axis beside space"),
    ):
        (one,) = examine(source)
        assert words in one.refusal
    assert examine(made_up(array, role="labels")) == []
    assert examine(made_up(np.zeros((1, 2, 2, 3), np.uint8), is_rgb=True)) == []
    (one,) = examine(made_up(array, references=("1.2",)))
    with pytest.raises(ExportError) as error:
        write_results(None, [one], anybody(), folder=tmp_path / "out")
    assert error.value.reason == "no-source"
    flat = VolumeGeometry(np.eye(4), (3, 4, 5), in_patient=False)
    assert examine(made_up(array, geometry=flat))[0].refusal
