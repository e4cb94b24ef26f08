from __future__ import annotations

import numpy as np
import pytest
from pydicom.tag import Tag

from napari_dicomdb.dicom.findings import FindingCode
from napari_dicomdb.dicom.functional_groups import FrameTable
from napari_dicomdb.loading.frame_axis import (
    frame_axis,
    frame_pointers,
    frame_times,
    numbers_of,
)


@pytest.fixture
def loop(series, records):
    def make(count=3, **attributes):
        ds = series.header(Modality="US", NumberOfFrames=count, **attributes)
        series.write(ds, np.zeros((count, 4, 4), np.uint8))
        return records(series.paths)[-1]

    return make


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"FrameTime": 50}, [0, 0.05, 0.1]),
        ({"FrameTimeVector": [0, 40, 60]}, [0, 0.04, 0.1]),
        ({"FrameTimeVector": [40, 40, 60]}, [0, 0.04, 0.1]),
        ({"FrameTimeVector": [0, 40, 60], "FrameTime": 50}, [0, 0.04, 0.1]),
        (
            {"FrameTimeVector": [0, 4, 6], "FrameTime": 50, "FrameIncrementPointer": 0x00181063},
            [0, 0.05, 0.1],
        ),
        ({"CineRate": 25}, [0, 0.04, 0.08]),
        ({"RecommendedDisplayFrameRate": 10}, [0, 0.1, 0.2]),
        ({"FrameTime": 0}, None),
        ({"FrameTimeVector": [0, 40]}, None),
        ({"FrameTimeVector": [0, 0, 0]}, None),
        ({}, None),
    ],
)
def test_times_of_frames(loop, attributes, expected):
    times = frame_times(loop(**attributes))
    assert times == (expected if expected is None else pytest.approx(expected))


def test_a_long_vector_of_times_is_kept(loop):
    steps = [0.0] + [33.3667] * 2999
    record = loop(3000, FrameTimeVector=[f"{s:.4f}" for s in steps])
    assert frame_times(record) == pytest.approx(np.cumsum(steps) / 1000)


def test_pointers_name_what_frames_follow(loop):
    record = loop(FrameIncrementPointer=[Tag(0x00540010), Tag(0x00540020), Tag(0x00091001)])
    assert frame_pointers(record) == ("EnergyWindowVector", "DetectorVector", "")
    assert frame_pointers(loop()) == ()


def test_frames_may_be_places_or_have_labels(loop):
    axis = frame_axis(loop(FrameIncrementPointer=0x00182005, SliceLocationVector=[1, 3.5, 6]))
    assert (axis.dim, axis.coord.values, axis.coord.unit) == ("location", (1, 3.5, 6), "mm")
    axis = frame_axis(loop(FrameIncrementPointer=0x00182002, FrameLabelVector=["A", "B", "C"]))
    assert (axis.dim, axis.coord.values, axis.source) == (
        "frame",
        ("A", "B", "C"),
        "FrameLabelVector",
    )
    assert axis.take([2, 0]).coord.values == ("C", "A")


@pytest.mark.parametrize(
    ("pointer", "attributes"),
    [
        (0x00181065, {"FrameTimeVector": [0, 40]}),
        (0x00182005, {"SliceLocationVector": [0, 40]}),
        (0x00182002, {"FrameLabelVector": "A"}),
    ],
)
def test_a_vector_that_is_too_short_is_said(loop, pointer, attributes):
    axis = frame_axis(loop(FrameIncrementPointer=pointer, FrameTime=20, **attributes))
    assert axis.finding.code == FindingCode.BAD_HEADER_VALUE
    assert "for 3 frames" in axis.finding.text
    assert axis.coord.values == pytest.approx((0, 0.02, 0.04))


def test_enhanced_frames_bring_their_own_clock(loop):
    stamps = ["20200101235959.5", "20200102000000.5", "20200102000002"]
    table = FrameTable(3, per_frame={"FrameReferenceDateTime": stamps})
    assert frame_times(loop(), table) == pytest.approx([0, 1, 2.5])
    table.per_frame["FrameReferenceDateTime"][1] = None
    assert frame_times(loop(), table) is None


def test_numbers_of_any_form():
    assert numbers_of("1\\2.5\\x") == [1, 2.5]
    assert numbers_of([1, "a", 2]) == [1, 2]
    assert numbers_of(3) == [3]
    assert numbers_of(None) == numbers_of("") == []
