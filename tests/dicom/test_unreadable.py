"""Values that break their own rules: what pydicom says of them is known, and nobody stumbles."""

from __future__ import annotations

import io
import struct

import pydicom
import pytest
from pydicom.datadict import DicomDictionary
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.tag import Tag

from napari_dicomdb.dicom.attribute_export import json_model
from napari_dicomdb.dicom.content import Budget, attribute_nodes, items_of, text_of
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.loading.pictures.headers import items, values_of
from napari_dicomdb.network.serving.metadata import json_of_data_set

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# Of every value representation, one attribute.
ATTRIBUTES = {entry[0].split()[0]: tag for tag, entry in reversed(DicomDictionary.items())}
BROKEN = [
    b"1E999",
    b"inf",
    b"--1",
    b"9" * 400,
    b"\\\\",
    b"\xff" * 3,
    b"\x1b$B",
    b"20200101\\x",
    b"(FFFF",
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff",
    b"\x10\x00\x10\x00PN\x04\x00abcd",
]


def broken(vr: str, tag: int, value: bytes) -> Dataset:
    found = Dataset()
    found[Tag(tag)] = RawDataElement(Tag(tag), vr, len(value), value, 0, False, True)
    return found


@pytest.mark.parametrize("vr", [*sorted(ATTRIBUTES), "ZZ"])
def test_whatever_pydicom_raises_is_among_them(vr: str) -> None:
    tag = ATTRIBUTES.get(vr, 0x00100010)
    for value in BROKEN:
        try:
            _ = broken(vr, tag, value)[tag].value
        except unreadable():
            continue
        except OSError as error:
            assert (vr, error.errno) == ("SQ", None)


def test_its_own_errors_are_among_them() -> None:
    assert {BytesLengthException, InvalidDicomError} <= set(unreadable())
    assert unreadable(OSError) == (*unreadable(), OSError)
    with pytest.raises(unreadable()):
        pydicom.dcmread(io.BytesIO(b"no DICOM"))


@pytest.fixture
def cut() -> Dataset:
    """A data set with two of the four bytes of a number, and a sequence that is none."""
    parts = [
        struct.pack("<HH2sH", 0x0008, 0x0060, b"CS", 2) + b"CT",
        struct.pack("<HH2sHI", 0x0008, 0x2218, b"SQ", 0, 5) + b"none!",
        struct.pack("<HH2sH", 0x0020, 0x9057, b"UL", 2) + b"\x01\x00",
        struct.pack("<HH2sH", 0x0028, 0x0010, b"US", 2) + b"\x04\x00",
    ]
    stream = b"".join(parts)
    return pydicom.dcmread(io.BytesIO(stream), force=True)


def test_one_broken_value_leaves_the_others(cut: Dataset) -> None:
    with pytest.raises(BytesLengthException):
        _ = cut.InStackPositionNumber
    assert text_of(cut, "InStackPositionNumber") == ""
    assert values_of(cut, "InStackPositionNumber") == []
    with pytest.raises(OSError, match="No tag"):
        _ = cut.AnatomicRegionSequence
    assert items_of(cut, "AnatomicRegionSequence") == items(cut, "AnatomicRegionSequence") == []
    nodes = [(node.label, node.value) for node in attribute_nodes(cut, Budget())]
    assert [nodes[0], nodes[3]] == [("Modality", "CT"), ("Rows", "4")]
    assert [label for label, _ in nodes[1:3]] == ["(0008,2218)", "(0020,9057)"]
    assert all(value.startswith("broken: ") for _, value in nodes[1:3])


def test_one_broken_value_leaves_the_others_in_json(cut: Dataset) -> None:
    served = json_of_data_set(cut, "http://h/bulkdata")
    shown = json_model(cut)
    for model in (served, shown):
        assert model["00080060"] == {"vr": "CS", "Value": ["CT"]}
        assert model["00280010"] == {"vr": "US", "Value": [4]}
    assert (served["00082218"], served["00209057"]) == ({"vr": "SQ"}, {"vr": "UL"})
    assert shown["00082218"] == {"vr": "UN", "InlineBinary": "bm9uZSE="}
    assert shown["00209057"] == {"vr": "UN", "InlineBinary": "AQA="}
