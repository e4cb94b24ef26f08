"""What painting study cards keeps: texts broken into lines, pictures in their frames."""

from __future__ import annotations

from collections import OrderedDict

from qtpy.QtCore import QPoint, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QPainter, QPainterPath, QPixmap

__all__ = ["BrokenTexts", "FramedPictures", "rounded"]

_ELIDE = Qt.TextElideMode.ElideRight
_TEXTS_KEPT = 4000
_PIXELS_KEPT = 24 << 20  # 96 MB


def rounded(painter: QPainter, rect: QRect, radius: int, colour: QColor) -> None:
    """Fill a rectangle with round corners."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(rect, radius, radius)


class BrokenTexts:
    """Texts as lines that fit, each measured once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int, int, float, bool], tuple[str, ...]] = OrderedDict()

    def clear(self) -> None:
        """Measure anew: the letters are others."""
        self._kept.clear()

    def lines(self, text: str, font: QFont, width: int, most: int) -> tuple[str, ...]:
        """Return a text as one or two lines, the last one elided where it is too long."""
        key = (text, width, most, font.pointSizeF(), font.bold())
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = broken(text, QFontMetrics(font), width, most)
            if len(self._kept) > _TEXTS_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return found


def broken(text: str, metrics: QFontMetrics, width: int, most: int) -> tuple[str, ...]:
    """Return a text as at most two lines, broken at a blank or within a word."""
    if most > 1 and metrics.horizontalAdvance(text) > width:
        end = _fitting(text, metrics, width)
        blank = max(text.rfind(" ", 0, end + 1), text.rfind("\u2002", 0, end + 1))
        stroke = max(text.rfind(mark, 0, end) for mark in "_-/,") + 1
        # A word that alone is too long is broken, at a stroke if it has one.
        cut = blank if blank > end // 3 else stroke if stroke > end // 3 else end
        rest = text[cut:].lstrip()
        return text[:cut].rstrip(), metrics.elidedText(rest, _ELIDE, width)
    return (metrics.elidedText(text, _ELIDE, width),)


def _fitting(text: str, metrics: QFontMetrics, width: int) -> int:
    """Return how many of the first characters fit, at least one."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if metrics.horizontalAdvance(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    return low


class FramedPictures:
    """Pictures scaled into frames with round corners, as many as memory is set aside for."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int, int, float], QPixmap] = OrderedDict()
        self._pixels = 0

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._pixels = 0

    def picture(self, source: QPixmap, size: QSize, ratio: float) -> QPixmap:
        """Return `source` in a frame.

        Parameters
        ----------
        source : QPixmap
        size : QSize
            Of the frame, device-independent pixels.
        ratio : float
            Device pixels per independent one.
        """
        key = (source.cacheKey(), size.width(), size.height(), ratio)
        made = self._kept.get(key)
        if made is not None:
            self._kept.move_to_end(key)
            return made
        made = self._kept[key] = _framed(source, size, ratio)
        self._pixels += made.width() * made.height()
        while self._pixels > _PIXELS_KEPT and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._pixels -= old.width() * old.height()
        return made


def _framed(source: QPixmap, size: QSize, ratio: float) -> QPixmap:
    made = QPixmap(round(size.width() * ratio), round(size.height() * ratio))
    made.setDevicePixelRatio(ratio)
    made.fill(Qt.GlobalColor.transparent)
    whole = QRect(QPoint(0, 0), size)
    inside = source.size().scaled(size * ratio, Qt.AspectRatioMode.KeepAspectRatio)
    scaled = source.scaled(
        inside, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
    scaled.setDevicePixelRatio(ratio)
    place = QRectF(0, 0, inside.width() / ratio, inside.height() / ratio)
    place.moveCenter(QRectF(whole).center())
    path = QPainterPath()
    path.addRoundedRect(QRectF(whole), 4, 4)
    brush = QPainter(made)
    brush.setRenderHint(QPainter.RenderHint.Antialiasing)
    brush.setClipPath(path)
    brush.fillRect(whole, QColor("black"))
    brush.drawPixmap(place.topLeft(), scaled)
    brush.end()
    return made
