"""Maps offered beside a diffusion series, and computed when opened."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_dicomdb import Database
from napari_dicomdb.analysis.diffusion_maps import DiffusionMapsLoader
from napari_dicomdb.api import examine
from napari_dicomdb.loading.loadable import Loader

SCRIPT = Path(__file__).parents[2] / "scripts" / "phantom_diffusion.py"


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    """Ways to open the phantom's series, and the script that knows its tensors."""
    spec = importlib.util.spec_from_file_location("dicomdb_phantom_diffusion", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    folder = tmp_path_factory.mktemp("diffusion")
    script.write_diffusion_series(folder, matrix=24, slices=4)
    return examine(folder), script


@pytest.fixture(scope="module")
def uih(reference_data):
    with Database.in_memory() as db:
        folder = reference_data / "dwi" / "dcm_qa_uih__dti_tra_dir16_AP_9_134431"
        db.import_paths([folder / "dicom"], workers=0)
        return db.examine(db.series()[0])


def maps(offers):
    return {o.name.rpartition(": ")[2]: o for o in offers if o.loader.name == "diffusion-maps"}


def test_it_is_a_loader():
    assert isinstance(DiffusionMapsLoader(), Loader)


def test_they_are_offered_and_never_chosen(uih):
    offered = maps(uih)
    assert offered.keys() == {
        "trace-weighted image",
        "apparent diffusion (ADC)",
        "fractional anisotropy (FA)",
    }
    assert not any(offer.selected for offer in offered.values())
    assert [o.kind for o in uih if o.selected] == ["diffusion"]
    for offer in offered.values():
        assert offer.shape == (20, 64, 64)
        assert offer.dims == ("slice", "row", "column")
        assert "but it is computed of 17 volumes, not acquired" in offer.reasons
        # Surer than the 17 volumes one by one: those who look for a map find it.
        assert uih.index(offer) < 6


def test_adc_is_in_the_range_of_tissue(uih):
    volume = maps(uih)["apparent diffusion (ADC)"].load()
    assert volume.units == "um2/s"
    assert volume.dims == ("slice", "row", "column")
    assert volume.dtype == np.float32
    inside = volume.array[volume.array > 0]
    assert inside.size > 5000
    assert 500 < np.median(inside) < 3000
    assert volume.meta["computed_of"][1] == pytest.approx(928.29, abs=0.01)
    assert "b_values" not in volume.meta


def test_trace_is_the_geometric_mean(uih):
    diffusion = next(o for o in uih if o.kind == "diffusion").load(lazy=False)
    volume = maps(uih)["trace-weighted image"].load()
    weighted = diffusion.array[1:].astype(np.float64)
    positive = (weighted > 0).all(axis=0)
    expected = np.exp(np.log(weighted[:, positive]).mean(axis=0))
    assert np.allclose(volume.array[positive], expected, rtol=1e-4)
    assert np.array_equal(volume.geometry.affine, diffusion.geometry.affine)


def test_anisotropy_is_a_share(uih):
    volume = maps(uih)["fractional anisotropy (FA)"].load()
    assert volume.array.min() == 0
    assert 0.2 < volume.array.max() <= 1


def test_a_map_becomes_a_layer_and_a_file(uih, tmp_path):
    volume = maps(uih)["fractional anisotropy (FA)"].load()
    ((data, kwargs, kind),) = maps(uih)["fractional anisotropy (FA)"].to_layers(volume)
    assert kind == "image"
    assert data.ndim == 3
    assert kwargs["contrast_limits"] == (0, 1)
    path = volume.to_nifti(tmp_path / "fa.nii.gz")
    assert nibabel.load(path).shape == (64, 64, 20)
    assert [p.name for p in tmp_path.iterdir()] == ["fa.nii.gz"]


def test_the_phantom_has_the_tensors_that_were_written(phantom):
    offers, script = phantom
    best = offers[0]
    assert (best.kind, best.shape) == ("diffusion", (37, 4, 24, 24))
    written = script.gradients()
    assert best.options["b_values"] == [b for b, _ in written]
    assert np.allclose(best.options["directions_lps"], [vector for _, vector in written])
    values = np.array([script.ALONG, script.ACROSS, script.ACROSS])
    truth = np.sqrt(1.5 * ((values - values.mean()) ** 2).sum() / (values**2).sum())
    fa = maps(offers)["fractional anisotropy (FA)"].load().array
    adc = maps(offers)["apparent diffusion (ADC)"].load().array
    assert np.percentile(fa[fa > 0], [1, 99]) == pytest.approx([truth, truth], abs=0.02)
    assert np.median(adc[adc > 0]) == pytest.approx(1e6 * values.mean(), rel=0.03)


def test_few_directions_give_no_tensor(reference_data):
    with Database.in_memory() as db:
        folder = reference_data / "mr_vendors" / "dicom2nifti__siemens_dti_classic_001"
        db.import_paths([folder / "dicom"], workers=0)
        offered = maps(db.examine(db.series()[0]))
    assert offered.keys() == {"apparent diffusion (ADC)"}
