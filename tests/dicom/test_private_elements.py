"""Private elements without their creator, and numbers whose VR was lost on the way."""

from __future__ import annotations

import io
import struct

import pytest
from pydicom import dcmwrite
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from napari_dicomdb.dicom._decode import vr_of_bytes
from napari_dicomdb.dicom.header import scan_bytes
from napari_dicomdb.dicom.keywords import PRIVATE_ELEMENTS, UNRESERVED_ELEMENTS

SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]


def scanned(elements, *, maker="SIEMENS", creators=(), syntax=ExplicitVRLittleEndian, by="walker"):
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.Manufacturer, ds.Rows, ds.Columns = maker, 4, 4
    for tag, creator in creators:
        ds.add(DataElement(tag, "LO", creator))
    for tag, vr, value in elements:
        ds.add(DataElement(tag, vr, value))
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    file = io.BytesIO()
    dcmwrite(file, ds, enforce_file_format=True)
    return scan_bytes(file.getvalue(), by=by).values


B_VALUE = (0x0019100C, "IS", "1000")
GRADIENT = (0x0019100E, "FD", [0.6, 0.8, 0.0])


def test_every_element_is_where_its_name_says():
    assert UNRESERVED_ELEMENTS[0x0019100C] == ("SIEMENS_0019_100C", "IS")
    assert UNRESERVED_ELEMENTS[0x20051412][0] == "PHILIPS_2005_1412"
    names = [name for e in PRIVATE_ELEMENTS.values() for name, _ in e.values()]
    assert {name for name, _ in UNRESERVED_ELEMENTS.values()} < set(names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("by", ["walker", "pydicom"])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_maker_owns_what_lost_its_creator(syntax, by):
    values = scanned([B_VALUE, GRADIENT], syntax=syntax, by=by)
    assert values["SIEMENS_0019_100C"] == "1000"
    assert values["SIEMENS_0019_100E"] == [0.6, 0.8, 0.0]
    assert values["PrivateWithoutCreator"] == "SIEMENS"


@pytest.mark.parametrize("by", ["walker", "pydicom"])
def test_another_maker_does_not(by):
    for maker in ("GE MEDICAL SYSTEMS", "ACME", ""):
        values = scanned([B_VALUE], maker=maker, by=by)
        assert "SIEMENS_0019_100C" not in values
        assert "PrivateWithoutCreator" not in values


@pytest.mark.parametrize("by", ["walker", "pydicom"])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_creator_is_believed(syntax, by):
    reserved = [(0x00190010, "SIEMENS MR HEADER")]
    values = scanned([B_VALUE], maker="ACME", creators=reserved, syntax=syntax, by=by)
    assert values["SIEMENS_0019_100C"] == "1000"
    assert "PrivateWithoutCreator" not in values
    somebody = [(0x00190010, "SOMEBODY ELSE")]
    values = scanned([B_VALUE], creators=somebody, syntax=syntax, by=by)
    assert "SIEMENS_0019_100C" not in values
    moved = [(0x00190011, "SIEMENS MR HEADER")]
    values = scanned([(0x0019110C, "IS", "700")], creators=moved, syntax=syntax, by=by)
    assert values["SIEMENS_0019_100C"] == "700"


@pytest.mark.parametrize("by", ["walker", "pydicom"])
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (struct.pack("<f", 1000), 1000.0),
        (struct.pack("<d", 1000), 1000.0),
        (b"1000", "1000"),
        (b"1000.0 \0", "1000.0"),
    ],
)
def test_unknown_numbers_are_read_by_their_length(raw, expected, by):
    values = scanned([(0x20011003, "UN", raw)], maker="Philips Healthcare", by=by)
    assert values["PHILIPS_2001_1003"] == expected


@pytest.mark.parametrize(
    ("raw", "vr", "found"),
    [
        (struct.pack("<d", 0.5), "FD", "FD"),
        (struct.pack("<3d", 0.5, 0.25, 1), "FD", "FD"),
        (struct.pack("<3f", 0.5, 0.25, 1), "FD", "FL"),
        (struct.pack("<f", 0.5), "FL", "FL"),
        (struct.pack("<d", 0.5), "FL", "FD"),
        (b"0.5\\0.25", "FD", "DS"),
        (b"12", "IS", "IS"),
        (b"", "FD", "FD"),
        (bytes(8), "FD", "FD"),
    ],
)
def test_vr_of_bytes(raw, vr, found):
    assert vr_of_bytes(raw, vr) == found
