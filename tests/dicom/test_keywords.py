"""The kept keywords against pydicom's data dictionary."""

from __future__ import annotations

import warnings
from io import BytesIO

import pydicom
import pytest
from pydicom.datadict import (
    dictionary_VR,
    keyword_for_tag,
    private_dictionary_VR,
    tag_for_keyword,
)
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from napari_dicomdb.dicom._dictionary import NESTED_ELEMENTS
from napari_dicomdb.dicom.header import scan_bytes
from napari_dicomdb.dicom.keywords import (
    CSA_HEADER,
    INSTANCE_KEYWORDS,
    KEPT_KEYWORDS,
    NESTED_KEYWORDS,
    NESTED_TREES,
    PRIVATE_ELEMENTS,
    REPEATED_TAGS,
    SERIES_KEYWORDS,
    TAG_OF,
    VR_OF,
)


@pytest.mark.parametrize("keyword", KEPT_KEYWORDS)
def test_kept_keywords_are_the_standards(keyword: str) -> None:
    assert keyword_for_tag(TAG_OF[keyword]) == keyword
    assert VR_OF[keyword] == dictionary_VR(TAG_OF[keyword])


@pytest.mark.parametrize("keyword", NESTED_ELEMENTS)
def test_nested_keywords_are_the_standards(keyword: str) -> None:
    tag, vr = NESTED_ELEMENTS[keyword]
    assert tag == tag_for_keyword(keyword)
    assert vr == dictionary_VR(tag)


def test_no_keyword_is_of_series_and_of_instance() -> None:
    assert not set(SERIES_KEYWORDS) & set(INSTANCE_KEYWORDS)
    assert len(KEPT_KEYWORDS) == len(set(KEPT_KEYWORDS))


def test_repeated_tags_are_those_of_the_other_overlay_groups() -> None:
    assert len(REPEATED_TAGS) == 15
    for tag, keyword in REPEATED_TAGS.items():
        assert keyword_for_tag(tag) == keyword
        assert tag not in TAG_OF.values()


def test_identity_and_pixel_description_are_kept() -> None:
    needed = {"SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientID", "Rows"}
    assert needed <= set(KEPT_KEYWORDS)


def test_nested_keywords_lie_in_kept_sequences() -> None:
    for path in NESTED_KEYWORDS:
        top, _, _ = path.partition(".")
        assert VR_OF[top] == "SQ"
        assert TAG_OF[top] in NESTED_TREES


@pytest.mark.parametrize(("group", "creator"), PRIVATE_ELEMENTS)
def test_private_elements_have_the_vr_that_pydicom_knows(group: int, creator: str) -> None:
    names = set()
    for element, (name, vr) in PRIVATE_ELEMENTS[group, creator].items():
        names.add(name)
        if name == CSA_HEADER:
            continue
        assert f"_{group:04X}_" in name
        assert name.endswith(f"{element:02X}")
        try:
            known = private_dictionary_VR(group << 16 | 0x1000 | element, creator)
        except KeyError:  # UIH is not in pydicom's dictionary
            assert creator == "Image Private Header"
        else:
            assert vr == known
    assert len(names) == len(PRIVATE_ELEMENTS[group, creator])


@pytest.mark.parametrize("by", ["walker", "pydicom"])
def test_presence_of_overlays_and_colour_profiles_is_kept(by: str) -> None:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.4", "1.2.5"
    ds.ICCProfile = b"\0" * 70_000
    ds.add_new(0x60040010, "US", 12)
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, ds, enforce_file_format=True)
    header = scan_bytes(buffer.getvalue(), by=by)
    assert header.values["OverlayRows"] == 12
    assert header.values["ICCProfile"] == 65_536
    assert not header.problems


def _encoded(syntax: str, *, undefined: bool, creator: str) -> bytes:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", "1.2.3"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.4", "1.2.5"
    ds.Modality = "MR"
    ds.private_block(0x65, "ANOTHER", create=True).add_new(0x50, "DS", "99")
    block = ds.private_block(0x65, creator, create=True)
    block.add_new(0x50, "DS", "2")
    items = []
    for k in range(2):
        item = Dataset()
        item.AcquisitionDate = "20180925"
        item.ImagePositionPatient = [1.0, 2.5, float(k)]
        items.append(item)
    block.add_new(0x51, "SQ", items)
    block[0x51].is_undefined_length = undefined
    ds.Rows = 4
    buffer = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pydicom.dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.parametrize("by", ["walker", "pydicom"])
@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_private_sequences_are_read(syntax: str, undefined: bool, by: str) -> None:
    data = _encoded(syntax, undefined=undefined, creator="Image Private Header")
    values = scan_bytes(data, by=by).values
    assert values["UIH_0065_1050"] == "2"
    assert values["UIH_0065_1051"] == 2
    assert values["UIH_0065_1051.ImagePositionPatient"] == ["1.0\\2.5\\0.0", "1.0\\2.5\\1.0"]
    assert values["Rows"] == 4
    assert values["PrivateCreator_0065"] == "ANOTHER"


@pytest.mark.parametrize("by", ["walker", "pydicom"])
def test_the_same_elements_of_another_creator_are_not(by: str) -> None:
    data = _encoded(ExplicitVRLittleEndian, undefined=False, creator="Somebody's Header")
    values = scan_bytes(data, by=by).values
    assert not any(name.startswith("UIH") for name in values)
    assert values["Rows"] == 4
