"""What is drawn instead of a picture: an icon of the kind of object, in the theme's colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QPointF, QRect, QRectF, Qt
from qtpy.QtGui import QPainter, QPainterPath, QPen, QPixmapCache

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtCore import QSize
    from qtpy.QtGui import QColor, QPixmap

    from napari_dicomdb.widgets._theme import Palette

__all__ = ["draw_icon", "draw_picture", "draw_placeholder", "kind_of"]

_MODALITIES = {
    "SR": "report",
    "KO": "report",
    "PR": "look",
    "RTPLAN": "plan",
    "RTRECORD": "plan",
    "RTSTRUCT": "contours",
    "RTDOSE": "dose",
    "SEG": "segments",
    "REG": "transform",
    "FID": "transform",
    "DOC": "document",
    "OT": "image",
    "M3D": "model",
    "ECG": "wave",
    "HD": "wave",
    "EPS": "wave",
    "EEG": "wave",
    "EMG": "wave",
    "RESP": "wave",
    "AU": "wave",
    "ANN": "contours",
    "PLAN": "plan",
}
# By the beginning of the SOP class, where the modality says nothing.
_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.88.": "report",
    "1.2.840.10008.5.1.4.1.1.11.": "look",
    "1.2.840.10008.5.1.4.1.1.104.": "document",
    "1.2.840.10008.5.1.4.1.1.9.": "wave",
    "1.2.840.10008.5.1.4.1.1.66.1": "transform",
    "1.2.840.10008.5.1.4.1.1.66.3": "transform",
}


def kind_of(series: Any) -> str:
    """Return which icon stands for a series: of its modality, else of its SOP class."""
    if series is None:
        return "image"
    found = _MODALITIES.get(str(series.modality).upper())
    if found is not None and found != "image":
        return found
    for prefix, kind in _CLASSES.items():
        if str(series.sop_class_uid).startswith(prefix):
            return kind
    return "image"


def draw_picture(painter: QPainter, frame: QRect, picture: QPixmap) -> None:
    """Draw a picture into a frame, its proportions kept, over black; sharp on any screen."""
    painter.fillRect(frame, Qt.GlobalColor.black)
    device = painter.device()
    ratio = 1.0 if device is None else device.devicePixelRatioF()
    size = picture.size().scaled(frame.size() * ratio, Qt.AspectRatioMode.KeepAspectRatio)
    scaled = _scaled(picture, size)
    scaled.setDevicePixelRatio(ratio)
    width, height = round(size.width() / ratio), round(size.height() / ratio)
    place = QRect(0, 0, width, height)
    place.moveCenter(frame.center())
    painter.drawPixmap(place.topLeft(), scaled)


def _scaled(picture: QPixmap, size: QSize) -> QPixmap:
    # The painter's own reduction skips pixels; done well once for each size it is cheap.
    key = f"dicomdb-{picture.cacheKey()}-{size.width()}x{size.height()}"
    found = QPixmapCache.find(key)
    if found is None or found.isNull():
        found = picture.scaled(
            size,
            Qt.AspectRatioMode.IgnoreAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        QPixmapCache.insert(key, found)
    return found


def draw_placeholder(painter: QPainter, frame: QRect, series: Any, palette: Palette) -> None:
    """Draw the icon of what a series (a record, or None) is in the middle of a frame."""
    painter.fillRect(frame, palette.primary)
    share = 0.5 if frame.width() < 80 else 0.38
    draw_icon(painter, frame, series, palette.dim, min(frame.width(), frame.height()) * share)


def draw_icon(painter: QPainter, frame: QRect, series: Any, colour: QColor, side: float) -> None:
    """Draw the icon of what a series is in the middle of a frame, over what is there."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(QRectF(frame).center() - QPointF(side / 2, side / 2))
    painter.scale(side / 16, side / 16)
    pen = QPen(colour, 1.2)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    _DRAWINGS[kind_of(series)](painter)
    painter.restore()


# Every drawing works on a square of 16 x 16.


def _image(p: QPainter) -> None:
    p.drawRoundedRect(QRectF(1.5, 4.5, 10, 10), 1.2, 1.2)
    p.drawPolyline([QPointF(4.5, 2), QPointF(14.2, 2), QPointF(14.2, 11.5)])


def _document(p: QPainter) -> None:
    path = QPainterPath(QPointF(9.5, 1.5))
    for x, y in ((3.5, 1.5), (3.5, 14.5), (12.5, 14.5), (12.5, 4.5), (9.5, 1.5)):
        path.lineTo(x, y)
    path.moveTo(9.5, 1.5)
    path.lineTo(9.5, 4.5)
    path.lineTo(12.5, 4.5)
    p.drawPath(path)


def _report(p: QPainter) -> None:
    _document(p)
    for y in (7.0, 9.3, 11.6):
        p.drawLine(QPointF(5.7, y), QPointF(10.3, y))


def _look(p: QPainter) -> None:
    path = QPainterPath(QPointF(1, 8))
    path.quadTo(8, 0.5, 15, 8)
    path.quadTo(8, 15.5, 1, 8)
    p.drawPath(path)
    p.drawEllipse(QRectF(5.6, 5.6, 4.8, 4.8))


def _plan(p: QPainter) -> None:
    p.drawEllipse(QRectF(5, 5, 6, 6))
    for x, y in ((8, 1), (8, 15), (1, 8), (15, 8)):
        inner = QPointF(8 + (x - 8) * 0.2, 8 + (y - 8) * 0.2)
        p.drawLine(QPointF(x, y), inner)


def _contours(p: QPainter) -> None:
    path = QPainterPath(QPointF(3, 8))
    path.cubicTo(2, 1, 13, 0, 14, 7)
    path.cubicTo(15, 15, 4, 16, 3, 8)
    p.drawPath(path)
    p.drawEllipse(QRectF(6, 6, 4.5, 4))


def _dose(p: QPainter) -> None:
    for inset in (1.5, 4.0, 6.2):
        p.drawEllipse(QRectF(inset, inset, 16 - 2 * inset, 16 - 2 * inset))


def _segments(p: QPainter) -> None:
    p.drawEllipse(QRectF(1.5, 3, 8.5, 8.5))
    p.drawEllipse(QRectF(6, 5.5, 8.5, 8.5))


def _transform(p: QPainter) -> None:
    p.drawRect(QRectF(1.5, 5.5, 8.5, 8.5))
    p.save()
    p.translate(10, 6)
    p.rotate(20)
    p.drawRect(QRectF(-4, -4, 8, 8))
    p.restore()


def _wave(p: QPainter) -> None:
    points = ((1, 9), (4, 9), (5.5, 6.5), (7, 13.5), (9, 2), (10.5, 9), (15, 9))
    p.drawPolyline([QPointF(x, y) for x, y in points])


def _model(p: QPainter) -> None:
    p.drawPolygon(
        [QPointF(x, y) for x, y in ((8, 1.5), (14, 5), (14, 11), (8, 14.5), (2, 11), (2, 5))]
    )
    for x, y in ((8, 14.5), (2, 5), (14, 5)):
        p.drawLine(QPointF(8, 8), QPointF(x, y))


_DRAWINGS: dict[str, Callable[[QPainter], None]] = {
    "image": _image,
    "document": _document,
    "report": _report,
    "look": _look,
    "plan": _plan,
    "contours": _contours,
    "dose": _dose,
    "segments": _segments,
    "transform": _transform,
    "wave": _wave,
    "model": _model,
}
