"""Our few icons, drawn in the theme's icon colour at any size."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sin
from typing import Literal

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QBrush, QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

from napari_dicomdb.widgets._theme import SEVERITY_COLOURS

__all__ = ["IconName", "icon", "pixmap"]

IconName = Literal[
    "import", "database", "search", "close", "info", "warning", "error", "report",
    "patient", "study", "series", "window", "axial", "coronal", "sagittal", "more", "down",
]  # fmt: skip

# Every drawing works on a square of 16 x 16.


def _import(p: QPainter) -> None:
    p.drawPolyline([QPointF(2, 10), QPointF(2, 14), QPointF(14, 14), QPointF(14, 10)])
    p.drawLine(QPointF(8, 1.5), QPointF(8, 10))
    p.drawPolyline([QPointF(4.5, 6.8), QPointF(8, 10.3), QPointF(11.5, 6.8)])


def _database(p: QPainter) -> None:
    p.drawEllipse(QRectF(2.5, 1.5, 11, 4))
    path = QPainterPath(QPointF(2.5, 3.5))
    path.lineTo(2.5, 12.5)
    path.arcTo(QRectF(2.5, 10.5, 11, 4), 180, 180)
    path.lineTo(13.5, 3.5)
    path.moveTo(2.5, 8)
    path.arcTo(QRectF(2.5, 6, 11, 4), 180, 180)
    p.drawPath(path)


def _here(p: QPainter) -> None:
    p.setBrush(QBrush(p.pen().color()))
    p.drawPath(_drum(3.5))


def _partly(p: QPainter) -> None:
    p.drawPath(_drum(3.5))
    p.setBrush(QBrush(p.pen().color()))
    p.drawPath(_drum(8))


def _drum(top: float) -> QPainterPath:
    path = QPainterPath()
    path.addEllipse(QRectF(2.5, top - 2, 11, 4))
    sides = QPainterPath(QPointF(2.5, top))
    sides.lineTo(2.5, 12.5)
    sides.arcTo(QRectF(2.5, 10.5, 11, 4), 180, 180)
    sides.lineTo(13.5, top)
    sides.arcTo(QRectF(2.5, top - 2, 11, 4), 0, -180)
    sides.closeSubpath()
    return path.united(sides)


def _search(p: QPainter) -> None:
    p.drawEllipse(QRectF(2, 2, 8.5, 8.5))
    p.drawLine(QPointF(9.4, 9.4), QPointF(14, 14))


def _close(p: QPainter) -> None:
    p.drawLine(QPointF(4, 4), QPointF(12, 12))
    p.drawLine(QPointF(12, 4), QPointF(4, 12))


def _report(p: QPainter) -> None:
    p.drawRoundedRect(QRectF(3, 1.5, 10, 13), 1.2, 1.2)
    for y in (5.0, 8.0, 11.0):
        p.drawLine(QPointF(5.5, y), QPointF(10.5, y))


def _patient(p: QPainter) -> None:
    p.drawEllipse(QRectF(5.2, 1.8, 5.6, 5.6))
    path = QPainterPath(QPointF(2.2, 14.2))
    path.cubicTo(2.6, 8.2, 13.4, 8.2, 13.8, 14.2)
    path.closeSubpath()
    p.drawPath(path)


def _study(p: QPainter) -> None:
    path = QPainterPath(QPointF(1.8, 13))
    for x, y in ((1.8, 3.2), (6.2, 3.2), (7.6, 5), (14.2, 5), (14.2, 13)):
        path.lineTo(x, y)
    path.closeSubpath()
    p.drawPath(path)


def _series(p: QPainter) -> None:
    p.drawRoundedRect(QRectF(1.5, 4.5, 10, 10), 1.2, 1.2)
    p.drawPolyline([QPointF(4.5, 2), QPointF(14.2, 2), QPointF(14.2, 11.5)])


def _window(p: QPainter) -> None:
    p.drawEllipse(QRectF(2, 2, 12, 12))
    p.setBrush(QBrush(p.pen().color()))
    path = QPainterPath(QPointF(8, 2))
    path.arcTo(QRectF(2, 2, 12, 12), 90, 180)
    path.closeSubpath()
    p.drawPath(path)


def _more(p: QPainter) -> None:
    p.setBrush(QBrush(p.pen().color()))
    for x in (3.0, 8.0, 13.0):
        p.drawEllipse(QPointF(x, 8), 1.0, 1.0)


def _down(p: QPainter) -> None:
    p.drawPolyline([QPointF(4, 6), QPointF(8, 10), QPointF(12, 6)])


def _right(p: QPainter) -> None:
    p.drawPolyline([QPointF(6, 4), QPointF(10, 8), QPointF(6, 12)])


def _star(p: QPainter) -> None:
    points = [
        QPointF(8 + r * cos(pi * (k - 2.5) / 5), 8.6 + r * sin(pi * (k - 2.5) / 5))
        for k in range(10)
        for r in ((6.8, 3.0)[k % 2],)
    ]
    p.drawPolygon(QPolygonF(points))


def _table(p: QPainter) -> None:
    p.drawRoundedRect(QRectF(1.5, 2.5, 13, 11), 1.2, 1.2)
    p.drawLine(QPointF(1.5, 6.2), QPointF(14.5, 6.2))
    p.drawLine(QPointF(1.5, 9.8), QPointF(14.5, 9.8))
    p.drawLine(QPointF(6, 6.2), QPointF(6, 13.5))


def _cards(p: QPainter) -> None:
    for x in (1.8, 9.0):
        for y in (1.8, 9.0):
            p.drawRoundedRect(QRectF(x, y, 5.2, 5.2), 1, 1)


def _clock(p: QPainter) -> None:
    p.drawEllipse(QRectF(1.8, 1.8, 12.4, 12.4))
    p.drawPolyline([QPointF(8, 4.6), QPointF(8, 8.3), QPointF(10.6, 9.8)])


def _linked(p: QPainter) -> None:
    p.drawRoundedRect(QRectF(1, 5.6, 7.6, 4.8), 2.4, 2.4)
    p.drawRoundedRect(QRectF(7.4, 5.6, 7.6, 4.8), 2.4, 2.4)


def _copied(p: QPainter) -> None:
    p.drawRoundedRect(QRectF(5.2, 1.6, 9, 9.6), 1.2, 1.2)
    p.drawPolyline([QPointF(5, 4.6), QPointF(1.8, 4.6), QPointF(1.8, 14.4), QPointF(10.6, 14.4),
                    QPointF(10.6, 11.4)])  # fmt: skip


def _mixed(p: QPainter) -> None:
    p.drawRoundedRect(QRectF(1.8, 1.8, 12.4, 12.4), 1.4, 1.4)
    p.drawLine(QPointF(2.4, 13.6), QPointF(13.6, 2.4))


def _server(p: QPainter) -> None:
    for y in (1.8, 9.0):
        p.drawRoundedRect(QRectF(1.8, y, 12.4, 5.2), 1.2, 1.2)
        p.drawPoint(QPointF(4.6, y + 2.6))


def _send(p: QPainter) -> None:
    p.drawPolyline([QPointF(2, 10), QPointF(2, 14), QPointF(14, 14), QPointF(14, 10)])
    p.drawLine(QPointF(8, 1.8), QPointF(8, 10.3))
    p.drawPolyline([QPointF(4.5, 5.2), QPointF(8, 1.7), QPointF(11.5, 5.2)])


def _retrieve(p: QPainter) -> None:
    p.drawRoundedRect(QRectF(1.8, 1.8, 12.4, 4.6), 1.2, 1.2)
    p.drawPoint(QPointF(4.6, 4.1))
    p.drawLine(QPointF(8, 8.6), QPointF(8, 14))
    p.drawPolyline([QPointF(5, 11.3), QPointF(8, 14.3), QPointF(11, 11.3)])


def _echo(p: QPainter) -> None:
    p.drawPolyline([QPointF(1.5, 8.5), QPointF(4.5, 8.5), QPointF(6.5, 3), QPointF(9.3, 13),
                    QPointF(11.2, 8.5), QPointF(14.5, 8.5)])  # fmt: skip


def _export(p: QPainter) -> None:
    p.drawPolyline([QPointF(8, 3), QPointF(2.5, 3), QPointF(2.5, 13.5), QPointF(13, 13.5),
                    QPointF(13, 8.5)])  # fmt: skip
    p.drawLine(QPointF(7, 9), QPointF(13.6, 2.4))
    p.drawPolyline([QPointF(9.8, 2.2), QPointF(13.8, 2.2), QPointF(13.8, 6.2)])


def _pause(p: QPainter) -> None:
    for x in (5.0, 11.0):
        p.drawLine(QPointF(x, 3.2), QPointF(x, 12.8))


def _play(p: QPainter) -> None:
    p.drawPolygon(QPolygonF([QPointF(4.5, 2.8), QPointF(13, 8), QPointF(4.5, 13.2)]))


def _retry(p: QPainter) -> None:
    path = QPainterPath()
    path.arcMoveTo(QRectF(2.2, 2.2, 11.6, 11.6), 30)
    path.arcTo(QRectF(2.2, 2.2, 11.6, 11.6), 30, 300)
    p.drawPath(path)
    p.drawPolyline([QPointF(13.6, 1.6), QPointF(13.2, 5.3), QPointF(9.6, 4.9)])


def _up(p: QPainter) -> None:
    p.drawLine(QPointF(8, 3), QPointF(8, 13.4))
    p.drawPolyline([QPointF(4, 7), QPointF(8, 3), QPointF(12, 7)])


def _below(p: QPainter) -> None:
    p.drawLine(QPointF(8, 2.6), QPointF(8, 13))
    p.drawPolyline([QPointF(4, 9), QPointF(8, 13), QPointF(12, 9)])


def _listen(p: QPainter) -> None:
    p.drawArc(QRectF(4.6, 4.6, 6.8, 6.8), -55 * 16, 110 * 16)
    p.drawArc(QRectF(1.6, 1.6, 12.8, 12.8), -50 * 16, 100 * 16)
    p.setBrush(QBrush(p.pen().color()))
    p.drawEllipse(QPointF(5.2, 8), 1.7, 1.7)


def _head(p: QPainter, *, nose: bool) -> None:
    p.drawEllipse(QRectF(3, 3, 10, 11.5))
    if nose:
        p.drawPolyline([QPointF(6.6, 3.2), QPointF(8, 1.2), QPointF(9.4, 3.2)])
    p.drawLine(QPointF(8, 5.5), QPointF(8, 12))


def _axial(p: QPainter) -> None:
    _head(p, nose=True)


def _coronal(p: QPainter) -> None:
    p.drawEllipse(QRectF(5, 1, 6, 6.4))
    path = QPainterPath(QPointF(1.8, 14.8))
    path.cubicTo(2, 9.5, 5, 9, 8, 9)
    path.cubicTo(11, 9, 14, 9.5, 14.2, 14.8)
    p.drawPath(path)


def _sagittal(p: QPainter) -> None:
    path = QPainterPath(QPointF(5.4, 14.6))
    path.lineTo(5.8, 11.8)
    path.lineTo(3.8, 11.4)
    path.lineTo(3.9, 9.4)
    path.lineTo(2.2, 8.6)
    path.lineTo(3.8, 6.2)
    path.cubicTo(3.6, -0.4, 14, -0.4, 13.6, 6.8)
    path.cubicTo(13.4, 9.4, 11.2, 9.6, 11.6, 14.6)
    p.drawPath(path)


def _filled(p: QPainter, shape: QPainterPath | QPolygonF, mark: QColor) -> None:
    colour = p.pen().color()
    p.setBrush(QBrush(colour))
    p.setPen(QPen(colour, 1, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap,
                  Qt.PenJoinStyle.RoundJoin))  # fmt: skip
    if isinstance(shape, QPolygonF):
        p.drawPolygon(shape)
    else:
        p.drawPath(shape)
    p.setPen(QPen(mark, 1.7, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))


def _info(p: QPainter) -> None:
    circle = QPainterPath()
    circle.addEllipse(QRectF(1.5, 1.5, 13, 13))
    _filled(p, circle, QColor("white"))
    p.drawPoint(QPointF(8, 4.9))
    p.drawLine(QPointF(8, 7.6), QPointF(8, 11.4))


def _warning(p: QPainter) -> None:
    triangle = QPolygonF([QPointF(8, 1.8), QPointF(15, 14), QPointF(1, 14)])
    _filled(p, triangle, QColor("#2b2200"))
    p.drawLine(QPointF(8, 6.2), QPointF(8, 9.6))
    p.drawPoint(QPointF(8, 12))


def _error(p: QPainter) -> None:
    points = [QPointF(8 + 7.3 * cos(pi * (k + 0.5) / 4), 8 + 7.3 * sin(pi * (k + 0.5) / 4))
              for k in range(8)]  # fmt: skip
    _filled(p, QPolygonF(points), QColor("white"))
    p.drawLine(QPointF(8, 4.4), QPointF(8, 8.6))
    p.drawPoint(QPointF(8, 11.4))


_DRAWINGS: dict[str, Callable[[QPainter], None]] = {
    "import": _import, "database": _database, "search": _search, "close": _close,
    "info": _info, "warning": _warning, "error": _error, "report": _report,
    "patient": _patient, "study": _study, "series": _series, "window": _window,
    "axial": _axial, "coronal": _coronal, "sagittal": _sagittal, "more": _more, "down": _down,
    "right": _right, "star": _star, "table": _table, "cards": _cards, "clock": _clock,
    "linked": _linked, "copied": _copied, "mixed": _mixed, "server": _server,
    "here": _here, "partly": _partly,
    "send": _send, "retrieve": _retrieve, "echo": _echo, "export": _export,
    "pause": _pause, "play": _play, "retry": _retry, "up": _up, "below": _below,
    "listen": _listen,
}  # fmt: skip


def pixmap(name: str, colour: QColor | None = None, size: int = 16, ratio: float = 2) -> QPixmap:
    """Draw an icon.

    Parameters
    ----------
    name : IconName
    colour : QColor, optional
        Severity icons have their own; the others are black by default.
    size : int
        Width and height in device-independent pixels.
    ratio : float
        Device pixels per independent one.
    """
    if name in SEVERITY_COLOURS:
        colour = QColor(SEVERITY_COLOURS[name])
    picture = QPixmap(round(size * ratio), round(size * ratio))
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size * ratio / 16, size * ratio / 16)
    painter.setPen(
        QPen(colour or QColor("black"), 1.35, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap,
             Qt.PenJoinStyle.RoundJoin)
    )  # fmt: skip
    _DRAWINGS[name](painter)
    painter.end()
    picture.setDevicePixelRatio(ratio)
    return picture


def icon(name: str, colour: QColor | None = None) -> QIcon:
    """Return the icon `name` drawn in `colour`, faint when its button is disabled."""
    made = QIcon(pixmap(name, colour, 20))
    if colour is not None:
        faint = QColor(colour)
        faint.setAlphaF(0.35)
        made.addPixmap(pixmap(name, faint, 20), QIcon.Mode.Disabled)
    return made
