"""Fields of forms about connections: lines, files, choices with words of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FileLine", "choice", "choose", "chosen", "line", "number", "seconds"]


class FileLine(QWidget):
    """A line for the path of a file, with a button to choose it."""

    def __init__(self, name: str, hint: str) -> None:
        super().__init__()
        self._name = name
        self.line = line(name, hint)
        self.button = QPushButton("Choose…")
        self.button.setAccessibleName(f"Choose: {name}")
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self._choose)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line, 1)
        layout.addWidget(self.button)

    def text(self) -> str:
        """Return the path as it was typed, without blanks at its ends."""
        return str(self.line.text()).strip()

    def setText(self, text: str) -> None:
        """Show a path."""
        self.line.setText(text)

    def _choose(self) -> None:
        folder = str(Path(self.line.text()).parent) if self.line.text() else ""
        path, _ = QFileDialog.getOpenFileName(
            self, self._name, folder, "PEM (*.pem *.crt *.key);;All (*)"
        )
        if path:
            self.line.setText(path)


def line(name: str, hint: str) -> QLineEdit:
    """Return a line to type into."""
    made = QLineEdit()
    made.setAccessibleName(name)
    made.setPlaceholderText(hint)
    return made


def number(name: str, least: int, most: int, tip: str = "", suffix: str = "") -> QSpinBox:
    """Return a field for a whole number."""
    made = QSpinBox()
    made.setRange(least, most)
    made.setAccessibleName(name)
    made.setToolTip(tip)
    made.setSuffix(suffix)
    made.setGroupSeparatorShown(most > 65_535)
    return made


def seconds(name: str, tip: str) -> QDoubleSpinBox:
    """Return a field for seconds."""
    made = QDoubleSpinBox()
    made.setRange(0.1, 86_400)
    made.setDecimals(1)
    made.setSuffix(" s")
    made.setAccessibleName(name)
    made.setToolTip(tip)
    return made


def choice(name: str, words: Mapping[str, str], tip: str = "") -> QComboBox:
    """Return a list to choose from: values and the words for them."""
    made = QComboBox()
    made.setAccessibleName(name)
    made.setToolTip(tip)
    for value, text in words.items():
        made.addItem(text, value)
    return made


def chosen(box: QComboBox) -> str:
    """Return the value of what is chosen."""
    return str(box.currentData())


def choose(box: QComboBox, value: str) -> None:
    """Choose a value; the first where it is unknown."""
    box.setCurrentIndex(max(box.findData(value), 0))
