"""Words of names, and content items about the patient."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from napari_dicomdb.export.deidentification.subject import (
    hide_characteristic,
    is_standard_code,
    name_words,
    telling_words,
    without_words,
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
    assert telling_words(words) == {"doe", "12345", "ab-4711", "müller"}


def test_labels_without_the_patient() -> None:
    words = telling_words({"doe", "jane", "ab-4711", "müller"})
    assert without_words("Tumour of DOE, left", words) == "Tumour of , left"
    assert without_words("Doe^Jane", words) == "ANONYMIZED"
    assert without_words("GTV_Müller_1", words) == "GTV__1"
    assert without_words("id Ab-4711!", words) == "id !"
    assert without_words("  does  janet  ", words) == "  does  janet  "


def test_codes_that_are_published() -> None:
    item = Dataset()
    assert not is_standard_code(item)
    item.CodingSchemeDesignator = "99LOCAL"
    assert not is_standard_code(item)
    item.CodingSchemeDesignator = "SCT"
    assert is_standard_code(item)
