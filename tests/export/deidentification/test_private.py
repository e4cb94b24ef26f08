"""Private attributes that may stay, by who reserved their block."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from napari_dicomdb.dicom.csa import csa_values
from napari_dicomdb.export.deidentification.engine import Deidentifier, Patient
from napari_dicomdb.export.deidentification.private import EXTENDED, allowed_vr, filtered_csa
from napari_dicomdb.export.deidentification.profile import Profile
from napari_dicomdb.export.deidentification.project import open_project

SIEMENS = "SIEMENS MR HEADER"


def _siemens() -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    other = dataset.private_block(0x0019, "SOMEBODY", create=True)
    other.add_new(0x0C, "IS", "5")
    block = dataset.private_block(0x0019, SIEMENS, create=True)
    block.add_new(0x0C, "IS", "1000")
    block.add_new(0x0E, "FD", [0.0, 0.0, 1.0])
    block.add_new(0x0A, "US", 36)
    block.add_new(0x99, "LO", "Doe")
    return dataset


def _deidentified(dataset: Dataset, **wishes: bool) -> Dataset:
    Deidentifier(Profile(**wishes), open_project()).apply(dataset, Patient("A", "B"))
    return dataset


def _private(dataset: Dataset) -> dict[str, Any]:
    return {f"{int(e.tag):08x}": e.value for e in dataset if e.tag.is_private}


def test_nothing_private_stays_by_itself() -> None:
    assert _private(_deidentified(_siemens())) == {}


def test_the_list_of_the_standard() -> None:
    kept = _private(_deidentified(_siemens(), retain_safe_private=True))
    # In the second block: what somebody else put at the same place is another attribute.
    assert kept == {"00190011": SIEMENS, "0019110c": 1000, "0019110e": [0.0, 0.0, 1.0]}


def test_the_extended_list() -> None:
    kept = _private(_deidentified(_siemens(), extended_private=True))
    assert kept == {"00190011": SIEMENS, "0019110a": 36}
    assert all(row[4] for row in EXTENDED)


def test_a_value_of_another_kind_goes() -> None:
    dataset = Dataset()
    block = dataset.private_block(0x0019, SIEMENS, create=True)
    block.add_new(0x0C, "LO", "Jane Doe")
    assert _private(_deidentified(dataset, retain_safe_private=True)) == {}


@pytest.mark.parametrize(
    ("value", "stays"),
    [(b"1000", True), (b" 15\\-2 ", True), (b"", True), (b"Jane Doe", False), (b"1;x", False)],
)
def test_words_under_the_name_of_a_number_go(value: bytes, stays: bool) -> None:
    dataset = Dataset()
    block = dataset.private_block(0x0019, SIEMENS, create=True)
    block.add_new(0x0C, "UN", value)
    raw = io.BytesIO()
    pydicom.dcmwrite(raw, dataset, implicit_vr=False, little_endian=True)
    raw.seek(0)
    read = pydicom.dcmread(raw, force=True)
    assert bool(_private(_deidentified(read, retain_safe_private=True))) is stays


def test_items_of_kept_sequences_are_cleaned() -> None:
    dataset, item = Dataset(), Dataset()
    item.PatientName = "Doe^Jane"
    item.Rows = 5
    block = dataset.private_block(0x2001, "Philips Imaging DD 001", create=True)
    block.add_new(0x6A, "SQ", Sequence([item]))
    kept = _deidentified(dataset, retain_safe_private=True)
    (left,) = kept[0x2001106A].value
    assert left.Rows == 5
    assert "Jane" not in str(left)


def test_creators_are_compared_whole() -> None:
    both = {"safe": True, "extended": True}
    assert allowed_vr(0x0019100C, SIEMENS, **both) == "IS"
    assert allowed_vr(0x0019100C, "SIEMENS", **both) == ""
    assert allowed_vr(0x0019000C, SIEMENS, **both) == ""
    assert allowed_vr(0x0019100C, "", **both) == ""


def test_csa_keeps_numbers_of_geometry_alone(csa_header: Callable[..., bytes]) -> None:
    raw = csa_header(
        {
            "NumberOfImagesInMosaic": ["36"],
            "SliceNormalVector": ["0.0", "0.0", "1.0"],
            "B_value": ["1000 Jane Doe"],
            "DiffusionDirectionality": ["JANE"],
            "PatientName": ["Doe^Jane"],
        }
    )
    new = filtered_csa(raw)
    assert csa_values(new) == {
        "SIEMENS_CSA_NumberOfImagesInMosaic": 36,
        "SIEMENS_CSA_SliceNormalVector": [0, 0, 1],
    }
    assert b"Jane" not in new
    assert b"JANE" not in new
    dataset = Dataset()
    dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", raw)
    kept = _private(_deidentified(dataset, extended_private=True))
    assert kept == {"00290010": "SIEMENS CSA HEADER", "00291010": new}


@given(st.binary())
def test_csa_of_anything(raw: bytes) -> None:
    assert len(filtered_csa(raw)) % 2 == 0
