from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.dicom.findings import FindingCode
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.grouping import split_apart, split_repeats


def apart(series, records):
    frames = FrameSet.of(records(series.paths))
    return frames, split_apart(frames)


def test_an_even_stack_stays_whole(series, records):
    series.axial(range(6))
    frames, parts = apart(series, records)
    assert [part.indices.tolist() for part in parts] == [list(range(6))]
    assert parts[0].findings == ()
    assert len(split_repeats(frames)) == 1


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("AcquisitionNumber", range(1, 9)),
        ("ContentTime", [f"1200{k:02d}" for k in range(8)]),
        ("EchoTime", [1.5 + k for k in range(8)]),
        ("AcquisitionNumber", [1, 1, 1, 1, 2, 2, 2, 2]),
    ],
)
def test_what_varies_along_a_stack_does_not_split_it(series, records, keyword, values):
    for z, value in zip(range(8), values, strict=True):
        series.axial([z], **{keyword: value})
    frames, parts = apart(series, records)
    assert len(parts) == 1
    assert len(split_repeats(frames)) == 1


def test_orientation_matrix_and_spacing_are_set_apart(series, records):
    series.axial([0, 1, 2])
    series.slice((0, 0, 0), ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    series.slice((0, 0, 0), np.zeros((7, 5), np.int16))
    series.axial([3, 4], PixelSpacing=[1, 1])
    _, parts = apart(series, records)
    assert [len(part.indices) for part in parts] == [3, 1, 1, 2]
    names = dict(parts[1].labels)
    assert names["orientation"] == "coronal"
    assert {"orientation", "Rows", "PixelSpacing"} <= set(parts[0].findings[0].numbers["keywords"])


def test_a_rounded_orientation_is_the_same(series, records):
    series.axial([0, 1])
    series.axial([2, 3], ImageOrientationPatient=[1, 0, 0, 0, 0.99999999, 0.0001])
    assert len(apart(series, records)[1]) == 1


def test_a_localizer_of_the_same_orientation_is_set_apart(series, records):
    series.axial(range(5))
    series.axial([40.0], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    _, parts = apart(series, records)
    assert [len(part.indices) for part in parts] == [5, 1]
    assert ("localizer", True) in parts[1].labels


def test_two_echoes(series, records):
    for z in range(4):
        series.axial([z], EchoNumbers=2, EchoTime=9.2)
        series.axial([z], EchoNumbers=1, EchoTime=4.6)
    frames = FrameSet.of(records(series.paths))
    first, second = split_repeats(frames)
    assert first.labels == (("EchoNumbers", "1"),)
    assert first.indices.tolist() == [1, 3, 5, 7]
    assert second.indices.tolist() == [0, 2, 4, 6]
    assert first.findings[0].code == FindingCode.SPLIT_SERIES


def test_two_attributes_together_where_one_is_not_enough(series, records):
    for echo in (1, 2):
        for phase in (0.0, 50.0, 100.0):
            for z in range(3):
                series.axial([z], EchoNumbers=echo, TriggerTime=phase)
    parts = split_repeats(FrameSet.of(records(series.paths)))
    assert len(parts) == 6
    assert {part.labels for part in parts} == {
        (("EchoNumbers", str(echo)), ("TriggerTime", text))
        for echo in (1, 2)
        for text in ("0.0", "50.0", "100.0")
    }
    assert all(len(part.indices) == 3 for part in parts)


def test_private_b_values_tell_repeats_apart(reference_data, records):
    folder = reference_data / "mr_vendors/dicom2nifti__siemens_dti_classic_001/dicom"
    frames = FrameSet.of(records(folder.iterdir()))
    parts = split_repeats(frames)
    assert [len(part.indices) for part in parts] == [4, 4]
    assert not parts[0].by_order


def test_unlabelled_repeats_follow_instance_numbers(series, records):
    for repeat in range(3):
        for z in range(4):
            series.slice((0, 0, z), InstanceNumber=100 - 10 * repeat + z)
    frames = FrameSet.of(records(series.paths))
    parts = split_repeats(frames)
    assert [part.labels for part in parts] == [(("repeat", k),) for k in (1, 2, 3)]
    assert all(part.by_order for part in parts)
    # The highest numbers were written first.
    assert parts[0].indices.tolist() == [8, 9, 10, 11]
    assert parts[0].findings[0].code == FindingCode.DUPLICATE_SLICES


def test_a_single_duplicate_goes_apart(series, records):
    series.axial([0, 1, 2, 3, 2])
    parts = split_repeats(FrameSet.of(records(series.paths)))
    assert [part.indices.tolist() for part in parts] == [[0, 1, 2, 3], [4]]


def test_an_incomplete_time_point_is_told(series, records):
    for time, heights in ((1, range(5)), (2, range(3))):
        series.axial(heights, TemporalPositionIdentifier=time)
    parts = split_repeats(FrameSet.of(records(series.paths)))
    assert [len(part.indices) for part in parts] == [5, 3]
    assert parts[0].findings[1].numbers["slices"] == [5, 3]


def test_two_stations_of_different_spacing_are_two_parts(series, records):
    series.axial([0, 1, 2, 3], AcquisitionNumber=1)
    series.axial([50, 55, 60, 65], AcquisitionNumber=2)
    parts = split_repeats(FrameSet.of(records(series.paths)))
    assert [part.labels for part in parts] == [
        (("AcquisitionNumber", "1"),),
        (("AcquisitionNumber", "2"),),
    ]


def test_frames_of_an_enhanced_object_are_split_alike(series, records):
    positions = [(0, 0, z) for _ in range(2) for z in range(3)]
    pixels = np.arange(6, dtype=np.uint16)[:, None, None] * np.ones((1, 4, 4), np.uint16)
    series.enhanced(
        positions,
        pixels,
        FrameContentSequence__TemporalPositionIndex=[1, 1, 1, 2, 2, 2],
    )
    frames = FrameSet.of(records(series.paths))
    parts = split_repeats(frames)
    assert [part.indices.tolist() for part in parts] == [[0, 1, 2], [3, 4, 5]]
    assert parts[1].labels[0][1] == 2
