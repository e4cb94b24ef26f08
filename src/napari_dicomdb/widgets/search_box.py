"""The search box: its fields as one types, remarks below it, saved searches behind a star."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, QStringListModel, Qt, QTimer, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QCompleter,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QStyledItemDelegate,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb import settings
from napari_dicomdb.database import search
from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.widgets._icons import icon
from napari_dicomdb.widgets._text import one_line, tool_tip
from napari_dicomdb.widgets._theme import popup_sheet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dicomdb.widgets._theme import Palette

__all__ = ["SearchBox"]

_DELAY = 150  # ms; nobody is asked amid a word
_LONGEST = 2000  # characters; more than anybody types
_EXAMPLES = """Words find patients, studies and series that have them all:
    meyer chest
"exact words" find them in this order; -word excludes.
Fields: modality:CT,MR   date:2020..2021   id:123   desc:"arterial phase"
    slices:>100   spacing:<1   body:head
@name stands for a saved search."""


def _fields() -> Mapping[str, Any]:
    """Return the fields of the language with what helps to use them."""
    known: Any = search.FIELDS
    return known if hasattr(known, "items") else dict.fromkeys(known, "")


class _Line(QLineEdit):
    """Clears by Escape, goes on to the list by Down and Enter."""

    left = Signal()
    entered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.known = QStringListModel(self)
        self.words = QCompleter(self.known, self)
        self.words.setWidget(self)
        self.words.popup().setItemDelegate(QStyledItemDelegate(self))  # heeds the style sheet
        self.words.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.words.activated[str].connect(self._complete)

    def _typed(self) -> str:
        return re.split(r"[\s(]", self.text()[: self.cursorPosition()])[-1].lstrip("-")

    def _complete(self, word: str) -> None:
        place, typed = self.cursorPosition(), self._typed()
        end = word if word.endswith(":") else word + " "
        before = self.text()[: place - len(typed)] + end
        self.setText(before + self.text()[place:].lstrip())
        self.setCursorPosition(len(before))

    def offer(self) -> None:
        """Show the fields and saved searches that begin as the word at the cursor."""
        typed = self._typed()
        if len(typed) < 2:
            self.words.popup().hide()
            return
        self.words.setCompletionPrefix(typed)
        found = self.words.completionCount()
        if not found or (found == 1 and self.words.currentCompletion() == typed):
            self.words.popup().hide()
            return
        place = self.cursorRect()
        place.setWidth(180)
        place.setBottom(self.rect().bottom() + 2)  # below the box, not over its letters
        self.words.complete(place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Handle Escape, Down and Enter; all else is typing."""
        is_offering = self.words.popup().isVisible()
        key = event.key()
        if is_offering and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab):
            event.ignore()
        elif key == Qt.Key.Key_Escape and not is_offering:
            self.clear()
            event.accept()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.entered.emit()
            event.accept()
        elif key == Qt.Key.Key_Down and not is_offering:
            self.left.emit()
            event.accept()
        else:
            super().keyPressEvent(event)
            if event.text():
                self.offer()


class SearchBox(QWidget):
    """Searches as one types.

    Signals
    -------
    searched : str
        Shortly after the last letter, or at once by Enter.
    left : no arguments
        By the key Down: to what was found.
    """

    searched = Signal(str)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.edit = _Line()
        self.edit.setPlaceholderText("Search, e.g. meyer modality:CT")
        self.edit.setToolTip(tool_tip(_EXAMPLES).replace("    ", "&nbsp;" * 4))
        self.edit.setClearButtonEnabled(True)
        self.edit.setAcceptDrops(False)
        self.edit.setMaxLength(_LONGEST)
        self.edit.setAccessibleName("Search")
        self._action = self.edit.addAction(
            icon("search"), QLineEdit.ActionPosition.LeadingPosition
        )
        self.star = QToolButton()
        self.star.setProperty("flat", True)
        self.star.setIconSize(QSize(16, 16))
        self.star.setAccessibleName("Saved searches")
        self.star.setToolTip("Saved searches")
        self.star.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu = QMenu(self.star)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self.fill_menu)
        self.star.setMenu(self.menu)
        self.remarks = QLabel()
        self.remarks.setObjectName("dim")
        self.remarks.setWordWrap(True)
        self.remarks.setTextFormat(Qt.TextFormat.PlainText)
        self.remarks.hide()
        line = QHBoxLayout()
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(2)
        line.addWidget(self.edit, 1)
        line.addWidget(self.star)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(line)
        layout.addWidget(self.remarks)
        self.setFocusProxy(self.edit)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(_DELAY)
        self._delay.timeout.connect(self.run)
        self.edit.textChanged.connect(self._delay.start)
        self.edit.entered.connect(self.run)
        self.edit.left.connect(self.left)
        self._list_words()

    def apply_palette(self, palette: Palette) -> None:
        """Draw the icons in the colours of the theme."""
        self._action.setIcon(icon("search", palette.dim))
        self.edit.words.popup().setStyleSheet(popup_sheet(palette))
        self.star.setIcon(icon("star", palette.icon))

    # -- searching --------------------------------------------------------------------

    def text(self) -> str:
        """Return what to search for."""
        return str(self.edit.text()).strip()

    def run(self) -> None:
        """Search now."""
        self._delay.stop()
        self._remark()
        self.searched.emit(self.text())

    def reset(self) -> None:
        """Empty the box without searching."""
        self.edit.clear()
        self._delay.stop()
        self._remark()

    def _remark(self) -> None:
        text = self.text()
        said = search.remarks(text) if text and hasattr(search, "remarks") else []
        self.remarks.setText("\n".join(one_line(remark) for remark in said[:3]))
        self.remarks.setVisible(bool(said))

    def _list_words(self) -> None:
        words = [f"{name}:" for name in _fields()]
        words += [f"@{name}" for name in settings.saved_filters() if " " not in name]
        self.edit.known.setStringList(sorted(words))

    # -- saved ------------------------------------------------------------------------

    def fill_menu(self) -> None:
        """List the saved searches, and what can be done with them."""
        menu = self.menu
        menu.clear()
        saved = settings.saved_filters()
        for name, text in sorted(saved.items()):
            action = menu.addAction(one_line(name).replace("&", "&&"))
            action.setToolTip(tool_tip(text))
            action.triggered.connect(lambda _=False, text=text: self._use(text))
        if saved:
            menu.addSeparator()
        save = menu.addAction("Save this search…")
        save.setEnabled(bool(self.text()))
        save.triggered.connect(self._ask_to_save)
        if saved:
            rename, delete = menu.addMenu("Rename"), menu.addMenu("Delete")
            for name in sorted(saved):
                shown = one_line(name).replace("&", "&&")
                rename.addAction(shown).triggered.connect(
                    lambda _=False, name=name: self._ask_to_rename(name)
                )
                delete.addAction(shown).triggered.connect(
                    lambda _=False, name=name: self._forget(name)
                )

    def _use(self, text: str) -> None:
        self.edit.setText(text)
        self.edit.setFocus(Qt.FocusReason.OtherFocusReason)
        self.run()

    def _ask_to_save(self) -> None:
        text = self.text()
        self._keep_under_a_name("Save this search", text[:40], text)

    def _ask_to_rename(self, old: str) -> None:
        text = settings.saved_filters()[old]
        name = self._keep_under_a_name("Rename this search", old, text)
        if name and name != old:
            settings.forget_filter(old)
            self._list_words()

    def _keep_under_a_name(self, title: str, proposal: str, text: str) -> str:
        """Ask for a name until one can be used; return it, "" when there is none."""
        name, label = proposal, "Name:"
        while True:
            name, is_meant = QInputDialog.getText(self, title, label, text=name)
            name = " ".join(name.split())
            if not is_meant or not name:
                return ""
            try:
                settings.save_filter(name, text)
            except DicomDbError as error:
                label = f"{str(error)[:1].upper()}{str(error)[1:]}.\nName:"
                continue
            self._list_words()
            return name

    def _forget(self, name: str) -> None:
        settings.forget_filter(name)
        self._list_words()
