"""The fields of a query: names, dates, modalities, and any other key by its keyword."""

from __future__ import annotations

import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QCompleter,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QStyledItemDelegate,
    QToolButton,
    QWidget,
)

from napari_dicomdb.errors import QueryError
from napari_dicomdb.network.query_keys import LEVELS, level_of, vr_of_key
from napari_dicomdb.widgets._icons import icon
from napari_dicomdb.widgets._query_words import PRESETS, preset_range, range_key
from napari_dicomdb.widgets._text import tool_tip
from napari_dicomdb.widgets._theme import popup_sheet

if TYPE_CHECKING:
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["DateChoice", "KeyAdder", "KeyField", "dim_label", "known_keywords", "line_edit"]

MODALITIES = ("", "CT", "MR", "PT", "US", "XA", "CR", "DX", "MG", "NM", "RTSTRUCT", "RTDOSE",
              "SEG", "SR")  # fmt: skip
_LONGEST = 1000  # characters; more than any node takes


def line_edit(name: str, hint: str, tip: str) -> QLineEdit:
    """Return a line that says what it is for."""
    line = QLineEdit()
    line.setAccessibleName(name)
    line.setPlaceholderText(hint)
    line.setToolTip(tool_tip(tip))
    line.setMaxLength(_LONGEST)
    line.setAcceptDrops(False)
    line.setClearButtonEnabled(True)
    return line


@lru_cache(maxsize=8)
def known_keywords(level: str) -> tuple[str, ...]:
    """Return keywords that can be asked for at a level, those that DICOM names for it first."""
    from pydicom._dicom_dict import DicomDictionary

    at = LEVELS.index(level)
    usual: list[str] = []
    more: list[str] = []
    for tag, entry in DicomDictionary.items():
        vr, keyword = entry[0][:2], entry[4]
        if not keyword or entry[3] or vr in ("OB", "OW", "OF", "OD", "OL", "OV", "UN", "SQ"):
            continue
        if tag >> 16 in (0, 2, 4) or tag >> 16 >= 0x5000:
            continue
        own = level_of(keyword)
        if own is None:
            more.append(keyword)
        elif LEVELS.index(own) <= at:
            usual.append(keyword)
    return (*sorted(usual), *sorted(more))


class DateChoice(QWidget):
    """Dates by a preset, or from one to another.

    Signals
    -------
    changed : no arguments
    entered : no arguments
        By Return.
    """

    changed = Signal()
    entered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.preset = QComboBox()
        self.preset.setAccessibleName("Study date")
        self.preset.setToolTip("When the study was made")
        for key, label in PRESETS:
            self.preset.addItem(label, key)
        tip = "A day, month or year: 2020-01-31, 2020-01 or 2020; empty: no limit"
        self.first = line_edit("First date", "from 2020-01-31", tip)
        self.last = line_edit("Last date", "to 2020-12-31", tip)
        self._range = QWidget()
        ends = QHBoxLayout(self._range)
        ends.setContentsMargins(0, 0, 0, 0)
        ends.setSpacing(4)
        for line in (self.first, self.last):
            line.setClearButtonEnabled(False)
            line.setMinimumWidth(84)
            line.textChanged.connect(lambda _: self.changed.emit())
            line.returnPressed.connect(self.entered)
            ends.addWidget(line)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.preset, 1)
        layout.addWidget(self._range, 2)
        self.setFocusProxy(self.preset)
        self.preset.currentIndexChanged.connect(lambda _: self._on_preset())
        self._range.hide()

    def value(self, today: datetime.date | None = None) -> str:
        """Return the dates as a query takes them; "" for any."""
        chosen = str(self.preset.currentData())
        if chosen == "range":
            return range_key(self.first.text(), self.last.text())
        return preset_range(chosen, today or datetime.date.today())

    def choose(self, preset: str) -> None:
        """Choose a preset by its key; one that is not known changes nothing."""
        place = self.preset.findData(preset)
        if place >= 0:
            self.preset.setCurrentIndex(place)

    def clear(self) -> None:
        """Take any date."""
        self.preset.setCurrentIndex(0)
        self.first.clear()
        self.last.clear()

    def _on_preset(self) -> None:
        is_range = self.preset.currentData() == "range"
        self._range.setVisible(is_range)
        if is_range and self.preset.hasFocus():
            self.first.setFocus(Qt.FocusReason.OtherFocusReason)
        self.changed.emit()


class KeyField(QWidget):
    """A value of any other key, with a cross to take it away.

    Parameters
    ----------
    keyword : str
    """

    entered = Signal()
    removed = Signal(object)

    def __init__(self, keyword: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.keyword = keyword
        self.line = line_edit(keyword, "any value", _hint(keyword))
        self.cross = QToolButton()
        self.cross.setProperty("flat", True)
        self.cross.setToolTip(f"Do not ask for {keyword}")
        self.cross.setAccessibleName(f"Remove {keyword}")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.line, 1)
        layout.addWidget(self.cross)
        self.setFocusProxy(self.line)
        self.line.returnPressed.connect(self.entered)
        self.cross.clicked.connect(lambda: self.removed.emit(self))

    def apply_palette(self, palette: Palette) -> None:
        """Draw the cross in the colour of the theme."""
        self.cross.setIcon(icon("close", palette.icon))


def _hint(keyword: str) -> str:
    try:
        vr = vr_of_key(keyword)
    except QueryError as error:
        return str(error)
    meant = {
        "DA": "A date or range: 2020-01-31, 2020-01, 2020-01-01..2020-12-31",
        "TM": "A time or range: 0930, 0800-1200",
        "DT": "A date and time: 20200131093000",
        "UI": "A UID, or several separated by \\",
        "IS": "A whole number",
        "DS": "A number",
    }.get(vr, "Text; * stands for anything, ? for one letter, \\ separates several values")
    return f"{keyword}\n{meant}"


class KeyAdder(QLineEdit):
    """A line that takes the keyword of one more key, and offers those that begin so.

    Signals
    -------
    added : str
        A keyword that can be asked for.
    refused : str
        What was typed is none; plain words.
    """

    added = Signal(str)
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Add a key")
        self.setPlaceholderText("Add a key…")
        self.setToolTip(
            tool_tip(
                "Ask for another attribute by its DICOM keyword,\n"
                "such as ReferringPhysicianName or BodyPartExamined"
            )
        )
        self.setMaxLength(128)
        self.setAcceptDrops(False)
        self.words: QCompleter | None = None
        self._level = "study"
        self._sheet = ""
        self.returnPressed.connect(self._add)

    def set_level(self, level: str) -> None:
        """Offer the keywords of another level."""
        self._level = level
        self.words = None
        self.setCompleter(None)

    def apply_palette(self, palette: Palette) -> None:
        """Draw the list of keywords in the colours of the theme."""
        self._sheet = popup_sheet(palette)
        if self.words is not None:
            self.words.popup().setStyleSheet(self._sheet)

    def focusInEvent(self, event: Any) -> None:
        """Make the list of keywords when it is first needed."""
        if self.words is None:
            words = QCompleter(list(known_keywords(self._level)), self)
            words.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
            words.setFilterMode(Qt.MatchFlag.MatchContains)
            words.setMaxVisibleItems(10)
            words.popup().setItemDelegate(QStyledItemDelegate(self))
            words.popup().setStyleSheet(self._sheet)
            words.activated[str].connect(self._chosen)
            self.words = words
            self.setCompleter(words)
        super().focusInEvent(event)

    def _chosen(self, keyword: str) -> None:
        self.setText(keyword)
        self._add()

    def _add(self) -> None:
        typed = self.text().strip()
        if not typed:
            return
        known = {one.casefold(): one for one in known_keywords(self._level)}
        keyword = known.get(typed.casefold(), typed)
        try:
            vr_of_key(keyword)
        except QueryError as error:
            self.refused.emit(str(error))
            return
        self.added.emit(keyword)
        self.clear()


def dim_label(text: str) -> QLabel:
    """Return the words beside a field."""
    label = QLabel(text)
    label.setObjectName("dim")
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label
