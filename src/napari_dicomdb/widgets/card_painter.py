"""How patients, studies and series look on study cards; what is measured is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, QRect, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen, QPixmap

from napari_dicomdb.widgets import _card_text as words
from napari_dicomdb.widgets._card_drawing import BrokenTexts, FramedPictures, rounded
from napari_dicomdb.widgets._icons import pixmap
from napari_dicomdb.widgets._placeholders import draw_icon
from napari_dicomdb.widgets._text import count, one_line, patient_facts
from napari_dicomdb.widgets._theme import SEVERITY_COLOURS, Palette, mix
from napari_dicomdb.widgets._ways import default_severity
from napari_dicomdb.widgets.card_layout import Sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.database.records import PatientRecord, SeriesRecord, StudyRecord
    from napari_dicomdb.loading.stored import LoadableSummary

__all__ = ["LARGEST", "SMALLEST", "CardPainter", "Look"]

SMALLEST, LARGEST = 40, 256
"""Sides of a picture, device-independent pixels."""

_AS_LIST = 76  # smaller pictures have their text beside them, not below
_PAD = 5
_BADGE = 16
_PLACE_ICONS = {"missing": "close", "copied": "copied", "linked": "linked", "mixed": "mixed"}
_TEXT_LINES = 4  # below a picture: up to two of the title, the rest for facts
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_CENTRE = int(Qt.AlignmentFlag.AlignCenter)


@dataclass(frozen=True, slots=True)
class Look:
    """What befalls a header or a tile just now."""

    selected: bool = False
    hovered: bool = False
    focused: bool = False  # the keyboard is here


class CardPainter:
    """Paints the parts of cards in the colours of a theme.

    Parameters
    ----------
    palette : Palette
    font : QFont
        Of the widget; its size is that of the theme.
    """

    def __init__(self, palette: Palette, font: QFont) -> None:
        self._texts = BrokenTexts()
        self._framed = FramedPictures()
        self.side = 128
        self.set_palette(palette, font)

    def set_palette(self, palette: Palette, font: QFont) -> None:
        """Paint in other colours and letters."""
        self.palette = palette
        self.font, self.small, self.bold = QFont(font), QFont(font), QFont(font)
        for one in (self.font, self.bold):
            one.setPointSize(palette.font_size)
        self.bold.setBold(True)
        self.small.setPointSizeF(max(palette.font_size - 1, 7))
        self._line = QFontMetrics(self.font).height()
        self._small_line = QFontMetrics(self.small).height()
        p = palette
        # Lighter than the card in either theme.
        self.tile = mix(
            p.primary if p.is_dark else p.background, p.foreground, 0.30 if p.is_dark else 0.75
        )
        self.hover = mix(p.highlight, self.tile, 0.35)
        self.chosen = mix(p.current, p.background, 0.45 if p.is_dark else 0.55)
        self.edge = mix(p.current, p.text, 0.80 if p.is_dark else 0.9)
        self._texts.clear()
        self._framed.clear()

    # -- sizes ------------------------------------------------------------------------

    @property
    def is_list(self) -> bool:
        """Whether text stands beside pictures, as they are small."""
        return self.side < _AS_LIST

    def sizes(self) -> Sizes:
        """Return the lengths that the letters and the pictures need."""
        patient = self._line + 16
        study = self._line + self._small_line + 18
        more = self._line + 12
        side = self.side
        if self.is_list:
            width = side + 14 * QFontMetrics(self.font).averageCharWidth() + 60
            height = max(side, self._line + self._small_line) + 2 * _PAD
            return Sizes(width, height, patient, study, more, gap=4)
        text = 2 * self._line + (_TEXT_LINES - 2) * self._small_line + 4
        return Sizes(side + 2 * _PAD, side + text + 2 * _PAD + 3, patient, study, more)

    # -- headers ----------------------------------------------------------------------

    def paint_card(self, painter: QPainter, rect: QRect) -> None:
        """Paint what lies under a study's header and tiles."""
        rounded(painter, rect, 7, self.palette.foreground)

    def paint_patient(
        self, painter: QPainter, rect: QRect, patient: PatientRecord | None, look: Look
    ) -> None:
        """Paint the header above the studies of a patient."""
        self._paint_header_ground(painter, rect, look)
        symbol = pixmap("patient", self.palette.icon, 16, painter.device().devicePixelRatioF())
        painter.drawPixmap(rect.left() + 9, rect.center().y() - 7, symbol)
        if patient is None:
            return
        inner = rect.adjusted(32, 0, -10, 0)
        counts = count(patient.study_count, "study", "studies")
        inner = self._at_right(painter, inner, counts)
        self._name(painter, inner, patient, self.bold)

    def paint_study(
        self,
        painter: QPainter,
        rect: QRect,
        card: tuple[StudyRecord, PatientRecord] | None,
        counts: tuple[int, int],
        look: Look,
        *,
        folded: bool,
        named: bool,
    ) -> None:
        """Paint the header of a study.

        Parameters
        ----------
        card : tuple of StudyRecord and PatientRecord, or None
            None: not read yet.
        counts : tuple of int
            How many series are listed, and how many there are.
        folded : bool
            Whether the tiles are hidden.
        named : bool
            Whether the patient is named; else a header above does it.
        """
        self._paint_header_ground(painter, rect, look)
        self._paint_arrow(painter, rect, folded)
        first = QRect(rect.left() + 28, rect.top() + 7, rect.width() - 38, self._line)
        second = QRect(first.left(), first.bottom() + 4, first.width(), self._small_line)
        if card is None:
            faint = mix(self.palette.primary, self.palette.foreground, 0.6)
            for line, share in ((first, 0.35), (second, 0.55)):
                bar = QRect(line.left(), line.top() + 3, int(line.width() * share), 7)
                rounded(painter, bar, 3, faint)
            return
        study, patient = card
        first = self._chips(painter, first, study.modalities)
        if named:
            self._name(painter, first, patient, self.bold)
        else:
            self._text(painter, first, self.bold, self.palette.text, words.study_line(study))
        listed, total = counts
        amount = words.study_counts(listed, total, study.instance_count)
        second = self._at_right(painter, second, amount)
        further = "" if named else study.institution
        if study.accession_number:
            further = f"{further} · Acc. {study.accession_number}".removeprefix(" · ")
        if named:
            used = self._text(
                painter, second, self.small, self.palette.text, words.study_line(study)
            )
            second = second.adjusted(used + 8, 0, 0, 0)
        if second.width() > 40:
            self._text(painter, second, self.small, self.palette.dim, one_line(further))

    def _paint_header_ground(self, painter: QPainter, rect: QRect, look: Look) -> None:
        ground = rect.adjusted(3, 3, -3, -4)
        if look.selected or look.hovered:
            rounded(painter, ground, 5, self.chosen if look.selected else self.hover)
        if look.focused:
            self._ring(painter, ground, 5)

    def _paint_arrow(self, painter: QPainter, rect: QRect, folded: bool) -> None:
        ratio = painter.device().devicePixelRatioF()
        arrow = pixmap("down", self.palette.icon, 14, ratio)
        painter.save()
        painter.translate(rect.left() + 15, rect.top() + 8 + self._line / 2)
        painter.rotate(-90 if folded else 0)
        painter.drawPixmap(QPoint(-7, -7), arrow)
        painter.restore()

    def _name(self, painter: QPainter, rect: QRect, patient: PatientRecord, font: QFont) -> None:
        name = one_line(patient.display_name)
        used = self._text(painter, rect, font, self.palette.text, name)
        rest = rect.adjusted(used + 9, 0, 0, 0)
        if rest.width() > 40:
            facts = patient_facts(patient)
            if patient.others:
                facts += f" · merged with {count(len(patient.others), 'other')}"
            self._text(painter, rest, self.small, self.palette.dim, facts)

    def _at_right(self, painter: QPainter, rect: QRect, text: str) -> QRect:
        width = QFontMetrics(self.small).horizontalAdvance(text)
        if width > rect.width() * 0.6:
            return rect
        painter.setFont(self.small)
        painter.setPen(self.palette.dim)
        painter.drawText(rect, _RIGHT, text)
        return rect.adjusted(0, 0, -width - 10, 0)

    def _chips(self, painter: QPainter, rect: QRect, modalities: Sequence[str]) -> QRect:
        shown = [one_line(m)[:9] for m in modalities[:4]]
        if len(modalities) > 4:
            shown.append(f"+{len(modalities) - 4}")
        metrics = QFontMetrics(self.small)
        right = rect.right()
        for text in reversed(shown):
            width = metrics.horizontalAdvance(text) + 10
            if right - width < rect.left() + rect.width() // 2:
                break
            chip = QRect(right - width + 1, rect.top() - 1, width, self._line + 2)
            ground = mix(self.palette.highlight, self.palette.foreground, 0.7)
            self._chip(painter, chip, text, ground, self.palette.text)
            right -= width + 4
        return rect.adjusted(0, 0, right - rect.right() - 4, 0)

    def _chip(
        self, painter: QPainter, rect: QRect, text: str, ground: QColor, colour: QColor
    ) -> None:
        rounded(painter, rect, 4, ground)
        painter.setFont(self.small)
        painter.setPen(colour)
        painter.drawText(rect, _CENTRE, text)

    def paint_more(self, painter: QPainter, rect: QRect, number: int, look: Look) -> None:
        """Paint the line that shows all series of a card, or (0) the first ones again."""
        words_ = f"Show all {count(number, 'series', 'series')}" if number else "Show fewer"
        width = QFontMetrics(self.font).horizontalAdvance(words_) + 24
        button = QRect(rect.center().x() - width // 2, rect.top(), width, rect.height() - 4)
        if look.hovered or look.focused:
            rounded(painter, button, 5, self.hover)
        if look.focused:
            self._ring(painter, button, 5)
        painter.setFont(self.font)
        painter.setPen(self.palette.link)
        painter.drawText(button, _CENTRE, words_)

    # -- tiles ------------------------------------------------------------------------

    def paint_tile(
        self,
        painter: QPainter,
        rect: QRect,
        series: SeriesRecord | None,
        picture: QPixmap | None,
        ways: Sequence[LoadableSummary],
        look: Look,
        related: str = "",
    ) -> None:
        """Paint a series; None: not read yet."""
        ground = self.chosen if look.selected else self.hover if look.hovered else self.tile
        rounded(painter, rect, 6, ground)
        if look.selected:
            painter.setPen(QPen(self.edge, 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(rect).adjusted(0.75, 0.75, -0.75, -0.75), 6, 6)
        if look.focused:
            self._ring(painter, rect, 6)
        inner = rect.adjusted(_PAD, _PAD, -_PAD, -_PAD)
        if self.is_list:
            frame = QRect(inner.left(), inner.top(), self.side, self.side)
            frame.moveTop(inner.center().y() - self.side // 2 + 1)
            text = QRect(inner)
            text.setLeft(frame.right() + 9)
        else:
            frame = QRect(inner.left(), inner.top(), inner.width(), self.side)
            text = QRect(inner)
            text.setTop(frame.bottom() + 5)
        self._paint_picture(painter, frame, series, picture)
        if series is None:
            return
        self._paint_marks(painter, frame, series, str(default_severity(ways) or ""))
        if self.is_list:
            self._paint_beside(painter, text, series, ways, related)
        else:
            self._paint_below(painter, text, series, ways, related)

    def _paint_below(
        self,
        painter: QPainter,
        rect: QRect,
        series: SeriesRecord,
        ways: Sequence[LoadableSummary],
        related: str,
    ) -> None:
        rect = rect.adjusted(2, 0, -2, 0)
        top = rect.top()
        lines = self._texts.lines(words.numbered_title(series), self.font, rect.width(), 2)
        for line in lines:
            place = QRect(rect.left(), top, rect.width(), self._line)
            painter.setFont(self.font)
            painter.setPen(self.palette.text)
            painter.drawText(place, _LEFT, line)
            top += self._line
        facts = words.facts(series, ways, _TEXT_LINES - len(lines), related)
        for fact in facts:
            place = QRect(rect.left(), top, rect.width(), self._small_line)
            self._text(painter, place, self.small, self.palette.dim, fact)
            top += self._small_line

    def _paint_beside(
        self,
        painter: QPainter,
        rect: QRect,
        series: SeriesRecord,
        ways: Sequence[LoadableSummary],
        related: str,
    ) -> None:
        room = (rect.height() - self._line) // self._small_line
        facts = words.facts(series, ways, room, related)
        height = self._line + len(facts) * self._small_line
        top = rect.top() + max(0, (rect.height() - height) // 2)
        place = QRect(rect.left(), top, rect.width(), self._line)
        self._text(painter, place, self.font, self.palette.text, words.numbered_title(series))
        top += self._line
        for fact in facts:
            place = QRect(rect.left(), top, rect.width(), self._small_line)
            self._text(painter, place, self.small, self.palette.dim, fact)
            top += self._small_line

    def _paint_picture(
        self,
        painter: QPainter,
        frame: QRect,
        series: SeriesRecord | None,
        picture: QPixmap | None,
    ) -> None:
        ratio = painter.device().devicePixelRatioF()
        if picture is not None and not picture.isNull():
            painter.drawPixmap(frame.topLeft(), self._framed.picture(picture, frame.size(), ratio))
            return
        faint = mix(self.palette.primary, self.palette.foreground, 0.75)
        rounded(painter, frame, 4, faint)
        if series is not None:
            size = 18 if self.is_list else 28
            draw_icon(painter, frame, series, mix(self.palette.icon, faint, 0.45), size)

    def _paint_marks(
        self, painter: QPainter, frame: QRect, series: SeriesRecord, severity: str
    ) -> None:
        """Paint modality, gravest finding and where the files are upon the picture."""
        glass, white = QColor(0, 0, 0, 165), QColor(255, 255, 255, 235)
        ratio = painter.device().devicePixelRatioF()
        modality = one_line(series.modality)[:9]
        width = QFontMetrics(self.small).horizontalAdvance(modality) + 8
        if modality and width < frame.width() - 4:
            chip = QRect(frame.left() + 3, frame.top() + 3, width, self._small_line + 2)
            if self.is_list:
                chip.moveBottom(frame.bottom() - 2)
                chip.moveLeft(frame.left() + 2)
            self._chip(painter, chip, modality, glass, white)
        if severity:
            corner = QPoint(frame.right() - _BADGE - 1, frame.top() + 3)
            painter.drawPixmap(corner, pixmap(severity, None, _BADGE, ratio))
        where = words.place(series)
        is_missing = where == "missing"
        if (self.is_list and not is_missing) or where not in _PLACE_ICONS:
            return
        spot = QRect(frame.right() - 19, frame.bottom() - 19, 17, 17)
        colour = QColor("white") if is_missing else white
        rounded(painter, spot, 4, QColor(SEVERITY_COLOURS["error"]) if is_missing else glass)
        painter.drawPixmap(
            spot.topLeft() + QPoint(2, 2), pixmap(_PLACE_ICONS[where], colour, 13, ratio)
        )

    # -- drawing ----------------------------------------------------------------------

    def _ring(self, painter: QPainter, rect: QRect, radius: int) -> None:
        painter.setPen(QPen(self.palette.text, 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(rect).adjusted(0.75, 0.75, -0.75, -0.75), radius, radius)

    def _text(self, painter: QPainter, rect: QRect, font: QFont, colour: QColor, text: str) -> int:
        """Draw one line, elided at the right; return its width."""
        (line,) = self._texts.lines(text, font, rect.width(), 1)
        painter.setFont(font)
        painter.setPen(colour)
        painter.drawText(rect, _LEFT, line)
        return int(QFontMetrics(font).horizontalAdvance(line))
