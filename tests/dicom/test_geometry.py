"""Real series against their NIfTI answers, and bad ones against what is known to be wrong."""

from __future__ import annotations

import doctest
import importlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest

from napari_dicomdb.dicom import geometry
from napari_dicomdb.dicom.findings import FindingCode, Severity
from napari_dicomdb.dicom.geometry import Stack, examine_stack, regular_grid, split_at_gaps
from napari_dicomdb.errors import GeometryError

RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
HARMLESS_IN_4D = {FindingCode.DUPLICATE_SLICES, FindingCode.FEW_SLICES}

REGULAR = [
    ("ctmrpet_rtstruct", "STS_002_CT"),
    ("ctmrpet_rtstruct", "STS_002_MR_T1"),
    ("ctmrpet_rtstruct", "STS_002_PET"),
    ("mr_vendors", "dicom2nifti__ge_anatomical_001"),
    ("mr_vendors", "dicom2nifti__ge_dti_001"),
    ("mr_vendors", "dicom2nifti__ge_fmri_001"),
    ("mr_vendors", "dicom2nifti__generic_anatomical_002_non_isotropic"),
    ("mr_vendors", "dicom2nifti__generic_rgb_001"),
    ("mr_vendors", "dicom2nifti__hitachi_anatomical_001"),
    ("mr_vendors", "dicom2nifti__philips_anatomical_001"),
    ("mr_vendors", "dicom2nifti__philips_dti_001"),
    ("mr_vendors", "dicom2nifti__philips_fmri_001"),
    ("mr_vendors", "dicom2nifti__siemens_anatomical_001"),
    ("mr_vendors", "dicom2nifti__siemens_dti_classic_001"),
    ("table_orient", "dcm_qa_table__GE_1486_2_Ax_fMRI"),
    ("table_orient", "dcm_qa_table__GE_1486_6_Ax_fMRI"),
]


def examine(folder: Path) -> Stack:
    """Examine all images of a folder as one stack."""
    headers = [
        pydicom.dcmread(path, stop_before_pixels=True)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in {".gz", ".json"}
    ]

    def column(keyword: str, size: int) -> np.ndarray:
        nothing = [float("nan")] * size
        values = [np.atleast_1d(h.get(keyword) or nothing) for h in headers]
        return np.array(values, dtype=float)

    return examine_stack(
        column("ImagePositionPatient", 3),
        column("ImageOrientationPatient", 6),
        column("PixelSpacing", 2),
        [h.Rows for h in headers],
        [h.Columns for h in headers],
        slice_thickness=column("SliceThickness", 1).ravel(),
        spacing_between_slices=column("SpacingBetweenSlices", 1).ravel(),
        labels=[str(h.InstanceNumber) for h in headers],
    )


def canonical(affine: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, tuple[int, ...]]:
    """Affine and shape after canonical (closest to RAS) reorientation."""
    image = nibabel.Nifti1Image(np.zeros(shape, np.uint8), affine)
    closest = nibabel.as_closest_canonical(image)
    return closest.affine, closest.shape


@pytest.mark.parametrize(("group", "name"), REGULAR)
def test_affines_equal_the_references(group: str, name: str, reference_data: Path) -> None:
    references: dict[str, Any] = json.loads((reference_data / "references.json").read_text())
    entry = references["series"][group][name]
    stack = examine(reference_data / entry["dicom"])
    nifti = entry["nifti"][0]
    expected = canonical(np.array(nifti["affine_ras"]), tuple(nifti["shape"][:3]))
    got = canonical(RAS_FROM_LPS @ stack.affine, (len(stack.order), stack.rows, stack.columns))
    assert got[1] == expected[1]
    np.testing.assert_allclose(got[0], expected[0], atol=1e-3)
    assert stack.is_regular
    alarms = {f.code for f in stack.findings if f.severity is not Severity.INFO}
    assert alarms <= HARMLESS_IN_4D
    if not stack.duplicates:
        assert alarms == set()


def test_gantry_tilt_is_found(reference_data: Path) -> None:
    stack = examine(reference_data / "bad_geometry" / "gantrytilting")
    assert [f.code for f in stack.findings] == [FindingCode.GANTRY_TILT]
    paths = (reference_data / "bad_geometry" / "gantrytilting").rglob("*")
    header = pydicom.dcmread(next(p for p in paths if p.is_file()), stop_before_pixels=True)
    # The header may say by how much the gantry leaned; the positions say it anyway.
    leaned = abs(float(header.get("GantryDetectorTilt") or 14))
    assert stack.tilt_degrees == pytest.approx(leaned, abs=0.05)
    assert stack.is_regular


def test_missing_slice_is_found(reference_data: Path) -> None:
    stack = examine(reference_data / "bad_geometry" / "sliceincrement")
    assert {f.code for f in stack.findings} == {
        FindingCode.MISSING_SLICES,
        FindingCode.GANTRY_TILT,
    }
    assert len(stack.missing) == 1
    assert not stack.is_regular


def test_too_few_slices_are_found(reference_data: Path) -> None:
    stack = examine(reference_data / "bad_geometry" / "slicecount")
    assert [f.code for f in stack.findings] == [FindingCode.FEW_SLICES]


def test_everything_public_is_behind_this_door() -> None:
    for name in geometry.__all__:
        assert callable(getattr(geometry, name)) or name.isupper()


@pytest.mark.parametrize("name", ["plane", "stack", "remedies", "spacing"])
def test_examples_in_docstrings(name: str) -> None:
    module = importlib.import_module(f"napari_dicomdb.dicom.{name}")
    failed, tried = doctest.testmod(module)
    assert tried > 0
    assert failed == 0


@pytest.mark.parametrize("seed", range(40))
def test_junk_gives_findings_or_a_geometry_error_and_nothing_else(seed: int) -> None:
    rng = np.random.default_rng(seed)
    junk = [0, 1, -1, 1e-300, 1e300, float("nan"), np.inf, 1e16, 1e-9, 0.5]
    for _ in range(20):
        count = int(rng.integers(1, 9))

        def some(width: int, count: int = count) -> np.ndarray:
            if rng.random() < 0.5:
                return rng.choice(junk, (count, width))
            return rng.normal(size=(count, width))

        orientations = some(6) if rng.random() < 0.5 else np.tile([1.0, 0, 0, 0, 1, 0], (count, 1))
        stack = examine_stack(
            some(3),
            orientations,
            some(2),
            int(rng.integers(0, 70_000)),
            rng.integers(0, 10, count),
            slice_thickness=rng.choice(junk, count),
            spacing_between_slices=rng.choice(junk),
        )
        together = (*stack.order, *stack.unplaced, *(i for d in stack.duplicates for i in d[1:]))
        assert set(together) == set(range(count))
        json.dumps([f.to_json() for f in stack.findings], allow_nan=False)
        assert np.isfinite(stack.affine).all()
        assert sorted(i for part in split_at_gaps(stack) for i in part) == sorted(stack.order)
        with suppress(GeometryError):
            assert np.isfinite(regular_grid(stack).affine).all()
