"""One way to open a series, with everything that should be known before opening it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_dicomdb.dicom.findings import Severity, worst
from napari_dicomdb.loading.confidence import LOWERED
from napari_dicomdb.loading.content import CONTENT
from napari_dicomdb.widgets._text import loadable_facts, one_line, tool_tip
from napari_dicomdb.widgets._theme import SEVERITY_COLOURS
from napari_dicomdb.widgets.diffusion_plot import plot_of
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["ConfidenceBar", "LoadableCard"]

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
_LOW, _HIGH = 0.5, 0.65  # below: warning colour; above: the theme's accent


class ConfidenceBar(QWidget):
    """A confidence between 0 and 1 as a small bar with a word; its tool tip has the number.

    No percent sign: a series without a flaw may have 83, for which nobody need
    worry. Two questions answered well (2 / 3) are as sure as a simple image gets.
    """

    def __init__(self, value: float, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value = min(max(value, 0.0), 1.0)
        self._palette = palette
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            tool_tip(
                f"Confidence {self._value:.2f} of 1, to compare ways to open the same files.\n"
                "It is the share of the loader's questions that the files answer well, one more\n"
                "question always being left open, and less for each kind of warning or error.\n"
                "The reasons are below."
            )
        )
        self.setAccessibleName(f"Confidence: {self.word}")

    @property
    def word(self) -> str:
        """The confidence in words."""
        if self._value < _LOW:
            return "unsure"
        return "sure" if self._value >= _HIGH else "fairly sure"

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(116, 16)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        groove = QRectF(0, self.height() / 2 - 3, 46, 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._palette.primary)
        painter.drawRoundedRect(groove, 3, 3)
        filled = QRectF(groove)
        filled.setWidth(max(groove.width() * self._value, 6))
        painter.setBrush(self._colour())
        painter.drawRoundedRect(filled, 3, 3)
        painter.setPen(self._palette.dim)
        font = painter.font()
        font.setPointSizeF(max(self._palette.font_size - 1, 7))
        painter.setFont(font)
        place = QRectF(54, 0, self.width() - 54, self.height())
        painter.drawText(
            place,
            int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter),
            self.word,
        )
        painter.end()

    def _colour(self) -> QColor:
        if self._value < _LOW:
            return QColor(SEVERITY_COLOURS["warning"])
        return self._palette.current if self._value >= _HIGH else self._palette.highlight


class LoadableCard(QFrame):
    """A loadable: check box, facts, confidence, findings, reasons.

    Parameters
    ----------
    loadable : Loadable
    palette : Palette
    """

    toggled = Signal(bool)
    activated = Signal()

    def __init__(
        self, loadable: Loadable, palette: Palette, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.loadable = loadable
        self.check = QCheckBox()
        self.check.setChecked(loadable.selected)
        self.check.setAccessibleName(f"Load {loadable.name}")
        self.check.toggled.connect(self._on_toggled)
        # Not elided: the ways to open a series often differ in the last word.
        self.title = QLabel(one_line(loadable.name))
        self.title.setObjectName("title")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setWordWrap(True)
        facts = QElidingLabel(loadable_facts(loadable))
        facts.setTextFormat(Qt.TextFormat.PlainText)
        facts.setObjectName("dim")
        facts.setToolTip(tool_tip(loadable_facts(loadable)))

        head = QHBoxLayout()
        head.setSpacing(5)
        top = Qt.AlignmentFlag.AlignTop
        head.addWidget(self.check, 0, top)
        head.addWidget(self.title, 1)
        if loadable.kind != CONTENT:  # nothing is guessed about it
            head.addWidget(ConfidenceBar(loadable.confidence, palette), 0, top)
        body = QVBoxLayout()
        body.setContentsMargins(22, 0, 0, 0)
        body.setSpacing(4)
        body.addWidget(facts)
        plot = plot_of(loadable, palette)
        if plot is not None:
            body.addWidget(plot)
        self.boxes: list[NoticeBox] = []
        for finding in sorted(loadable.findings, key=lambda f: _ORDER[f.severity]):
            box = NoticeBox(str(finding.severity), finding.text)
            box.setToolTip(str(finding.code))
            self.boxes.append(box)
            body.addWidget(box)
        # What lowered the confidence stands in the boxes, in full.
        told = [r for r in loadable.reasons if not r.startswith(LOWERED)]
        if told:
            reasons = QLabel(" · ".join(told))
            reasons.setObjectName("dim")
            reasons.setWordWrap(True)
            reasons.setTextFormat(Qt.TextFormat.PlainText)
            body.addWidget(reasons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(7, 5, 7, 6)
        layout.setSpacing(3)
        layout.addLayout(head)
        layout.addLayout(body)
        self._mark(loadable.selected)

    @property
    def is_chosen(self) -> bool:
        """Whether the user, or the default, chose it."""
        return bool(self.check.isChecked())

    @property
    def severity(self) -> Severity | None:
        """The gravest severity among its findings."""
        return worst(self.loadable.findings)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Toggle by a click anywhere on the card."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.check.toggle()
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Load by a double click."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.check.setChecked(True)
            self.activated.emit()
        event.accept()

    def _on_toggled(self, chosen: bool) -> None:
        self._mark(chosen)
        self.toggled.emit(chosen)

    def _mark(self, chosen: bool) -> None:
        self.setProperty("chosen", chosen)
        self.style().unpolish(self)
        self.style().polish(self)
