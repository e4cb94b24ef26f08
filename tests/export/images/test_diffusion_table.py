"""Gradient tables written with images: read back by us, by pydicom and by dcm2niix."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from tests.export.sources import anybody, errors_of, made_up, of_data

from napari_dicomdb import Database, Volume
from napari_dicomdb.export.exporter import Exportable
from napari_dicomdb.export.images.diffusion_table import DiffusionTable, turned_gradients
from napari_dicomdb.export.registry import examine_for_export
from napari_dicomdb.export.results import write_results
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.loading.volume import Coord

DIMS = ("diffusion", "slice", "row", "column")
FORMS = ("classic", "enhanced", "secondary-capture", "multi-frame", "parametric-map")
MATRIX = [640.0, 480.0, 0.0, 360.0, 0.0, 1.0]
META: dict[str, Any] = {
    "modality": "MR",
    # Unweighted ones twice, one direction at two b-values, one twice: none may be lost.
    "b_values": [0.0, 1000.0, 500.0, 0.0, 1000.0, 1001.0, 700.0],
    "directions_lps": [
        *([0, 0, 0], [0.6, 0.8, 0], [0.6, 0.8, 0], [0, 0, 0], [0.6, 0.8, 0]),
        *([0.8, 0.6, 0.0], [0.0, -0.6, 0.8]),
    ],
    "directionality": ["NONE", *["DIRECTIONAL"] * 2, "NONE", "DIRECTIONAL", "BMATRIX", ""],
    "b_matrices": [None] * 5 + [MATRIX, None],
}
COORD = Coord(tuple(META["b_values"]), "s/mm2")
SETS = {
    "ge": "dwi/dcm_qa_ge__Ax_DWI_TENSOR_R2_1",
    "philips": "mr_vendors/dicom2nifti__philips_dti_001",
    "philips enhanced": "mr_vendors/dicom2nifti__philips_enhanced_dti_001",
    "siemens": "mr_vendors/dicom2nifti__siemens_dti_classic_001",
    "siemens xa": "enhanced/dcm_qa_xa60__phantom_check_MBfactor_TerraX_XA60_14_PRODUCT_"
    "ep2d_diff_p3_sms1",
}


def form_of(source: ExportSource, form: str) -> Exportable:
    every = {str(one.options.get("form", one.kind)): one for one in examine_for_export(source)}
    one = every[form]
    return one.with_options(**{need.key: need.choices[0][0] for need in one.unanswered})


def read(folder: Path) -> Volume:
    with Database.in_memory() as database:
        database.import_paths([folder], workers=0)
        (series,) = database.series()
        (offer,) = (o for o in database.examine(series) if o.selected)
        assert offer.kind == "diffusion"
        return offer.load(lazy=False)


def by_dcm2niix(folder: Path, out: Path) -> tuple[np.ndarray, np.ndarray]:
    """b-values, and unit vectors in LPS by FSL's rule."""
    peer = pytest.importorskip("dcm2niix")
    out.mkdir()
    command = [peer.bin, "-o", str(out), "-f", "x", "-z", "n", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    axes = nibabel.load(out / "x.nii").affine[:3, :3]
    axes /= np.linalg.norm(axes, axis=0)
    vectors = np.loadtxt(out / "x.bvec")
    if np.linalg.det(axes) > 0:
        vectors[0] *= -1
    lengths = np.linalg.norm(vectors, axis=0)
    vectors /= np.where(lengths > 0, lengths, 1)
    return np.loadtxt(out / "x.bval"), (np.diag([-1, -1, 1]) @ axes @ vectors).T


def degrees(one: np.ndarray, other: np.ndarray) -> float:
    """Largest angle between vectors; those that are none must be none in both."""
    assert np.array_equal(one.any(axis=1), other.any(axis=1))
    some = one.any(axis=1)
    sine = np.linalg.norm(np.cross(one[some], other[some]), axis=1)
    cosine = np.sum(one[some] * other[some], axis=1)
    return float(np.degrees(np.arctan2(sine, cosine)).max())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SETS)
def test_scanners_tables_come_back_equal(
    reference_data: Path, program, tmp_path: Path, name: str, form: str
) -> None:
    original = reference_data / SETS[name] / "dicom"
    with Database.in_memory() as database:
        source, target = of_data(database, original)
        one = form_of(source, form)
        assert not any("axis" in text for text in one.losses)
        report = write_results(None, [one], target, folder=tmp_path / "out")
    assert errors_of(program, report.files[0]) == []
    volume = read(tmp_path / "out")
    assert volume.dims == DIMS
    assert volume.coords["diffusion"] == source.coords["diffusion"]
    assert np.array_equal(volume.meta["b_values"], source.meta["b_values"])
    assert np.allclose(
        volume.meta["directions_lps"], source.meta["directions_lps"], rtol=0, atol=1e-12
    )
    assert volume.meta["directionality"] == source.meta["directionality"]
    assert volume.meta.get("b_matrices") == source.meta.get("b_matrices")
    if not one.losses:
        turned = volume.array[:, ::-1] if volume.geometry.affine[2, 0] < 0 else volume.array
        theirs = source.numpy()
        assert np.array_equal(turned, theirs[:, ::-1] if _falls(source) else theirs)
    b_values, directions = by_dcm2niix(tmp_path / "out", tmp_path / "again")
    wanted, vectors = by_dcm2niix(original, tmp_path / "before")
    assert np.array_equal(b_values, wanted)
    assert degrees(directions, vectors) < 0.02  # GE's vectors are no units, and rounded


def _falls(source: ExportSource) -> bool:
    assert source.geometry is not None
    return bool(np.asarray(source.geometry.affine)[2, 0] < 0)


def test_uih_comes_back_equal_to_the_reference(reference_data: Path, tmp_path: Path) -> None:
    folder = reference_data / "dwi" / "dcm_qa_uih__dti_tra_dir16_AP_9_134431"
    with Database.in_memory() as database:
        source, target = of_data(database, folder / "dicom")
        assert source.geometry is not None
        # Mosaics: what is written has a file for each of three of the slices.
        few = replace(
            source,
            array=source.array[:, :3],
            geometry=replace(source.geometry, shape=(3, *source.grid[1:])),
        )
        write_results(None, [form_of(few, "classic")], target, folder=tmp_path / "out")
    volume = read(tmp_path / "out")
    (bval,) = (folder / "ref").glob("*.bval")
    assert np.allclose(volume.meta["b_values"], np.loadtxt(bval), atol=1)
    assert np.array_equal(volume.meta["directions_lps"] != 0, source.meta["directions_lps"] != 0)
    b_values, directions = by_dcm2niix(tmp_path / "out", tmp_path / "again")
    wanted, vectors = by_dcm2niix(folder / "dicom", tmp_path / "before")
    # UIH's b of the unweighted volume is 1.25: dcm2niix has it in a file of its own then.
    assert np.allclose(b_values, wanted[1:], atol=1e-3)
    assert degrees(directions, vectors[1:]) < 0.02


@pytest.mark.parametrize("form", FORMS[2:])
def test_steps_that_are_weighted_alike_stay_apart(tmp_path: Path, form: str) -> None:
    array = np.arange(7 * 3 * 6 * 5, dtype=np.int16).reshape(7, 3, 6, 5)
    source = made_up(array, dims=DIMS, coords={"diffusion": COORD}, meta=META, name="dwi")
    write_results(None, [form_of(source, form)], anybody(), folder=tmp_path / "out")
    volume = read(tmp_path / "out")
    assert volume.meta["b_values"].tolist() == META["b_values"]
    assert np.allclose(volume.meta["directions_lps"], META["directions_lps"])
    known = [*META["directionality"][:6], "DIRECTIONAL"]
    assert volume.meta["directionality"] == known
    assert volume.meta["b_matrices"] == META["b_matrices"]
    firsts = np.asarray(volume.array)[:, 0, 0, 0]
    assert np.array_equal(np.sort(firsts), firsts)  # in their order
    for path in sorted((tmp_path / "out").rglob("*.dcm"))[:1]:
        told = pydicom.dcmread(path)
        groups = told.get("PerFrameFunctionalGroupsSequence")
        first = groups[0].MRDiffusionSequence[0] if groups else told
        assert (first.DiffusionBValue, first.DiffusionDirectionality) == (0, "NONE")


def test_what_is_said_of_one_step() -> None:
    table = DiffusionTable.of(META, COORD, 7)
    assert table is not None
    item = table.item(1)
    assert (item.DiffusionBValue, item.DiffusionDirectionality) == (1000, "DIRECTIONAL")
    (gradient,) = item.DiffusionGradientDirectionSequence
    assert gradient.DiffusionGradientOrientation == [0.6, 0.8, 0]
    header = Dataset()
    table.put(header, 5)
    assert header.DiffusionGradientOrientation == [0.8, 0.6, 0]
    assert header.DiffusionDirectionality == "BMATRIX"
    (matrix,) = header.MRDiffusionSequence[0].DiffusionBMatrixSequence
    assert (matrix.DiffusionBValueXY, matrix.DiffusionBValueYY) == (480, 360)
    none = table.item(3)
    assert none.DiffusionDirectionality == "NONE"
    assert "DiffusionGradientDirectionSequence" not in none


def test_a_table_of_other_data_is_not_taken() -> None:
    assert DiffusionTable.of(META, None, 6) is None  # cropped
    other = Coord((5.0,) * 7, "s/mm2")
    table = DiffusionTable.of(META, other, 7)
    assert table is not None
    assert table.b_values == (5.0,) * 7
    assert set(table.directions) == {None}
    assert DiffusionTable.of({}, Coord((0.0, 1000.0), "ms"), 2) is None
    assert DiffusionTable.of({}, Coord(("a", "b"), ""), 2) is None
    hostile = {
        **META,
        "directionality": None,
        "b_matrices": [[1, 2], "x", None, {}, 5, MATRIX, []],
    }
    table = DiffusionTable.of(hostile, COORD, 7)
    assert table is not None
    assert table.matrices == (*[None] * 5, tuple(MATRIX), None)
    # Traces have no direction; a b-matrix that is not there cannot be said.
    words = {**META, "directionality": ["ISOTROPIC"] + ["BMATRIX"] * 6, "b_matrices": None}
    table = DiffusionTable.of(words, COORD, 7)
    assert table is not None
    assert table.directionality[:3] == ("ISOTROPIC", "DIRECTIONAL", "DIRECTIONAL")


def test_time_beside_it_keeps_its_own_attribute() -> None:
    source = made_up(
        np.zeros((2, 7, 2, 3, 3), np.int16),
        dims=("time", *DIMS),
        coords={"diffusion": COORD, "time": Coord((0.0, 1.0), "s")},
        meta=META,
    )
    for form in FORMS[2:]:
        assert not any("axis" in text for text in form_of(source, form).losses)


def test_a_direction_that_nobody_knows_is_not_promised() -> None:
    """The standard wants the direction wherever it says DIRECTIONAL."""
    unknown = {**META, "directionality": ["DIRECTIONAL"] * 7, "directions_lps": [[0, 0, 0]] * 7}
    table = DiffusionTable.of(unknown, COORD, 7)
    assert table is not None
    assert table.directionality == ("NONE", "", "", "NONE", "", "", "")


def test_gradients_turn_with_the_image() -> None:
    was = np.array([[0, 0.0, 2], [0, 3, 0], [4, 0, 0]])
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    made = turned_gradients(META, was, turn @ was * 1.5)
    assert np.allclose(made["directions_lps"][1], turn @ [0.6, 0.8, 0])
    assert made["directions_lps"][0] == [0, 0, 0]
    xx, xy, xz, yy, yz, zz = made["b_matrices"][5]
    full = np.array([[640, 480, 0], [480, 360, 0], [0, 0, 1]])
    assert np.allclose(
        [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]], turn @ full @ turn.T, rtol=0, atol=1e-9
    )
    assert made["b_matrices"][0] is None
    # Cropped, scaled; axes reversed and exchanged, and mirrored: nothing turns in the patient.
    for other in (was, was * 2, was * [-1, -1, 1], was[:, [1, 2, 0]], turn @ (was * [1, 1, -1])):
        assert turned_gradients(META, was, other) == META
