"""Colours by what a segment is: by code, older code, words."""

from __future__ import annotations

import pytest
from pydicom.sr._snomed_dict import mapping
from pydicom.sr.codedict import codes

from napari_dicomdb.dicom.structure_colours import _BY_CODE, structure_colour, varied


def coded(code):
    return structure_colour(code.value, code.scheme_designator, code.meaning)


def test_common_structures_have_colours_that_differ():
    sct = codes.SCT
    common = [sct.Bone, sct.Blood, sct.Liver, sct.Lung, sct.Kidney, sct.Spleen, sct.Tumor]
    found = [coded(one) for one in common]
    assert None not in found
    assert len(set(found)) == len(found)


def test_older_codes_are_the_same_structures():
    liver = structure_colour("10200004", "SCT", "")
    assert liver is not None
    older = mapping["SCT"]["10200004"]
    assert structure_colour(older, "SRT", "") == liver
    assert structure_colour(older, "SCT", "") is None  # no code of that scheme
    older_known = [code for code in _BY_CODE if code in mapping["SCT"]]
    assert len(older_known) > 60


@pytest.mark.parametrize(
    ("meaning", "like"),
    [("Left kidney", "64033007"), ("Rib 7", "272673000"), ("Hepatic neoplasm", "108369006"),
     ("Liver", "10200004"), ("left femoral artery", "51114001")],
)  # fmt: skip
def test_words_decide_where_the_scheme_is_another(meaning, like):
    assert structure_colour("1", "99ME", meaning) == structure_colour(like, "SCT", "")


@pytest.mark.parametrize("meaning", ["Tissue", "Organ", "", "Anatomical Structure", "Arm"])
def test_what_says_nothing_has_no_colour(meaning):
    assert structure_colour("85756007", "SCT", meaning) is None


def test_several_of_one_kind_differ():
    bone = structure_colour("272673000", "SCT", "")
    shades = [varied(bone, turn) for turn in range(7)]
    assert shades[0] == bone
    assert len(set(shades)) == 7
    assert all(0 <= c <= 255 for shade in shades for c in shade)
