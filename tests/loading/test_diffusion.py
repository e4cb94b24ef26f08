"""Diffusion series opened whole: of the vendors' own files, and of files written here."""

from __future__ import annotations

import subprocess

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.dataelem import DataElement

from napari_dicomdb.dicom.findings import FindingCode
from napari_dicomdb.loading import examine
from napari_dicomdb.loading.lazy import LazyArray
from napari_dicomdb.loading.loadable import Loader
from napari_dicomdb.loading.loaders.diffusion import DiffusionLoader

MR = {"Modality": "MR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"}
X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
NONE = (0.0, 0.0, 0.0)
STEPS = ((0, NONE), (1000, X), (1000, Y), (2000, Z))


def write(series, steps=STEPS, heights=(0, 2, 4), **common):
    """Slices of constant value, 100 step + height."""
    for k, (b, vector) in enumerate(steps):
        for z in heights:
            pixels = np.full((6, 5), 100 * k + z, np.int16)
            series.slice(
                (-10, -20, z),
                pixels,
                DiffusionBValue=float(b),
                DiffusionGradientOrientation=list(vector),
                **{**MR, **common},
            )


def diffusion(offers):
    return [offer for offer in offers if offer.kind == "diffusion"]


def codes(offer):
    return {finding.code for finding in offer.findings}


def test_it_is_a_loader():
    assert isinstance(DiffusionLoader(), Loader)


@pytest.mark.parametrize("lazy", [False, True])
def test_volumes_with_their_gradients(series, records, lazy):
    write(series)
    offers = examine(records(series.paths))
    (best,) = (offer for offer in offers if offer.selected)
    assert best.loader.name == "diffusion"
    assert best.shape == (4, 3, 6, 5)
    assert best.dims == ("diffusion", "slice", "row", "column")
    assert best.name == "4: Thorax, 4 diffusion volumes (b 0, 1000, 2000)"
    volume = best.load(lazy=lazy)
    assert isinstance(volume.array, LazyArray) == lazy
    assert volume.dims == best.dims
    assert volume.coords["diffusion"].values == (0.0, 1000.0, 1000.0, 2000.0)
    assert volume.coords["diffusion"].unit == "s/mm2"
    assert volume.meta["b_values"].tolist() == [0, 1000, 1000, 2000]
    assert volume.meta["directions_lps"].tolist() == [list(g) for _, g in STEPS]
    assert volume.meta["directionality"] == ["NONE", *["DIRECTIONAL"] * 3]
    expected = 100 * np.arange(4)[:, None] + [0, 2, 4]
    assert np.array_equal(volume.numpy()[..., 0, 0], expected)
    assert volume.geometry.shape == (3, 6, 5)


def test_a_stack_written_downwards_is_turned(series, records):
    write(series, heights=(4, 2, 0))
    volume = examine(records(series.paths))[0].load(lazy=False)
    expected = 100 * np.arange(4)[:, None] + [0, 2, 4]
    assert np.array_equal(volume.array[..., 0, 0], expected)
    assert volume.geometry.affine[2, 3] == 0


def test_a_missing_image_is_padded_and_told(series, records):
    write(series)
    best = examine(records(p for k, p in enumerate(series.paths) if k != 4))[0]
    assert best.kind == "diffusion"
    assert FindingCode.MULTIFRAME_INCONSISTENT in codes(best)
    volume = best.load(lazy=False)
    assert volume.array[1, :, 0, 0].tolist() == [100, 0, 104]
    assert volume.array[2, :, 0, 0].tolist() == [200, 202, 204]


def test_a_missing_slice_is_filled_in_every_volume(series, records):
    write(series, heights=(0, 2, 4, 8, 10, 12))
    best = examine(records(series.paths))[0]
    assert (best.kind, best.shape) == ("diffusion", (4, 7, 6, 5))
    volume = best.load(lazy=False)
    assert volume.array[3, :, 0, 0].tolist() == [300, 302, 304, 306, 308, 310, 312]
    assert volume.meta["filled_slices"] == [3]


def test_maps_and_traces_are_opened_apart(series, records):
    write(series, ImageType=["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"])
    for k, name in enumerate(("ADC", "TRACEW")):
        for z in (0, 2, 4):
            pixels = np.full((6, 5), 1000 * (k + 1) + z, np.int16)
            kind = ["DERIVED", "PRIMARY", "DIFFUSION", name, "ND"]
            series.slice((-10, -20, z), pixels, **MR, ImageType=kind, DiffusionBValue=1000.0 * k)
    offers = [o for o in examine(records(series.paths)) if o.selected]
    assert sum(len(offer.instances) for offer in offers) == len(series.paths)
    by_name = {offer.name.rpartition(", ")[2]: offer for offer in offers}
    assert by_name.keys() == {"2000)", "ADC", "trace"}
    assert by_name["ADC"].kind == "diffusion-map"
    volume = by_name["ADC"].load(lazy=False)
    assert volume.dims == ("slice", "row", "column")
    assert volume.array[:, 0, 0].tolist() == [1000, 1002, 1004]
    assert "b_values" not in volume.meta


def test_a_trace_series_with_its_unweighted_image(series, records):
    for k, b in enumerate((0, 800)):
        for z in (0, 2, 4):
            told = {"DiffusionBValue": float(b)}
            if b:
                told["DiffusionDirectionality"] = "ISOTROPIC"
            series.slice((-10, -20, z), np.full((6, 5), k, np.int16), **MR, **told)
    best = examine(records(series.paths))[0]
    assert (best.kind, best.shape) == ("diffusion", (2, 3, 6, 5))
    assert FindingCode.UNCERTAIN_DIRECTIONS not in codes(best)
    assert best.options["directionality"] == ["NONE", "ISOTROPIC"]


def test_what_is_no_diffusion_is_left_alone(series, records):
    write(series, steps=[(0, NONE), (0, NONE)])
    assert not DiffusionLoader().examine(records(series.paths))
    write(series, Modality="CT")
    assert not DiffusionLoader().examine(records(series.paths[6:]))


def test_one_weighted_volume_is_no_series(series, records):
    write(series, steps=[(1000, X)])
    assert not DiffusionLoader().examine(records(series.paths))


def test_doubts_are_told(series, records):
    write(series, steps=[(0, NONE), (1000, X), (1000, NONE)])
    (offer,) = DiffusionLoader().examine(records(series.paths))
    (doubt,) = (f for f in offer.findings if f.code == FindingCode.UNCERTAIN_DIRECTIONS)
    assert doubt.numbers == {"volumes": [2]}
    assert "but 1 of 2 weighted volumes do not say their gradient" in offer.reasons


def test_an_unknown_b_value_is_told(series, records):
    write(series)
    for z in (0, 2, 4):
        series.slice((-10, -20, z), np.zeros((6, 5), np.int16), **MR)
    (offer,) = DiffusionLoader().examine(records(series.paths))
    assert FindingCode.UNKNOWN_WEIGHTING in codes(offer)
    assert offer.options["b_values"] == [0, 1000, 1000, 2000, 0]


def private(series, *, creator=True, maker="SIEMENS", group=0x0019):
    for b, vector in ((0, None), (1000, X), (1000, Y)):
        for z in (0, 2, 4):
            ds = series.header(ImagePositionPatient=[0, 0, z], Manufacturer=maker, **MR)
            if creator:
                ds.add(DataElement(group << 16 | 0x10, "LO", "SIEMENS MR HEADER"))
            ds.add(DataElement(0x0019100C, "IS", str(b)))
            if vector:
                ds.add(DataElement(0x0019100E, "FD", list(vector)))
            series.write(ds, np.zeros((4, 5), np.int16))


def test_private_elements_by_their_creator(series, records):
    private(series)
    (offer,) = diffusion(examine(records(series.paths)))
    assert offer.options["b_values"] == [0, 1000, 1000]
    assert offer.options["directions_lps"][1:] == [list(X), list(Y)]
    assert FindingCode.PRIVATE_WITHOUT_CREATOR not in codes(offer)


def test_private_elements_that_lost_their_creator(series, records):
    private(series, creator=False)
    (offer,) = diffusion(examine(records(series.paths)))
    assert offer.options["b_values"] == [0, 1000, 1000]
    assert FindingCode.PRIVATE_WITHOUT_CREATOR in codes(offer)


def test_private_elements_of_somebody_else(series, records):
    # The same numbers mean other things to another maker.
    private(series, creator=False, maker="ACME")
    assert not diffusion(examine(records(series.paths)))


def test_two_echoes_are_two_series_of_volumes(series, records):
    for te in (60, 90):
        write(series, EchoTime=te)
    offers = DiffusionLoader().examine(records(series.paths))
    assert [offer.shape for offer in offers] == [(4, 3, 6, 5)] * 2
    assert len({i.uid for offer in offers for i in offer.instances}) == 24
    assert [offer.name.partition(", 4")[0] for offer in offers] == [
        "4: Thorax, TE 60.0 ms",
        "4: Thorax, TE 90.0 ms",
    ]


def as_lps(vectors, affine):
    """FSL vectors beside a NIfTI of `affine` in patient coordinates."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    vectors = vectors.copy()
    if np.linalg.det(axes) > 0:
        vectors[0] *= -1
    # dcm2niix keeps the length that GE writes, 1 but for a thousandth.
    length = np.linalg.norm(vectors, axis=0)
    vectors /= np.where(length > 0, length, 1)
    return (np.diag([-1, -1, 1]) @ axes @ vectors).T


@pytest.mark.parametrize("phase", ["COL", "ROW"])
@pytest.mark.parametrize("normal", [(0, 0, 1), (0, 0, -1)])
def test_ge_is_read_as_dcm2niix_reads_it(reference_data, records, tmp_path, phase, normal):
    dcm2niix = pytest.importorskip("dcm2niix")
    folder = tmp_path / "in"
    folder.mkdir()
    source = reference_data / "dwi" / "dcm_qa_ge__Ax_DWI_TENSOR_R2_1" / "dicom"
    for path in source.iterdir():
        ds = pydicom.dcmread(path)
        ds.InPlanePhaseEncodingDirection = phase
        ds.ImageOrientationPatient = [0.6, 0.8, 0, -0.8, 0.6, 0]
        ds.ImagePositionPatient = list(3.0 * ((ds.InstanceNumber - 1) % 2) * np.array(normal))
        ds.save_as(folder / path.name)
    command = [dcm2niix.bin, "-o", str(tmp_path), "-f", "x", "-z", "n", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    (offer,) = DiffusionLoader().examine(records(folder.iterdir()))
    assert (FindingCode.UNCERTAIN_DIRECTIONS in codes(offer)) == (phase == "ROW")
    vectors, image = np.loadtxt(tmp_path / "x.bvec"), nibabel.load(tmp_path / "x.nii")
    expected = as_lps(vectors, image.affine)
    assert np.allclose(offer.options["directions_lps"], expected, atol=1e-5)
    assert offer.options["b_values"] == np.loadtxt(tmp_path / "x.bval").tolist()


def test_philips_enhanced_is_sorted_as_dcm2niix_sorts_it(reference_data, records, tmp_path):
    dcm2niix = pytest.importorskip("dcm2niix")
    folder = reference_data / "mr_vendors" / "dicom2nifti__philips_enhanced_dti_001" / "dicom"
    command = [dcm2niix.bin, "-o", str(tmp_path), "-f", "x", "-z", "n", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    image = nibabel.load(tmp_path / "x.nii")
    best = examine(records(folder.iterdir()))[0]
    volume = best.load(lazy=False)
    assert volume.meta["b_values"].tolist() == np.loadtxt(tmp_path / "x.bval").tolist()
    expected = as_lps(np.loadtxt(tmp_path / "x.bvec"), image.affine)
    assert np.allclose(volume.meta["directions_lps"], expected, atol=1e-5)
    # Philips' precise scaling there, the modality LUT here: the same stored values.
    stored = np.rint(volume.array / volume.meta["rescale"][0][0])
    theirs = np.asanyarray(image.dataobj.get_unscaled()).T[:, :, ::-1]
    assert np.array_equal(stored, theirs)
