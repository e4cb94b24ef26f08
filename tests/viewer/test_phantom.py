"""The phantom: its sides, and that the files hold what the function says where they say."""

from __future__ import annotations

import doctest
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
import SimpleITK

from napari_dicomdb.dicom.findings import FindingCode, Severity
from napari_dicomdb.dicom.geometry import Stack, examine_stack
from napari_dicomdb.viewer import phantom
from napari_dicomdb.viewer.phantom import (
    CENTRE,
    PhantomSeries,
    phantom_value,
    write_phantom_study,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VOLUMES = ("axial-ct", "oblique-mr", "sagittal-mr", "coronal-mr", "tilted-ct")
FAULTY = ("missing-slice", "duplicate-slice", "uneven-spacing", "localizer")
MARKER = 170.0


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PhantomSeries]:
    """All series, small."""
    folder = tmp_path_factory.mktemp("phantom")
    names = (*VOLUMES, *FAULTY, "projection")
    series = write_phantom_study(folder, names, matrix=48, slices=16)
    return {s.name: s for s in series}


def headers_of(series: PhantomSeries) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(path) for path in series.paths]


def examine(series: PhantomSeries) -> Stack:
    headers = headers_of(series)
    return examine_stack(
        [h.ImagePositionPatient for h in headers],
        [h.ImageOrientationPatient for h in headers],
        [h.PixelSpacing for h in headers],
        [h.Rows for h in headers],
        [h.Columns for h in headers],
        slice_thickness=[h.SliceThickness for h in headers],
    )


def at(x: float, y: float, z: float) -> float:
    """Hounsfield units at a point relative to the middle: left, posterior, superior."""
    return float(phantom_value(np.add(CENTRE, (x, y, z))))


def test_sides_can_be_told_apart() -> None:
    assert at(39, 14, 12) == MARKER  # one ball: left
    assert at(-39, 14, 12) == MARKER  # a cube: right
    corner = 9.5
    assert at(-39 + corner, 14 + corner, 12 + corner) == MARKER
    assert at(39 + corner, 14 + corner, 12 + corner) != MARKER
    assert at(31, -72, -6) == at(-31, -72, -6) == MARKER  # two balls: anterior
    assert at(31, 72, -6) != MARKER
    assert at(0, -108, -22) > -100  # nose: anterior
    assert at(0, 108, -22) == -1000
    assert at(19, 14, 46) == at(-19, 14, 46) == at(0, -22, 46) == MARKER  # superior
    assert at(0, 14, -130) > -100  # the neck goes on
    assert at(0, 14, 130) == -1000


def test_it_is_a_head_in_a_ct_window() -> None:
    assert at(0, 84.5, 4) == 900  # skull
    assert 0 < at(30, 40, 4) < 60  # brain
    assert at(12, 6, 12) == 6  # ventricle
    assert at(0, -26, -62) == -1000  # throat
    values = phantom_value(np.random.default_rng(0).uniform(-150, 150, (20_000, 3)) + CENTRE)
    assert values.min() == -1000
    assert values.max() == 900
    assert values.dtype == np.float32


def test_mr_shows_the_same_shapes_in_other_values() -> None:
    points = np.add(CENTRE, [(39, 14, 12), (0, 84.5, 4), (30, 40, 4), (0, -150, 0)])
    assert phantom_value(points, "mr").tolist() == [900, 70, 560, 0]


def test_edges_are_smooth() -> None:
    # Out of the left ball, in steps of 0.05 mm: no jump of more than a tenth.
    x = np.arange(45, 58, 0.05)
    values = phantom_value(np.column_stack([x, 0 * x + 14, 0 * x + 12]) + CENTRE)
    assert values[0] == MARKER
    assert values[-1] < 60
    assert np.abs(np.diff(values)).max() < 0.1 * (MARKER - 28)


def test_any_shape_of_points() -> None:
    points = np.random.default_rng(1).uniform(-120, 120, (3, 4, 5, 3)) + CENTRE
    values = phantom_value(points)
    assert values.shape == (3, 4, 5)
    one_by_one = [float(phantom_value(p)) for p in points.reshape(-1, 3)]
    np.testing.assert_array_equal(values.ravel(), one_by_one)
    assert phantom_value(np.zeros((0, 3))).shape == (0,)
    with pytest.raises(ValueError, match="length 3"):
        phantom_value([1, 2])


@pytest.mark.parametrize("name", [*VOLUMES, *FAULTY])
def test_files_hold_the_function_where_their_headers_say(
    name: str, study: dict[str, PhantomSeries]
) -> None:
    series = study[name]
    assert len(series.paths) == len(series.instance_uids) == len(series.positions)
    for ds, position in zip(headers_of(series), series.positions, strict=True):
        np.testing.assert_allclose(np.array(ds.ImagePositionPatient, float), position, atol=1e-9)
        # PS3.3 equation C.7.6.2.1-1, written out.
        x, y = np.array(ds.ImageOrientationPatient, float).reshape(2, 3)
        dj, di = (float(v) for v in ds.PixelSpacing)
        j, i = np.mgrid[: ds.Rows, : ds.Columns]
        points = position + i[..., None] * di * x + j[..., None] * dj * y
        values = ds.pixel_array * float(ds.get("RescaleSlope", 1)) + float(
            ds.get("RescaleIntercept", 0)
        )
        truth = phantom_value(points, series.contrast)
        # Where an edge passes, the last digits of the positions move it a little.
        assert np.abs(values - truth).max() <= 0.51


@pytest.mark.parametrize("name", VOLUMES)
def test_affine_and_truth_describe_the_files(name: str, study: dict[str, PhantomSeries]) -> None:
    series = study[name]
    stack = examine(series)
    flipped = list(stack.order) != list(range(series.shape[0]))
    affine = series.affine.copy()
    if flipped:
        affine[:3, 3] += (series.shape[0] - 1) * affine[:3, 0]
        affine[:3, 0] *= -1
    np.testing.assert_allclose(stack.affine, affine, atol=1e-6)
    stored = np.stack(
        [
            ds.pixel_array.astype(float) + float(ds.get("RescaleIntercept", 0))
            for ds in headers_of(series)
        ]
    )
    assert stored.shape == series.shape
    assert np.abs(stored - series.truth()).max() <= 0.51


@pytest.mark.parametrize("name", ["axial-ct", "oblique-mr", "sagittal-mr", "coronal-mr"])
def test_simpleitk_sees_the_function(name: str, study: dict[str, PhantomSeries]) -> None:
    series = study[name]
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(
        SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(series.paths[0].parent))
    )
    image = reader.Execute()
    rng = np.random.default_rng(0)
    for _ in range(300):
        index = [int(rng.integers(size)) for size in image.GetSize()]
        point = image.TransformIndexToPhysicalPoint(index)
        expected = float(phantom_value(point, series.contrast))
        # ITK's positions are off by 1e-6 mm and edges are steep: 1900 units in 1.5 mm.
        assert image.GetPixel(index) == pytest.approx(expected, abs=0.6)


def test_good_series_are_good(study: dict[str, PhantomSeries]) -> None:
    for name in ("axial-ct", "oblique-mr", "sagittal-mr", "coronal-mr"):
        assert examine(study[name]).findings == ()
    tilted = examine(study["tilted-ct"])
    assert [f.code for f in tilted.findings] == [FindingCode.GANTRY_TILT]
    assert tilted.tilt_degrees == pytest.approx(15)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("missing-slice", FindingCode.MISSING_SLICES),
        ("duplicate-slice", FindingCode.DUPLICATE_SLICES),
        ("uneven-spacing", FindingCode.UNEVEN_SPACING),
        ("localizer", FindingCode.MIXED_ORIENTATION),
    ],
)
def test_faulty_series_have_their_fault(
    name: str, code: FindingCode, study: dict[str, PhantomSeries]
) -> None:
    findings = examine(study[name]).findings
    assert code in [f.code for f in findings]
    assert findings[0].severity is not Severity.INFO
    if name != "localizer":
        assert [f.code for f in findings if f.severity is not Severity.INFO] == [code]


def test_projection_has_no_place_in_the_patient(study: dict[str, PhantomSeries]) -> None:
    (ds,) = headers_of(study["projection"])
    assert ds.Modality == "CR"
    assert "ImagePositionPatient" not in ds
    assert "FrameOfReferenceUID" not in ds
    assert [float(v) for v in ds.ImagerPixelSpacing] == pytest.approx([256 / 48] * 2)
    pixels = ds.pixel_array.astype(int)
    assert pixels[:4, :4].max() == 0  # air beside the head
    assert pixels.max() > 1000
    # The head is in the upper part, the neck goes out of the lower edge.
    assert pixels[-1].max() > 0
    assert pixels[0].max() == 0


def test_one_patient_one_study_one_frame_of_reference(study: dict[str, PhantomSeries]) -> None:
    seen = [ds for series in study.values() for ds in headers_of(series)]
    assert {str(ds.PatientName) for ds in seen} == {"Phantom^Ada"}
    assert len({ds.PatientID for ds in seen}) == 1
    assert len({ds.StudyInstanceUID for ds in seen}) == 1
    assert len({ds.FrameOfReferenceUID for ds in seen if ds.Modality != "CR"}) == 1
    assert len({ds.SeriesInstanceUID for ds in seen}) == len(study)
    assert len({ds.SOPInstanceUID for ds in seen}) == len(seen)
    assert all("synthetic" in ds.InstitutionName.lower() for ds in seen)
    for series in study.values():
        uids = tuple(ds.SOPInstanceUID for ds in headers_of(series))
        assert uids == series.instance_uids


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    def files(folder: str, seed: int) -> list[bytes]:
        (series,) = write_phantom_study(
            tmp_path / folder, ["axial-ct"], seed=seed, matrix=8, slices=4
        )
        return [path.read_bytes() for path in series.paths]

    first = files("a", 1)
    assert files("b", 1) == first
    assert not set(files("c", 2)) & set(first)


def test_defaults_are_as_documented(tmp_path: Path) -> None:
    series = write_phantom_study(tmp_path / "new" / "folder", matrix=16)
    assert [s.name for s in series] == ["axial-ct", "oblique-mr", "sagittal-mr", "tilted-ct"]
    assert series[0].shape == (60, 16, 16)
    assert np.linalg.norm(series[0].affine[:3, 0]) == 2.5


def test_wrong_wishes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no phantom series pet; there are axial-ct"):
        write_phantom_study(tmp_path, ["pet"])
    with pytest.raises(ValueError, match="at least 4 slices"):
        write_phantom_study(tmp_path, slices=3)
    assert list(tmp_path.iterdir()) == []


def test_the_standards_validator_finds_no_error(
    study: dict[str, PhantomSeries], program: Callable[[str], str]
) -> None:
    dciodvfy = program("dciodvfy")
    for series in study.values():
        for path in (series.paths[0], series.paths[-1]):
            done = subprocess.run(
                [dciodvfy, str(path)], capture_output=True, text=True, check=False
            )
            said = (done.stdout + done.stderr).splitlines()
            assert said, f"dciodvfy said nothing of {path}"
            assert [line for line in said if line.startswith("Error")] == [], series.name


def test_neither_napari_nor_qt_is_needed() -> None:
    code = (
        "import sys, tempfile; from napari_dicomdb.viewer.phantom import write_phantom_study\n"
        "with tempfile.TemporaryDirectory() as d: write_phantom_study(d, matrix=4, slices=4)\n"
        "print([m for m in ('napari', 'qtpy', 'PyQt6', 'vispy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_example_in_docstring() -> None:
    assert doctest.testmod(phantom) == (0, 2)
