"""Picks a coded concept out of a searchable list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.export.terminology import (
    Term,
    categories,
    modifiers,
    regions,
    search_terms,
    types,
)
from napari_dicomdb.widgets._remembered import recall, remember
from napari_dicomdb.widgets._text import one_line, tool_tip
from napari_dicomdb.widgets._theme import style_sheet
from napari_dicomdb.widgets._upkeep_page import make_button, make_label

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.widgets._theme import Palette

__all__ = ["CodeButton", "CodePicker", "find_codes"]

_CODE = Qt.ItemDataRole.UserRole
_LISTED = 200
_RECENT, _REMEMBERED = "recent_codes", 8


def find_codes(kind: str, words: str, category: str = "") -> list[Term]:
    """Return the concepts that words find, all of their kind when there are none.

    Parameters
    ----------
    kind : str
        "category", "type", "type_modifier" or "region".
    words : str
    category : str
        Of types: "SCT 123037004", whose types come first.
    """
    if kind == "category":
        terms = categories()
    elif kind == "region":
        terms = regions()
    elif kind == "type_modifier":
        terms = modifiers()
    else:
        near = search_terms(words, types(Term.of(category))) if category else []
        # Those of other categories come after: picking one picks its category as well.
        return list(dict.fromkeys([*near, *search_terms(words, types())]))
    return search_terms(words, terms)


def _recent(kind: str) -> list[Term]:
    """Return what was picked last, the latest first."""
    found = []
    for entry in recall(f"{_RECENT}_{kind}", []) if kind else []:
        if isinstance(entry, list) and len(entry) == 3:
            found.append(Term(*map(str, entry)))
    return found


def _remember(kind: str, term: Term) -> None:
    if kind:
        kept = [term, *(one for one in _recent(kind) if one != term)][:_REMEMBERED]
        entries = [[one.value, one.scheme, one.meaning] for one in kept]
        remember(f"{_RECENT}_{kind}", entries)


class CodePicker(QDialog):
    """A line to type into, and the concepts that it finds.

    Parameters
    ----------
    title : str
    find : callable
        Given words, returns concepts.
    optional : bool
        Whether none may be picked.
    kind : str
        Under which those picked last are remembered; they come first.
    """

    picked = Signal(object)  # Term, or None

    def __init__(
        self,
        title: str,
        find: Callable[[str], Sequence[Term]],
        palette: Palette | None,
        parent: QWidget | None = None,
        *,
        optional: bool = False,
        kind: str = "",
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self._find = find
        self._kind = kind
        self.search = QLineEdit()
        self.search.setPlaceholderText("Words of the name, or a code")
        self.search.setAccessibleName("Search for a concept")
        self.search.setClearButtonEnabled(True)
        self.list = QListWidget()
        self.list.setAccessibleName("Concepts")
        self.more = make_label("", "dim")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 10)
        for part in (self.search, self.list, self.more):
            layout.addWidget(part)
        self.resize(380, 420)
        if palette is not None:
            self.setStyleSheet(style_sheet(palette))
        self.search.textChanged.connect(self._fill)
        self.search.returnPressed.connect(self._take)
        self.list.itemActivated.connect(lambda _: self._take())
        self.list.itemClicked.connect(lambda _: self._take())
        self.none_button = make_button("None", self._take_none, "Say nothing about it")
        self.none_button.setVisible(optional)
        layout.addWidget(self.none_button)
        self._fill()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go from the line to the list by Down."""
        if event.key() == Qt.Key.Key_Down and self.search.hasFocus():
            self.list.setFocus()
        else:
            super().keyPressEvent(event)

    def _fill(self, *_: object) -> None:
        found = list(self._find(self.search.text().strip()))
        recent = [term for term in _recent(self._kind) if term in found]
        shown = list(dict.fromkeys([*recent, *found]))
        self.list.clear()
        for place, code in enumerate(shown[:_LISTED]):
            item = QListWidgetItem(one_line(code.meaning))
            item.setData(_CODE, code)
            used = "\nUsed before" if place < len(recent) else ""
            item.setToolTip(tool_tip(f"{code.meaning}\n{code.scheme} {code.value}{used}"))
            if used:
                font = item.font()
                font.setItalic(True)
                item.setFont(font)
            self.list.addItem(item)
        if shown:
            self.list.setCurrentRow(0)
        rest = len(shown) - _LISTED
        nothing = "Nothing has these words" if not shown else ""
        self.more.setText(f"and {rest} more: type to narrow it down" if rest > 0 else nothing)
        self.more.setVisible(bool(self.more.text()))

    def _take_none(self) -> None:
        self.picked.emit(None)
        self.accept()

    def _take(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            term = item.data(_CODE)
            _remember(self._kind, term)
            self.picked.emit(term)
            self.accept()


class CodeButton(QPushButton):
    """Shows a concept; a click lets the user pick another one.

    Parameters
    ----------
    name : str
        What it is a concept of, for people: "category".
    find : callable
        Given words, returns concepts.
    optional : bool
        Whether none may be chosen.
    """

    picked = Signal(object)  # Term, or None

    def __init__(
        self,
        name: str,
        find: Callable[[str], Sequence[Term]],
        parent: QWidget | None = None,
        *,
        optional: bool = False,
    ) -> None:
        super().__init__(parent)
        self._optional = optional
        self._name = name
        self._find = find
        self._palette: Palette | None = None
        self.dialog: CodePicker | None = None
        self.setAccessibleName(f"Choose the {name}")
        self.setMinimumWidth(60)  # a long name is cut, and in the tool tip
        self.clicked.connect(self.choose)
        self.show_code("", "")

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self._palette = palette

    def show_code(self, meaning: str, code: str) -> None:
        """Show a concept; "" for none."""
        self.setText(one_line(meaning).replace("&", "&&") or "Choose…")
        self.setToolTip(tool_tip(f"{meaning} ({code})" if meaning else f"Choose a {self._name}"))

    def choose(self, *_: object) -> None:
        """Open the list."""
        self.dialog = CodePicker(
            f"Choose a {self._name}",
            self._find,
            self._palette,
            self.window(),
            optional=self._optional,
            kind=self._name,
        )
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.picked.connect(self.picked)
        self.dialog.open()
