"""Files written by nibabel, pynrrd and SimpleITK, and where SimpleITK says their voxels are."""

from __future__ import annotations

from pathlib import Path

import nibabel
import nrrd
import numpy as np
import pytest
import SimpleITK
from tests.export.sources import made_up, oblique

from napari_dicomdb.errors import LoadError
from napari_dicomdb.export.read_source import read_source
from napari_dicomdb.loading.volume import Volume, VolumeGeometry

ARRAY = np.random.default_rng(2).integers(-500, 500, (4, 5, 6)).astype(np.int16)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd"])
def test_what_simpleitk_wrote(ending: str, tmp_path: Path) -> None:
    affine = made_up(ARRAY).geometry.affine
    image = SimpleITK.GetImageFromArray(ARRAY)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)[::-1]
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, 2::-1] / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    path = tmp_path / f"result{ending}"
    SimpleITK.WriteImage(image, str(path))
    source = read_source(path, modality="CT")
    np.testing.assert_array_equal(source.array, ARRAY)
    np.testing.assert_allclose(source.geometry.affine, affine, atol=2e-4)
    assert (source.name, source.modality, source.role) == ("result", "CT", "image")
    assert source.geometry.in_patient


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_our_own_files_come_back(ending: str, tmp_path: Path) -> None:
    volume = Volume(ARRAY, ("slice", "row", "column"), VolumeGeometry(oblique(), ARRAY.shape))
    path = tmp_path / f"x{ending}"
    volume.to_nifti(path) if "nii" in ending else volume.to_nrrd(path)
    source = read_source(path)
    np.testing.assert_array_equal(source.array, ARRAY)
    np.testing.assert_allclose(source.geometry.affine, oblique(), atol=1e-4)


def test_time_and_colours(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.arange(120, dtype=np.int16).reshape(5, 4, 3, 2), np.eye(4))
    image.header.set_zooms((1, 1, 1, 2500))
    image.header.set_xyzt_units("mm", "msec")
    nibabel.save(image, tmp_path / "t.nii")
    source = read_source(tmp_path / "t.nii")
    assert (source.shape, source.dims[0]) == ((2, 3, 4, 5), "time")
    assert source.coords["time"].values == (0, 2500)
    np.testing.assert_array_equal(source.array[1, 2, 3, 4], image.dataobj[4, 3, 2, 1])
    rgb = np.random.default_rng(0).integers(0, 255, (3, 5, 4, 2)).astype(np.uint8)
    header = {"kinds": ["RGB-color", "domain", "domain", "domain"], "space": "RAS",
              "space directions": [[np.nan] * 3, [2, 0, 0], [0, 3, 0], [0, 0, 4]],
              "space origin": [1, 2, 3]}  # fmt: skip
    nrrd.write(str(tmp_path / "c.nrrd"), rgb, header)
    source = read_source(tmp_path / "c.nrrd")
    assert (source.is_rgb, source.shape) == (True, (2, 4, 5, 3))
    np.testing.assert_array_equal(source.array[1, 2, 3], rgb[:, 3, 2, 1])
    np.testing.assert_allclose(source.geometry.affine @ [1, 1, 1, 1], [-3, -5, 7, 1])


def test_segments_of_slicer(tmp_path: Path) -> None:
    header = {"Segment0_LabelValue": "1", "Segment0_Name": "liver", "Segment0_Color": "1 0.5 0",
              "Segment1_LabelValue": "3", "Segment1_Name": "spleen"}  # fmt: skip
    nrrd.write(str(tmp_path / "a.seg.nrrd"), np.ones((2, 3, 4), np.uint8), header)
    source = read_source(tmp_path / "a.seg.nrrd", role="labels")
    assert (source.name, source.role, source.dtype) == ("a", "labels", np.int32)
    assert source.labels[1].colour == (1, 0.5, 0)
    assert source.labels[3].name == "spleen"
    assert not source.geometry.in_patient


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    for name, content, reason in (
        ("x.nii", b"nonsense", "unreadable"),
        ("x.nrrd", b"nonsense", "unreadable"),
        ("x.mha", b"", "unsupported-format"),
        ("gone.nii", None, "unreadable"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(LoadError) as error:
            read_source(tmp_path / name)
        assert error.value.reason == reason
    nrrd.write(str(tmp_path / "f.nrrd"), np.full((2, 2, 2), 0.5))
    with pytest.raises(LoadError) as error:
        read_source(tmp_path / "f.nrrd", role="labels")
    assert error.value.reason == "no-labels"


def test_the_rescale_of_a_nifti_is_known(tmp_path: Path) -> None:
    stored = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)
    image = nibabel.Nifti1Image(stored, np.eye(4))
    image.header.set_slope_inter(0.5, -3)
    nibabel.save(image, tmp_path / "half.nii")
    source = read_source(tmp_path / "half.nii", modality="PT")
    np.testing.assert_array_equal(source.array, (stored * 0.5 - 3).T)
    assert source.meta == {"rescale": [(0.5, -3.0)], "modality": "PT"}
    nibabel.save(nibabel.Nifti1Image(stored * 0.3, np.eye(4)), tmp_path / "float.nii")
    assert source.is_rgb is False and "rescale" not in read_source(tmp_path / "float.nii").meta


def test_names_of_slicer_are_in_utf_8(tmp_path: Path) -> None:
    header = {"space": "LPS", "space directions": np.eye(3), "space origin": [0, 0, 0],
              "Segment0_LabelValue": "1", "Segment0_Name": "NAME"}  # fmt: skip
    path = tmp_path / "x.seg.nrrd"
    nrrd.write(str(path), np.ones((2, 3, 4), np.uint8), header)
    path.write_bytes(path.read_bytes().replace(b"NAME", "Leber \u809d".encode()))
    assert read_source(path, role="labels").labels[1].name == "Leber \u809d"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="is a folder: name a file"):
        read_source(tmp_path)


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_a_damaged_file_is_said(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{ending}"
    values = np.random.default_rng(0).integers(0, 999, (30, 30, 30)).astype(np.int16)
    if ending == ".nrrd":
        nrrd.write(str(path), values)
    else:
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)
    raw = bytearray(path.read_bytes())
    raw[2000:2010] = b"\xff" * 10
    path.write_bytes(raw)
    with pytest.raises(LoadError) as error:
        read_source(path)
    assert error.value.reason == "unreadable"


@pytest.mark.parametrize(("unit", "mm"), [("cm", 10.0), ("um", 1e-3), ("mm", 1.0), ("ell", 1.0)])
def test_units_of_an_nrrd(unit: str, mm: float, tmp_path: Path) -> None:
    # Centimetres were taken for millimetres.
    path, array = tmp_path / "x.nrrd", np.zeros((3, 4, 5), np.int16)
    header = {"space": "RAS", "space directions": np.diag([0.1, 0.2, 0.3]),
              "space origin": [1, 2, 3], "space units": [unit] * 3}  # fmt: skip
    nrrd.write(str(path), array, header)
    geometry = read_source(path).geometry
    np.testing.assert_allclose(geometry.spacing, (0.3 * mm, 0.2 * mm, 0.1 * mm))
    np.testing.assert_allclose(geometry.affine[:3, 3], (-mm, -2 * mm, 3 * mm))
    nrrd.write(str(path), array, {"spacings": [1.0, 2.0, 3.0], "units": [unit, unit, "mm"]})
    np.testing.assert_allclose(read_source(path).geometry.spacing, (3, 2 * mm, mm))


def _nifti(place: int, raw: bytes) -> bytes:
    """Return a NIfTI file with some bytes of its header changed."""
    made = bytearray(nibabel.Nifti1Image(np.ones((3, 4, 5), np.int16), np.eye(4)).to_bytes())
    made[place : place + len(raw)] = raw
    return bytes(made)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.nii", _nifti(70, b"\x0f\x27"), "unreadable"),  # no such type
        ("x.nii", _nifti(42, b"\0\x7d\0\x7d\0\x7d"), "unreadable"),  # 32000 x 32000 x 32000
        (
            "x.nrrd",
            b"NRRD0004\ntype: short\ndimension: 3\nsizes: 3 4 5\nencoding: raw\nendian: little\n"
            b"space dimension: 5\nspace directions: (1,0,0,0,0) (0,1,0,0,0) (0,0,1,0,0)\n\n"
            + bytes(120),
            "unsupported-shape",
        ),
    ],
)
def test_headers_that_lie(name: str, content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LoadError) as error:
        read_source(tmp_path / name)
    assert error.value.reason in (reason, "too-large")


def test_unknown_units_and_complex_labels(tmp_path: Path) -> None:
    path = tmp_path / "x.nii"
    path.write_bytes(_nifti(123, b"\x07"))
    assert read_source(path).geometry.spacing == (1, 1, 1)
    nibabel.save(nibabel.Nifti1Image(np.full((3, 4, 5), 1 + 1j, np.complex64), np.eye(4)), path)
    with pytest.raises(LoadError) as error:
        read_source(path, role="labels")
    assert error.value.reason == "no-labels"
