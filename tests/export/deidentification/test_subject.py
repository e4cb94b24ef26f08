"""Words of names, and content items about the patient."""

from __future__ import annotations

from typing import Literal
from unicodedata import normalize

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from napari_dicomdb.export.deidentification.subject import (
    hide_characteristic,
    is_standard_code,
    name_words,
    telling_words,
    without_words,
    words_in,
)


def test_words_of_all_names_and_ids() -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "Müller-Lüdenscheidt^Åsa"
    dataset.ReferringPhysicianName = "Doe^John"
    dataset.PatientID = "AB-4711"
    dataset.StudyDescription = "chest"
    assert name_words(dataset) == {
        "müller", "lüdenscheidt", "åsa", "doe", "john", "ab", "4711", "ab-4711",
    }  # fmt: skip


def _item(code: str) -> Dataset:
    item, name, value = Dataset(), Dataset(), Dataset()
    name.CodeValue, name.CodingSchemeDesignator = code, "DCM"
    item.ConceptNameCodeSequence = Sequence([name])
    value.CodeValue, value.CodingSchemeDesignator, value.CodeMeaning = "F", "DCM", "Female"
    item.ConceptCodeSequence = Sequence([value])
    return item


def test_sex_within_a_report() -> None:
    item = _item("121032")
    assert [action for _, action in hide_characteristic(item)] == ["replaced"]
    assert item.ConceptCodeSequence[0].CodeMeaning == "Unknown"


def test_other_content_stays() -> None:
    item = _item("121071")
    assert list(hide_characteristic(item)) == []
    assert item.ConceptCodeSequence[0].CodeValue == "F"
    assert list(hide_characteristic(Dataset())) == []


def test_which_words_go_from_labels() -> None:
    words = {"doe", "li", "brain", "4711", "12345", "ab", "ab-4711", "a-1", "--", "müller"}
    assert telling_words(words) == {"doe", "12345", "ab-4711", "müller", "muller"}


def test_labels_without_the_patient() -> None:
    words = telling_words({"doe", "jane", "ab-4711", "müller"})
    assert without_words("Tumour of DOE, left", words) == "Tumour of , left"
    assert without_words("Doe^Jane", words) == "ANONYMIZED"
    assert without_words("GTV_Müller_1", words) == "GTV__1"
    assert without_words("id Ab-4711!", words) == "id !"
    assert without_words("  does  janet  ", words) == "  does  janet  "


def test_labels_in_scripts_without_spaces() -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    dataset.OtherPatientNames = "Wang^Xiaodong=王^小東"
    words = telling_words(name_words(dataset))
    assert without_words("山田太郎の肝臓", words) == "の肝臓"
    assert without_words("肝臓(やまだ)", words) == "肝臓()"
    assert without_words("王小東 tumour", words) == "tumour"
    assert without_words("女王 1", words) == "女王 1"  # one letter is in many words
    dataset.PatientName = "Hong^Gildong=洪^吉洞=홍^길동"
    assert without_words("홍길동의 간", telling_words(name_words(dataset))) == "의 간"


def test_parts_of_names() -> None:
    assert words_in("Doe^Jane=山田^太郎") == {"doe", "jane", "山田", "太郎", "山田太郎"}
    assert words_in("") == frozenset()


def test_accents_of_labels_as_people_type_them() -> None:
    words = telling_words({"müller", "wąłęsa"})
    for typed in ("Müller", "Muller", "MULLER", "Mu\u0308ller"):
        assert without_words(f"GTV {typed} 1", words) == "GTV 1"
    assert without_words("Mu\u0308hle", words) == "Mu\u0308hle"  # and is not touched


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["José^Müller", "Jose^Muller"])
def test_accents_of_names_as_computers_write_them(name: str, form: Literal["NFC", "NFD"]) -> None:
    words = telling_words(words_in(normalize(form, name)))
    for label in ("Tumour José", "Tumour Jose", "Tumour MÜLLER", "Tumour Muller"):
        for other in ("NFC", "NFD"):
            assert without_words(normalize(other, label), words) == "Tumour"
    hangul = telling_words(words_in(normalize(form, "김^민수")))
    assert without_words("김민수 간", hangul) == "간"


def test_codes_that_are_published() -> None:
    item = Dataset()
    assert not is_standard_code(item)
    item.CodingSchemeDesignator = "99LOCAL"
    assert not is_standard_code(item)
    item.CodingSchemeDesignator = "SCT"
    assert is_standard_code(item)
