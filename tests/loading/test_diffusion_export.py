"""Gradient tables in other programs' files, read back by their own rules."""

from __future__ import annotations

import nibabel
import nrrd
import numpy as np
import pytest
import zarr

from napari_dicomdb.loading import examine
from napari_dicomdb.loading.diffusion_export import fsl_table, has_gradients, nrrd_keys, write_fsl
from napari_dicomdb.loading.volume import Volume, VolumeGeometry
from napari_dicomdb.viewer.layers import volume_to_layers

B = [0.0, 1000.0, 1000.0, 500.0]
GRADIENTS = np.array([[0, 0, 0], [0.6, 0.8, 0], [0, -0.6, 0.8], [0.48, 0.6, -0.64]])
TURN, _ = np.linalg.qr([[0.8, 0.3, -0.1], [-0.2, 0.9, 0.4], [0.1, -0.3, 0.85]])


def volume_of(axes, **meta):
    """A volume whose columns, rows and slices run along the columns of `axes`, in LPS."""
    affine = np.eye(4)
    affine[:3, [2, 1, 0]] = np.asarray(axes) * [0.75, 0.5, 2]
    return Volume(
        np.arange(4 * 3 * 6 * 5, dtype=np.int16).reshape(4, 3, 6, 5),
        ("diffusion", "slice", "row", "column"),
        VolumeGeometry(affine, (3, 6, 5)),
        meta={"b_values": np.array(B), "directions_lps": GRADIENTS, "name": "dwi", **meta},
    )


def from_fsl(nifti):
    """Directions in LPS of the bvec beside a NIfTI, by FSL's rule and the file's own affine."""
    vectors = np.loadtxt(nifti.with_name(nifti.name.replace(".nii.gz", ".bvec")))
    axes = nibabel.load(nifti).affine[:3, :3]
    if np.linalg.det(axes) > 0:
        vectors[0] *= -1
    return (np.diag([-1, -1, 1]) @ (axes / np.linalg.norm(axes, axis=0)) @ vectors).T


AXES = {
    "axial": np.eye(3),
    "from-above": np.diag([1, 1, -1]),
    "oblique": TURN,
    "oblique-backwards": TURN * [1, 1, -1],
    "sagittal": np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]]),
}


@pytest.mark.parametrize("name", AXES)
def test_bvec_leads_back_to_the_patient(tmp_path, name):
    path = volume_of(AXES[name]).to_nifti(tmp_path / "dwi.nii.gz")
    assert np.allclose(from_fsl(path), GRADIENTS, atol=1e-7)
    assert np.loadtxt(tmp_path / "dwi.bval").tolist() == B
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dwi.bval", "dwi.bvec", "dwi.nii.gz"]
    assert nibabel.load(path).header.get_zooms()[3] == 1


def test_a_tilted_gantry_shears_no_gradient():
    axes = np.eye(3)
    axes[1, 2] = 0.3
    _, vectors = fsl_table(volume_of(axes))
    assert np.allclose(np.linalg.norm(vectors[:, 1:], axis=0), 1)
    assert np.allclose(vectors, GRADIENTS.T * [[-1], [1], [1]])


def test_files_are_beside_the_image(tmp_path):
    written = write_fsl(volume_of(np.eye(3)), tmp_path / "head.v2.nii")
    assert [p.name for p in written] == ["head.v2.bval", "head.v2.bvec"]
    assert written[0].read_text() == "0 1000 1000 500\n"
    assert len(written[1].read_text().splitlines()) == 3


def test_nrrd_is_a_diffusion_image(tmp_path):
    volume = volume_of(TURN, directionality=["NONE", *["DIRECTIONAL"] * 3])
    data, header = nrrd.read(str(volume.to_nrrd(tmp_path / "dwi.nrrd")), index_order="C")
    assert np.array_equal(data, volume.array)
    assert header["modality"] == "DWMRI"
    assert header["space"] == "left-posterior-superior"
    assert np.array_equal(header["measurement frame"], np.eye(3))
    assert header["kinds"] == ["domain", "domain", "domain", "list"]
    highest = float(header["DWMRI_b-value"])
    found = np.array([header[f"DWMRI_gradient_{k:04d}"].split() for k in range(4)], dtype=float)
    length = np.linalg.norm(found, axis=1)
    assert np.allclose(highest * length**2, B, atol=1e-4)
    assert np.allclose(found[1:] / length[1:, None], GRADIENTS[1:], atol=1e-6)


def test_nrrd_has_no_words_for_traces():
    gradients = np.zeros((4, 3))
    volume = volume_of(np.eye(3), directions_lps=gradients)
    assert nrrd_keys(volume) == {}
    assert nrrd_keys(volume_of(np.eye(3), b_values=np.zeros(4))) == {}


def test_other_volumes_have_no_gradients(tmp_path):
    volume = volume_of(np.eye(3))
    volume.dims = ("time", *volume.dims[1:])
    assert not has_gradients(volume)
    volume.to_nifti(tmp_path / "bold.nii.gz")
    assert [p.name for p in tmp_path.iterdir()] == ["bold.nii.gz"]


def test_other_files_have_the_table_as_it_is(tmp_path):
    volume = volume_of(TURN)
    found = zarr.open_group(volume.to_zarr(tmp_path / "dwi.zarr")).attrs["dicomdb"]
    assert found["b_values"] == B
    assert np.allclose(found["directions_lps"], GRADIENTS)
    assert volume.to_xarray().attrs["b_values"] == B
    assert volume.to_xarray().coords["row"].attrs["units"] == "mm"


@pytest.mark.parametrize(
    "name",
    [
        "dwi/dcm_qa_ge__Ax_DWI_TENSOR_R2_1",
        "dwi/dcm_qa_uih__dti_tra_dir16_AP_9_134431",
        "enhanced/dcm_qa_xa60__phantom_check_MBfactor_TerraX_XA60_14_PRODUCT_ep2d_diff_p3_sms1",
    ],
)
def test_files_mean_what_dcm2niix_wrote(reference_data, records, tmp_path, name):
    folder = reference_data / name
    (theirs,) = (folder / "ref").glob("*.bvec")
    volume = examine(records((folder / "dicom").iterdir()))[0].load()
    ours = from_fsl(volume.to_nifti(tmp_path / "x.nii.gz"))
    image = nibabel.load(next((folder / "ref").glob("*.nii*")))
    axes = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    vectors = np.loadtxt(theirs)
    assert np.linalg.det(axes) < 0  # dcm2niix turns rows round: nothing to reverse
    expected = (np.diag([-1, -1, 1]) @ axes @ vectors).T
    crossed = np.linalg.norm(np.cross(ours, expected), axis=1)
    angles = np.degrees(np.arctan2(crossed, (ours * expected).sum(axis=1)))
    assert angles.max() < 0.001
    found, wanted = np.loadtxt(tmp_path / "x.bval"), np.loadtxt(theirs.with_suffix(".bval"))
    assert np.abs(found - wanted).max() < 0.001


def test_the_layer_keeps_the_table():
    ((_, kwargs, _),) = volume_to_layers(volume_of(TURN))
    kept = kwargs["metadata"]["dicomdb"]
    assert kept["b_values"] == B
    assert kept["directions_lps"] == GRADIENTS.tolist()
