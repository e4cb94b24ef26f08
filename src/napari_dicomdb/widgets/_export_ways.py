"""The ways to write one layer as cards: how well, why, what is lost, what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.dicom.findings import Severity
from napari_dicomdb.widgets._text import losses_text, one_line
from napari_dicomdb.widgets._upkeep_page import make_label
from napari_dicomdb.widgets.loadable_card import ConfidenceBar
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.export.exporter import Exportable
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["WayCard", "WayCards"]

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
_FIRST = 3  # shown at once; more behind a button


class WayCard(QFrame):
    """One way: radio button, confidence, reasons, losses, findings.

    Parameters
    ----------
    way : Exportable
    palette : Palette
    """

    def __init__(self, way: Exportable, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.way = way
        self.radio = QRadioButton()
        self.radio.setAccessibleName(f"Write as {way.name}")
        self.radio.setEnabled(not way.refusal)
        self.title = make_label(one_line(way.name), "title")
        head = QHBoxLayout()
        head.setSpacing(5)
        top = Qt.AlignmentFlag.AlignTop
        head.addWidget(self.radio, 0, top)
        head.addWidget(self.title, 1)
        if not way.refusal:
            head.addWidget(ConfidenceBar(way.confidence, palette), 0, top)
        body = QVBoxLayout()
        body.setContentsMargins(22, 0, 0, 0)
        body.setSpacing(4)
        if way.reasons:
            body.addWidget(make_label(" · ".join(way.reasons), "dim"))
        if way.losses:
            body.addWidget(make_label(losses_text(way.losses)))
        self.boxes = [
            NoticeBox(str(finding.severity), finding.text)
            for finding in sorted(way.findings, key=lambda f: _ORDER[f.severity])
        ]
        for box in self.boxes:
            body.addWidget(box)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(7, 5, 7, 6)
        layout.setSpacing(3)
        layout.addLayout(head)
        layout.addLayout(body)
        self.radio.toggled.connect(self._mark)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose by a click anywhere on the card."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.radio.click()
        event.accept()

    def _mark(self, chosen: bool) -> None:
        self.setProperty("chosen", chosen)
        self.style().unpolish(self)
        self.style().polish(self)


class WayCards(QWidget):
    """All ways of one layer, best first; those beyond the first few behind a button.

    Signals
    -------
    chosen : int
        Place of the way that the user chose.
    """

    chosen = Signal(int)

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self.cards: list[WayCard] = []
        self._group = QButtonGroup(self)
        self._group.idClicked.connect(self.chosen)
        self.more_button = QPushButton()
        self.more_button.setObjectName("barButton")
        self.more_button.clicked.connect(self._show_all)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(5)
        self._layout.addWidget(self.more_button)
        self.more_button.hide()

    def show_ways(self, ways: Sequence[Exportable], place: int) -> None:
        """Show other ways; the one at `place` is chosen."""
        for card in self.cards:
            self._group.removeButton(card.radio)
            self._layout.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = []
        for number, way in enumerate(ways):
            card = WayCard(way, self._palette)
            self._group.addButton(card.radio, number)
            self._layout.insertWidget(number, card)
            self.cards.append(card)
        if 0 <= place < len(self.cards):
            self.cards[place].radio.setChecked(True)
        hidden = self.cards[max(_FIRST, place + 1) :]
        for card in hidden:
            card.hide()
        self.more_button.setText(f"{len(hidden)} more")
        self.more_button.setToolTip("Other ways to write it")
        self.more_button.setVisible(bool(hidden))

    def _show_all(self) -> None:
        for card in self.cards:
            card.show()
        self.more_button.hide()

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme from now on."""
        self._palette = palette
        place = self._group.checkedId()
        self.show_ways([card.way for card in self.cards], place)
