"""How rows of the tree and of the series table are painted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QPoint, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QFont, QFontMetrics, QIcon, QPainter, QPainterPath, QPixmap
from qtpy.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from napari_dicomdb.widgets._icons import pixmap
from napari_dicomdb.widgets.models import (
    OpensAsRole,
    SecondaryTextRole,
    SeriesColumn,
    SeverityRole,
)

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_dicomdb.widgets._theme import Palette

__all__ = ["SeriesDelegate", "TreeDelegate"]

THUMBNAIL = 44
_BADGE = 15
_PADDING = 4
_ELIDE = Qt.TextElideMode.ElideRight
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


class _Delegate(QStyledItemDelegate):
    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.palette = palette

    def _paint_background(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex
    ) -> QStyleOptionViewItem:
        item = QStyleOptionViewItem(option)
        self.initStyleOption(item, index)
        item.text = ""
        item.features &= ~QStyleOptionViewItem.ViewItemFeature.HasDecoration
        # Left in, the style would draw the picture of a selected row at no size.
        item.icon = QIcon()
        item.state &= ~QStyle.StateFlag.State_HasFocus
        style = QApplication.style() if item.widget is None else item.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, item, painter, item.widget)
        return item

    def _fonts(self, option: QStyleOptionViewItem, *, bold: bool) -> tuple[QFont, QFont]:
        first, second = QFont(option.font), QFont(option.font)
        first.setBold(bold)
        second.setPointSizeF(max(option.font.pointSizeF() - 1, 7))
        return first, second


class TreeDelegate(_Delegate):
    """Patient rows: bold name, then what tells namesakes apart, dimmed; study rows plain."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        hint: QSize = super().sizeHint(option, index)
        return QSize(hint.width(), QFontMetrics(option.font).height() + 9)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Paint a cell; a patient's text runs over the empty column beside its own.

        It is painted with that column, lest its background cover it.
        """
        is_study = index.parent().isValid()
        text_column = 0 if is_study else 1
        if index.column() > text_column:
            super().paint(painter, option, index)
            return
        self._paint_background(painter, option, index)
        if index.column() == text_column:
            name = index.siblingAtColumn(0)
            rect = QRect(option.rect)
            if not is_study:
                rect.setLeft(option.widget.visualRect(name).left())
            self._paint_text(painter, option, name, rect, is_study)

    def _paint_text(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex,
        rect: QRect,
        is_study: bool,
    ) -> None:
        first, second = self._fonts(option, bold=not is_study)
        rect = rect.adjusted(_PADDING, 0, -_PADDING, 0)
        painter.save()
        painter.setPen(self.palette.text)
        used = _draw_elided(painter, first, rect, str(index.data() or ""))
        secondary = index.data(SecondaryTextRole)
        rest = rect.adjusted(used + 8, 0, 0, 0)
        if secondary and rest.width() > 40:
            painter.setPen(self.palette.dim)
            _draw_elided(painter, second, rest, str(secondary))
        painter.restore()


class SeriesDelegate(_Delegate):
    """Series rows: picture with a badge, description, what opens, number and date.

    Other columns are plain.
    """

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        hint: QSize = super().sizeHint(option, index)
        return QSize(hint.width(), THUMBNAIL + 2 * _PADDING)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        if index.column() != SeriesColumn.SERIES:
            super().paint(painter, option, index)
            return
        self._paint_background(painter, option, index)
        first, second = self._fonts(option, bold=False)
        rect = option.rect.adjusted(_PADDING, _PADDING, -_PADDING, -_PADDING)
        picture = QRect(rect.left(), rect.top(), THUMBNAIL, THUMBNAIL)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self._draw_thumbnail(painter, picture, index.data(Qt.ItemDataRole.DecorationRole))
        self._draw_badge(painter, picture, str(index.data(SeverityRole) or ""))
        left = picture.right() + 9
        text = QRect(left, rect.top(), rect.right() - left, rect.height())
        titles = _in_two(first, text.width(), str(index.data() or ""))
        lines = [(first, self.palette.text, line) for line in titles]
        facts = [str(index.data(role) or "") for role in (OpensAsRole, SecondaryTextRole)]
        facts = [line for line in facts if line]
        if len(titles) > 1:  # there is room for three
            facts = [" · ".join(facts)]
        lines += [(second, self.palette.dim, line) for line in facts]
        gap = 3 if len(lines) == 2 else 0
        height = sum(QFontMetrics(font).height() + gap for font, _, _ in lines) - gap
        top = text.top() + (text.height() - height) // 2
        for font, colour, line in lines:
            painter.setPen(colour)
            place = QRect(text.left(), top, text.width(), QFontMetrics(font).height())
            _draw_elided(painter, font, place, line)
            top += place.height() + gap
        painter.restore()

    def _draw_thumbnail(self, painter: QPainter, frame: QRect, picture: Any) -> None:
        path = QPainterPath()
        path.addRoundedRect(QRectF(frame), 3, 3)
        painter.save()
        painter.setClipPath(path)
        if isinstance(picture, QPixmap) and not picture.isNull():
            painter.fillRect(frame, Qt.GlobalColor.black)
            size = picture.size().scaled(frame.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(0, 0, size.width(), size.height())
            place.moveCenter(frame.center())
            painter.drawPixmap(place, picture)
        else:
            painter.fillRect(frame, self.palette.primary)
            symbol = pixmap("series", self.palette.dim, 18)
            painter.drawPixmap(frame.center().x() - 8, frame.center().y() - 8, symbol)
        painter.restore()

    def _draw_badge(self, painter: QPainter, picture: QRect, severity: str) -> None:
        if severity:
            corner = picture.bottomRight() - QPoint(_BADGE - 2, _BADGE - 2)
            painter.drawPixmap(corner, pixmap(severity, size=_BADGE))


def _in_two(font: QFont, width: int, text: str) -> list[str]:
    """Return `text` as one line, or broken at a blank into two when it is too long."""
    metrics = QFontMetrics(font)
    if metrics.horizontalAdvance(text) <= width:
        return [text]
    words = text.split(" ")
    for number in range(len(words) - 1, 0, -1):
        line = " ".join(words[:number])
        if metrics.horizontalAdvance(line) <= width:
            return [line, " ".join(words[number:])]
    return [text]


def _draw_elided(painter: QPainter, font: QFont, rect: QRect, text: str) -> int:
    """Draw one line, elided at the right; return its width."""
    metrics = QFontMetrics(font)
    shown = metrics.elidedText(text, _ELIDE, rect.width())
    painter.setFont(font)
    painter.drawText(rect, _LEFT, shown)
    return metrics.horizontalAdvance(shown)
