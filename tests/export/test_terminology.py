"""Codes of segments, against pydicom's tables of PS3.16."""

from __future__ import annotations

import pytest
from pydicom.sr.codedict import codes

from napari_dicomdb.export.terminology import (
    TISSUE,
    Term,
    categories,
    category_of,
    modifiers,
    regions,
    search_terms,
    suggest,
    types,
)


def test_categories_and_regions_are_those_of_the_standard():
    expected = {codes.cid7150.Tissue.value, codes.cid7150.AnatomicalStructure.value}
    assert {term.value for term in categories()} > expected
    assert TISSUE.value in expected
    liver = codes.cid4.Liver
    assert Term(liver.value, liver.scheme_designator, liver.meaning) in regions()
    assert {m.meaning for m in modifiers()} == {"Left", "Right", "Bilateral", "Unilateral"}


def test_every_type_belongs_to_a_category():
    assert len(types()) > 800
    liver = Term("10200004", "SCT", "Liver")
    assert liver in types(category_of(liver))
    assert category_of(liver).meaning == "Anatomical Structure"
    assert category_of(Term("1", "99X", "Mine")) == TISSUE


@pytest.mark.parametrize(
    ("name", "code", "side"),
    [
        ("liver", codes.SCT.Liver, None),
        ("Spleen", codes.SCT.Spleen, None),
        ("kidney_left", codes.SCT.Kidney, "Left"),
        ("RightKidney", codes.SCT.Kidney, "Right"),
        ("lung_upper_lobe_left", codes.SCT.UpperLobeOfLung, "Left"),
        ("inferior_vena_cava", codes.SCT.InferiorVenaCava, None),
        ("urinary_bladder", codes.SCT.Bladder, None),
        ("rib_left_4", codes.SCT.Rib, "Left"),
        ("tumor", codes.SCT.Neoplasm, None),
    ],
)  # fmt: skip
def test_names_suggest_codes(name, code, side):
    guess = suggest(name)
    assert (guess.type.value, guess.type.scheme) == (code.value, code.scheme_designator)
    assert (guess.modifier and guess.modifier.meaning) == side


@pytest.mark.parametrize("name", ["", "label 3", "thing", "left"])
def test_what_nobody_knows_is_tissue(name):
    assert suggest(name).type == TISSUE
    assert suggest(name).category == TISSUE


def test_search_finds_words_in_any_order_and_codes():
    assert search_terms("lobe upper lung", types())[0].meaning == "Upper lobe of lung"
    assert search_terms("live", types())[0].meaning.lower().startswith("live")
    assert search_terms("10200004", types())[0].meaning == "Liver"
    assert search_terms("no such thing", types()) == []
    assert len(search_terms("", regions())) == len(regions())


def test_codes_as_text():
    assert str(Term.of("SCT 10200004")) == "SCT 10200004"
    assert Term.of("SCT 10200004").meaning == "Liver"
    assert Term.of("99X 12", "mine").meaning == "mine"
    with pytest.raises(ValueError, match="scheme"):
        Term.of("liver")
