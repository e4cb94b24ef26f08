"""Study cards under mouse and keyboard: selecting, opening, dragging, folding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QPoint, QRect, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QContextMenuEvent, QKeyEvent, QMouseEvent, QPainter, QPen
from qtpy.QtWidgets import QApplication, QToolTip

from napari_dicomdb.widgets import _card_moves as moves
from napari_dicomdb.widgets import _card_text as words
from napari_dicomdb.widgets._card_choice import ChoosingArea
from napari_dicomdb.widgets._drag import mime_of, start_drag
from napari_dicomdb.widgets._text import tool_tip
from napari_dicomdb.widgets.card_layout import PATIENT, STUDY, Rect, Spot

if TYPE_CHECKING:
    from qtpy.QtGui import QFocusEvent, QHelpEvent

__all__ = ["CardHands"]

_ARROW = 28  # pixels of a study's header that fold the card
_PULL = 25  # ms between two steps of scrolling under a rubber band
_DEFAULT_SIDE = 128
_CONTROL = Qt.KeyboardModifier.ControlModifier
_SHIFT = Qt.KeyboardModifier.ShiftModifier
_STEPS = {
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Right: 1,
}


class CardHands(ChoosingArea):
    """Study cards that are clicked, dragged and walked over by keys."""

    opened = Signal()
    remove_requested = Signal()
    copy_requested = Signal()
    menu_requested = Signal(object)  # global position

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._column = 0
        self._pressed: QPoint | None = None
        self._pressed_spot: Spot | None = None
        self._select_at_release = False
        self._band: tuple[QPoint, QPoint] | None = None  # of the content, not the viewport
        self._band_adds = False
        self._pull = QTimer(self)
        self._pull.setInterval(_PULL)
        self._pull.timeout.connect(self._pull_on)
        self.verticalScrollBar().valueChanged.connect(self._hover_under_mouse)

    # -- mouse ------------------------------------------------------------------------

    def _is_arrow(self, spot: Spot, place: QPoint) -> bool:
        return spot.item == STUDY and place.x() < self.rect_of(spot).left() + _ARROW

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Select, fold, or begin to drag."""
        self.touched.emit()
        place, modifiers = event.position().toPoint(), event.modifiers()
        spot = self.spot_at(place)
        if event.button() != Qt.MouseButton.LeftButton:
            event.accept()
            return
        self._pressed, self._pressed_spot = place, spot
        self._select_at_release = False
        if spot is None:
            self._band_adds = bool(modifiers & (_CONTROL | _SHIFT))
            if not self._band_adds:
                self.choose_nothing()
        elif self._is_arrow(spot, place):
            self._pressed = None
            self.set_current(spot)
            self.set_folded(spot.row, not self.layout_.is_folded(spot.row))
        elif self._is_more(spot):
            self._pressed = None
            self._activate(spot)
        elif modifiers & _SHIFT:
            self.choose_range(spot, add=bool(modifiers & _CONTROL))
        elif modifiers & _CONTROL:
            self.toggle(spot)
        elif self.is_selected(spot):
            # Several may be about to be dragged.
            self._select_at_release = True
            self.set_current(spot)
        else:
            self.choose(spot)
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell what is under the mouse; drag, or pull a rubber band."""
        place = event.position().toPoint()
        if not event.buttons() & Qt.MouseButton.LeftButton or self._pressed is None:
            self._hover(self.spot_at(place))
            return
        far = (place - self._pressed).manhattanLength() >= QApplication.startDragDistance()
        if self._band is not None:
            self._pull_to(place)
        elif far and self._pressed_spot is None:
            begin = self._pressed + QPoint(0, self._scroll)
            self._band = (begin, begin)
            self._begin_band(add=self._band_adds)
            self._pull.start()
            self._pull_to(place)
        elif far and self._pressed_spot is not None:
            spot, self._pressed = self._pressed_spot, None
            self._select_at_release = False
            self._drag(spot)

    def _drag(self, spot: Spot) -> None:
        chosen = self.selected_series()
        mime = mime_of(self.database_path, chosen)
        if mime is None:
            return
        held = self.series_at(spot)
        uid = chosen[0].uid if held is None else held.uid
        start_drag(self, mime, len(chosen), self._thumbnails.picture(uid))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a rubber band; of several selected ones, select the one clicked."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._pull.stop()
            if self._select_at_release and self._pressed_spot is not None:
                self.choose(self._pressed_spot)
            if self._band is not None:
                self._band = None
                self._end_band()
            self._pressed = self._pressed_spot = None
            self._select_at_release = False
            self.viewport().update()
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open a series; fold a study up, or unfold it."""
        place = event.position().toPoint()
        spot = self.spot_at(place)
        if event.button() != Qt.MouseButton.LeftButton or spot is None:
            event.accept()
            return
        if self._is_arrow(spot, place) or self._is_more(spot):
            self.mousePressEvent(event)  # each click of two counts for itself
        elif spot.item == STUDY:
            self.set_folded(spot.row, not self.layout_.is_folded(spot.row))
        elif self.series_at(spot) is not None and self.is_selected(spot):
            self.opened.emit()
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for a menu: at the mouse, or by the menu key at the present spot."""
        self.touched.emit()
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            spot = self.current
            if spot is not None and self.layout_.has(spot):
                self.bring_into_sight(spot)
                place = self.rect_of(spot).center()
            else:
                spot, place = None, QPoint()
        else:
            place = event.pos()
            spot = self.spot_at(place)
        if spot is not None and not self._is_more(spot):
            self._mean(spot)
            self.menu_requested.emit(self.viewport().mapToGlobal(place))
        event.accept()

    def _mean(self, spot: Spot) -> None:
        """Select what a menu is asked for, unless it is among what is selected."""
        if not self.is_selected(spot) or (spot.item < 0 and not self.selection.is_by_heads):
            self.choose(spot)
            return
        self.set_current(spot)
        if spot.item >= 0:
            self.selection.forget_heads()
            self.viewport().update()

    def _hover(self, spot: Spot | None) -> None:
        if spot != self.hovered:
            self.hovered = spot
            self.viewport().update()

    def _hover_under_mouse(self, *_: object) -> None:
        place = self.viewport().mapFromGlobal(self.cursor().pos())
        inside = self.viewport().rect().contains(place) and self.viewport().underMouse()
        self._hover(self.spot_at(place) if inside else None)

    def viewportEvent(self, event: QEvent) -> bool:
        """Show tool tips; see the mouse leave."""
        if event.type() == QEvent.Type.ToolTip:
            self._show_tip(event)
            return True
        if event.type() == QEvent.Type.Leave:
            self._hover(None)
        return bool(super().viewportEvent(event))

    def _show_tip(self, event: QHelpEvent) -> None:
        spot = self.spot_at(event.pos())
        text = "" if spot is None else self.tip(spot)
        if spot is None or not text:
            QToolTip.hideText()
            return
        shown = tool_tip(text)
        QToolTip.showText(event.globalPos(), shown, self.viewport(), self.rect_of(spot))

    def tip(self, spot: Spot) -> str:
        """Return all that is known of what is at a spot, "" when it is not read."""
        card = self.model.card(spot.row)
        if card is None or self._is_more(spot):
            return ""
        if spot.item == PATIENT:
            return words.patient_tip(card[1])
        if spot.item == STUDY:
            return words.study_tip(card[0], card[1])
        series = self.series_at(spot)
        if series is None:
            return ""
        picture = self._thumbnails.tip(series.uid)
        return words.series_tip(series, self.ways_of(series), picture, self.related_of(series))

    # -- rubber band ------------------------------------------------------------------

    def _pull_to(self, place: QPoint) -> None:
        if self._band is None:
            return
        self._band = (self._band[0], place + QPoint(0, self._scroll))
        rect = self._band_rect()
        self._choose_band(self.layout_.tiles_within(rect))
        self.viewport().update()

    def _band_rect(self) -> Rect:
        assert self._band is not None
        rect = QRect(*self._band).normalized()
        return Rect(rect.x(), rect.y(), rect.width(), rect.height())

    def _pull_on(self) -> None:
        """Scroll while the mouse is held beyond an edge."""
        if self._band is None:
            return
        place = self._band[1] - QPoint(0, self._scroll)
        beyond = min(place.y(), 0) or max(place.y() - self.viewport().height(), 0)
        if beyond:
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + max(-60, min(beyond, 60)))
            self._pull_to(place)

    def paint_over(self, painter: QPainter) -> None:
        """Paint the rubber band."""
        if self._band is None:
            return
        rect = self._band_rect()
        shown = QRect(rect.x, rect.y - self._scroll, rect.width, rect.height)
        colour = QColor(self.painter.edge)
        painter.setPen(QPen(colour, 1))
        colour.setAlphaF(0.18)
        painter.setBrush(colour)
        painter.drawRoundedRect(shown, 3, 3)

    # -- keys -------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk, select, open, fold and zoom by keys.

        What is not handled here would reach the viewer, where Delete means
        the selected layers; Tab alone goes on to the next control.
        """
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_F5, Qt.Key.Key_Escape):
            super().keyPressEvent(event)
            return
        self.touched.emit()
        control = bool(event.modifiers() & _CONTROL)
        if control and self._on_command(key):
            event.accept()
            return
        if key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove_requested.emit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._enter()
        elif key == Qt.Key.Key_Space and self.current is not None:
            self.toggle(self.current)
        elif len(self.layout_):
            self._walk(key, event)
        event.accept()

    def _on_command(self, key: Qt.Key) -> bool:
        if key == Qt.Key.Key_A:
            self.choose_all()
        elif key == Qt.Key.Key_C:
            self.copy_requested.emit()
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(self.side + 32)
        elif key == Qt.Key.Key_Minus:
            self.zoom(self.side - 32)
        elif key == Qt.Key.Key_0:
            self.zoom(_DEFAULT_SIDE)
        else:
            return False
        return True

    def _enter(self) -> None:
        spot = self.current
        if spot is not None and (self._is_more(spot) or spot.item == STUDY):
            self._activate(spot)
        elif self.selected_series():
            self.opened.emit()

    def _activate(self, spot: Spot) -> None:
        if self._is_more(spot):
            self.set_whole(spot.row, not self.layout_.is_whole(spot.row))
        else:
            self.set_folded(spot.row, not self.layout_.is_folded(spot.row))

    def _walk(self, key: Qt.Key, event: QKeyEvent) -> None:
        spot, goal = self.current, None
        layout, page = self.layout_, max(40, self.viewport().height() - 60)
        last_row = len(layout) - 1
        if key == Qt.Key.Key_Home:
            goal = moves.first_spot(layout, 0)
        elif key == Qt.Key.Key_End:
            goal = moves.last_spot(layout, last_row)
        elif spot is None or not layout.has(spot):
            row = layout.row_at(self._scroll + 20)
            goal = moves.first_spot(layout, row) if key in _STEPS else None
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            goal = moves.upright(layout, spot, _STEPS[key], self._column)
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            down = page if key == Qt.Key.Key_PageDown else -page
            goal = moves.page(layout, spot, down, self._column)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            is_right = key == Qt.Key.Key_Right
            if spot.item == STUDY and layout.is_folded(spot.row) == is_right:
                self.set_folded(spot.row, not is_right)
                return
            goal = moves.sideways(layout, spot, _STEPS[key])
        if goal is None:
            return
        is_tile = 0 <= goal.item < layout.shown(goal.row)
        if is_tile and key not in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._column = goal.item % layout.columns
        self._go(goal, event)

    def _go(self, goal: Spot, event: QKeyEvent) -> None:
        if event.modifiers() & _SHIFT:
            self.choose_range(goal)
        elif event.modifiers() & _CONTROL or self._is_more(goal):
            self.set_current(goal)
        else:
            self.choose(goal)
        self.bring_into_sight(goal)

    def set_current(self, spot: Spot | None) -> None:
        """Put the keyboard on a spot, and tell those who cannot see it."""
        super().set_current(spot)
        is_tile = spot is not None and not self._is_more(spot) and spot.item >= 0
        if spot is not None and is_tile and self._pressed is not None:
            self._column = spot.item % self.layout_.columns
        text = "" if spot is None else self.tip(spot)
        self.viewport().setAccessibleDescription(text)
        self.setAccessibleDescription(text)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show where the keyboard is."""
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide where the keyboard is."""
        super().focusOutEvent(event)
        self.viewport().update()
