"""What the pages of the Network dock have in common: session, runner, theme, rows, keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import (
    QSizePolicy,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.widgets._icons import icon
from napari_dicomdb.widgets._record_menu import filled_menu

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qtpy.QtCore import QPoint

    from napari_dicomdb.widgets._network_session import NetworkSession
    from napari_dicomdb.widgets._record_menu import MenuEntry
    from napari_dicomdb.widgets._tasks import TaskRunner
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["KeyCalls", "MenuButton", "NetworkPage", "selected_rows", "show_menu"]


class NetworkPage(QWidget):
    """One page of the Network dock.

    Parameters
    ----------
    session : NetworkSession
    runner : TaskRunner
        For what may wait.
    palette : Palette
        Of the theme as it is; `apply_palette` follows when it changes.
    """

    title = ""

    def __init__(
        self,
        session: NetworkSession | None,
        runner: TaskRunner,
        palette: Palette,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.session = session
        self.runner = runner
        self.palette_ = palette
        # Else napari puts empty space below it.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 4, 0, 0)
        self.column.setSpacing(6)

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self.palette_ = palette

    def focus_first(self) -> None:
        """Give the focus to what is used first."""


class KeyCalls(QObject):
    """Calls for keys pressed in a widget, before the viewer's shortcuts get them.

    Parameters
    ----------
    widget : QWidget
    calls : mapping
        By ``(Qt.Key, Qt.KeyboardModifier)``, or by ``Qt.Key`` when none is held.
    """

    def __init__(self, widget: QWidget, calls: Mapping[Any, Callable[[], object]]) -> None:
        super().__init__(widget)
        none = Qt.KeyboardModifier.NoModifier
        self._calls = {
            key if isinstance(key, tuple) else (key, none): call for key, call in calls.items()
        }
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the keys that have a call."""
        if event.type() not in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            return False
        pressed = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        call = self._calls.get((event.key(), pressed))
        if call is None:
            return False
        event.accept()
        if event.type() == QEvent.Type.KeyPress:
            call()
        return True


class MenuButton(QToolButton):
    """A button with three dots and a menu that is made when it is opened.

    Parameters
    ----------
    tip : str
    groups : callable
        Returns the groups of entries.
    """

    def __init__(self, tip: str, groups: Callable[[], Sequence[Sequence[MenuEntry]]]) -> None:
        super().__init__()
        self._groups = groups
        self.setToolTip(tip)
        self.setAccessibleName(tip)
        self.clicked.connect(self.open_menu)

    def open_menu(self) -> None:
        """Open the menu below the button."""
        show_menu(self, self._groups(), self.mapToGlobal(self.rect().bottomLeft()))

    def apply_palette(self, palette: Palette) -> None:
        """Draw the dots in the colour of the theme."""
        self.setIcon(icon("more", palette.icon))


def show_menu(host: QWidget, groups: Sequence[Sequence[MenuEntry]], at: QPoint) -> None:
    """Open a menu at a place of the screen; it is gone when it closes."""
    menu = filled_menu(host, groups)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.popup(at)


def selected_rows(table: QTableView) -> list[int]:
    """Return the rows of the model behind the proxy of `table` that are selected, in order."""
    model = table.model()
    return sorted(model.mapToSource(i).row() for i in table.selectionModel().selectedRows())
