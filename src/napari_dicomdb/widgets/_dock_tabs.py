"""Large docks of ours open as tabs of each other: one above the other, each is squeezed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DockTab"]

_NAME = "dicomdb-dock-tab"


class DockTab(QObject):
    """Makes the dock of a widget a tab of another one of ours, when it is shown first.

    napari's menus open docks below each other. What the user does later stays, and so do docks
    that are somewhere else, or tabs already.

    Parameters
    ----------
    widget : QWidget
        Which may come into a dock.
    """

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._widget = widget
        self.setObjectName(_NAME)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Wait for the first time that it is shown in a dock."""
        if event.type() == QEvent.Type.Show and self.dock is not None:
            watched.removeEventFilter(self)
            # napari divides the place once more after it has shown it.
            QTimer.singleShot(0, self.join)
        return False

    @property
    def dock(self) -> QDockWidget | None:
        """The dock that the widget is in."""
        place = self._widget.parentWidget()
        while place is not None and not isinstance(place, QDockWidget):
            place = place.parentWidget()
        return place

    def join(self) -> None:
        """Become a tab of another dock of ours in the same place, if there is one."""
        dock = self.dock
        window = None if dock is None else dock.parentWidget()
        if dock is None or not isinstance(window, QMainWindow) or dock.isFloating():
            return
        if window.tabifiedDockWidgets(dock):
            return
        area = window.dockWidgetArea(dock)
        for other in self._others(window):
            if window.dockWidgetArea(other) == area:
                window.tabifyDockWidget(other, dock)
                dock.raise_()
                return

    def _others(self, window: QMainWindow) -> Iterator[QDockWidget]:
        for other in window.findChildren(QDockWidget):
            if other is self.dock or other.isHidden() or other.isFloating():
                continue
            if other.findChild(QObject, _NAME) is not None:
                yield other
