"""Where the arrow keys lead on study cards: pure functions of the layout."""

from __future__ import annotations

from napari_dicomdb.widgets.card_layout import PATIENT, STUDY, CardLayout, Spot

__all__ = ["first_spot", "last_spot", "page", "sideways", "upright"]


def first_spot(layout: CardLayout, row: int) -> Spot:
    """Return the uppermost spot of a card: its patient's header if it has one."""
    return Spot(row, PATIENT if layout.has_head(row) else STUDY)


def last_spot(layout: CardLayout, row: int) -> Spot:
    """Return the last spot of a card."""
    shown = layout.shown(row)
    return Spot(row, shown if layout.has_more(row) else shown - 1 if shown else STUDY)


def upright(layout: CardLayout, spot: Spot, step: int, column: int) -> Spot:
    """Return the spot below (`step` 1) or above (-1), staying in a column of tiles."""
    return _below(layout, spot, column) if step > 0 else _above(layout, spot, column)


def _below(layout: CardLayout, spot: Spot, column: int) -> Spot:
    row, index = spot
    shown, columns = layout.shown(row), layout.columns
    if index == PATIENT:
        return Spot(row, STUDY)
    if index == STUDY and shown:
        return Spot(row, min(column, shown - 1))
    if 0 <= index < shown:
        if index + columns < shown:
            return Spot(row, index + columns)
        if index // columns < (shown - 1) // columns:
            return Spot(row, shown - 1)
        if layout.has_more(row):
            return Spot(row, shown)
    return first_spot(layout, row + 1) if row + 1 < len(layout) else spot


def _above(layout: CardLayout, spot: Spot, column: int) -> Spot:
    row, index = spot
    shown, columns = layout.shown(row), layout.columns
    if index >= shown > 0:
        return _in_last_row(layout, row, column)
    if index >= 0:
        return Spot(row, index - columns if index >= columns else STUDY)
    if index == STUDY and layout.has_head(row):
        return Spot(row, PATIENT)
    if row == 0:
        return spot
    above = last_spot(layout, row - 1)
    is_tile = 0 <= above.item < layout.shown(row - 1)
    return _in_last_row(layout, row - 1, column) if is_tile else above


def _in_last_row(layout: CardLayout, row: int, column: int) -> Spot:
    shown, columns = layout.shown(row), layout.columns
    return Spot(row, min((shown - 1) // columns * columns + column, shown - 1))


def sideways(layout: CardLayout, spot: Spot, step: int) -> Spot:
    """Return the next or the previous spot, over the ends of rows and cards."""
    row, index = spot
    if step > 0:
        if spot < last_spot(layout, row):
            return Spot(row, index + 1)
        return first_spot(layout, row + 1) if row + 1 < len(layout) else spot
    if spot > first_spot(layout, row):
        return Spot(row, index - 1)
    return last_spot(layout, row - 1) if row > 0 else spot


def page(layout: CardLayout, spot: Spot, distance: int, column: int) -> Spot:
    """Return the spot so much further down or up, in a column of tiles."""
    if not len(layout):
        return spot
    y = layout.rect(spot).y + distance
    row = layout.row_at(y)
    tiles = layout.tiles_in(row, y, y)
    if tiles:
        return Spot(row, min(tiles.start + column, tiles.stop - 1))
    if y < layout.study_rect(row).y + layout.sizes.study:
        return first_spot(layout, row) if distance < 0 else Spot(row, STUDY)
    return last_spot(layout, row)
