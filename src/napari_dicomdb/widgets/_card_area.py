"""The area that study cards are painted on: scrolling, zooming, what stays in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QPoint, QRect, Qt, QTimer, Signal
from qtpy.QtGui import QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from qtpy.QtWidgets import QAbstractScrollArea, QWidget

from napari_dicomdb.database.related import UNRELATED
from napari_dicomdb.widgets._text import related_line
from napari_dicomdb.widgets.card_layout import PATIENT, STUDY, CardLayout, Rect, Spot
from napari_dicomdb.widgets.card_painter import LARGEST, SMALLEST, CardPainter, Look

if TYPE_CHECKING:
    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.database.related import Related
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.loadable_cache import LoadableCache
    from napari_dicomdb.widgets.models.study_cards import StudyCardsModel
    from napari_dicomdb.widgets.thumbnails import ThumbnailCache

__all__ = ["CardArea"]

_PAUSE = 30  # ms; what is passed while scrolling fast is not asked for
_NEAR = 60  # series whose pictures are made ahead
_AROUND = 16  # pixels around what is brought into sight
_WHEEL_STEP = 16  # pixels of a picture for one notch of the wheel


class CardArea(QAbstractScrollArea):
    """Paints the cards of a model and keeps what is seen in its place.

    Parameters
    ----------
    model : StudyCardsModel
    thumbnails : ThumbnailCache
    palette : Palette
    ways : LoadableCache, optional
        Ways to open series.
    """

    zoomed = Signal(int)

    def __init__(
        self,
        model: StudyCardsModel,
        thumbnails: ThumbnailCache,
        palette: Palette,
        parent: QWidget | None = None,
        *,
        ways: LoadableCache | None = None,
    ) -> None:
        super().__init__(parent)
        self.model = model
        self.painter = CardPainter(palette, self.font())
        self.layout_ = CardLayout(self.painter.sizes(), 100)
        self.folded_by_default = False
        self.folded_otherwise: set[int] = set()  # keys of studies
        self.whole: set[int] = set()
        self.hovered: Spot | None = None
        self.current: Spot | None = None
        self._thumbnails = thumbnails
        self._ways = ways
        self._seen: list[str] = []  # series
        self._keys: np.ndarray[Any, Any] = np.zeros(0, np.int64)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Always: else its coming and going would change the columns without end.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._asking = QTimer(self)
        self._asking.setSingleShot(True)
        self._asking.setInterval(_PAUSE)
        self._asking.timeout.connect(self._ask)
        model.outlined.connect(self.lay_out)
        model.arrived.connect(self._on_arrived)
        thumbnails.ready.connect(self._on_picture)
        if ways is not None:
            ways.ready.connect(self._on_picture)
            ways.related.ready.connect(self._on_picture)

    # -- layout -----------------------------------------------------------------------

    @property
    def _scroll(self) -> int:
        return int(self.verticalScrollBar().value())

    def _anchor(self, spot: Spot | None = None) -> tuple[list[int], int, int] | None:
        """Return keys of studies to hold on to, the spot in the first, and its height."""
        if not len(self.layout_) or not len(self._keys):
            return None
        row = self.layout_.row_at(self._scroll) if spot is None else spot.row
        index = PATIENT if spot is None else spot.item
        top = self.layout_.top(row) if spot is None else self.layout_.rect(spot).y
        keys = [int(key) for key in self._keys[row : row + 50]]
        return keys, index, top - self._scroll

    def _hold(self, anchor: tuple[list[int], int, int] | None) -> None:
        """Bring what `_anchor` found to the height where it was."""
        self._set_range()
        if anchor is not None:
            keys, index, height = anchor
            row = next((r for r in map(self.model.row_of, keys) if r >= 0), -1)
            if row >= 0:
                spot = Spot(row, index)
                held = index != PATIENT and self.layout_.has(spot)
                top = self.layout_.rect(spot).y if held else self.layout_.top(row)
                self.verticalScrollBar().setValue(top - height)
        self.ask()
        self.viewport().update()

    def _set_range(self) -> None:
        bar, height = self.verticalScrollBar(), self.viewport().height()
        bar.setPageStep(height)
        bar.setSingleStep(40)
        bar.setRange(0, max(0, self.layout_.height - height))

    def lay_out(self) -> None:
        """Lay out the rows of the model anew; what is at the top stays there."""
        is_at_top = self._scroll == 0
        anchor = None if is_at_top else self._anchor()
        current = self._key_of(self.current)
        model = self.model
        self._keys = keys = model.keys
        heads = np.zeros(len(keys), bool)
        if model.order == "patient" and len(keys):
            heads[0] = True
            heads[1:] = model.patients[1:] != model.patients[:-1]
        folded = np.isin(keys, list(self.folded_otherwise)) ^ self.folded_by_default
        self.layout_.set_cards(model.counts, heads, folded, np.isin(keys, list(self.whole)))
        self.layout_.set_sizes(self.painter.sizes(), self.viewport().width())
        self.current = self._spot_of(current)
        self.hovered = None
        self._hold(anchor)

    def _key_of(self, spot: Spot | None) -> tuple[int, int] | None:
        if spot is None or spot.row >= len(self._keys):
            return None
        return int(self._keys[spot.row]), spot.item

    def _spot_of(self, found: tuple[int, int] | None) -> Spot | None:
        row = -1 if found is None else self.model.row_of(found[0])
        if found is None or row < 0:
            return None
        return self.layout_.nearest(Spot(row, found[1]))

    def _on_arrived(self, rows: list[int]) -> None:
        if any(self.layout_.count(row) != self.model.counts[row] for row in rows):
            anchor = self._anchor()
            for row in rows:
                self.layout_.set_count(row, int(self.model.counts[row]))
            if self.current is not None:
                self.current = self.layout_.nearest(self.current)
            self._hold(anchor)
        self.viewport().update()

    def set_folded(self, row: int, folded: bool) -> None:
        """Show only the header of a card, or all of it."""
        if self.layout_.is_folded(row) == folded:
            return
        key = int(self._keys[row])
        anchor = self._anchor(Spot(row, STUDY))
        if folded != self.folded_by_default:
            self.folded_otherwise.add(key)
        else:
            self.folded_otherwise.discard(key)
        self.layout_.set_folded(row, folded)
        self._after_folding(anchor)

    def fold_all(self, folded: bool) -> None:
        """Show only the headers of all cards, or all of them."""
        anchor = self._anchor()
        self.folded_by_default = folded
        self.folded_otherwise.clear()
        self.layout_.fold_all(folded)
        self._after_folding(anchor)

    def set_whole(self, row: int, whole: bool) -> None:
        """Show all tiles of a card that has many, or only the first rows."""
        anchor = self._anchor(Spot(row, STUDY))
        key = int(self._keys[row])
        if whole:
            self.whole.add(key)
        else:
            self.whole.discard(key)
        self.layout_.set_whole(row, whole)
        self._after_folding(anchor)

    def _after_folding(self, anchor: tuple[list[int], int, int] | None) -> None:
        if self.current is not None and len(self.layout_):
            self.current = self.layout_.nearest(self.current)
        self._hold(anchor)

    def set_palette(self, palette: Palette) -> None:
        """Paint in the colours and letters of another theme."""
        anchor = self._anchor()
        self.painter.set_palette(palette, self.font())
        self.layout_.set_sizes(self.painter.sizes(), self.viewport().width())
        self._hold(anchor)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay the tiles out in the new width."""
        anchor = self._anchor() if self._scroll else None
        self.layout_.set_sizes(self.painter.sizes(), self.viewport().width())
        if self.current is not None and len(self.layout_):
            self.current = self.layout_.nearest(self.current)
        self._hold(anchor)

    # -- zoom -------------------------------------------------------------------------

    @property
    def side(self) -> int:
        """Side of the pictures, device-independent pixels."""
        return self.painter.side

    def zoom(self, side: int, at: Spot | None = None) -> None:
        """Show pictures of another size; `at` stays where it is."""
        side = min(max(side, SMALLEST), LARGEST)
        if side == self.painter.side:
            return
        held = at if at is not None else self.current
        if held is not None and not self.is_in_sight(held):
            held = None
        anchor = self._anchor(held) if held is not None or self._scroll else None
        self.painter.side = side
        self.layout_.set_sizes(self.painter.sizes(), self.viewport().width())
        if self.current is not None and len(self.layout_):
            self.current = self.layout_.nearest(self.current)
        self._hold(anchor)
        self.zoomed.emit(side)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom with Ctrl; else scroll."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            notches = event.angleDelta().y() / 120
            step = round(notches * _WHEEL_STEP) or (1 if notches > 0 else -1 if notches else 0)
            self.zoom(self.side + step, self.spot_at(event.position().toPoint()))
            event.accept()
            return
        super().wheelEvent(event)

    # -- what is where ----------------------------------------------------------------

    def spot_at(self, place: QPoint) -> Spot | None:
        """Return what is at a place of the viewport."""
        return self.layout_.spot_at(place.x(), place.y() + self._scroll)

    def rect_of(self, spot: Spot) -> QRect:
        """Return the place of a spot in the viewport."""
        return self._shown(self.layout_.rect(spot))

    def _shown(self, rect: Rect) -> QRect:
        return QRect(rect.x, rect.y - self._scroll, rect.width, rect.height)

    def is_in_sight(self, spot: Spot) -> bool:
        """Whether some of a spot is to be seen."""
        return bool(
            self.layout_.has(spot) and self.viewport().rect().intersects(self.rect_of(spot))
        )

    def series_at(self, spot: Spot) -> SeriesRecord | None:
        """Return the series of a tile, None when it is not read, or no tile."""
        if not (0 <= spot.row < len(self.model)) or spot.item < 0:
            return None
        series = self.model.series(spot.row)
        is_tile = series is not None and spot.item < len(series)
        return series[spot.item] if series is not None and is_tile else None

    def bring_into_sight(self, spot: Spot) -> None:
        """Scroll as little as shows all of a spot."""
        rect, bar = self.layout_.rect(spot), self.verticalScrollBar()
        # So much that the end of a card, and of all, comes into sight with its last tile.
        top, bottom = rect.y - _AROUND, rect.y + rect.height + _AROUND
        if top < bar.value():
            bar.setValue(top)
        elif bottom > bar.value() + self.viewport().height():
            bar.setValue(min(bottom - self.viewport().height(), top))

    # -- reading ----------------------------------------------------------------------

    def ask(self) -> None:
        """Have what is in sight, and around it, read soon."""
        if not self._asking.isActive():
            self._asking.start()

    def _ask(self) -> None:
        height, top = self.viewport().height(), self._scroll
        if not len(self.layout_):
            return
        seen = self.layout_.rows_in(top, top + height)
        around = self.layout_.rows_in(top - height, top + 2 * height)
        below = range(seen.stop, around.stop)
        above = range(seen.start - 1, around.start - 1, -1)
        self.model.want([*seen, *below, *above])

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Paint anew, and read what has come into sight."""
        self.ask()
        self.viewport().update()

    def _on_picture(self, _series_uid: str) -> None:
        self.viewport().update()

    # -- painting ---------------------------------------------------------------------

    def is_selected(self, spot: Spot) -> bool:
        """Whether a spot is selected; for those who select."""
        return False

    def _look(self, spot: Spot) -> Look:
        focused = spot == self.current and self.hasFocus()
        return Look(self.is_selected(spot), spot == self.hovered, focused)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the cards in sight."""
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(event.rect(), self.painter.palette.background)
        top, bottom = self._scroll, self._scroll + self.viewport().height()
        seen: list[str] = []
        for row in self.layout_.rows_in(top, bottom):
            self._paint_card(painter, row, top, bottom, seen)
        self.paint_over(painter)
        painter.end()
        if seen != self._seen:
            self._seen = seen
            self._thumbnails.want(seen, self._near())

    def _near(self) -> list[str]:
        """Return the series that come into sight next, as far as they are read."""
        height, top = self.viewport().height(), self._scroll
        below = self.layout_.rows_in(top + height, top + 2 * height)
        cards = (self.model.series(row) or () for row in below)
        seen = set(self._seen)
        near = [one.uid for series in cards for one in series if one.uid not in seen]
        return near[:_NEAR]

    def paint_over(self, painter: QPainter) -> None:
        """Paint what lies above the cards; for those who select."""

    def _paint_card(
        self, painter: QPainter, row: int, top: int, bottom: int, seen: list[str]
    ) -> None:
        layout, paint = self.layout_, self.painter
        card = self.model.card(row)
        if layout.has_head(row):
            head = Spot(row, PATIENT)
            patient = None if card is None else card[1]
            paint.paint_patient(painter, self.rect_of(head), patient, self._look(head))
        paint.paint_card(painter, self._shown(layout.card_rect(row)))
        study = Spot(row, STUDY)
        paint.paint_study(
            painter,
            self.rect_of(study),
            None if card is None else card[:2],
            (layout.count(row), self.model.total(row)),
            self._look(study),
            folded=layout.is_folded(row),
            named=self.model.order != "patient",
        )
        for index in layout.tiles_in(row, top, bottom):
            tile = Spot(row, index)
            series = self.series_at(tile)
            picture, ways, related = None, (), ""
            if series is not None:
                seen.append(series.uid)
                picture = self._thumbnails.picture(series.uid)
                ways = self.ways_of(series)
                related = related_line(self.related_of(series))
            look = self._look(tile)
            paint.paint_tile(painter, self.rect_of(tile), series, picture, ways, look, related)
        if layout.has_more(row):
            more = Spot(row, layout.shown(row))
            number = 0 if layout.is_whole(row) else layout.count(row)
            paint.paint_more(painter, self.rect_of(more), number, self._look(more))

    def ways_of(self, series: SeriesRecord) -> Any:
        """Return the ways to open a series that are known."""
        return () if self._ways is None else self._ways.summaries(series)

    def related_of(self, series: SeriesRecord) -> Related:
        """Return what a series is linked to, as far as that is known."""
        return UNRELATED if self._ways is None else self._ways.related.of(series)
