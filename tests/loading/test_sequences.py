from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.sequences import axis_of, sequence_options, spacing_of


def test_frames_of_one_object_have_its_axis(series, records):
    ds = series.header(Modality="US", NumberOfFrames=4, FrameTime=50)
    series.write(ds, np.zeros((4, 4, 4), np.uint8))
    frames = FrameSet.of(records(series.paths))
    assert axis_of(frames).coord.values == pytest.approx((0, 0.05, 0.1, 0.15))
    assert axis_of(frames.take([3, 1])).coord.values == pytest.approx((0.15, 0.05))


def test_images_of_several_objects_are_numbered(series, records):
    for number in (2, 1):
        ds = series.header(Modality="OT", InstanceNumber=number, FrameTime=50)
        series.write(ds, np.full((4, 4), number, np.uint8))
    frames = FrameSet.of(records(series.paths))
    assert (axis_of(frames).dim, axis_of(frames).coord.values) == ("frame", (1, 2))
    ordered, options, shape, spacing = sequence_options(frames)
    assert [i.number for i in ordered.instances] == [1, 2]
    assert (options, shape, spacing) == ({"remedy": "sequence"}, (2, 4, 4), (0.5, 0.75))


def test_pixel_spacing_without_regions(series, records):
    ds = series.header(Modality="US", PixelSpacing=[1, 1])
    series.write(ds, np.zeros((4, 4), np.uint8))
    frames = FrameSet.of(records(series.paths))
    assert spacing_of(frames).row == 1
    assert spacing_of(frames).label == "mm"


@pytest.mark.parametrize(
    ("triggers", "dim", "values"),
    [
        ((0, 40.5, 81), "time", (0, 0.0405, 0.081)),
        ((0, 81, 40.5), "frame", (1, 2, 3)),
        ((0, 0, 40.5), "frame", (1, 2, 3)),
        ((0, None, 40.5), "frame", (1, 2, 3)),
    ],
)
def test_a_gated_cine_of_single_images_has_the_times_of_its_triggers(
    series, records, triggers, dim, values
):
    for trigger in triggers:
        ds = series.header(Modality="MR", ImageOrientationPatient=None, TriggerTime=trigger)
        series.write(ds, np.zeros((4, 4), np.uint8))
    axis = axis_of(FrameSet.of(records(series.paths)))
    assert (axis.dim, axis.coord.values) == (dim, pytest.approx(values))
