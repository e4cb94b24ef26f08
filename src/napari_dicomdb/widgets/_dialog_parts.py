"""How dialogs are laid out: rows, and parts below each other with space around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from qtpy.QtWidgets import QDialog, QLabel, QLayout, QProgressBar, QPushButton

__all__ = ["lay_out_dialog", "row_of", "work_row"]


def row_of(*widgets: QWidget | None) -> QHBoxLayout:
    """Return widgets in a row; None stands for the room between left and right."""
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(4)
    for widget in widgets:
        if widget is None:
            row.addStretch(1)
        else:
            row.addWidget(widget)
    return row


def lay_out_dialog(
    dialog: QDialog, *parts: QWidget | QLayout | None, growing: QWidget | None = None
) -> None:
    """Put parts below each other; `growing` takes the height that is over, None is left out."""
    layout = QVBoxLayout(dialog)
    layout.setContentsMargins(14, 12, 14, 12)
    layout.setSpacing(10)
    for part in parts:
        if isinstance(part, QWidget):
            layout.addWidget(part, 1 if part is growing else 0)
        elif part is not None:
            layout.addLayout(part)


def work_row(label: QLabel, bar: QProgressBar, cancel_button: QPushButton) -> QWidget:
    """Return what stands there while work runs: words above a bar, and how to stop it."""
    bar.setTextVisible(False)
    words = QVBoxLayout()
    words.setSpacing(3)
    words.addWidget(label)
    words.addWidget(bar)
    running = QWidget()
    row = QHBoxLayout(running)
    row.setContentsMargins(2, 0, 2, 0)
    row.addLayout(words, 1)
    row.addWidget(cancel_button)
    return running
