"""The network in the browser's bar: whether jobs run, whether we listen, a way to each page."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPainter

from napari_dicomdb.widgets._icons import pixmap
from napari_dicomdb.widgets._network_page import show_menu
from napari_dicomdb.widgets._record_menu import MenuEntry
from napari_dicomdb.widgets._text import count, number
from napari_dicomdb.widgets._theme import SEVERITY_COLOURS

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtCore import QPoint
    from qtpy.QtWidgets import QToolButton

    from napari_dicomdb.widgets._network_session import NetworkSession
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["NetworkIndicator"]

_SIZE = 16
_DOT = 6.0
_TIP = "DICOM network: query, retrieve, receive (Ctrl+3)"
_PAGES = {"query": "Query", "jobs": "Jobs", "listener": "Listener", "log": "Log", "nodes": "Nodes"}


class NetworkIndicator(QObject):
    """Shows on a button how many jobs run and whether the listener is on.

    The number of jobs stands beside the icon; a dot on it means that we listen, a red one
    that a job failed since the jobs were last looked at.

    Parameters
    ----------
    button : QToolButton
        Opens the dock; gets a context menu of its pages.
    network : NetworkSession
    open_page : callable
        Gets the name of a page.
    palette : Palette
    """

    def __init__(
        self,
        button: QToolButton,
        network: NetworkSession,
        open_page: Callable[[str], object],
        palette: Palette,
    ) -> None:
        super().__init__(button)
        self.button = button
        self._network = network
        self._open = open_page
        self._palette = palette
        button.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        button.customContextMenuRequested.connect(self._show_menu)
        for signal in (network.jobs_changed, network.jobs_seen, network.listener_changed):
            signal.connect(self._show)
        self._show()

    def apply_palette(self, palette: Palette) -> None:
        """Draw the icon in the colours of the theme."""
        self._palette = palette
        self._show()

    def _show(self, *_: object) -> None:
        running, failed = self._network.running_count, self._network.failed_count
        state = self._network.listening.state
        # Without text the style would still leave room for one.
        style = Qt.ToolButtonStyle
        self.button.setToolButtonStyle(
            style.ToolButtonTextBesideIcon if running else style.ToolButtonIconOnly
        )
        self.button.setText(number(running) if running else "")
        said = []
        if running:
            said.append(f"{count(running, 'job')} running or waiting")
        if failed:
            said.append(f"{count(failed, 'job')} failed")
        if state != "off":
            said.append("the listener is on" if state == "on" else f"the listener is {state}")
        self.button.setToolTip("\n".join([_TIP, *said]))
        self.button.setAccessibleName(", ".join(["DICOM network", *said]))
        dot = SEVERITY_COLOURS["error"] if failed else "#3fae5a" if state == "on" else ""
        self.button.setIcon(self._icon(dot))
        self.button.setIconSize(QSize(_SIZE, _SIZE))

    def _icon(self, dot: str) -> QIcon:
        picture = pixmap("server", self._palette.icon, _SIZE)
        if dot:
            painter = QPainter(picture)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            place = QRectF(_SIZE - _DOT - 0.5, 0.5, _DOT, _DOT)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._palette.primary)
            painter.drawEllipse(place.adjusted(-1.2, -1.2, 1.2, 1.2))
            painter.setBrush(QColor(dot))
            painter.drawEllipse(place)
            painter.end()
        return QIcon(picture)

    def _show_menu(self, place: QPoint) -> None:
        running, state = self._network.running_count, self._network.listening.state
        more = {
            "jobs": f" ({number(running)})" if running else "",
            "listener": "" if state == "off" else f" ({state})",
        }
        pages = [
            MenuEntry(f"{words}{more.get(page, '')}", partial(self._open, page))
            for page, words in _PAGES.items()
        ]
        listening = self._network.listening
        switch = (
            MenuEntry("Start to listen", listening.start, tip="As it was last set")
            if state == "off"
            else MenuEntry("Stop listening", listening.stop, enabled=state == "on")
        )
        show_menu(self.button, [pages, [switch]], self.button.mapToGlobal(place))
