"""Draws one job: what it is, how far it is, how it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics
from qtpy.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from napari_dicomdb.widgets._icons import pixmap
from napari_dicomdb.widgets._text import one_line
from napari_dicomdb.widgets._theme import SEVERITY_COLOURS, mix
from napari_dicomdb.widgets.models.job_list import JOB_ROLE, facts_of, state_of

if TYPE_CHECKING:
    from qtpy.QtCore import QModelIndex
    from qtpy.QtGui import QPainter, QPixmap

    from napari_dicomdb.network.jobs import Job
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["JobDelegate"]

_ICONS = {
    "echo": "echo", "find": "search", "retrieve": "retrieve", "send": "send",
    "import": "import", "export": "export",
}  # fmt: skip
_PAD, _ICON, _BAR, _GAP = 8, 16, 4, 4
_WITH_BAR = ("running", "paused")


class JobDelegate(QStyledItemDelegate):
    """Two lines and, while a job runs or is paused, a bar below them.

    Parameters
    ----------
    palette : Palette
    """

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._pictures: dict[tuple[str, str], QPixmap] = {}

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self._palette = palette
        self._pictures.clear()

    def _fonts(self, option: QStyleOptionViewItem) -> tuple[QFont, QFont]:
        title, small = QFont(option.font), QFont(option.font)
        title.setPointSize(self._palette.font_size)
        small.setPointSize(max(self._palette.font_size - 1, 7))
        return title, small

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """Return room for two lines and a bar, the same for all jobs."""
        title, small = self._fonts(option)
        lines = QFontMetrics(title).height() + QFontMetrics(small).height()
        return QSize(120, lines + _BAR + 2 * _GAP + 10)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw one job."""
        job: Job = index.data(JOB_ROLE)
        p = self._palette
        painter.save()
        painter.setRenderHint(painter.RenderHint.Antialiasing)
        place = QRectF(option.rect).adjusted(0, 1, 0, -1)
        self._draw_ground(painter, option, place)
        title, small = self._fonts(option)
        faint = job.is_finished and job.state != "failed"
        left = place.left() + _PAD
        top = place.top() + (5 if job.state in _WITH_BAR else 5 + (_BAR + _GAP) / 2)
        painter.drawPixmap(int(left), int(top + 2), self._picture(job))
        left += _ICON + 8
        right = place.right() - _PAD
        high = QFontMetrics(title).height()
        state = state_of(job)
        painter.setFont(small)
        wide = QFontMetrics(small).horizontalAdvance(state) + 2
        painter.setPen(self._state_colour(job))
        where = QRectF(right - wide, top, wide, high)
        painter.drawText(where, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter),
                         state)  # fmt: skip
        painter.setFont(title)
        painter.setPen(p.dim if faint else p.text)
        room = QRectF(left, top, right - wide - 10 - left, high)
        _draw_line(painter, room, one_line(job.title))
        top += high + 2
        painter.setFont(small)
        painter.setPen(p.dim)
        facts = " · ".join(part for part in (one_line(job.node), facts_of(job)) if part)
        room = QRectF(left, top, right - left, QFontMetrics(small).height())
        _draw_line(painter, room, facts)
        if job.state in _WITH_BAR:
            bar = QRectF(left, place.bottom() - _BAR - 5, right - left, _BAR)
            self._draw_bar(painter, bar, job)
        painter.restore()

    def _draw_ground(self, painter: QPainter, option: QStyleOptionViewItem, place: QRectF) -> None:
        p = self._palette
        state = QStyle.StateFlag
        colour = None
        if option.state & state.State_Selected:
            colour = mix(p.current, p.background, 0.55 if p.is_dark else 0.8)
        elif option.state & state.State_MouseOver:
            colour = mix(p.highlight, p.foreground, 0.25)
        painter.setPen(Qt.PenStyle.NoPen)
        if colour is not None:
            painter.setBrush(colour)
            painter.drawRoundedRect(place, 3, 3)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if option.state & state.State_HasFocus:
            painter.setPen(p.current)
            painter.drawRoundedRect(place.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)

    def _draw_bar(self, painter: QPainter, bar: QRectF, job: Job) -> None:
        p = self._palette
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(mix(p.text, p.foreground, 0.16))
        painter.drawRoundedRect(bar, _BAR / 2, _BAR / 2)
        if job.total:
            part = min(job.done / job.total, 1.0)
            painter.setBrush(p.dim if job.state == "paused" else QColor(SEVERITY_COLOURS["info"]))
            done = QRectF(bar.left(), bar.top(), max(bar.width() * part, _BAR), _BAR)
            painter.drawRoundedRect(done, _BAR / 2, _BAR / 2)

    def _state_colour(self, job: Job) -> QColor:
        if job.state == "failed":
            return mix(QColor(SEVERITY_COLOURS["error"]), self._palette.text, 0.8)
        if job.error:
            return mix(QColor(SEVERITY_COLOURS["warning"]), self._palette.text, 0.75)
        return self._palette.dim if job.state != "running" else self._palette.text

    def _picture(self, job: Job) -> QPixmap:
        name = _ICONS.get(job.kind, "server")
        ground = "error" if job.state == "failed" else ""
        key = (name, ground)
        if key not in self._pictures:
            colour = QColor(SEVERITY_COLOURS["error"]) if ground else self._palette.icon
            self._pictures[key] = pixmap(name, colour, _ICON)
        return self._pictures[key]


def _draw_line(painter: QPainter, room: QRectF, text: str) -> None:
    """Draw text in one line, shortened where there is no room."""
    shown = painter.fontMetrics().elidedText(
        text, Qt.TextElideMode.ElideRight, max(int(room.width()), 0)
    )
    painter.drawText(room, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), shown)
