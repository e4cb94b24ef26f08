"""A form that takes the height it needs, and scrolls where there is less."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

__all__ = ["LowArea"]


class LowArea(QScrollArea):
    """Holds a widget; never higher than that, and never squeezes it.

    Parameters
    ----------
    inner : QWidget
        Its height may depend on its width.
    least : int
        Height below which it is not made, in pixels.
    """

    def __init__(self, inner: QWidget, least: int = 90, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._least = least
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setWidget(inner)
        inner.installEventFilter(self)

    def _needed(self) -> int:
        inner = self.widget()
        width = self.viewport().width()
        high = inner.heightForWidth(width) if inner.hasHeightForWidth() else -1
        low = max(inner.minimumHeight(), inner.minimumSizeHint().height())
        frame = self.height() - self.viewport().height()  # a style sheet may draw one
        return max(high if high >= 0 else inner.sizeHint().height(), low) + frame

    def sizeHint(self) -> QSize:
        """Return what the widget needs at this width."""
        return QSize(self.widget().sizeHint().width(), self._needed())

    def minimumSizeHint(self) -> QSize:
        """Return the width that the widget needs at least, and little height."""
        width = self.widget().minimumSizeHint().width()
        return QSize(width, min(self._least, self._needed()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for another height: another width needs that."""
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self.updateGeometry()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ask for another height when the widget has changed."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))
