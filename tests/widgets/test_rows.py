"""How rows are painted."""

from __future__ import annotations

from dataclasses import replace

from qtpy.QtCore import QRect, Qt
from qtpy.QtGui import QFont, QFontMetrics, QPainter, QPixmap, QStandardItem, QStandardItemModel
from qtpy.QtWidgets import QStyle, QStyleOptionViewItem

from napari_dicomdb.widgets._rows import SeriesDelegate, row_heights
from napari_dicomdb.widgets.models import SERIES_COLUMNS


def test_the_style_is_not_given_the_thumbnail(qapp, palette):
    """It would draw that of a selected row at size 0, and Qt would complain."""
    picture = QPixmap(96, 96)
    picture.fill(Qt.GlobalColor.red)
    model = QStandardItemModel()
    model.columns = SERIES_COLUMNS
    item = QStandardItem("CT Thorax")
    item.setData(picture, Qt.ItemDataRole.DecorationRole)
    model.appendRow(item)
    delegate = SeriesDelegate(palette)
    option = QStyleOptionViewItem()
    option.rect = QRect(0, 0, 300, 52)
    option.state |= QStyle.StateFlag.State_Selected
    canvas = QPixmap(300, 52)
    canvas.fill(Qt.GlobalColor.black)
    painter = QPainter(canvas)
    assert delegate._paint_background(painter, option, model.index(0, 0)).icon.isNull()
    delegate.paint(painter, option, model.index(0, 0))
    painter.end()
    image = canvas.toImage()
    assert image.pixelColor(40, 26).name() == "#ff0000", "the delegate draws it"


def test_rows_are_as_high_as_their_lines(qapp, palette):
    usual = replace(palette, font_size=9)
    assert row_heights(usual) == (52, 28)
    font = QFont()
    font.setPointSize(18)
    series, way = row_heights(replace(usual, font_size=18))
    assert series > 2.5 * QFontMetrics(font).height()  # three lines, two of them smaller
    assert way > QFontMetrics(font).height()
