"""Fractions and tiles of segments, read where they are looked at."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.lazy import LazyArray
from napari_dicomdb.loading.segments.label_painting import StoredFrames
from napari_dicomdb.loading.segments.segment_frames import (
    MappedFrames,
    MergedTiles,
    fractions_of,
    tiles_of,
)


@pytest.fixture
def stored(series, records):
    """Four frames of 4 x 3: all of their number from 0."""
    for k in range(4):
        series.slice((0, 0, k), np.full((4, 3), k, np.uint8))
    return StoredFrames(FrameSet.of(records(series.paths)), {})


def test_fractions_of_segments_with_holes(stored):
    places = np.array([[0, 0, 0], [1, 0, 0], [1, 2, 1], [2, 0, 0]])
    array = fractions_of(stored, [1, 1, 7, 7], [1, 7], places, (3, 6, 4), 4.0)
    assert array.shape == (2, 3, 6, 4)
    assert array[0, 1, 0].tolist() == [0.25, 0.25, 0.25, 0]
    assert array[1, 1, :, 0].tolist() == [0] * 6
    assert array[1, 1, 2:, 1].tolist() == [0.5] * 4
    assert not np.asarray(array)[1, 0].any()


def test_values_go_through_a_table(stored):
    frames = MappedFrames(stored, np.dtype(np.uint8), table=np.arange(256, dtype=np.uint8)[::-1])
    assert (np.asarray(LazyArray(frames))[:, 0, 0] == [255, 254, 253, 252]).all()


def test_tiles_of_segments_are_merged_where_looked_at(stored):
    frames = MappedFrames(stored, np.dtype(np.uint8))
    # Segment 0 has frames 0 (empty) and 1, segment 1 frames 2 and 3, at the same places.
    tiles = tiles_of(
        frames, np.array([0, 0, 1, 1]), np.array([[0, 0], [0, 3], [0, 0], [0, 3]]), (2, 4, 5)
    )
    labels = MergedTiles(tiles, [5, 300])
    assert (labels.shape, labels.ndim, labels.dtype) == ((4, 5), 2, np.uint16)
    whole = np.asarray(labels)
    assert (whole[:, :3] == 300).all()
    assert (whole[:, 3:] == 5).all()  # the first is seen
    assert np.array_equal(labels[1:3, 2:4], whole[1:3, 2:4])
    assert np.array_equal(labels[2], whole[2])
    assert labels.findings == ()
    with pytest.raises(ValueError, match="copy"):
        labels.__array__(copy=False)
