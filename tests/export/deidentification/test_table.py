"""What the standard says of some attributes, checked by hand against PS3.15 and PS3.3."""

from __future__ import annotations

import pytest
from pydicom.datadict import tag_for_keyword

from napari_dicomdb.export.deidentification.table import (
    COLUMNS,
    attribute_type,
    edition,
    row_of,
    rows,
    safe_private_rows,
)

ACTIONS = {"D", "Z", "X", "U", "Z/D", "X/Z", "X/D", "X/Z/D", "X/Z/U*"}


def test_table_is_whole() -> None:
    table = rows()
    assert len(table) == 656  # 655 of attributes or groups of them, and that of private ones
    assert all(row.name for row in table.values())
    assert table["ggggxxxx"].basic == "X"
    assert {row.basic for row in table.values()} == ACTIONS
    assert {c for row in table.values() for c in row.options} == set(COLUMNS)
    assert {code for row in table.values() for code in row.options.values()} == {"K", "C"}
    assert "2026c" in edition()


@pytest.mark.parametrize(
    ("keyword", "basic", "options"),
    [
        ("PatientName", "Z", {}),
        ("PatientID", "Z/D", {}),
        ("PatientBirthDate", "Z", {}),
        ("PatientSex", "Z", {"characteristics": "K"}),
        ("PatientAge", "X", {"characteristics": "C"}),
        ("PatientWeight", "X", {"characteristics": "K"}),
        ("StudyInstanceUID", "U", {"uids": "K"}),
        ("StudyDate", "Z", {"full_dates": "K", "modified_dates": "C"}),
        ("SeriesDescription", "X", {"descriptors": "C"}),
        ("DeviceSerialNumber", "X/Z/D", {"device": "K"}),
        ("InstitutionName", "X/Z/D", {"institution": "K"}),
        ("ContentSequence", "D", {"structured": "C"}),
        ("GraphicAnnotationSequence", "D", {"graphics": "C"}),
        ("ReferencedImageSequence", "X/Z/U*", {"uids": "K"}),
        ("PyramidUID", "U", {"uids": "K"}),
    ],
)
def test_rows_of_the_standard(keyword: str, basic: str, options: dict[str, str]) -> None:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    row = row_of(tag)
    assert row is not None
    assert (row.basic, row.options) == (basic, options)


def test_what_stays_has_no_row() -> None:
    for keyword in ("Rows", "PixelSpacing", "Modality", "SOPClassUID", "CodingSchemeUID"):
        tag = tag_for_keyword(keyword)
        assert tag is not None
        assert row_of(tag) is None


def test_repeating_groups_and_the_unknown() -> None:
    for tag in (
        0x60003000,
        0x601E4000,
        0x60020010,
        0x60FE0022,
        0x503A0022,
        0x50000005,
        0x501E3000,
        0x00180003,
    ):
        row = row_of(tag)
        assert row is not None
        assert row.basic == "X"


def test_names_and_days_that_the_table_lacks() -> None:
    for keyword, basic in (
        ("EvaluatorName", "X/Z/D"),
        ("ExpiryDate", "X/Z/D"),
        ("RadiopharmaceuticalAdministrationEventUID", "U"),
        ("TextValue", "D"),
        ("PatientBirthDateInAlternativeCalendar", "X/Z/D"),
        ("ContactDisplayName", "X/Z/D"),
        ("NTPSourceAddress", "X/Z/D"),
        ("TreatmentStatusComment", "X/Z/D"),
        ("ContentDescription", "X/Z/D"),
        ("RetrieveURL", "X"),
        ("CommentsOnTheScheduledProcedureStep", "X"),
    ):
        tag = tag_for_keyword(keyword)
        assert tag is not None
        row = row_of(tag)
        assert row is not None
        assert (row.basic, row.listed) == (basic, False)


def test_texts_of_programs_stay() -> None:
    for keyword in ("TrackingID", "OpticalPathDescription", "CodingSchemeName", "SegmentLabel"):
        tag = tag_for_keyword(keyword)
        assert tag is not None
        assert row_of(tag) is None


# Checked by hand against PS3.3: modules of the IODs, and their functional groups.
@pytest.mark.parametrize(
    ("sop_class", "sequence", "keyword", "kind"),
    [
        ("2", "", "SeriesDate", "3"),
        ("2", "", "AcquisitionDate", "3"),
        ("2", "", "ContentDate", "2C"),
        ("2", "", "PatientID", "2"),
        ("2", "", "InstitutionName", "3"),
        ("2", "", "ReferencedImageSequence", "3"),
        ("2", "", "ContrastBolusAgent", "2"),
        ("4", "", "AcquisitionDate", "3"),
        ("128", "", "SeriesTime", "1"),
        ("128", "", "AcquisitionTime", "2"),
        ("20", "", "AcquisitionDate", "3"),
        ("66.4", "", "ContentDate", "1"),
        ("66.4", "", "ContentDescription", "2"),
        ("66.4", "", "DeviceSerialNumber", "1"),
        ("2.1", "", "DeviceSerialNumber", "1"),
        ("2.1", "", "AcquisitionDateTime", "1C"),
        ("88.33", "", "ContentDate", "1"),
        ("481.3", "", "OperatorsName", "2"),
        ("481.5", "BeamSequence", "BeamDescription", "3"),
        ("481.1", "", "RTImageDescription", "3"),
        ("104.1", "", "DocumentTitle", "2"),
        ("77.1.6", "", "AcquisitionDateTime", "1"),
    ],
)
def test_types_of_the_standard(sop_class: str, sequence: str, keyword: str, kind: str) -> None:
    found = attribute_type(f"1.2.840.10008.5.1.4.1.1.{sop_class}", keyword, sequence)
    assert found == kind


def test_types() -> None:
    ct, pet = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.128"
    assert attribute_type(ct, "ContentDate") == "2C"
    assert attribute_type(ct, "DeviceSerialNumber") == "3"
    assert attribute_type(pet, "SeriesDate") == "1"
    assert attribute_type("1.2.3", "ContentDate") == ""
    nested = attribute_type(ct, "PatientID", "GroupOfPatientsIdentificationSequence")
    assert nested == "1"


def test_safe_private_attributes() -> None:
    safe = safe_private_rows()
    assert (0x7053, 0x00, "Philips PET Private Group", "DS") in safe
    assert (0x0019, 0x0C, "SIEMENS MR HEADER", "IS") in safe
    assert len(safe) > 80
