"""Nothing of what identifies a patient survives, wherever it is; what may stay stays."""

from __future__ import annotations

import io
from typing import Any

import pydicom
import pytest
from pydicom import DataElement
from pydicom.datadict import DicomDictionary, dictionary_VR
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from napari_dicomdb.dicom._attribute_reading import quiet
from napari_dicomdb.export.deidentification.engine import ACTIONS, Deidentifier, Patient
from napari_dicomdb.export.deidentification.profile import RETAINABLE, Profile
from napari_dicomdb.export.deidentification.project import open_project
from napari_dicomdb.export.deidentification.table import rows

CT = "1.2.840.10008.5.1.4.1.1.2"
SR = "1.2.840.10008.5.1.4.1.1.88.33"
UID = "1.3.6.1.4.1.99999.7654321"
WORD = "CANARY"
BINARY = b"CANARYBYTES!"
# By VR: a value that is recognised in the bytes of a file wherever it survives.
CANARIES: dict[str, Any] = {
    **dict.fromkeys(("LO", "LT", "SH", "ST", "UC", "UT", "PN", "AE", "CS", "UR"), WORD),
    **dict.fromkeys(("OB", "OW", "UN", "OF", "OD", "OL", "OV"), BINARY),
    "UI": UID,
    "DA": "19770707",
    "DT": "19770707070707",
    "TM": "070707.777",
    "AS": "077Y",
    "DS": "77.7707",
    "IS": "7707707",
    "AT": 0x77077707,
    **dict.fromkeys(("US", "SS"), 0x7077),
    **dict.fromkeys(("UL", "SL"), 0x70770777),
    **dict.fromkeys(("FL", "FD"), 7.0707077),
    **dict.fromkeys(("SV", "UV"), 0x7077077770770777),
}


def _vr(tag: int) -> str:
    return dictionary_VR(tag).split(" or ")[0]


def _value(tag: int) -> Any:
    vr = _vr(tag)
    if vr != "SQ":
        return CANARIES[vr]
    item = Dataset()
    item.PatientName = WORD
    item.ReferencedSOPInstanceUID = UID
    return Sequence([item])


def _tags() -> list[int]:
    """Every attribute of Table E.1-1 that dictionaries know, without group 2 and 0."""
    return [
        int(text, 16)
        for text in rows()
        if "x" not in text and int(text[:4], 16) > 4 and int(text, 16) in DicomDictionary
    ]


def _canaries() -> Dataset:
    made = Dataset()
    for tag in _tags():
        made[tag] = DataElement(Tag(tag), _vr(tag), _value(tag))
    block = made.private_block(0x0029, "CANARY CREATOR", create=True)
    block.add_new(0x10, "LO", WORD)
    block.add_new(0x20, "SQ", _value(0x00081140))
    made.add_new(0x60000010, "US", 8)
    made.add_new(0x60000022, "LO", WORD)
    made.add_new(0x60003000, "OW", BINARY)
    made.add_new(0x60004000, "LT", WORD)
    made.add_new(0x50003000, "OW", BINARY)
    made.add_new(0x00091001, "UN", BINARY)  # nobody reserved its block
    made.add_new(0x00190007, "LO", WORD)  # an element where none may be
    made.add_new(0x00180003, "LO", WORD)  # no dictionary knows it
    made.add_new(0xFFFCFFFC, "OB", BINARY)  # padding at the end
    return made


def _nested(levels: int) -> Dataset:
    dataset = _canaries()
    for tag in (0x52009229, 0x00081115, 0x30060039)[:levels]:
        outer = Dataset()
        outer[tag] = DataElement(Tag(tag), "SQ", Sequence([dataset]))
        dataset = outer
    return dataset


def _bytes(dataset: Dataset) -> bytes:
    buffer = pydicom.filebase.DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    pydicom.filewriter.write_dataset(buffer, dataset)
    return buffer.getvalue()


def _raw(dataset: Dataset) -> Dataset:
    """As a file gives it: elements whose values nobody has looked at."""
    return pydicom.filereader.read_dataset(io.BytesIO(_bytes(dataset)), False, True)


def _deidentified(dataset: Dataset, profile: Profile | None = None) -> Dataset:
    engine = Deidentifier(profile or Profile(), open_project())
    engine.apply(dataset, Patient("SUBJ-1", "Subject One", -1000))
    engine.mark(dataset)
    return dataset


def _leaks(dataset: Dataset) -> list[str]:
    """Paths of elements that have a canary, looked for one by one."""
    found = []
    for element in dataset.iterall():
        vr = element.VR
        if vr == "SQ" or element.VM == 0:
            continue
        values = element.value if element.VM > 1 else [element.value]
        canary = CANARIES.get(vr)
        if any(v == canary or WORD in str(v).upper() for v in values):
            found.append(f"{element.tag} {element.name}")
    return found


def test_the_canaries_are_all_of_the_table() -> None:
    assert len(_tags()) > 620
    assert len(_leaks(_canaries())) > 600


@pytest.mark.parametrize("levels", [0, 1, 2, 3])
@pytest.mark.parametrize("sop_class", [CT, SR, "1.2.3.4"])
def test_no_canary_survives(levels: int, sop_class: str) -> None:
    dataset = _nested(levels)
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = UID
    cleaned = _deidentified(_raw(dataset))
    assert _leaks(cleaned) == []
    written = _bytes(cleaned)
    for canary in (WORD.encode(), UID.encode(), BINARY, b"19770707", b"070707.777"):
        assert canary not in written


def test_no_canary_survives_cleaning() -> None:
    """Options that clean keep words of technique alone; dates are moved."""
    names = ("descriptors", "structured-content", "graphics")
    profile = Profile.retaining(names, dates="shift")
    cleaned = _deidentified(_raw(_nested(2)), profile)
    written = _bytes(cleaned)
    for canary in (WORD.encode(), UID.encode(), BINARY, b"19770707"):
        assert canary not in written


@pytest.mark.parametrize("option", [o.name for o in RETAINABLE])
def test_an_option_changes_its_own_columns_only(option: str) -> None:
    column = {
        "characteristics": "characteristics", "descriptors": "descriptors",
        "structured-content": "structured", "graphics": "graphics", "device": "device",
        "institution": "institution", "uids": "uids",
    }.get(option)  # fmt: skip
    profile = Profile.retaining([option])
    for row in rows().values():
        expected = row.options.get(column, row.basic) if column else row.basic
        assert profile.action(row) == expected


def test_patient_is_renamed_at_every_level() -> None:
    dataset = Dataset()
    dataset.SOPClassUID = CT
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "4711"
    inner = Dataset()
    inner.PatientID = "4711"
    inner.PatientName = "Doe^Jane"
    dataset.ReferencedPatientPhotoSequence = Sequence([])
    dataset.SharedFunctionalGroupsSequence = Sequence([inner])
    cleaned = _deidentified(dataset)
    assert (cleaned.PatientID, str(cleaned.PatientName)) == ("SUBJ-1", "Subject One")
    item = cleaned.SharedFunctionalGroupsSequence[0]
    assert "4711" not in str(item)
    assert "Jane" not in str(item)


def test_types_decide_compound_actions() -> None:
    """ContentDate, Z/D, is of type 2C in a CT and of type 1 in a report."""
    for sop_class, expected in ((CT, ""), (SR, "19000101"), ("1.2.3", "19000101")):
        dataset = Dataset()
        dataset.SOPClassUID = sop_class
        dataset.ContentDate = "20200202"
        assert str(_deidentified(dataset).ContentDate or "") == expected


def test_references_and_kinds_of_uids() -> None:
    dataset = Dataset()
    dataset.SOPClassUID = CT
    dataset.SOPInstanceUID = dataset.FrameOfReferenceUID = UID
    image = Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = CT, UID
    dataset.ReferencedImageSequence = Sequence([image])
    dataset.ImplementationVersionName = "x"
    dataset.add_new(0x00080110, "SQ", Sequence([Dataset()]))
    dataset[0x00080110].value[0].CodingSchemeUID = "2.16.840.1.113883.6.96"
    dataset.IrradiationEventUID = [UID, UID + ".1"]
    dataset.RadiopharmaceuticalAdministrationEventUID = UID
    cleaned = _deidentified(dataset)
    new = cleaned.SOPInstanceUID
    assert new.startswith("2.25.")
    assert new.is_valid
    assert cleaned.FrameOfReferenceUID == new
    assert cleaned.ReferencedImageSequence[0].ReferencedSOPInstanceUID == new
    assert cleaned.ReferencedImageSequence[0].ReferencedSOPClassUID == CT
    assert cleaned[0x00080110].value[0].CodingSchemeUID == "2.16.840.1.113883.6.96"
    assert cleaned.IrradiationEventUID[0] == new
    assert cleaned.RadiopharmaceuticalAdministrationEventUID == new


def test_what_was_done_is_told() -> None:
    dataset = Dataset()
    dataset.SOPClassUID = CT
    names = ["characteristics", "safe-private"]
    cleaned = _deidentified(dataset, Profile.retaining(names, dates="shift"))
    assert cleaned.PatientIdentityRemoved == "YES"
    assert cleaned.LongitudinalTemporalInformationModified == "MODIFIED"
    codes = [i.CodeValue for i in cleaned.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113107", "113108", "113111"]
    assert {i.CodingSchemeDesignator for i in cleaned.DeidentificationMethodCodeSequence} == {
        "DCM"
    }


def test_effects_are_counted_and_hold_no_values() -> None:
    engine = Deidentifier(Profile(), open_project())
    for _ in range(3):
        engine.apply(_raw(_nested(1)), Patient("A", "B"))
    assert {action for _, action in engine.effects} <= set(ACTIONS)
    assert engine.effects[0x00100030, "emptied"] == 3
    assert engine.effects[0x00290000, "removed"] == 6
    assert WORD not in repr(engine.effects)


def test_report_keeps_measurements_and_loses_words() -> None:
    def item(kind: str, code: str, **values: Any) -> Dataset:
        made, name = Dataset(), Dataset()
        name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = code, "DCM", "x"
        made.ConceptNameCodeSequence = Sequence([name])
        made.ValueType, made.RelationshipType = kind, "CONTAINS"
        for keyword, value in values.items():
            setattr(made, keyword, value)
        return made

    measured = Dataset()
    measured.NumericValue = "7"
    root = Dataset()
    root.SOPClassUID = SR
    root.ContentSequence = Sequence(
        [
            item("TEXT", "121106", TextValue="T2 axial of Jane Doe"),
            item("PNAME", "121008", PersonName="Doe^Jane"),
            item("NUM", "118565006", MeasuredValueSequence=Sequence([measured])),
            item("NUM", "121033", MeasuredValueSequence=Sequence([measured])),
            item("UIDREF", "112040", UID=UID),
        ]
    )
    basic = _deidentified(pydicom.Dataset.from_json(root.to_json()))
    texts, names, number, age, uid = basic.ContentSequence
    assert texts.TextValue == "ANONYMIZED"
    assert "Jane" not in str(names)
    assert number.MeasuredValueSequence[0].NumericValue == 7
    assert len(age.MeasuredValueSequence) == 0
    assert uid.UID.startswith("2.25.")
    kept = Profile.retaining(["structured-content", "characteristics"])
    cleaned = _deidentified(root, kept)
    assert cleaned.ContentSequence[0].TextValue == "T2 axial of"
    assert cleaned.ContentSequence[3].MeasuredValueSequence[0].NumericValue == 7


def test_a_name_is_never_kept_as_a_word_of_technique() -> None:
    dataset = Dataset()
    dataset.SOPClassUID = CT
    dataset.PatientName = "Dixon^Rose"
    dataset.SeriesDescription = "T1 Dixon axial"
    cleaned = _deidentified(dataset, Profile.retaining(["descriptors"]))
    assert cleaned.SeriesDescription == "T1 axial"


def test_overlays_that_are_regions_stay_when_drawings_are_kept() -> None:
    dataset = Dataset()
    dataset.SOPClassUID = CT
    for group, kind in ((0x6000, "R"), (0x6002, "G")):
        dataset.add_new((group, 0x0040), "CS", kind)
        dataset.add_new((group, 0x1500), "LO", WORD)
        dataset.add_new((group, 0x3000), "OW", b"\1\0")
    kept = _deidentified(dataset, Profile.retaining(["graphics"]))
    assert kept[0x60003000].value == b"\1\0"
    assert 0x60001500 not in kept
    assert 0x60023000 not in kept


def test_codes_of_people_are_dummies() -> None:
    dataset, code = Dataset(), Dataset()
    dataset.SOPClassUID = CT
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "JD4711", "99HOSP", "Dr Doe"
    dataset.PersonIdentificationCodeSequence = Sequence([code, code])
    (item,) = _deidentified(dataset).PersonIdentificationCodeSequence
    assert (item.CodeValue, item.CodingSchemeDesignator) == ("ANONYMIZED", "99ANON")
    assert item.CodeMeaning == "ANONYMIZED"


def test_ages_above_89_are_not_told() -> None:
    dataset = Dataset()
    dataset.SOPClassUID = CT
    dataset.PatientAge, dataset.PatientWeight = "097Y", "61"
    cleaned = _deidentified(dataset, Profile.retaining(["characteristics"]))
    assert cleaned.PatientAge == "090Y"
    assert cleaned.PatientWeight == 61


def test_words_where_a_uid_belongs_go_even_when_uids_stay() -> None:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.FrameOfReferenceUID = CT, UID
    with pydicom.config.disable_value_validation():
        dataset.SOPInstanceUID = "Doe^Jane"
        cleaned = _deidentified(_raw(dataset), Profile.retaining(["uids"]))
    assert cleaned.FrameOfReferenceUID == UID
    assert cleaned.SOPInstanceUID.startswith("2.25.")


def test_attributes_of_a_dicomdir_go_elsewhere() -> None:
    dataset = Dataset()
    dataset.SOPClassUID = CT
    dataset.ReferencedFileID = ["DOE", "JANE"]
    assert "ReferencedFileID" not in _deidentified(dataset)


@pytest.mark.parametrize(
    ("keyword", "vr", "value", "stays"),
    [
        ("Rows", "LO", b"Jane Doe", False),
        ("PixelSpacing", "DS", b"0.5\\0,5 ", True),
        ("PixelSpacing", "LO", b"0.5\\0.5 ", True),
        ("InstanceNumber", "IS", b"Jane", False),
        ("InstanceNumber", "IS", b"12", True),
        ("SliceThickness", "PN", b"Doe^Jane", False),
        ("Modality", "LO", b"CT", True),
        ("Manufacturer", "ST", b"ACME", True),
        ("LUTData", "OW", b"\1\2", True),
        ("SmallestImagePixelValue", "SS", b"\1\2", True),
    ],
)
def test_words_where_a_number_belongs_go(keyword: str, vr: str, value: bytes, stays: bool) -> None:
    tag = pydicom.datadict.tag_for_keyword(keyword)
    assert tag is not None
    dataset = Dataset()
    dataset.SOPClassUID = CT
    raw = pydicom.dataelem.RawDataElement(Tag(tag), vr, len(value), value, 0, False, True)
    dataset[tag] = raw
    cleaned = _deidentified(dataset)
    assert (tag in cleaned) is stays
    if stays:
        assert cleaned.get_item(tag).value == value


def test_labels_that_name_the_patient() -> None:
    dataset = Dataset()
    dataset.PatientName, dataset.PatientID = "Canary^Jane", "X-77/5"
    dataset.Manufacturer, dataset.ManufacturerModelName = "Canary Systems", "Canary 5"
    dataset.ContentLabel, dataset.RescaleType = "CANARY_1", "CANARY"
    dataset.PatientBirthDateInAlternativeCalendar = "S 42"
    dataset.ReasonForCancellation = "Canary went home"
    dataset.ContactDisplayName = "Dr. Canary"
    dataset.add_new(0x00082110 + 0x12, "LO", "CANARY")  # no dictionary knows it
    with quiet():
        dataset.CodingSchemeUID = "Canary"
    segment = Dataset()
    segment.SegmentLabel, segment.TrackingID = "Tumour of canary", "x-77/5 lesion"
    local, published = Dataset(), Dataset()
    local.CodeValue, local.CodingSchemeDesignator, local.CodeMeaning = "1", "99X", "Canary's"
    published.CodeValue, published.CodingSchemeDesignator = "2", "SCT"
    published.CodeMeaning = "Canary (bird)"
    segment.SegmentedPropertyTypeCodeSequence = Sequence([local, published])
    dataset.SegmentSequence = Sequence([segment])
    # Two creators in one place: only one of them is who the list means.
    dataset.add_new(0x00430010, "LO", ["GEMS_PARM_01", "CANARY"])
    dataset.add_new(0x00431039, "IS", ["1000", "8", "0", "0"])
    with quiet():
        made = _deidentified(_raw(dataset), Profile(retain_safe_private=True))
    (segment,) = made.SegmentSequence
    assert (segment.SegmentLabel, segment.TrackingID) == ("Tumour of", "lesion")
    codes = [code.CodeMeaning for code in segment.SegmentedPropertyTypeCodeSequence]
    assert codes == ["'s", "Canary (bird)"]
    assert (made.Manufacturer, made.ManufacturerModelName) == ("Canary Systems", "Canary 5")
    assert made.ContentLabel == "_1"
    assert made[0x00430010].value == "GEMS_PARM_01"
    assert made[0x00431039].value[0] == 1000
    told = _bytes(made).lower()
    assert told.count(b"canary") == 4  # manufacturer, model, a term, a published code


@pytest.mark.parametrize(
    ("charset", "name", "label", "left"),
    [
        ("ISO_IR 100", "Müller^Änne", "Tumor Müller, größer", "Tumor , größer"),
        ("ISO_IR 192", "Wąłęsa^Łukasz", "Guz Wąłęsa płuca", "Guz płuca"),
        ("ISO_IR 144", "Иванов^Иван", "Иванов лёгкое", "лёгкое"),
        ("GB18030", "Zhang^San=张^三晓", "张三晓的肺", "的肺"),
        (["", "ISO 2022 IR 87"], "Yamada^T=山田^太郎", "山田太郎の肺", "の肺"),
        (["", "ISO 2022 IR 149"], "Hong^G=洪^吉洞=홍^길동", "홍길동의 폐", "의 폐"),
    ],
)
def test_labels_within_items_are_read_in_the_character_set_around_them(
    charset: Any, name: str, label: str, left: str
) -> None:
    dataset, segment, code = Dataset(), Dataset(), Dataset()
    dataset.SpecificCharacterSet, dataset.PatientName = charset, name
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99X", label
    segment.SegmentLabel = label
    segment.SegmentedPropertyTypeCodeSequence = Sequence([code])
    dataset.SegmentSequence = Sequence([segment])
    made = _raw(_deidentified(_raw(dataset)))
    (segment,) = made.SegmentSequence
    assert segment.SegmentLabel == left
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == left


def test_words_where_terms_and_dates_are() -> None:
    dataset = Dataset()
    dataset.PatientName, dataset.PatientID = "Canary^Chest", "1"
    with quiet():
        dataset.ImageType = ["DERIVED", "PRIMARY", "CANARY"]
        dataset.BodyPartExamined = "CHEST"
        dataset.add_new(0x00180022, "UN", b"CANARY")
        dataset.AcquisitionDateTime = "Canary1977"
        dataset.StudyDate, dataset.StudyTime = "1997.07.07", "10:11:12"
        made = _deidentified(_raw(dataset), Profile(dates="keep"))
    assert list(made.ImageType) == ["DERIVED", "PRIMARY", "ANONYMIZED"]
    assert made.BodyPartExamined == "CHEST"
    assert b"CANARY" not in _bytes(made).upper()
    assert (made.StudyDate, made.StudyTime) == ("1997.07.07", "10:11:12")
