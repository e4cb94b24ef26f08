"""What segmentations say of their segments, against pydicom."""

from __future__ import annotations

import pydicom
import pytest

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
