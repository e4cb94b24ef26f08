"""How the cells of the browser's tables are painted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QPoint, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QFont, QFontMetrics, QIcon, QPainter, QPainterPath, QPixmap
from qtpy.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from napari_dicomdb.widgets._icons import pixmap
from napari_dicomdb.widgets._placeholders import draw_picture, draw_placeholder
from napari_dicomdb.widgets.models import (
    DepthRole,
    ExpandRole,
    MissingRole,
    OpensAsRole,
    RecordRole,
    SecondaryTextRole,
    SeverityRole,
    place_of,
)

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_dicomdb.widgets._theme import Palette

__all__ = ["ARROW", "THUMBNAIL", "CellDelegate", "SeriesDelegate", "row_heights"]

THUMBNAIL = 44
ARROW = 18  # room for what unfolds a row
_ARROW_SIZE = 12
_BADGE = 15
_PADDING = 4
_MARGIN = 6
_LEFT_MARGIN = 4  # as in the header
_SERIES_HEIGHT = THUMBNAIL + 2 * _PADDING
_WAY_HEIGHT = 28
_ELIDE = Qt.TextElideMode.ElideRight
_MIDDLE = Qt.TextElideMode.ElideMiddle
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


def row_heights(palette: Palette) -> tuple[int, int]:
    """Return the heights of a series' row and of a way to open it, with room for their lines."""
    first, second = QFont(), QFont()
    first.setPointSize(palette.font_size)
    second.setPointSize(max(palette.font_size - 1, 7))
    line, small = QFontMetrics(first).height(), QFontMetrics(second).height()
    return max(_SERIES_HEIGHT, line + 2 * small + 2), max(_WAY_HEIGHT, line + 6)


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


class CellDelegate(_Delegate):
    """Plain cells; the first column of patients and studies stands out a little."""

    def __init__(self, palette: Palette, parent: QWidget | None = None, *, bold: str = "") -> None:
        super().__init__(palette, parent)
        self._bold = bold

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Paint one line of text, elided at its right."""
        self._paint_background(painter, option, index)
        column = index.model().columns[index.column()]
        first, _ = self._fonts(option, bold=bool(self._bold) and column.name == self._bold)
        self._draw_cell(painter, option, index, first)

    def _draw_cell(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex, font: QFont
    ) -> None:
        rect = option.rect.adjusted(_LEFT_MARGIN, 0, -_MARGIN, 0)
        painter.save()
        painter.setPen(self.palette.dim if index.data(MissingRole) else self.palette.text)
        painter.setFont(font)
        text = QFontMetrics(font).elidedText(str(index.data() or ""), _ELIDE, rect.width())
        painter.drawText(rect, int(index.data(Qt.ItemDataRole.TextAlignmentRole)), text)
        painter.restore()


class SeriesDelegate(CellDelegate):
    """Series rows: picture with a badge, description, what opens, number and date.

    Rows below a series, the ways to open it, are lower and have no picture.
    Files that are linked, copied or missing are an icon; other columns are plain.
    """

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        hint: QSize = super().sizeHint(option, index)
        series, way = row_heights(self.palette)
        return QSize(hint.width(), way if index.data(DepthRole) else series)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        name = index.model().columns[index.column()].name
        if name not in ("series", "where", "findings"):
            super().paint(painter, option, index)
            return
        self._paint_background(painter, option, index)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if name != "series":
            self._paint_icon(painter, option, index, name)
        elif index.data(DepthRole):
            self._paint_way(painter, option, index)
        else:
            self._paint_series(painter, option, index)
        painter.restore()

    def _paint_icon(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex, name: str
    ) -> None:
        severity = str(index.data(SeverityRole) or "")
        if name == "where":
            place = str(index.data(Qt.ItemDataRole.DecorationRole) or "")
            symbol = "error" if place == "missing" else place
        else:
            symbol = severity
        if symbol:
            top = option.rect.center().y() - _BADGE // 2
            corner = QPoint(option.rect.left() + _LEFT_MARGIN, top)
            painter.drawPixmap(corner, pixmap(symbol, self.palette.dim, _BADGE))
        if name == "findings" and symbol:
            painter.setPen(self.palette.text)
            rect = option.rect.adjusted(_LEFT_MARGIN + _BADGE + 5, 0, 0, 0)
            painter.drawText(rect, _LEFT, str(index.data() or ""))

    def _paint_way(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        first, second = self._fonts(option, bold=False)
        rect = option.rect.adjusted(ARROW + THUMBNAIL + 9, 0, -_MARGIN, 0)
        severity = str(index.data(SeverityRole) or "")
        if severity:
            corner = QPoint(rect.left() - _BADGE - 4, rect.center().y() - _BADGE // 2)
            painter.drawPixmap(corner, pixmap(severity, size=_BADGE))
        painter.setPen(self.palette.text)
        used = _draw_elided(painter, first, rect, str(index.data() or ""), _MIDDLE)
        rest = rect.adjusted(used + 8, 0, 0, 0)
        if rest.width() > 60 and not self._shows(option, index, "dimensions"):
            painter.setPen(self.palette.dim)
            _draw_elided(painter, second, rest, str(index.data(SecondaryTextRole) or ""))

    def _paint_series(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        first, second = self._fonts(option, bold=False)
        rect = option.rect.adjusted(ARROW, _PADDING, -_MARGIN, -_PADDING)
        self._draw_arrow(painter, option, str(index.data(ExpandRole) or ""))
        picture = QRect(rect.left(), rect.top(), THUMBNAIL, THUMBNAIL)
        is_missing = bool(index.data(MissingRole))
        painter.setOpacity(0.45 if is_missing else 1.0)
        shown = index.data(Qt.ItemDataRole.DecorationRole)
        self._draw_thumbnail(painter, picture, shown, index.data(RecordRole))
        painter.setOpacity(1.0)
        severity = "error" if is_missing else str(index.data(SeverityRole) or "")
        self._draw_badge(painter, picture, severity)
        left = picture.right() + 9
        text = QRect(left, rect.top(), rect.right() - left, rect.height())
        titles = _in_two(first, text.width(), str(index.data() or ""))
        colour = self.palette.dim if is_missing else self.palette.text
        lines = [(first, colour, line) for line in titles]
        roles = [OpensAsRole, SecondaryTextRole]
        if self._shows(option, index, "dimensions"):
            roles = roles[1:]  # it says the same
        facts = [str(index.data(role) or "") for role in roles]
        facts = [line for line in facts if line]
        if len(titles) > 1:  # there is room for three
            facts = [" · ".join(facts)]
        lines += [(second, self.palette.dim, line) for line in facts]
        gap = 3 if len(lines) == 2 else 0
        height = sum(QFontMetrics(font).height() + gap for font, _, _ in lines) - gap
        top = text.top() + (text.height() - height) // 2
        for font, pen, line in lines:
            painter.setPen(pen)
            place = QRect(text.left(), top, text.width(), QFontMetrics(font).height())
            _draw_elided(painter, font, place, line)
            top += place.height() + gap

    @staticmethod
    def _shows(option: QStyleOptionViewItem, index: QModelIndex, name: str) -> bool:
        columns = index.model().columns
        number = place_of(columns, name)
        hidden = getattr(option.widget, "isColumnHidden", None)
        return number >= 0 and hidden is not None and not hidden(number)

    def _draw_arrow(self, painter: QPainter, option: QStyleOptionViewItem, state: str) -> None:
        if state:
            symbol = pixmap("down" if state == "open" else "right", self.palette.dim, _ARROW_SIZE)
            middle = option.rect.center().y() - _ARROW_SIZE // 2
            painter.drawPixmap(option.rect.left() + 3, middle, symbol)

    def _draw_thumbnail(self, painter: QPainter, frame: QRect, picture: Any, series: Any) -> None:
        path = QPainterPath()
        path.addRoundedRect(QRectF(frame), 3, 3)
        painter.save()
        painter.setClipPath(path)
        if isinstance(picture, QPixmap) and not picture.isNull():
            draw_picture(painter, frame, picture)
        else:
            draw_placeholder(painter, frame, series, self.palette)
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


def _draw_elided(
    painter: QPainter, font: QFont, rect: QRect, text: str, where: Qt.TextElideMode = _ELIDE
) -> int:
    """Draw one line, elided at the right or in its middle; return its width."""
    metrics = QFontMetrics(font)
    shown = metrics.elidedText(text, where, rect.width())
    painter.setFont(font)
    painter.drawText(rect, _LEFT, shown)
    return metrics.horizontalAdvance(shown)
