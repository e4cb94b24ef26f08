"""What segmentations say of their segments, against pydicom."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from napari_dicomdb.dicom.display_colours import CYCLE
from napari_dicomdb.dicom.structure_colours import structure_colour, varied
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.segments.segment_list import Code, read_segment_list


def test_codes_names_and_colours(reference_data, records):
    path = reference_data / "seg" / "partial_overlaps.dcm"
    (record,) = records([path])
    told = read_segment_list(record)
    header = pydicom.dcmread(path, stop_before_pixels=True)
    assert told.kind == "BINARY"
    for segment, item in zip(told.segments, header.SegmentSequence, strict=True):
        kind = item.SegmentedPropertyTypeCodeSequence[0]
        assert (segment.number, segment.label) == (item.SegmentNumber, item.SegmentLabel)
        assert segment.type == Code(kind.CodeValue, kind.CodingSchemeDesignator, kind.CodeMeaning)
        assert segment.algorithm_type == item.SegmentAlgorithmType
        row = segment.features()
        assert row["type_code"] == f"{kind.CodingSchemeDesignator} {kind.CodeValue}"
        assert row["index"] == segment.value == segment.number


def test_the_colour_that_dcmqi_wrote_is_read(reference_data, records):
    (record,) = records([reference_data / "seg" / "liver.dcm"])
    (liver,) = read_segment_list(record).segments
    assert liver.colour == (221, 130, 101)
    assert liver.features()["colour"] == "#dd8265"


@pytest.mark.parametrize(
    ("file", "background", "numbers"),
    [("sparse-labelmap-ppv5.dcm", 5, [0, 1]), ("sparse-labelmap-noppv.dcm", 0, [1])],
)
def test_the_background_of_a_label_map(reference_data, records, file, background, numbers):
    (record,) = records([reference_data / "seg" / file])
    told = read_segment_list(record)
    assert told.background == background
    assert [s.number for s in told.segments] == numbers
    assert 0 not in [s.value for s in told.segments]


def test_what_is_not_listed_becomes_a_segment(reference_data, records):
    (record,) = records([reference_data / "seg" / "liver.dcm"])
    told = read_segment_list(record)
    assert [s.label for s in told.with_numbers({1, 3})] == ["Liver", "Segment 3"]


def test_a_header_without_segments_is_read(series, records):
    (record,) = records(series.axial([0]))
    assert read_segment_list(record).segments == ()
    record.path.unlink()
    with pytest.raises(LoadError) as refused:
        read_segment_list(record)
    assert refused.value.reason == "file-missing"


def coloured(record, changes):
    header = pydicom.dcmread(record.path)
    changes(header)
    header.save_as(record.path)
    return read_segment_list(record).segments


def test_without_a_recommended_colour_the_type_decides_then_the_region_then_the_number(
    series, segmentation, records
):
    pixels = np.zeros((2, 6, 5, 4), np.uint8)
    for k in range(4):
        pixels[:, k, :, k] = 1
    (record,) = records([segmentation(series.axial([0, 3]), pixels, "BINARY")])
    tissue, bone = codes.SCT.Tissue, codes.SCT.Bone

    def changes(header):
        third, fourth = header.SegmentSequence[2:]
        third.SegmentedPropertyTypeCodeSequence = [coding(tissue)]
        third.AnatomicRegionSequence = [coding(bone)]
        fourth.SegmentedPropertyTypeCodeSequence = [coding(tissue)]

    liver, second, third, fourth = coloured(record, changes)
    assert liver.colour == structure_colour("10200004", "SCT", "")
    assert second.colour == varied(liver.colour, 1)  # another liver is told apart
    assert third.colour == structure_colour(bone.value, "SCT", "")
    assert fourth.colour == CYCLE[3]
    lab = [41661, 41167, 40792]
    (first, *_) = coloured(
        record, lambda h: setattr(h.SegmentSequence[0], "RecommendedDisplayCIELabValue", lab)
    )
    assert first.colour == (221, 130, 101)


def coding(code):
    from highdicom.sr import CodedConcept

    return CodedConcept.from_code(code)


def test_a_palette_wins_over_recommended_colours(series, segmentation, records):
    from highdicom import PaletteColorLUTTransformation

    table = np.array([[0, 0, 0], [10, 200, 30], [250, 20, 40], [7, 8, 9]], np.uint8)
    labels = np.zeros((2, 6, 5), np.uint8)
    labels[0, 1], labels[0, 2], labels[0, 3] = 1, 2, 3
    path = segmentation(
        series.axial([0, 3]), labels, "LABELMAP",
        palette_color_lut_transformation=PaletteColorLUTTransformation.from_combined_lut(table),
    )  # fmt: skip
    (record,) = records([path])

    def changes(header):
        by_number = {item.SegmentNumber: item for item in header.SegmentSequence}
        by_number[1].RecommendedDisplayCIELabValue = [41661, 41167, 40792]
        header.SegmentSequence = [by_number[1], by_number[2]]

    first, second = coloured(record, changes)
    assert (first.colour, second.colour) == ((10, 200, 30), (250, 20, 40))
    told = read_segment_list(record)
    assert told.with_numbers({3})[2].colour == (7, 8, 9)
