"""PET headers: quantities of Units, what is not corrected."""

from __future__ import annotations

import pytest

from napari_dicomdb.dicom.findings import Severity
from napari_dicomdb.dicom.keywords import KEPT_KEYWORDS, NESTED_KEYWORDS, PRIVATE_ELEMENTS
from napari_dicomdb.dicom.pet import (
    SERIES_FACTS,
    SLICE_FACTS,
    correction_findings,
    is_suv,
    quantity_of,
)


@pytest.mark.parametrize(
    ("values", "quantity", "unit"),
    [
        ({"Units": "BQML"}, "Activity concentration", "Bq/ml"),
        ({"Units": "GML"}, "SUVbw", "{SUVbw}g/ml"),
        ({"Units": "GML", "SUVType": "BW"}, "SUVbw", "{SUVbw}g/ml"),
        ({"Units": "GML", "SUVType": "IBW"}, "SUVibw", "{SUVibw}g/ml"),
        ({"Units": "CM2ML", "SUVType": "BSA"}, "SUVbsa", "{SUVbsa}cm2/ml"),
        ({"Units": "CNTS "}, "Counts", "{counts}"),
        ({"Units": "WHATEVER"}, "", ""),
        ({}, "", ""),
    ],
)
def test_quantity_and_ucum_unit(values, quantity, unit):
    assert quantity_of(values) == (quantity, unit)


def test_which_units_are_uptake_values():
    assert [is_suv(u) for u in ("GML", "CM2ML", "BQML", "")] == [True, True, False, False]


@pytest.mark.parametrize(
    ("values", "lacking"),
    [
        ({"CorrectedImage": "DECY\\ATTN\\SCAT", "DecayCorrection": "START"}, []),
        ({"CorrectedImage": "DECY\\SCAT"}, ["attenuation"]),
        ({"CorrectedImage": "NORM"}, ["attenuation", "decay"]),
        ({"DecayCorrection": "NONE"}, ["decay"]),
        ({}, []),
    ],
)
def test_missing_corrections_are_told(values, lacking):
    found = correction_findings(values)
    assert [f.numbers["lacking"] for f in found] == ([lacking] if lacking else [])
    assert all(f.severity is Severity.INFO for f in found)


def test_all_facts_are_kept_by_the_index():
    private = {name for elements in PRIVATE_ELEMENTS.values() for name, _ in elements.values()}
    kept = {*KEPT_KEYWORDS, *NESTED_KEYWORDS, *private}
    assert set(SERIES_FACTS) <= kept
    # FrameReferenceDateTime is kept per frame, of functional groups.
    assert set(SLICE_FACTS) - {"FrameReferenceDateTime"} <= kept
