"""Dummies that are valid, and ages."""

from __future__ import annotations

import pytest
from pydicom import DataElement
from pydicom.valuerep import VR

from napari_dicomdb.export.deidentification.values import capped_age, dummy


@pytest.mark.parametrize(
    "vr", [v for v in VR if len(v) == 2 and v not in ("SQ", "UI")], ids=lambda v: str(v)
)
def test_a_dummy_is_valid_for_its_vr(vr: VR) -> None:
    import io

    from pydicom.filebase import DicomIO
    from pydicom.filewriter import write_data_element

    element = DataElement(0x00990010, vr, dummy(vr))
    out = DicomIO(io.BytesIO())
    out.is_implicit_VR, out.is_little_endian = False, True
    write_data_element(out, element)  # validates; warnings are errors here


@pytest.mark.parametrize(
    ("age", "told"),
    [("089Y", "089Y"), ("090Y", "090Y"), ("104Y", "090Y"), ("006M", "006M"), ("7D", "007D"),
     ("old", ""), ("", "")],
)  # fmt: skip
def test_ages(age: str, told: str) -> None:
    assert capped_age(age) == told
