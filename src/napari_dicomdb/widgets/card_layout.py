"""Where study cards and their tiles are: geometry from counts alone, no Qt, no records.

All cards stand below one another. Of each only the number of tiles is needed,
so that a scroll bar over 200 000 studies is right before one of them is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

__all__ = ["MORE_ROWS", "PATIENT", "STUDY", "CardLayout", "Rect", "Sizes", "Spot"]

PATIENT = -2
STUDY = -1
MORE_ROWS = 6
"""Of a card with more rows of tiles than twice this, so many are shown at first."""

_STRETCH = 1.35  # tiles become wider than they need to be, to fill a row, but not more


class Rect(NamedTuple):
    """Left, top, width, height; top counted from the first card's."""

    x: int
    y: int
    width: int
    height: int


class Spot(NamedTuple):
    """What can be pointed at: tile `item` of the card in `row`, or its header.

    `item` is `PATIENT`, `STUDY`, a tile's number, or the number of tiles
    shown: the line that shows all of them. Spots sort as they stand.
    """

    row: int
    item: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """Lengths in device-independent pixels.

    Parameters
    ----------
    tile_width, tile_height : int
        Smallest width of a tile, its height.
    patient, study : int
        Heights of the headers.
    more : int
        Height of the line that shows all tiles.
    margin : int
        Around and between cards.
    padding : int
        Inside a card, around its tiles.
    gap : int
        Between tiles.
    """

    tile_width: int
    tile_height: int
    patient: int = 34
    study: int = 46
    more: int = 26
    margin: int = 6
    padding: int = 8
    gap: int = 6


class CardLayout:
    """The places of all cards.

    Parameters
    ----------
    sizes : Sizes
    width : int
        Of the area that the cards fill.
    """

    def __init__(self, sizes: Sizes, width: int) -> None:
        self._sizes, self._width = sizes, width
        self._counts: NDArray[np.int64] = np.zeros(0, np.int64)
        self._heads: NDArray[np.bool_] = np.zeros(0, bool)
        self._folded: NDArray[np.bool_] = np.zeros(0, bool)
        self._whole: NDArray[np.bool_] = np.zeros(0, bool)
        self._tops: NDArray[np.int64] = np.zeros(1, np.int64)
        self._dirty = True

    def set_cards(
        self, counts: ArrayLike, heads: ArrayLike, folded: ArrayLike, whole: ArrayLike
    ) -> None:
        """Lay out other cards.

        Parameters
        ----------
        counts : (N,) array_like of int
            Tiles of each card.
        heads : (N,) array_like of bool
            Whether a patient's header stands above the card.
        folded, whole : (N,) array_like of bool
            Whether only the header is shown; whether all tiles of many are.
        """
        self._counts = np.array(counts, np.int64)
        self._heads = np.array(heads, bool)
        self._folded = np.array(folded, bool)
        self._whole = np.array(whole, bool)
        self._dirty = True

    def set_sizes(self, sizes: Sizes, width: int) -> None:
        """Lay out the same cards in another width or with other tiles."""
        if (sizes, width) != (self._sizes, self._width):
            self._sizes, self._width = sizes, width
            self._dirty = True

    def set_count(self, row: int, count: int) -> None:
        """Change the number of tiles of a card."""
        if self._counts[row] != count:
            self._counts[row] = count
            self._dirty = True

    def set_folded(self, row: int, folded: bool) -> None:
        """Show only the header of a card, or all of it."""
        self._folded[row] = folded
        self._dirty = True

    def fold_all(self, folded: bool) -> None:
        """Show only the headers of all cards, or all of them."""
        self._folded[:] = folded
        self._dirty = True

    def set_whole(self, row: int, whole: bool) -> None:
        """Show all tiles of a card that has many, or only the first rows."""
        self._whole[row] = whole
        self._dirty = True

    # -- what there is ----------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._counts)

    @property
    def sizes(self) -> Sizes:
        """The lengths in use."""
        return self._sizes

    @property
    def columns(self) -> int:
        """How many tiles stand side by side."""
        sizes = self._sizes
        return max(1, (self._inner_width + sizes.gap) // (sizes.tile_width + sizes.gap))

    @property
    def tile_width(self) -> int:
        """Width of the tiles: they share what a row has left."""
        sizes, columns = self._sizes, self.columns
        share = (self._inner_width + sizes.gap) // columns - sizes.gap
        return max(16, min(share, round(sizes.tile_width * _STRETCH)))

    @property
    def _inner_width(self) -> int:
        return self._width - 2 * (self._sizes.margin + self._sizes.padding)

    def is_folded(self, row: int) -> bool:
        """Whether only the header of a card is shown."""
        return bool(self._folded[row])

    def is_whole(self, row: int) -> bool:
        """Whether all tiles of a card with many are shown."""
        return bool(self._whole[row])

    def count(self, row: int) -> int:
        """Return how many tiles a card has, shown or not."""
        return int(self._counts[row])

    def has_head(self, row: int) -> bool:
        """Whether a patient's header stands above the card."""
        return bool(self._heads[row])

    def shown(self, row: int) -> int:
        """Return how many tiles of a card are shown."""
        if self._folded[row]:
            return 0
        count = int(self._counts[row])
        return self.columns * MORE_ROWS if self._cuts(row) else count

    def _cuts(self, row: int) -> bool:
        return not self._whole[row] and self._counts[row] > self.columns * MORE_ROWS * 2

    def has_more(self, row: int) -> bool:
        """Whether a card has the line that shows all tiles, or the first ones again."""
        many = self._counts[row] > self.columns * MORE_ROWS * 2
        return bool(many and not self._folded[row])

    @property
    def height(self) -> int:
        """Height of all cards together."""
        self._measure()
        return int(self._tops[-1]) + (self._sizes.margin if len(self) else 0)

    def _measure(self) -> None:
        if not self._dirty:
            return
        sizes, columns = self._sizes, self.columns
        many = self._counts > columns * MORE_ROWS * 2
        shown = np.where(many & ~self._whole, columns * MORE_ROWS, self._counts)
        rows = -(-shown // columns)
        grid = rows * (sizes.tile_height + sizes.gap) - sizes.gap + sizes.padding
        grid = np.where(rows > 0, grid, 0) + np.where(many, sizes.more, 0)
        heights = sizes.margin + sizes.study + np.where(self._folded, 0, grid)
        heights += np.where(self._heads, sizes.patient + sizes.margin, 0)
        self._tops = np.concatenate([[0], np.cumsum(heights)])
        self._dirty = False

    # -- places -----------------------------------------------------------------------

    def top(self, row: int) -> int:
        """Return where a card begins, its patient's header and the gap above included."""
        self._measure()
        return int(self._tops[row])

    def row_at(self, y: int) -> int:
        """Return the card at a height; the first above all, the last below; -1 without any."""
        self._measure()
        if not len(self):
            return -1
        row = int(np.searchsorted(self._tops, y, side="right")) - 1
        return min(max(row, 0), len(self) - 1)

    def rows_in(self, top: int, bottom: int) -> range:
        """Return the cards between two heights."""
        if not len(self):
            return range(0)
        return range(self.row_at(top), self.row_at(bottom) + 1)

    def patient_rect(self, row: int) -> Rect:
        """Return the place of the patient's header above a card."""
        sizes = self._sizes
        width = self._width - 2 * sizes.margin
        return Rect(sizes.margin, self.top(row) + sizes.margin, width, sizes.patient)

    def card_rect(self, row: int) -> Rect:
        """Return the place of a card: header and tiles."""
        sizes = self._sizes
        top = self.top(row) + sizes.margin
        if self._heads[row]:
            top += sizes.patient + sizes.margin
        width = self._width - 2 * sizes.margin
        return Rect(sizes.margin, top, width, self.top(row + 1) - top)

    def study_rect(self, row: int) -> Rect:
        """Return the place of a card's header."""
        return self.card_rect(row)._replace(height=self._sizes.study)

    def tile_rect(self, row: int, index: int) -> Rect:
        """Return the place of a tile."""
        sizes, card = self._sizes, self.card_rect(row)
        down, right = divmod(index, self.columns)
        width = self.tile_width
        return Rect(
            card.x + sizes.padding + right * (width + sizes.gap),
            card.y + sizes.study + down * (sizes.tile_height + sizes.gap),
            width,
            sizes.tile_height,
        )

    def more_rect(self, row: int) -> Rect:
        """Return the place of the line that shows all tiles."""
        card, more = self.card_rect(row), self._sizes.more
        return Rect(card.x, card.y + card.height - more, card.width, more)

    def rect(self, spot: Spot) -> Rect:
        """Return the place of a spot."""
        if spot.item == PATIENT:
            return self.patient_rect(spot.row)
        if spot.item == STUDY:
            return self.study_rect(spot.row)
        if spot.item >= self.shown(spot.row):
            return self.more_rect(spot.row)
        return self.tile_rect(spot.row, spot.item)

    def spot_at(self, x: int, y: int) -> Spot | None:
        """Return what is at a place, None where nothing is."""
        row = self.row_at(y)
        if row < 0:
            return None
        for spot in (Spot(row, PATIENT), Spot(row, STUDY), Spot(row, self.shown(row))):
            if self.has(spot) and _contains(self.rect(spot), x, y):
                return spot
        for index in self.tiles_in(row, y, y):
            if _contains(self.tile_rect(row, index), x, y):
                return Spot(row, index)
        return None

    def tiles_in(self, row: int, top: int, bottom: int) -> range:
        """Return the tiles of a card whose rows reach between two heights."""
        sizes, shown = self._sizes, self.shown(row)
        begin = self.card_rect(row).y + sizes.study
        step = sizes.tile_height + sizes.gap
        first = max(0, (top - begin) // step)
        last = (bottom - begin) // step
        return range(min(first * self.columns, shown), min((last + 1) * self.columns, shown))

    def tiles_within(self, area: Rect) -> Iterator[Spot]:
        """List the tiles that a rectangle touches."""
        bottom = area.y + area.height
        for row in self.rows_in(area.y, bottom):
            for index in self.tiles_in(row, area.y, bottom):
                tile = self.tile_rect(row, index)
                if (
                    tile.x <= area.x + area.width
                    and area.x <= tile.x + tile.width
                    and tile.y <= bottom
                    and area.y <= tile.y + tile.height
                ):
                    yield Spot(row, index)

    def has(self, spot: Spot) -> bool:
        """Whether there is such a spot now."""
        row, index = spot
        if not 0 <= row < len(self):
            return False
        if index == PATIENT:
            return self.has_head(row)
        shown = self.shown(row)
        return STUDY <= index < shown or (index == shown and self.has_more(row))

    def nearest(self, spot: Spot) -> Spot:
        """Return the spot itself, or the one of its card that stands nearest to it."""
        row = min(max(spot.row, 0), len(self) - 1)
        spot = Spot(row, spot.item)
        if self.has(spot):
            return spot
        last = max(self.shown(row) - 1, STUDY)
        return Spot(row, min(max(spot.item, STUDY), last))


def _contains(rect: Rect, x: int, y: int) -> bool:
    return rect.x <= x < rect.x + rect.width and rect.y <= y < rect.y + rect.height
