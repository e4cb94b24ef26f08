"""Geometry of study cards: heights from counts, what is where, where the arrow keys lead."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_dicomdb.widgets import _card_moves as moves
from napari_dicomdb.widgets.card_layout import (
    MORE_ROWS,
    PATIENT,
    STUDY,
    CardLayout,
    Rect,
    Sizes,
    Spot,
)

SIZES = Sizes(100, 150, patient=30, study=40, more=20, margin=6, padding=8, gap=4)
COUNTS = [3, 1, 0, 9, 200, 2]
HEADS = [True, False, True, False, False, True]


@pytest.fixture
def layout() -> CardLayout:
    """Six cards in a width for four columns; the second is folded up."""
    made = CardLayout(SIZES, 2 * (6 + 8) + 4 * 100 + 3 * 4)
    folded = np.zeros(6, bool)
    folded[1] = True
    made.set_cards(COUNTS, HEADS, folded, np.zeros(6, bool))
    return made


def spots(layout: CardLayout) -> list[Spot]:
    """Everything that can be pointed at, from the first to the last."""
    found = []
    for row in range(len(layout)):
        numbers = range(PATIENT, layout.shown(row) + 1)
        found += [spot for spot in (Spot(row, k) for k in numbers) if layout.has(spot)]
    return found


def overlap(one: Rect, other: Rect) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def test_columns_share_the_width(layout):
    assert layout.columns == 4
    assert layout.tile_width == 100
    layout.set_sizes(SIZES, 28 + 4 * 100 + 3 * 4 + 40)
    assert (layout.columns, layout.tile_width) == (4, 110)
    layout.set_sizes(SIZES, 60)
    assert layout.columns == 1
    assert layout.tile_width >= 16


def test_height_is_the_sum_of_what_is_shown(layout):
    tiles = [1, 0, 0, 3, MORE_ROWS, 1]  # rows of tiles
    expected = 6
    for head, rows in zip(HEADS, tiles, strict=True):
        expected += 6 + 40 + (36 if head else 0) + (rows * 154 - 4 + 8 if rows else 0)
    assert layout.height == expected + 20


def test_everything_has_a_place_of_its_own(layout):
    everything = spots(layout)
    assert len(everything) == 3 + 6 + 3 + 9 + 24 + 1 + 2
    places = [layout.rect(spot) for spot in everything]
    for one, other in itertools.combinations(places, 2):
        assert not overlap(one, other)
    assert all(r.y >= 0 and r.y + r.height <= layout.height for r in places)


def test_what_is_painted_is_what_is_hit(layout):
    for spot in spots(layout):
        rect = layout.rect(spot)
        for x, y in ((0, 0), (rect.width - 1, 0), (0, rect.height - 1), (5, 5)):
            assert layout.spot_at(rect.x + x, rect.y + y) == spot
        assert layout.spot_at(rect.x - 1, rect.y) != spot
    tile = layout.rect(Spot(0, 0))
    assert layout.spot_at(tile.x + tile.width + 1, tile.y) is None, "between two tiles"
    assert layout.spot_at(2, layout.height + 500) is None


def test_a_card_with_many_series_shows_the_first_rows(layout):
    assert layout.shown(4) == MORE_ROWS * 4
    assert layout.has_more(4)
    before = layout.height
    layout.set_whole(4, True)
    assert layout.shown(4) == 200
    assert layout.has_more(4), "to show fewer again"
    assert layout.height == before + (50 - MORE_ROWS) * 154
    layout.set_folded(4, True)
    assert (layout.shown(4), layout.has_more(4)) == (0, False)


def test_tiles_between_two_heights(layout):
    layout.set_whole(4, True)
    first, last = layout.tile_rect(4, 8), layout.tile_rect(4, 19)
    assert layout.tiles_in(4, first.y, last.y + 10) == range(8, 20)
    assert not layout.tiles_in(1, -5, layout.height)
    assert layout.tiles_in(0, -1000, layout.height) == range(3)


def test_rubber_band(layout):
    tile = layout.tile_rect(3, 5)
    band = Rect(tile.x + 50, tile.y + 100, 104, 100)
    assert [*layout.tiles_within(band)] == [Spot(3, 5), Spot(3, 6)]
    whole = Rect(0, 0, 2000, layout.height)
    assert len([*layout.tiles_within(whole)]) == 3 + 9 + 24 + 2


def test_rows_between_two_heights(layout):
    tops = [layout.top(row) for row in range(6)]
    assert tops == sorted(tops)
    assert layout.rows_in(tops[2], tops[3]) == range(2, 4)
    assert layout.rows_in(tops[2], tops[3] - 1) == range(2, 3)
    assert (layout.row_at(-10), layout.row_at(10**9)) == (0, 5)


def test_changing_one_count_moves_what_is_below(layout):
    before = layout.top(3)
    layout.set_count(0, 5)
    assert layout.top(3) == before + 154


def test_nothing(layout):
    layout.set_cards([], [], [], [])
    assert (len(layout), layout.height) == (0, 0)
    assert layout.spot_at(10, 10) is None
    assert layout.row_at(10) == -1
    assert [*layout.tiles_within(Rect(0, 0, 100, 100))] == []


def test_a_million_series_are_laid_out_by_counts_alone():
    layout = CardLayout(SIZES, 440)
    counts = np.tile([1, 2, 3, 4, 5], 40_000)
    none = np.zeros(len(counts), bool)
    layout.set_cards(counts, none, none, none)
    rect = layout.tile_rect(199_999, 4)
    assert layout.spot_at(rect.x, rect.y) == Spot(199_999, 4)
    assert layout.height == rect.y + rect.height + SIZES.padding + SIZES.margin


# -- keys -----------------------------------------------------------------------------


def test_left_and_right_pass_everything(layout):
    everything = spots(layout)
    spot, passed = everything[0], [everything[0]]
    while (after := moves.sideways(layout, spot, 1)) != spot:
        passed.append(after)
        spot = after
    assert passed == everything
    while (before := moves.sideways(layout, spot, -1)) != spot:
        assert before == everything[everything.index(spot) - 1]
        spot = before
    assert spot == everything[0]


def test_down_and_up_stay_in_their_column(layout):
    down = [Spot(2, PATIENT)]
    for _ in range(7):
        down.append(moves.upright(layout, down[-1], 1, 2))
    assert down == [
        Spot(2, PATIENT), Spot(2, STUDY), Spot(3, STUDY), Spot(3, 2), Spot(3, 6), Spot(3, 8),
        Spot(4, STUDY), Spot(4, 2),
    ]  # fmt: skip
    up = [Spot(4, STUDY)]
    for _ in range(7):
        up.append(moves.upright(layout, up[-1], -1, 2))
    assert up == [
        Spot(4, STUDY), Spot(3, 8), Spot(3, 4), Spot(3, 0), Spot(3, STUDY), Spot(2, STUDY),
        Spot(2, PATIENT), Spot(1, STUDY),
    ]  # fmt: skip
    assert moves.upright(layout, Spot(4, 22), 1, 2) == Spot(4, 24), "the line that shows all"
    assert moves.upright(layout, Spot(4, 24), -1, 2) == Spot(4, 22)
    assert moves.upright(layout, Spot(5, 1), 1, 0) == Spot(5, 1)
    assert moves.upright(layout, Spot(0, PATIENT), -1, 0) == Spot(0, PATIENT)


def test_pages(layout):
    spot = Spot(0, PATIENT)
    seen = [spot]
    while (after := moves.page(layout, spot, 400, 1)) > spot:
        seen.append(after)
        spot = after
    assert spot == Spot(5, 1)
    assert len(seen) <= layout.height // 300
    while (before := moves.page(layout, spot, -400, 1)) < spot:
        spot = before
    assert spot.row == 0


def test_nearest(layout):
    assert layout.nearest(Spot(0, 2)) == Spot(0, 2)
    assert layout.nearest(Spot(0, 7)) == Spot(0, 2)
    assert layout.nearest(Spot(1, 0)) == Spot(1, STUDY), "it is folded up"
    assert layout.nearest(Spot(3, PATIENT)) == Spot(3, STUDY)
    assert layout.nearest(Spot(99, 0)) == Spot(5, 0)
