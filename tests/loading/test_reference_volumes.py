"""Every volume of the reference data is what others made of it (scripts/validate.py)."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

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
        "pet_suv",
        "table_orient",
    ],
)
def test_volumes_are_equal(validate, reference_data, name):
    series = json.loads((reference_data / "references.json").read_text())["series"][name]
    results = {r.series: r for r in validate.validate(reference_data, [name])}
    assert results.keys() == series.keys()
    differing = {key for key, result in results.items() if result.status != "equal"}
    assert differing == results.keys() & validate.BROKEN_ANSWERS.keys()


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
    assert "3 equal, 3 with their fault named, 0 with a wrong answer" in text
    wrong = validate.Result("mr_vendors", "x", "differs")
    assert wrong.failed
    assert "DIFFERS" in validate.table([wrong])
