"""Words of names, and content items about the patient."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from napari_dicomdb.export.deidentification.subject import hide_characteristic, name_words


def test_words_of_all_names_and_ids() -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "Müller-Lüdenscheidt^Åsa"
    dataset.ReferringPhysicianName = "Doe^John"
    dataset.PatientID = "AB-4711"
    dataset.StudyDescription = "chest"
    assert name_words(dataset) == {
        "müller", "lüdenscheidt", "åsa", "doe", "john", "ab", "4711",
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
