"""All ways to open what is selected, and the button that opens those chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_dicomdb.dicom.findings import Severity
from napari_dicomdb.loading.content import CONTENT
from napari_dicomdb.widgets._text import count, tool_tip
from napari_dicomdb.widgets.loadable_card import LoadableCard
from napari_dicomdb.widgets.notice import NoticeBox
from napari_dicomdb.widgets.referenced import ReferencedSeries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["ExaminePanel"]

_SHOWN = 24  # cards; a series split in hundreds shows the rest on demand
_AT_ONCE = 4  # cards made in one go; the window answers between two of them


class ExaminePanel(QWidget):
    """Loadables as cards, and a footer that loads the chosen ones.

    When a chosen one has a finding of severity error, the footer says so and
    its button reads "Load anyway".

    Signals
    -------
    load_requested : list of Loadable
    """

    load_requested = Signal(object)
    series_requested = Signal(object)  # SeriesRecord that a loadable refers to

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._loadables: list[Loadable] = []
        self.cards: list[LoadableCard] = []
        self.heading = QElidingLabel("")
        self.heading.setTextFormat(Qt.TextFormat.PlainText)
        self.heading.setObjectName("dim")
        self._column = QWidget()
        self._column.setObjectName("cards")
        self._cards_layout = QVBoxLayout(self._column)
        self._cards_layout.setContentsMargins(0, 0, 0, 0)
        self._cards_layout.setSpacing(5)
        self._cards_layout.addStretch(1)
        self.scroll = QScrollArea()
        self.scroll.setWidget(self._column)
        self.scroll.setWidgetResizable(True)
        self.scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.message = QLabel()
        self.message.setObjectName("dim")
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.message.setWordWrap(True)
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.more_button = QPushButton()
        self.more_button.clicked.connect(self._show_rest)
        self._wanted = 0  # cards there will be
        self._growing = QTimer(self)
        self._growing.setInterval(0)
        self._growing.timeout.connect(self._grow)

        self.referenced = ReferencedSeries()
        self.referenced.chosen.connect(self.series_requested)
        self.alarm = NoticeBox("error", action="Load anyway", danger=True)
        self.alarm.triggered.connect(self.load)
        self.load_button = QPushButton("Load")
        self.load_button.setObjectName("primaryButton")
        self.load_button.setToolTip("Load what is checked above as layers (Enter)")
        self.load_button.clicked.connect(self.load)
        self.summary = QElidingLabel("")
        self.summary.setObjectName("dim")
        footer = QHBoxLayout()
        footer.setContentsMargins(0, 0, 0, 0)
        footer.addWidget(self.summary, 1)
        footer.addWidget(self.load_button)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self.heading)
        layout.addWidget(self.message, 1)
        layout.addWidget(self.scroll, 1)
        layout.addWidget(self.referenced)
        layout.addWidget(self.alarm)
        layout.addLayout(footer)
        self.clear("Select a series to see how it can be opened.")

    # -- content ----------------------------------------------------------------------

    def clear(self, message: str) -> None:
        """Show no loadables, but `message`."""
        self._loadables = []
        self.referenced.show_series(())
        self._remove_cards()
        self.message.setText(message)
        self.message.show()
        self.scroll.hide()
        self.heading.hide()
        self._update_footer()

    def show_loadables(self, loadables: Sequence[Loadable], heading: str) -> None:
        """Show the ways to open something called `heading`."""
        if not loadables:
            self.clear("No loader understands what this series holds, so it cannot be opened.")
            return
        self._loadables = list(loadables)
        self.referenced.show_series(())
        self._remove_cards()
        self._want_cards(_SHOWN)
        rest = len(self._loadables) - _SHOWN
        if rest > 0:
            self.more_button.setText(f"Show {count(rest, 'more way', 'more ways')} to open it")
            self._offer_more()
        ways = count(len(self._loadables), "way", "ways")
        self.heading.setText(f"{ways} to open {heading}")
        self.heading.setToolTip(tool_tip(heading))
        self.message.hide()
        self.heading.show()
        self.scroll.show()
        self.scroll.verticalScrollBar().setValue(0)
        self._update_footer()

    def apply_palette(self, palette: Palette) -> None:
        """Draw everything in the colours of another theme."""
        self._palette = palette
        self.referenced.apply_palette(palette)
        if self._loadables:
            chosen = {id(c.loadable): c.is_chosen for c in self.cards}
            wanted = self._wanted
            more = not self.more_button.isHidden()
            self._remove_cards()
            self._add_cards(self._loadables[: len(chosen)])
            for card in self.cards:
                card.check.setChecked(chosen[id(card.loadable)])
            self._want_cards(wanted)
            if more:
                self._offer_more()

    def _add_cards(self, loadables: Sequence[Loadable]) -> None:
        for loadable in loadables:
            card = LoadableCard(loadable, self._palette)
            card.toggled.connect(self._update_footer)
            card.activated.connect(self.load)
            self._cards_layout.insertWidget(len(self.cards), card)
            self.cards.append(card)

    def _want_cards(self, number: int) -> None:
        """Make the first cards up to `number`, and the others by and by."""
        self._wanted = min(number, len(self._loadables))
        if not self.cards:
            self._grow()
        if len(self.cards) < self._wanted:
            self._growing.start()

    def _grow(self) -> None:
        end = min(len(self.cards) + _AT_ONCE, self._wanted)
        self._add_cards(self._loadables[len(self.cards) : end])
        if end >= self._wanted:
            self._growing.stop()

    def _offer_more(self) -> None:
        self._cards_layout.insertWidget(len(self.cards), self.more_button)
        self.more_button.show()

    def _show_rest(self) -> None:
        self.more_button.hide()
        self._want_cards(len(self._loadables))

    def _remove_cards(self) -> None:
        self._growing.stop()
        for card in self.cards:
            self._cards_layout.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = []
        self._cards_layout.removeWidget(self.more_button)
        self.more_button.hide()

    # -- choice -----------------------------------------------------------------------

    def choose(self, loadables: Sequence[Loadable]) -> None:
        """Check these of the loadables shown, and no others."""
        self.more_button.hide()
        self._add_cards(self._loadables[len(self.cards) :])
        self._growing.stop()
        wanted = {id(loadable) for loadable in loadables}
        for card in self.cards:
            card.check.setChecked(id(card.loadable) in wanted)
        first = next((card for card in self.cards if id(card.loadable) in wanted), None)
        if first is not None:
            self.scroll.ensureWidgetVisible(first)

    def chosen(self) -> list[Loadable]:
        """Return the loadables to load, in the order shown."""
        unseen = self._loadables[len(self.cards) :]
        return [c.loadable for c in self.cards if c.is_chosen] + [u for u in unseen if u.selected]

    def has_errors(self) -> bool:
        """Whether one of the chosen has a finding of severity error."""
        return any(f.severity is Severity.ERROR for one in self.chosen() for f in one.findings)

    def load(self) -> None:
        """Ask for the chosen loadables to be loaded."""
        chosen = self.chosen()
        if chosen:
            self.load_requested.emit(chosen)

    def show_referenced(self, series: Sequence[SeriesRecord]) -> None:
        """Offer series of the database that what is shown refers to."""
        self.referenced.show_series(series)

    def _update_footer(self, *_: object) -> None:
        chosen = self.chosen()
        alarming = self.has_errors()
        errors = [f.text for one in chosen for f in one.findings if f.severity is Severity.ERROR]
        if alarming:
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            self.alarm.show_text(f"What is checked has errors: {errors[0]}{more}", "error")
        self.alarm.setVisible(alarming)
        self.load_button.setVisible(bool(self._loadables) and not alarming)
        self.load_button.setEnabled(bool(chosen))
        self.load_button.setText(f"Load {len(chosen)}" if len(chosen) > 1 else "Load")
        self.summary.setVisible(bool(self._loadables) and not alarming)
        self.summary.setText(self._summary(chosen))

    def _summary(self, chosen: list[Loadable]) -> str:
        if not chosen:
            return "Nothing is checked"
        warnings = sum(f.severity is Severity.WARNING for one in chosen for f in one.findings)
        contents = sum(one.kind == CONTENT for one in chosen)
        parts = []
        if len(chosen) > contents:
            parts.append(count(len(chosen) - contents, "layer"))
        if contents:
            parts.append(count(contents, "content", "contents"))
        layers = ", ".join(parts)
        return f"{layers}, {count(warnings, 'warning')}" if warnings else layers
