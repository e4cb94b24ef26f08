"""Grids of repeated images: found, full or with holes, whatever the order of the files."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from napari_dicomdb.loading.axes import Axis
from napari_dicomdb.loading.dimensions import Factorisation, factorise
from napari_dicomdb.loading.frames import FrameSet

PLACES = 3


@pytest.fixture
def grid(series, records):
    """Factorise slices of some steps at three places, shuffled; also what each frame is."""

    def make(steps, *, lost=(), places=PLACES):
        what = [(k, p) for k in range(len(steps)) for p in range(places)]
        for k, p in what:
            series.slice((0, 0, 2 * p), Modality="MR", **steps[k])
        known = records(series.paths)
        order = np.random.default_rng(1).permutation(len(known))
        order = [int(i) for i in order if what[i] not in lost]
        frames = FrameSet.of([known[i] for i in order])
        place = np.array([what[i][1] for i in order], dtype=np.intp)
        found = factorise(frames, place)
        steps_found = None
        if found is not None:
            step = np.array([what[i][0] for i in order] + [-1])
            steps_found = step[found.index]
            assert all(
                (place[found.index[..., p]] == p)[found.index[..., p] >= 0].all()
                for p in range(places)
            )
        return found, steps_found

    return make


def test_one_attribute(grid):
    found, steps = grid([{"FlipAngle": a} for a in (15, 3, 9)])
    assert found.axes == (Axis("flip_angle", "deg", (3.0, 9.0, 15.0)),)
    assert found.keywords == ("FlipAngle",)
    assert steps.tolist() == [[1] * 3, [2] * 3, [0] * 3]
    assert not found.missing and not found.by_order and not found.incomplete


def test_two_attributes(grid):
    combos = list(product((5, 10), (100, 200, 300)))
    found, steps = grid([{"EchoTime": te, "InversionTime": ti} for te, ti in combos])
    assert [axis.name for axis in found.axes] == ["echo_time", "inversion_time"]
    assert steps[..., 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_three_attributes(grid):
    combos = list(product((5, 10), (100, 200), (80, 140)))
    found, _ = grid([{"EchoTime": a, "InversionTime": b, "KVP": c} for a, b, c in combos])
    assert found.index.shape == (2, 2, 2, PLACES)


def test_four_are_too_many(grid):
    combos = list(product((5, 10), (100, 200), (80, 140), (3, 9)))
    steps = [
        {"EchoTime": a, "InversionTime": b, "KVP": c, "FlipAngle": d} for a, b, c, d in combos
    ]
    found, _ = grid(steps, places=1)
    # The order of acquisition takes the place of what has no axis left.
    assert len(found.axes) == 3 and found.by_order


def test_attributes_that_say_the_same_are_one_axis(grid):
    found, _ = grid([{"EchoTime": 5, "EchoNumbers": 1}, {"EchoTime": 9, "EchoNumbers": 2}])
    assert [axis.name for axis in found.axes] == ["echo_time"]


def test_what_attributes_leave_together_is_time(grid):
    combos = list(product((1, 2, 3), (5, 10)))
    found, steps = grid([{"TemporalPositionIdentifier": t, "EchoTime": te} for t, te in combos])
    assert [axis.name for axis in found.axes] == ["time", "echo_time"]
    assert steps[..., 2].tolist() == [[0, 1], [2, 3], [4, 5]]


def test_components_come_last(grid):
    combos = list(product(("M", "P"), (100, 200)))
    found, _ = grid(
        [{"ImageType": ["ORIGINAL", "PRIMARY", part], "InversionTime": ti} for part, ti in combos]
    )
    assert [axis.name for axis in found.axes] == ["inversion_time", "component"]


def test_an_attribute_that_only_varies_along_the_stack_is_none(series, records):
    for k in range(2):
        for p in range(PLACES):
            series.slice((0, 0, p), EchoTime=5 + p, AcquisitionNumber=k)
    frames = FrameSet.of(records(series.paths))
    found = factorise(frames, np.tile(np.arange(PLACES), 2))
    assert [axis.name for axis in found.axes] == ["acquisition"]


def test_an_unbalanced_attribute_is_no_axis(grid):
    """One b = 0 and four directions: time, until somebody knows better."""
    steps = [{"DiffusionBValue": float(b)} for b in (0, 1000, 1000, 1000, 1000)]
    found, order = grid(steps)
    assert [axis.name for axis in found.axes] == ["repeat"]
    assert order[:, 0].tolist() == [0, 1, 2, 3, 4]


def test_positions_that_do_not_repeat_have_no_axis(grid):
    assert grid([{"EchoTime": 5}]) == (None, None)


@pytest.mark.parametrize("lost", [(3, 2), (1, 1), (0, 0)])
def test_a_hole(grid, lost):
    found, steps = grid([{"EchoTime": 5 + k} for k in range(4)], lost=[lost])
    assert found.missing == 1
    assert found.incomplete == [(lost[0],)]
    expected = np.repeat(np.arange(4)[:, None], PLACES, axis=1)
    expected[lost] = -1
    assert steps.tolist() == expected.tolist()
    whole = found.complete_steps()
    assert len(whole.axes[0]) == 3 and not whole.missing


@pytest.mark.parametrize("lost", [(4, 2), (1, 1), (0, 0)])
def test_a_hole_in_numbered_volumes(grid, lost):
    """Numbers that count volume by volume tell which volume lacks its slice."""
    found, steps = grid([{}] * 5, lost=[lost])
    expected = np.repeat(np.arange(5)[:, None], PLACES, axis=1)
    expected[lost] = -1
    assert found.by_order
    assert steps.tolist() == expected.tolist()


def test_too_many_holes(grid):
    lost = [(1, 1), (1, 2)]
    assert grid([{"EchoTime": 5}, {"EchoTime": 9}], lost=lost) == (None, None)


def test_holes_can_leave_nothing():
    index = np.array([[0, 1], [2, -1]])
    grid = Factorisation((Axis("time", "s", (0, 1)),), index, ("TriggerTime",), False)
    assert grid.complete_steps() is None
