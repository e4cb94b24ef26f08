"""What orders repeats, and the seconds between them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.loading.clocks import Clock, clocks_of, time_axis
from napari_dicomdb.loading.frames import FrameSet


def frames_of(series, records, *steps):
    for attributes in steps:
        series.slice((0, 0, 0), **{"Modality": "MR", **attributes})
    return FrameSet.of(records(series.paths))


def axis_of(frames, keyword):
    (clock,) = [c for c in clocks_of(frames) if c.keyword == keyword]
    turn = np.empty(len(frames), dtype=np.intp)
    turn[np.argsort(clock.ticks)] = np.arange(len(frames))
    return time_axis(frames, turn, clock)


def test_clocks_come_most_telling_first(series, records):
    frames = frames_of(
        series,
        records,
        *(
            {"TemporalPositionIdentifier": k, "AcquisitionNumber": 7 - k, "TriggerTime": 50 * k}
            for k in (2, 1)
        ),
    )
    clocks = list(clocks_of(frames))
    assert [c.keyword for c in clocks] == [
        "TemporalPositionIdentifier",
        "TriggerTime",
        "AcquisitionNumber",
        "InstanceNumber",
    ]
    assert clocks[0].ticks.tolist() == [2, 1]
    assert [c.by_order for c in clocks] == [False, False, False, True]


def test_what_stands_still_or_lacks_is_no_clock(series, records):
    frames = frames_of(
        series, records, {"AcquisitionTime": "101010"}, {"AcquisitionTime": "101010"}
    )
    assert [c.keyword for c in clocks_of(frames)] == ["InstanceNumber"]
    other = frames_of(series, records, {"AcquisitionTime": "101011"}, {})
    assert [c.keyword for c in clocks_of(other)] == ["InstanceNumber"]


def test_images_without_a_number_come_last(series, records):
    frames = frames_of(series, records, {"InstanceNumber": None}, {"InstanceNumber": 5})
    (clock,) = clocks_of(frames)
    assert clock.ticks.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("keyword", "values", "times"),
    [
        ("AcquisitionTime", ("101010", "101012.5", "101015"), (0, 2.5, 5)),
        ("AcquisitionTime", ("235959", "000001", "000003"), (0, 2, 4)),
        ("AcquisitionDateTime", ("20200228235959+0100", "20200229000001+0100",
                                 "20200229000003+0100"), (0, 2, 4)),
        ("FrameReferenceTime", ("30000", "90000", "150000"), (0, 60, 120)),
    ],
)  # fmt: skip
def test_seconds_since_the_first(series, records, keyword, values, times):
    frames = frames_of(series, records, *({keyword: value} for value in values))
    axis = axis_of(frames, keyword)
    assert (axis.name, axis.unit, axis.values) == ("time", "s", times)


def test_a_volume_begins_with_its_first_slice(series, records):
    said = ("100001.5", "100000", "100003.5", "100002")
    frames = frames_of(series, records, *({"AcquisitionTime": time} for time in said))
    clock = next(clocks_of(frames))
    axis = time_axis(frames, np.array([0, 0, 1, 1]), clock)
    assert axis.values == (0.0, 2.0)


def test_trigger_delays_are_milliseconds(series, records):
    frames = frames_of(series, records, *({"TriggerTime": t} for t in (0, 41, 82)))
    axis = axis_of(frames, "TriggerTime")
    assert (axis.name, axis.unit, axis.values) == ("trigger_time", "ms", (0, 41, 82))


def test_temporal_positions_take_their_seconds_from_trigger_delays(series, records):
    frames = frames_of(
        series,
        records,
        *({"TemporalPositionIdentifier": k, "TriggerTime": 1000 * k + 100} for k in range(3)),
    )
    axis = axis_of(frames, "TemporalPositionIdentifier")
    assert (axis.name, axis.unit, axis.values) == ("time", "s", (0, 1, 2))


@pytest.mark.parametrize(
    ("modality", "repetition", "expected"),
    [
        ("MR", 2500, ("time", "s", (0.0, 2.5))),
        ("MR", 6.8, ("time", "", (1, 2))),  # one line of k-space, not one volume
        ("CT", 2500, ("time", "", (1, 2))),
    ],
)
def test_repetition_times_stand_in_for_times(series, records, modality, repetition, expected):
    frames = frames_of(
        series,
        records,
        *(
            {"Modality": modality, "RepetitionTime": repetition, "TemporalPositionIdentifier": k}
            for k in (1, 2)
        ),
    )
    axis = axis_of(frames, "TemporalPositionIdentifier")
    assert (axis.name, axis.unit, axis.values) == expected


@pytest.mark.parametrize(
    ("keyword", "name"), [("AcquisitionNumber", "acquisition"), ("InstanceNumber", "repeat")]
)
def test_without_times_there_are_numbers(series, records, keyword, name):
    frames = frames_of(series, records, {"AcquisitionNumber": 4}, {"AcquisitionNumber": 9})
    axis = axis_of(frames, keyword)
    assert (axis.name, axis.unit, axis.values) == (name, "", (1, 2))


def test_nonsense_is_no_time(series, records):
    with pytest.warns(UserWarning, match="Invalid value for VR TM"):
        frames = frames_of(series, records, {"AcquisitionTime": "9"}, {"AcquisitionTime": "noon"})
    assert [c.keyword for c in clocks_of(frames)] == ["InstanceNumber"]


def test_a_clock_knows_whether_it_is_the_last_resort():
    assert Clock("InstanceNumber", np.arange(2.0)).by_order
    assert not Clock("ContentTime", np.arange(2.0)).by_order
