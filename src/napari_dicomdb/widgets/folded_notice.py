"""A notice of one line, which unfolds to all of its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QSizePolicy, QToolButton

from napari_dicomdb.widgets._text import tool_tip
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

__all__ = ["FoldedNotice"]


class FoldedNotice(NoticeBox):
    """One line, its end cut where there is no room; a button shows the rest.

    Parameters
    ----------
    severity : str
        "info", "warning" or "error".
    text : str
    action : str
        Label of the button; "" for none.
    """

    def __init__(
        self, severity: str, text: str, action: str = "", parent: QWidget | None = None
    ) -> None:
        self._text = ""
        self.is_folded = True
        super().__init__(severity, text, action=action, closable=True, parent=parent)
        self.fold_button = QToolButton()
        self.fold_button.setProperty("flat", True)
        self.fold_button.clicked.connect(lambda _=False: self.fold(not self.is_folded))
        layout = self.layout()
        layout.setContentsMargins(8, 2, 4, 2)
        top = Qt.AlignmentFlag.AlignTop
        layout.insertWidget(layout.indexOf(self.button), self.fold_button, 0, top)
        self.label.setMinimumWidth(40)
        self.label.installEventFilter(self)
        self.fold(True)

    def text(self) -> str:
        """Return all of the words, also those that are folded away."""
        return self._text

    def show_text(self, text: str, severity: str = "info") -> None:
        """Change words and colour."""
        self._text = text
        super().show_text(text, severity)
        self._fit()

    def fold(self, folded: bool) -> None:
        """Show one line, or all."""
        self.is_folded = folded
        self.label.setWordWrap(not folded)
        across = QSizePolicy.Policy.Ignored if folded else QSizePolicy.Policy.Preferred
        self.label.setSizePolicy(across, QSizePolicy.Policy.Preferred)
        middle, top = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignTop
        self.layout().setAlignment(self._icon, middle if folded else top)
        self.fold_button.setText("More" if folded else "Less")
        self.fold_button.setAccessibleName("Show all of the message" if folded else "Show less")
        self._fit()
        self.updateGeometry()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Cut the line anew where there is more or less room."""
        if event.type() == QEvent.Type.Resize and watched is self.label:
            self._fit()
        return bool(super().eventFilter(watched, event))

    def _fit(self) -> None:
        if not hasattr(self, "fold_button"):
            return  # it is being made
        line = " ".join(self._text.split())
        room = self.label.width()
        cut = self.label.fontMetrics().elidedText(line, Qt.TextElideMode.ElideRight, room)
        self.label.setText(cut if self.is_folded else self._text)
        self.label.setToolTip(tool_tip(self._text) if self.is_folded else "")
        self.fold_button.setVisible(not self.is_folded or cut != line)
