"""Segments painted into as few arrays as overlaps allow; against a plain greedy loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.segments.label_painting import (
    StoredFrames,
    paint_label_map,
    paint_segments,
)
from napari_dicomdb.loading.segments.segment_grid import grid_of
from napari_dicomdb.loading.segments.segment_volumes import numbers_of
from napari_dicomdb.progress import no_progress


def opened(path, records):
    frames = FrameSet.of(records([path]))
    return StoredFrames(frames, {}), grid_of(frames)


def greedy(masks: np.ndarray) -> list[list[int]]:
    """Groups of segments (from 1) by first fit; `masks` is (segments, ...)."""
    groups: list[list[int]] = []
    for number, mask in enumerate(masks, 1):
        for group in groups:
            if not any((mask & masks[n - 1]).any() for n in group):
                group.append(number)
                break
        else:
            groups.append([number])
    return groups


def test_first_fit_in_the_order_of_segments(series, segmentation, records):
    masks = np.random.default_rng(3).random((6, 4, 6, 5)) < 0.03
    masks[:, 0, 0, 0] = [1, 0, 1, 0, 0, 1]
    masks[:, 3, 5, 4] = True, False, False, False, False, True  # both ends are there
    pixels = np.moveaxis(masks, 0, 3).astype(np.uint8)
    stored, grid = opened(segmentation(series.axial([0, 3, 6, 9]), pixels, "BINARY"), records)
    values = {n: n for n in range(1, 7)}
    painted = paint_segments(
        stored, numbers_of(stored.frames), values, grid.places, grid.shape, progress=no_progress
    )
    assert painted.groups == greedy(masks)
    for array, group in zip(painted.arrays, painted.groups, strict=True):
        expected = sum(masks[n - 1] * n for n in group)
        assert np.array_equal(array, expected)
    assert painted.counts == {n: int(m.sum()) for n, m in enumerate(masks, 1)}


def test_labels_may_be_larger_than_the_frames(series, segmentation, records):
    pixels = np.ones((2, 6, 5), np.uint8)
    stored, grid = opened(segmentation(series.axial([0, 3]), pixels, "BINARY"), records)
    painted = paint_segments(
        stored,
        [1, 1],
        {1: 300},
        grid.places + np.array([1, 2, 1]),
        (4, 9, 7),
        progress=no_progress,
    )
    (array,) = painted.arrays
    assert array.dtype == np.uint16
    assert (array[1:3, 2:8, 1:6] == 300).all()
    assert int((array != 0).sum()) == 60


def test_a_label_map_moves_its_background_to_nothing(series, segmentation, records):
    pixels = np.arange(30).reshape(1, 6, 5).astype(np.uint8) % 3
    path = segmentation(series.axial([0]), pixels, "LABELMAP")
    stored, grid = opened(path, records)
    painted = paint_label_map(
        stored, {1: 1, 0: 3}, 2, grid.places, grid.shape, progress=no_progress
    )
    assert np.array_equal(painted.arrays[0], np.choose(pixels, [3, 1, 0]))
    assert painted.counts == {0: 10, 1: 10}


def test_frames_that_cannot_be_read_are_told(series, segmentation, records):
    path = segmentation(series.axial([0, 3]), np.ones((2, 6, 5), np.uint8), "BINARY")
    (record,) = records([path])
    broken = FrameSet.of([replace(record, path=path.with_name("gone.dcm"))])
    stored = StoredFrames(broken, {})
    with pytest.raises(LoadError, match="no frame can be read"):
        list(stored.each(range(2)))
    assert stored.problems


def test_colour_is_no_segmentation(series, records):
    series.slice((0, 0, 0), np.zeros((6, 5, 3), np.uint8))
    with pytest.raises(LoadError) as refused:
        StoredFrames(FrameSet.of(records(series.paths)), {})
    assert refused.value.reason == "mixed-matrix"


def test_a_hundred_segments_make_no_stack_of_volumes(series, segmentation, records):
    pixels = np.zeros((3, 6, 5), np.uint8)
    pixels.reshape(-1)[:80] = np.arange(1, 81)
    stored, grid = opened(segmentation(series.axial([0, 3, 6]), pixels, "BINARY"), records)
    painted = paint_segments(
        stored,
        numbers_of(stored.frames),
        {n: n for n in range(1, 81)},
        grid.places,
        grid.shape,
        progress=no_progress,
    )
    assert len(painted.arrays) == 1
    assert np.array_equal(painted.arrays[0], pixels)


def test_more_bits_than_labels_have_are_refused(series, records):
    path = series.slice((0, 0, 0), np.zeros((6, 5), np.uint32))
    with pytest.raises(LoadError, match="not 32") as refused:
        StoredFrames(FrameSet.of(records([path])), {})
    assert refused.value.reason == "bad-header"
