"""Every volume of the reference data is what others made of it (scripts/validate.py)."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

# Opened by loaders to come: diffusion and mosaics.
PENDING = {
    "dcm_qa_ge__Ax_DWI_TENSOR_R2_1",
    "dcm_qa_mosaic__2_ep2d_Asc",
    "dcm_qa_mosaic__5_ep2d_Int_HF",
    "dcm_qa_nih__EPI_PEAP_3",
    "dcm_qa_nih__EPI_PELR_6",
    "dcm_qa_uih__dti_tra_dir16_AP_9_134431",
    "dcm_qa_xa60__phantom_check_MBfactor_TerraX_XA60_14_PRODUCT_ep2d_diff_p3_sms1",
    "dicom2nifti__ge_dti_001",
    "dicom2nifti__philips_dti_001",
    "dicom2nifti__philips_enhanced_dti_001",
    "dicom2nifti__siemens_dti_classic_001",
}
SCRIPT = Path(__file__).parents[2] / "scripts" / "validate.py"


@pytest.fixture(scope="module")
def validate():
    spec = importlib.util.spec_from_file_location("dicomdb_validate", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize(
    "name",
    [
        "4d_fmri",
        "ctmrpet_rtstruct",
        "dwi",
        "enhanced",
        "mosaic",
        "mr_vendors",
        "multiecho",
        "table_orient",
    ],
)
def test_volumes_are_equal(validate, reference_data, name):
    series = json.loads((reference_data / "references.json").read_text())["series"][name]
    results = {r.series: r for r in validate.validate(reference_data, [name])}
    assert results.keys() == series.keys()
    differing = {key for key, result in results.items() if result.status != "equal"}
    assert differing <= PENDING


def test_bad_geometry_is_named(validate, reference_data):
    results = validate.validate(reference_data, ["bad_geometry"])
    assert {r.series: r.status for r in results} == {
        "gantrytilting": "found",
        "slicecount": "found",
        "sliceincrement": "found",
    }


def test_the_table_names_every_series(validate, reference_data):
    results = validate.validate(reference_data, ["ctmrpet_rtstruct", "bad_geometry"])
    text = validate.table(results)
    assert all(r.series in text for r in results)
    assert "3 equal, 3 with their fault named, 0 not comparable, 0 that differ" in text
    wrong = validate.Result("mr_vendors", "x", "differs")
    assert wrong.failed
    assert "DIFFERS" in validate.table([wrong])
