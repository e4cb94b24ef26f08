"""Objects that are no pictures say so before they are opened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_dicomdb.dicom.findings import FindingCode, Severity
from napari_dicomdb.loading import examine
from napari_dicomdb.loading.remarks import remarks_on


def test_segments_are_told_to_be_shown_as_images(reference_data, records):
    best = examine(records([reference_data / "seg" / "liver.dcm"]))[0]
    (told,) = [f for f in best.findings if f.code == FindingCode.SEGMENTS_AS_IMAGES]
    assert told.severity is Severity.WARNING
    assert "1 is inside a segment" in told.text


@pytest.mark.parametrize(
    ("sop_class", "kind", "words"),
    [
        ("1.2.840.10008.5.1.4.1.1.66.4", "FRACTIONAL", "MaximumFractionalValue"),
        ("1.2.840.10008.5.1.4.1.1.66.4", "BINARY", "1 is inside"),
        ("1.2.840.10008.5.1.4.1.1.66.7", "LABELMAP", "numbers of segments"),
    ],
)
def test_what_values_of_segments_mean(series, records, sop_class, kind, words):
    (record,) = records([series.slice((0, 0, 0), SegmentationType=kind)])
    (told,) = remarks_on(replace(record, sop_class_uid=sop_class))
    assert words in told.text


def test_pictures_need_no_remark(series, records):
    assert remarks_on(records(series.axial([0]))[0]) == ()
