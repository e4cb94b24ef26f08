"""The kept keywords against pydicom's data dictionary."""

from __future__ import annotations

import pytest
from pydicom.datadict import dictionary_VR, private_dictionary_VR, tag_for_keyword

from napari_dicomdb.dicom._dictionary import NESTED_ELEMENTS
from napari_dicomdb.dicom.keywords import (
    INSTANCE_KEYWORDS,
    KEPT_KEYWORDS,
    NESTED_KEYWORDS,
    NESTED_TREES,
    PRIVATE_ELEMENTS,
    SERIES_KEYWORDS,
    TAG_OF,
    VR_OF,
)


@pytest.mark.parametrize("keyword", KEPT_KEYWORDS)
def test_kept_keywords_are_the_standards(keyword: str) -> None:
    assert TAG_OF[keyword] == tag_for_keyword(keyword)
    assert VR_OF[keyword] == dictionary_VR(TAG_OF[keyword])


@pytest.mark.parametrize("keyword", NESTED_ELEMENTS)
def test_nested_keywords_are_the_standards(keyword: str) -> None:
    tag, vr = NESTED_ELEMENTS[keyword]
    assert tag == tag_for_keyword(keyword)
    assert vr == dictionary_VR(tag)


def test_no_keyword_is_of_series_and_of_instance() -> None:
    assert not set(SERIES_KEYWORDS) & set(INSTANCE_KEYWORDS)
    assert len(KEPT_KEYWORDS) == len(set(KEPT_KEYWORDS))


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
        assert f"_{group:04X}_" in name
        assert name.endswith(f"{element:02X}")
        try:
            known = private_dictionary_VR(group << 16 | 0x1000 | element, creator)
        except KeyError:  # UIH is not in pydicom's dictionary
            assert creator == "Image Private Header"
        else:
            assert vr == known
    assert len(names) == len(PRIVATE_ELEMENTS[group, creator])
