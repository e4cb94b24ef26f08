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


def test_of_two_categories_the_plainer_one():
    assert category_of(TISSUE) == TISSUE
    assert category_of(Term("125040", "DCM", "Background")).value == "309825002"
    assert category_of(Term("51114001", "SCT", "Artery")).meaning == "Anatomical Structure"
    assert category_of(Term("52988006", "SCT", "Lesion")).value == "49755003"


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
        ("Kidneys", codes.SCT.Kidney, None),
        ("Lung_R", codes.SCT.Lung, "Right"),
        ("lung lt", codes.SCT.Lung, "Left"),
        ("heart_atrium_left", codes.SCT.LeftAtrium, None),
    ],
)  # fmt: skip
def test_names_suggest_codes(name, code, side):
    guess = suggest(name)
    assert (guess.type.value, guess.type.scheme) == (code.value, code.scheme_designator)
    assert (guess.modifier and guess.modifier.meaning) == side


TOTALSEGMENTATOR = [
    "spleen",
    "kidney_right",
    "gallbladder",
    "liver",
    "stomach",
    "pancreas",
    "adrenal_gland_right",
    "lung_upper_lobe_left",
    "lung_lower_lobe_left",
    "lung_middle_lobe_right",
    "esophagus",
    "trachea",
    "thyroid_gland",
    "small_bowel",
    "duodenum",
    "colon",
    "urinary_bladder",
    "prostate",
    "kidney_cyst_left",
    "sacrum",
    "vertebrae_S1",
    "vertebrae_L5",
    "vertebrae_T12",
    "vertebrae_C1",
    "heart",
    "aorta",
    "pulmonary_vein",
    "brachiocephalic_trunk",
    "subclavian_artery_right",
    "common_carotid_artery_right",
    "brachiocephalic_vein_left",
    "atrial_appendage_left",
    "superior_vena_cava",
    "inferior_vena_cava",
    "portal_vein_and_splenic_vein",
    "iliac_artery_left",
    "iliac_vena_left",
    "humerus_left",
    "scapula_left",
    "clavicula_left",
    "femur_left",
    "hip_left",
    "spinal_cord",
    "gluteus_maximus_left",
    "gluteus_medius_left",
    "gluteus_minimus_left",
    "autochthon_left",
    "iliopsoas_left",
    "brain",
    "skull",
    "rib_left_1",
    "rib_right_12",
    "sternum",
    "costal_cartilages",
    "heart_myocardium",
    "heart_ventricle_right",
    "pulmonary_artery",
    "face",
    "lung_vessels",
    "lung_trachea_bronchia",
    "subcutaneous_fat",
    "torso_fat",
    "skeletal_muscle",
    "intermuscular_fat",
    "body",
    "body_trunc",
    "body_extremities",
    "liver_vessels",
    "liver_tumor",
    "lung_nodules",
    "lung_pleural",
    "pleural_effusion",
    "pericardial_effusion",
    "patella",
    "tibia",
    "fibula",
    "tarsal",
    "metatarsal",
    "phalanges_feet",
    "ulna",
    "radius",
    "carpal",
    "metacarpal",
    "phalanges_hand",
    "hip_implant",
    "coronary_arteries",
    "intracerebral_hemorrhage",
    "eye_lens_left",
    "optic_nerve_left",
    "parotid_gland_left",
    "submandibular_gland_right",
    "nasopharynx",
    "oropharynx",
    "hypopharynx",
    "nasal_cavity_left",
    "soft_palate",
    "hard_palate",
    "auditory_canal_left",
    "thyroid_cartilage",
    "hyoid",
    "larynx_air",
    "zygomatic_arch_left",
    "mandible",
    "teeth_lower",
    "sinus_maxillary_left",
    "sinus_frontal",
    "brainstem",
    "subarachnoid_space",
    "venous_sinuses",
    "septum_pellucidum",
    "cerebellum",
    "caudate_nucleus",
    "lentiform_nucleus",
    "insular_cortex",
    "internal_capsule",
    "ventricle",
    "central_sulcus",
    "frontal_lobe",
    "thalamus",
    "internal_carotid_artery_left",
    "vertebrae_body",
    "liver_segment_1",
    "quadriceps_femoris_left",
    "sartorius_right",
    "thigh_medial_compartment_left",
    "deltoid",
    "supraspinatus",
    "trapezius",
]


@pytest.mark.parametrize("name", TOTALSEGMENTATOR)
def test_names_of_totalsegmentator_have_codes(name):
    guess = suggest(name)
    assert guess.type != TISSUE
    assert guess.type in types(guess.category)
    assert guess.type.scheme == "SCT"
    side = {"left", "right"} & set(name.split("_"))
    told = (guess.modifier, guess.region_modifier, guess.type)
    assert all(any(one and s in one.meaning.lower() for one in told) for s in side)


def test_what_is_in_an_organ_says_in_which():
    guess = suggest("kidney_cyst_left")
    assert (guess.type.value, guess.region.value) == (
        codes.SCT.Cyst.value, codes.SCT.Kidney.value,
    )  # fmt: skip
    assert (guess.modifier, guess.region_modifier.meaning) == (None, "Left")
    assert guess.category.meaning == "Morphologically Abnormal Structure"


def test_names_stand_for_codes_of_the_standard():
    from pydicom.sr._concepts_dict import concepts

    known = {value for entries in concepts["SCT"].values() for value in entries}
    assert {term.value for term in types() if term.scheme == "SCT"} <= known


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
