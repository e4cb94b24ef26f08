"""Values over the instances of a series as lines, drawn light; hovering tells them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtCore import QEvent

    from napari_dicomdb.widgets._theme import Palette

__all__ = ["MetadataPlot", "PlotLine", "ticks"]

# Told apart by lightness too, for those who see few colours; on dark and light.
_COLOURS = ("#4a90d9", "#e0a100", "#d1495b", "#3f9c83", "#9d79bc", "#8a8579")
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 10, 22, 30
_MOST_NAMED = 6
_LEAST_NAMED = 30  # pixels


@dataclass(frozen=True, slots=True)
class PlotLine:
    """One line: NaN where there is no value."""

    name: str
    unit: str
    values: tuple[float, ...]


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers that divide a range.

    Examples
    --------
    >>> ticks(0, 10)
    [0.0, 2.5, 5.0, 7.5, 10.0]
    """
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    step = 10.0 ** math.floor(math.log10(span / most))
    step = next(step * k for k in (1, 2, 2.5, 5, 10, 20) if span / (step * k) <= most)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


class MetadataPlot(QWidget):
    """Lines over instance numbers.

    Left and right keys and the mouse move the mark that tells the values.

    Parameters
    ----------
    palette : Palette
    """

    instance_chosen = Signal(int)  # place among the instances, by a click

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._numbers: tuple[float, ...] = ()
        self.lines: tuple[PlotLine, ...] = ()
        self.mark: int | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(130)
        self.setAccessibleName("Plot of values over instances")

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(320, 190)

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of another theme."""
        self._palette = palette
        self.update()

    def show_lines(self, numbers: Sequence[float], lines: Sequence[PlotLine]) -> None:
        """Show lines over these instance numbers."""
        self._numbers, self.lines, self.mark = tuple(numbers), tuple(lines), None
        self.setAccessibleDescription("; ".join(line.name for line in self.lines))
        self.update()

    @property
    def drawn(self) -> bool:
        """Whether there is anything to draw."""
        return any(math.isfinite(v) for line in self.lines for v in line.values)

    # -- geometry ---------------------------------------------------------------------

    def _area(self) -> QRectF:
        return QRectF(_LEFT, _TOP, max(self.width() - _LEFT - _RIGHT, 1),
                      max(self.height() - _TOP - _BOTTOM, 1))  # fmt: skip

    def _ranges(self) -> tuple[float, float, float, float]:
        xs = self._numbers or (0.0,)
        ys = [v for line in self.lines for v in line.values if math.isfinite(v)] or [0.0]
        low, high = min(ys), max(ys)
        room = (high - low) * 0.06 or max(abs(high) * 0.05, 0.5)
        left, right = min(xs), max(xs)
        if left == right:
            left, right = left - 0.5, right + 0.5
        return left, right, low - room, high + room

    def place(self, number: float, value: float) -> QPointF:
        """Return where a value of instance `number` is drawn."""
        area, (left, right, low, high) = self._area(), self._ranges()
        return QPointF(
            area.left() + (number - left) / (right - left) * area.width(),
            area.bottom() - (value - low) / (high - low) * area.height(),
        )

    def nearest(self, x: float) -> int | None:
        """Return the place of the instance that is drawn nearest to `x`."""
        if not self._numbers:
            return None
        return min(
            range(len(self._numbers)), key=lambda k: abs(self.place(self._numbers[k], 0).x() - x)
        )

    def told(self) -> str:
        """Return the values at the mark: "Instance 3: Echo Time 4.92 ms"."""
        if self.mark is None:
            return ""
        parts = [
            f"{line.name} {line.values[self.mark]:.6g} {line.unit}".strip()
            for line in self.lines
            if math.isfinite(line.values[self.mark])
        ]
        return f"Instance {self._numbers[self.mark]:g}: {'; '.join(parts) or 'no value'}"

    # -- painting ---------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPointSizeF(max(self._palette.font_size - 2, 7))
        painter.setFont(font)
        painter.fillRect(self.rect(), self._palette.foreground)
        if self.drawn:
            self._draw_axes(painter)
            for k, line in enumerate(self.lines):
                self._draw_line(painter, line, QColor(_COLOURS[k % len(_COLOURS)]))
            self._draw_legend(painter)
            self._draw_mark(painter)
        else:
            painter.setPen(self._palette.dim)
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), "No numbers to plot")
        painter.end()

    def _draw_axes(self, painter: QPainter) -> None:
        area, (left, right, low, high) = self._area(), self._ranges()
        for value in ticks(low, high):
            y = self.place(left, value).y()
            painter.setPen(QPen(self._palette.primary, 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(self._palette.dim)
            box = QRectF(0, y - 9, _LEFT - 6, 18)
            align = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(box, int(align), f"{value:.5g}")
        painter.setPen(self._palette.dim)
        for value in ticks(left, right, 6):
            if value == int(value):
                x = self.place(value, low).x()
                box = QRectF(x - 30, area.bottom() + 1, 60, 14)
                painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), f"{value:g}")
        box = QRectF(area.left(), area.bottom() + 14, area.width(), 15)
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), "Instance number")

    def _draw_line(self, painter: QPainter, line: PlotLine, colour: QColor) -> None:
        painter.setPen(QPen(colour, 1.6))
        piece: list[QPointF] = []
        dots = len(self._numbers) <= 80
        for number, value in zip(self._numbers, line.values, strict=False):
            if math.isfinite(value):
                piece.append(self.place(number, value))
                if dots:
                    painter.setBrush(colour)
                    painter.drawEllipse(piece[-1], 2.0, 2.0)
                continue
            painter.drawPolyline(QPolygonF(piece))
            piece = []
        painter.drawPolyline(QPolygonF(piece))

    def _draw_legend(self, painter: QPainter) -> None:
        x = float(_LEFT)
        for k, line in enumerate(self.lines[:_MOST_NAMED]):
            title = f"{line.name} ({line.unit})" if line.unit else line.name
            room = round(self.width() - x - 11 - _RIGHT)
            if room < _LEAST_NAMED:
                break
            title = painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, room)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(_COLOURS[k % len(_COLOURS)]))
            painter.drawEllipse(QPointF(x + 4, _TOP / 2), 3.2, 3.2)
            painter.setPen(self._palette.text)
            width = painter.fontMetrics().horizontalAdvance(title)
            painter.drawText(QPointF(x + 11, _TOP / 2 + 4), title)
            x += width + 24

    def _draw_mark(self, painter: QPainter) -> None:
        if self.mark is None:
            return
        area, number = self._area(), self._numbers[self.mark]
        x = self.place(number, 0).x()
        painter.setPen(QPen(self._palette.text, 1, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        for k, line in enumerate(self.lines):
            value = line.values[self.mark]
            if math.isfinite(value):
                painter.setPen(QPen(self._palette.text, 1))
                painter.setBrush(QColor(_COLOURS[k % len(_COLOURS)]))
                painter.drawEllipse(self.place(number, value), 3.6, 3.6)

    # -- mouse and keys ---------------------------------------------------------------

    def _mark_at(self, place: int | None) -> None:
        self.mark = place
        self.setToolTip(self.told())
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self._mark_at(self.nearest(event.position().x()))
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self._mark_at(self.nearest(event.position().x()))
        if self.mark is not None:
            self.instance_chosen.emit(self.mark)
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: D102
        self._mark_at(None)
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the mark by the arrow keys."""
        step = (event.key() == Qt.Key.Key_Right) - (event.key() == Qt.Key.Key_Left)
        if not step or not self._numbers:
            super().keyPressEvent(event)
            return
        here = -1 if self.mark is None else self.mark
        self._mark_at(min(max(here + step, 0), len(self._numbers) - 1))
        event.accept()
