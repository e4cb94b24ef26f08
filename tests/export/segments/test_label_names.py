"""What labels are, as other programs say it in headers and files."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest

from napari_dicomdb.errors import LoadError
from napari_dicomdb.export.segments.label_names import (
    labels_of_extensions,
    labels_of_nrrd,
    layers_of_nrrd,
    read_label_names,
)

SLICER = {
    "Segment0_Color": "0.5 0.25 0",
    "Segment0_LabelValue": "1",
    "Segment0_Layer": "0",
    "Segment0_Name": "liver",
    "Segment0_Tags": "Segmentation.Status:inprogress|TerminologyEntry:Segmentation category and "
    "type - 3D Slicer General Anatomy list~SCT^123037004^Anatomical Structure~SCT^64033007^Kidney"
    "~SCT^24028007^Right~Anatomic codes - DICOM master list~^^~^^|",
    "Segment2_LabelValue": "1",
    "Segment2_Layer": "1",
    "Segment2_Name": "tumor",
    "Segment3_LabelValue": "no number",
}
CARET = """<?xml version="1.0" encoding="UTF-8"?> <CaretExtension>
<VolumeInformation Index="0"><LabelTable>
<Label Key="5" Red="255" Green="0" Blue="51" Alpha="1"><![CDATA[spleen]]></Label>
<Label Key="6" Red="0.5" Green="0" Blue="1" Alpha="1"><![CDATA[kidney_right]]></Label>
<Label Key="7"><![CDATA[liver]]></Label>
</LabelTable></VolumeInformation></CaretExtension>"""


def test_segments_of_slicer():
    labels = labels_of_nrrd(SLICER)
    assert (labels[1].name, labels[1].colour) == ("liver", (0.5, 0.25, 0))
    assert labels[1].features["type_code"] == "SCT 64033007"
    assert labels[1].features["type_modifier"] == "Right"
    assert "region_code" not in labels[1].features
    first, second = layers_of_nrrd(SLICER)
    assert (first[1].name, second[1].name) == ("liver", "tumor")
    assert (labels_of_nrrd({}), layers_of_nrrd({})) == ({}, [])


def test_the_label_table_of_totalsegmentator():
    image = nibabel.Nifti1Image(np.zeros((1, 1, 1), np.uint8), np.eye(4))
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, CARET.encode()))
    labels = labels_of_extensions(image.header.extensions)
    assert {v: one.name for v, one in labels.items()} == {
        5: "spleen", 6: "kidney_right", 7: "liver",
    }  # fmt: skip
    assert labels[5].colour == (1, 0, 0.2)
    assert labels[6].colour == (0.5, 0, 1)
    for bad in (b"<LabelTable", b"<!DOCTYPE x><LabelTable/>", b"other"):
        image.header.extensions[:] = [nibabel.nifti1.Nifti1Extension(0, bad)]
        assert labels_of_extensions(image.header.extensions) == {}


def test_the_json_of_dcmqi(reference_data):
    paths = sorted((reference_data / "seg" / "json").rglob("*.json"))
    paths = [p for p in paths if "segmentAttributes" in p.read_text()]
    assert paths
    for path in paths:
        labels = read_label_names(path)
        groups = json.loads(path.read_text())["segmentAttributes"]
        for told in (row for group in groups for row in group):
            one = labels[told["labelID"]]
            code = told["SegmentedPropertyTypeCodeSequence"]
            assert one.features["type_code"] == (
                f"{code['CodingSchemeDesignator']} {code['CodeValue']}"
            )
            if "recommendedDisplayRGBValue" in told:
                assert one.colour == tuple(c / 255 for c in told["recommendedDisplayRGBValue"])


@pytest.mark.parametrize(
    "text",
    [
        '{"labels": {"background": 0, "liver": 1, "spleen": 2}}',
        '{"1": "liver", "2": "spleen"}',
        '[{"value": 1, "label": "liver", "colour": [255, 0, 0]}, {"value": 2, "label": "spleen"}]',
        '# ITK-SnAP\n0 0 0 0 0 0 0 "Clear Label"\n1 255 0 0 1 1 1 "liver"\n2 0 1 2 1 1 1 "spleen"',
    ],
)
def test_lists_of_other_programs(tmp_path, text):
    path = tmp_path / "labels"
    path.write_text(text)
    assert {v: one.name for v, one in read_label_names(path).items()} == {1: "liver", 2: "spleen"}


def test_codes_of_a_list(tmp_path):
    path = tmp_path / "labels.json"
    row = {"value": 3, "label": "x", "type": ["10200004", "SCT", "Liver"], "category": "SCT 1",
           "algorithm_type": "AUTOMATIC"}  # fmt: skip
    path.write_text(json.dumps([row]))
    features = read_label_names(path)[3].features
    assert features == {
        "type_code": "SCT 10200004", "type": "Liver", "category_code": "SCT 1",
        "algorithm_type": "AUTOMATIC",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "unsupported-format"),
        ('[{"label": "no value"}]', "unsupported-format"),
        ("[]", "unsupported-format"),
        ("one two", "unsupported-format"),
        ('[{"value": 1e400, "label": "x"}]', "unsupported-format"),
        ('[{"value": 1, "type": ["1"]}]', "unsupported-format"),
        ('{"1": {"name": "liver"}}', "unsupported-format"),
        ('{"liver": 1.7}', "unsupported-format"),
        ("{}", "unsupported-format"),
        (b"\xff\xfe\x00\xd8", "unreadable"),
        (None, "unreadable"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path, text, reason):
    path = tmp_path / "labels.json"
    if isinstance(text, bytes):
        path.write_bytes(text)
    elif text is not None:
        path.write_text(text)
    with pytest.raises(LoadError) as refused:
        read_label_names(path)
    assert refused.value.reason == reason


def test_a_label_without_a_name_has_none(tmp_path):
    path = tmp_path / "names.json"
    path.write_text('{"1": "liver", "2": null}')
    assert {v: one.name for v, one in read_label_names(path).items()} == {1: "liver", 2: ""}
