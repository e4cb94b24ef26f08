"""A coloured box that says something in plain words, by severity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from napari_dicomdb.widgets._icons import icon, pixmap

if TYPE_CHECKING:
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["NoticeBox"]


class NoticeBox(QFrame):
    """Icon, words, perhaps a button, perhaps a cross to close it.

    Parameters
    ----------
    severity : str
        "info", "warning" or "error".
    text : str
        Plain words.
    action : str
        Label of the button; "" for none. `triggered` tells that it was clicked.
    danger : bool
        Show the button in the colour of errors.
    closable : bool
        Show a cross that hides the box.
    """

    triggered = Signal()
    closed = Signal()

    def __init__(
        self,
        severity: str = "info",
        text: str = "",
        *,
        action: str = "",
        danger: bool = False,
        closable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("noticeBox")
        self._icon = QLabel()
        self._icon.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._icon.setFixedWidth(18)
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.button = QPushButton(action)
        self.button.setObjectName("dangerButton" if danger else "noticeButton")
        self.button.setVisible(bool(action))
        self.button.clicked.connect(self.triggered)
        self._close = QToolButton()
        self._close.setProperty("flat", True)
        self._close.setToolTip("Close")
        self._close.setAccessibleName("Close")
        self._close.setVisible(closable)
        self._close.clicked.connect(self._on_close)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 5, 6, 5)
        layout.setSpacing(6)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        self.severity = ""
        self.show_text(text, severity)

    def show_text(self, text: str, severity: str = "info") -> None:
        """Change words and colour."""
        self.label.setText(text)
        if severity != self.severity:
            self.severity = severity
            self.setProperty("severity", severity)
            self._icon.setPixmap(pixmap(severity, size=15))
            self.style().unpolish(self)
            self.style().polish(self)

    def _on_close(self) -> None:
        self.hide()
        self.closed.emit()

    def text(self) -> str:
        """Return the words."""
        return str(self.label.text())

    def apply_palette(self, palette: Palette) -> None:
        """Draw the cross in the colour of the theme."""
        self._close.setIcon(icon("close", palette.icon))
