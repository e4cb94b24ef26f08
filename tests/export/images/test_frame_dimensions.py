"""Dimensions of multi-frame objects."""

from __future__ import annotations

import numpy as np
from pydicom import Dataset
from tests.export.sources import made_up

from napari_dicomdb.export.images.frame_dimensions import FrameDimensions
from napari_dicomdb.loading.volume import Coord

DIMS = ("slice", "row", "column")


def test_each_axis_is_said_by_what_it_is() -> None:
    coords = {"echo_time": Coord((5.0, 10.0), "ms"), "time": Coord((0.0, 1.5, 3.0), "s")}
    source = made_up(np.zeros((2, 3, 4, 5, 6)), dims=("echo_time", "time", *DIMS), coords=coords)
    dimensions = FrameDimensions.of(source)
    assert dimensions.not_kept == ()
    made = Dataset()
    dimensions.describe(made)
    pointers = [int(item.DimensionIndexPointer) for item in made.DimensionIndexSequence]
    assert pointers == [0x00209057, 0x00209128, 0x00189082]
    groups = dimensions.groups((1, 2), 3)
    assert groups.FrameContentSequence[0].DimensionIndexValues == [4, 3, 2]
    assert groups.FrameContentSequence[0].TemporalPositionIndex == 3
    assert groups.FrameContentSequence[0].InStackPositionNumber == 4
    assert groups.MREchoSequence[0].EffectiveEchoTime == 10
    assert groups.TemporalPositionSequence[0].TemporalPositionTimeOffset == 3


def test_time_has_its_index_whichever_axis_it_is() -> None:
    source = made_up(np.zeros((2, 2, 3, 4, 5, 6)), dims=("channel", "dose", "time", *DIMS))
    dimensions = FrameDimensions.of(source)
    assert dimensions.not_kept == ("dose",)
    assert dimensions.are_told_apart
    content = dimensions.groups((1, 0, 2), 0).FrameContentSequence[0]
    assert (content.TemporalPositionIndex, content.FrameAcquisitionNumber) == (3, 1)
    assert content.FrameLabel == "channel 2/2"
    assert content.DimensionIndexValues == [1, 3, 1, 2]
    made = Dataset()
    dimensions.describe(made)
    pointers = [int(item.DimensionIndexPointer) for item in made.DimensionIndexSequence]
    assert pointers == [0x00209057, 0x00209128, 0x00209156, 0x00209453]


def test_frame_content_that_is_there_stays() -> None:
    groups, content = Dataset(), Dataset()
    content.FrameReferenceDateTime = "20200101120000"
    groups.FrameContentSequence = [content]
    FrameDimensions.of(made_up(np.zeros((2, 3, 4)))).put(groups, (), 1)
    assert groups.FrameContentSequence[0].FrameReferenceDateTime == "20200101120000"
    assert groups.FrameContentSequence[0].DimensionIndexValues == 2
