"""One strip that says what takes its time, and cancels it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QToolButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_dicomdb.widgets._icons import icon

if TYPE_CHECKING:
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["WorkBar"]


class WorkBar(QWidget):
    """Text, progress and a cross; hidden as long as nothing is to be waited for.

    Parameters
    ----------
    cancels : str
        What the cross does, said by its tool tip.
    """

    cancelled = Signal()

    def __init__(self, cancels: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.label = QElidingLabel("")
        self.label.setObjectName("dim")
        self.label.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.cancel_button = QToolButton()
        self.cancel_button.setProperty("flat", True)
        self.cancel_button.setToolTip(cancels)
        self.cancel_button.setAccessibleName(cancels)
        self.cancel_button.clicked.connect(self.cancelled)
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.addWidget(self.label, 1)
        top.addWidget(self.cancel_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 0, 2, 2)
        layout.setSpacing(2)
        layout.addLayout(top)
        layout.addWidget(self.bar)
        self.hide()

    def show_work(self, text: str, done: int = 0, total: int | None = None) -> None:
        """Say what is being done, and how far it is; without `total` it is just busy."""
        self.label.setText(text)
        # In thousandths: a count of bytes may exceed Qt's 32 bits.
        self.bar.setRange(0, 1000 if total else 0)
        self.bar.setValue(1000 * min(done, total) // total if total else 0)
        self.show()

    def end(self) -> None:
        """Say that it is done."""
        self.hide()

    def apply_palette(self, palette: Palette) -> None:
        """Draw the cross in the colour of the theme."""
        self.cancel_button.setIcon(icon("close", palette.icon))
