from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from napari_dicomdb.loading.frames import FrameLabels, FrameSet, comparable, frame_count_of


def test_classic_slices_are_one_frame_each(series, records):
    series.axial([3, 1, 2])
    frames = FrameSet.of(records(series.paths))
    assert frames.positions[:, 2].tolist() == [3, 1, 2]
    assert frames.number.tolist() == [0, 0, 0]
    assert frames.options() == {}
    assert frames.values("InstanceNumber") == ["1", "2", "3"]


def test_enhanced_frames_know_their_own_values(series, records):
    pixels = np.zeros((3, 4, 4), np.uint16)
    series.enhanced(
        [(0, 0, z) for z in (5, 4, 3)],
        pixels,
        MREchoSequence__EffectiveEchoTime=[1.5, 2.5, 3.5],
    )
    frames = FrameSet.of(records(series.paths))
    assert frames.positions[:, 2].tolist() == [5, 4, 3]
    assert np.allclose(frames.spacings, [0.5, 0.75])
    assert frames.values("EchoTime") == [1.5, 2.5, 3.5]  # by its enhanced name
    assert frames.values("Modality") == ["MR"] * 3
    assert list(FrameLabels(frames))[1].endswith(", frame 2")
    assert FrameLabels(frames)[1:] == [frames.label(1), frames.label(2)]


def test_a_choice_of_frames_survives_json(series, records):
    series.axial([0])
    series.enhanced([(0, 0, z) for z in range(4)], np.zeros((4, 4, 4), np.uint16))
    every = FrameSet.of(records(series.paths))
    chosen = every.take([4, 2, 0])
    assert [i.uid for i in chosen.instances] == [every.instances[1].uid, every.instances[0].uid]
    options = json.loads(json.dumps(dict(chosen.options())))

    class Stub:
        instances = chosen.instances

    Stub.options = options
    again = FrameSet.of_loadable(Stub)  # type: ignore[arg-type]
    assert again.owner.tolist() == chosen.owner.tolist() == [0, 0, 1]
    assert again.number.tolist() == chosen.number.tolist() == [3, 1, 0]
    assert np.array_equal(again.positions, chosen.positions)


def test_claimed_frames_that_cannot_exist_are_not_believed(series, records):
    series.axial([0])
    record = replace(records(series.paths)[0], frame_count=2**31)
    assert frame_count_of(record) < 1000
    assert len(FrameSet.of([record])) < 1000
    assert frame_count_of(replace(record, pixel_length=None, frame_count=2**31)) < 1000


def test_fewer_described_frames_than_counted(series, records):
    series.enhanced([(0, 0, z) for z in range(2)], np.zeros((3, 4, 4), np.uint16))
    frames = FrameSet.of(records(series.paths))
    assert len(frames) == 3
    assert np.isnan(frames.positions[2]).all()
    assert frames.value("EchoTime", 2) is None


def test_comparable():
    assert comparable(["a ", 2, []]) == ("a", 2, None)
    assert comparable("  ") is None
    assert comparable([]) is None
    assert comparable(0) == 0
