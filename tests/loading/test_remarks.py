"""Objects that are no pictures say so before they are opened."""

from __future__ import annotations

from napari_dicomdb.loading.remarks import remarks_on


def test_pictures_need_no_remark(series, records):
    assert remarks_on(records(series.axial([0]))[0]) == ()


def test_segmentations_are_labels_and_need_none(reference_data, records):
    (record,) = records([reference_data / "seg" / "liver.dcm"])
    assert remarks_on(record) == ()


def test_doses_say_what_is_odd_of_them(series, records):
    attributes = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.481.2",
        "Modality": "RTDOSE",
        "DoseUnits": "RELATIVE",
        "DoseGridScaling": "0.5",
    }
    (record,) = records([series.slice((0, 0, 0), **attributes)])
    assert all(finding.text for finding in remarks_on(record))
