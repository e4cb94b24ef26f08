from __future__ import annotations

import numpy as np
import pytest
from pydicom import Dataset
from tests.export.sources import made_up, oblique

from napari_dicomdb.dicom.findings import FindingCode, Severity
from napari_dicomdb.dicom.geometry import affine_from_plane
from napari_dicomdb.export.planes import (
    Planes,
    geometry_findings,
    in_plane_shear,
    is_invertible,
    slice_shear,
)
from napari_dicomdb.loading.volume import VolumeGeometry

ARRAY = np.zeros((5, 6, 7), np.uint8)


def test_planes_lead_back_to_the_affine() -> None:
    planes = Planes.of(made_up(ARRAY))
    assert planes is not None
    headers = [Dataset() for _ in range(5)]
    for k, header in enumerate(headers):
        planes.place(header, k)
    first, second = headers[:2]
    step = np.subtract(second.ImagePositionPatient, first.ImagePositionPatient).astype(float)
    affine = affine_from_plane(
        np.array(first.ImagePositionPatient, float),
        np.array(first.ImageOrientationPatient, float),
        np.array(first.PixelSpacing, float),
        step,
    )
    np.testing.assert_allclose(affine, oblique(), atol=1e-9)
    assert float(first.SliceThickness) == pytest.approx(2.3456789)
    assert planes.is_even
    assert planes.order() == [0, 1, 2, 3, 4]
    backwards = oblique()
    backwards[:3, 0] *= -1
    turned = Planes.of(made_up(ARRAY, backwards))
    assert turned is not None
    assert turned.order() == [4, 3, 2, 1, 0]


def test_letters() -> None:
    axial = Planes.of(made_up(ARRAY, np.diag([1.0, 1, 1, 1])[:, [2, 1, 0, 3]]))
    assert axial is not None
    assert axial.letters() == ["L", "P"]


def test_what_dicom_cannot_say_is_found() -> None:
    assert geometry_findings(made_up(ARRAY)) == ()
    leaning = oblique() @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0.1, 1, 0], [0, 0, 0, 1]])
    assert in_plane_shear(leaning) > 0.01
    assert next(f.code for f in geometry_findings(made_up(ARRAY, leaning))) == "in-plane-shift"
    tilted = oblique() @ np.array([[1, 0, 0, 0], [0.5, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    angle = np.degrees(np.arctan(0.5 * 0.7123456789 / 2.3456789))
    assert slice_shear(tilted) == pytest.approx(angle)
    (found,) = geometry_findings(made_up(ARRAY, tilted))
    assert (found.code, found.numbers["degrees"]) == (
        FindingCode.GANTRY_TILT,
        pytest.approx(angle),
    )
    (found,) = geometry_findings(made_up(ARRAY, np.zeros((4, 4))))
    assert found.severity == Severity.ERROR
    (found,) = geometry_findings(made_up(ARRAY, geometry=None))
    assert found.code == FindingCode.NO_GEOMETRY
    uneven = VolumeGeometry(oblique(), (5, 6, 7), is_regular=False)
    assert [f.code for f in geometry_findings(made_up(ARRAY, geometry=uneven))] == [
        FindingCode.UNEVEN_SPACING
    ]
    nowhere = VolumeGeometry(oblique(), (5, 6, 7), in_patient=False)
    assert Planes.of(made_up(ARRAY, geometry=nowhere)) is None


def test_cosines_of_headers_are_kept_as_they_are() -> None:
    # Made more perpendicular than they were, the far corner of a matrix of 512 moved.
    affine = oblique()
    along = affine[:3, 2] / np.linalg.norm(affine[:3, 2])
    affine[:3, 1] += along * 5e-5 * np.linalg.norm(affine[:3, 1])
    planes = Planes.of(made_up(np.zeros((3, 4, 5)), affine))
    rows, columns = planes.spacing
    corner = planes.orientation[:3] * columns * 511 + planes.orientation[3:] * rows * 511
    np.testing.assert_allclose(corner, affine[:3, 1:3] @ (511, 511), atol=1e-9)


def test_voxels_of_nanometres_have_a_size() -> None:
    affine = oblique()
    affine[:3, :3] *= 1e-5
    assert geometry_findings(made_up(ARRAY, affine)) == ()
    assert is_invertible(affine)
    affine[0, 0] = np.nan
    (found,) = geometry_findings(made_up(ARRAY, affine))
    assert found.severity == Severity.ERROR
    flat = oblique()
    flat[:3, 1] = flat[:3, 2]
    assert not is_invertible(flat)


def test_uneven_slices_without_their_images_are_refused_before() -> None:
    uneven = VolumeGeometry(oblique(), (5, 6, 7), is_regular=False)
    (found,) = geometry_findings(made_up(ARRAY, geometry=uneven))
    assert found.severity == Severity.ERROR
    known = made_up(ARRAY, geometry=uneven, references=tuple("abcde"))
    assert [f.severity for f in geometry_findings(known)] == [Severity.WARNING]
    one = VolumeGeometry(oblique(), (1, 6, 7), is_regular=False)
    assert geometry_findings(made_up(ARRAY[:1], geometry=one)) == ()
