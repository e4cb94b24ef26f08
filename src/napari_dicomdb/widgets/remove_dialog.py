"""Asks before something is taken out of the database."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

__all__ = ["RemoveDialog"]


class RemoveDialog(QDialog):
    """What will be removed, what becomes of the files, and two buttons.

    Parameters
    ----------
    what : str
        For people: "2 series with 120 files".
    has_copies : bool
        Whether some of the files were copied into the database.
    """

    confirmed = Signal(bool)  # whether copies shall be deleted

    def __init__(self, what: str, *, has_copies: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Remove from database")
        text = QLabel(f"Remove {what} from the database?")
        text.setObjectName("title")
        text.setWordWrap(True)
        text.setTextFormat(Qt.TextFormat.PlainText)
        fate = QLabel("Linked files stay where they are.")
        fate.setObjectName("dim")
        fate.setWordWrap(True)
        self.delete_copies = QCheckBox("Also delete the files that were copied into the database")
        self.delete_copies.setVisible(has_copies)
        self.remove_button = QPushButton("Remove")
        self.remove_button.setObjectName("dangerButton")
        self.remove_button.clicked.connect(self._confirm)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setDefault(True)
        self.cancel_button.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.remove_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(10)
        for widget in (text, fate, self.delete_copies):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        self.setMinimumWidth(340)

    def _confirm(self) -> None:
        self.confirmed.emit(self.delete_copies.isChecked())
        self.accept()
