"""What a query found: the tree, what went wrong at which node, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, Qt, Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from napari_dicomdb.widgets._record_menu import MenuEntry, filled_menu
from napari_dicomdb.widgets._text import count, one_line
from napari_dicomdb.widgets._upkeep_page import make_button, make_label
from napari_dicomdb.widgets.folded_notice import FoldedNotice
from napari_dicomdb.widgets.match_view import MatchView
from napari_dicomdb.widgets.models.match_rows import HERE
from napari_dicomdb.widgets.models.match_tree import MatchTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.network.query import NodeOutcome
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.models.match_rows import MatchRow

__all__ = ["QueryResults"]

_PLURALS = {"patient": "patients", "study": "studies", "series": "series",
            "instance": "instances"}  # fmt: skip


class QueryResults(QWidget):
    """The tree of what was found, with its messages and buttons.

    Signals
    -------
    load_requested : list of MatchRow
    stream_requested : list of MatchRow
        Open series of a DICOMweb node without keeping them.
    retrieve_requested : list of MatchRow, bool, str
        Whether only what is missing; from which node, "" for any that has it.
    retrieve_to_requested : list of MatchRow
        Into another database, which is asked for.
    show_requested : list of MatchRow
        In the browser.
    test_requested : str
        The node of this name.
    """

    load_requested = Signal(object)
    stream_requested = Signal(object)
    retrieve_requested = Signal(object, bool, str)
    retrieve_to_requested = Signal(object)
    show_requested = Signal(object)
    test_requested = Signal(str)

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self.streaming_nodes: frozenset[str] = frozenset()
        self.notices: dict[str, FoldedNotice] = {}
        self.model = MatchTree()
        self.view = MatchView(self.model)
        self.words = make_label("Ask nodes and this database: type above, then Return.", "dim")
        self._messages = QVBoxLayout()
        self._messages.setContentsMargins(0, 0, 0, 0)
        self._messages.setSpacing(4)
        self.load_button = make_button(
            "Load", self.load, "Retrieve what is not here, and open it (Return)"
        )
        self.load_button.setObjectName("primaryButton")
        self.retrieve_button = make_button(
            "Retrieve", self.retrieve, "Copy what is not here into this database"
        )
        self.show_button = make_button(
            "Show in browser", self.show_in_browser, "Select it in the DICOM browser"
        )
        buttons = QHBoxLayout()
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(6)
        buttons.addWidget(self.show_button)
        buttons.addStretch(1)
        buttons.addWidget(self.retrieve_button)
        buttons.addWidget(self.load_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._messages)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.words)
        layout.addLayout(buttons)
        self.view.opened.connect(self.load)
        self.view.copy_requested.connect(self.copy_uids)
        self.view.menu_requested.connect(self.show_menu)
        self.view.selectionModel().selectionChanged.connect(lambda *_: self.update_buttons())
        self.model.dataChanged.connect(lambda *_: self.update_buttons())
        self.model.modelReset.connect(self.update_buttons)
        self.apply_palette(palette)
        self.update_buttons()

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self._palette = palette
        self.view.apply_palette(palette)
        for box in self.notices.values():
            box.apply_palette(palette)

    # -- messages ---------------------------------------------------------------------

    def begin(self, level: str, where: str) -> None:
        """Show nothing but that `where` is being asked."""
        self.clear_notices()
        self.model.clear(level)
        self.words.setText(f"Asking {where}…")

    def show_found(self, where: str) -> None:
        """Say how much was found so far, while `where` is still being asked."""
        self.words.setText(f"{self._counted()}; asking {where}…")

    def _counted(self) -> str:
        level = self.model.level
        return count(self.model.rowCount(), level, _PLURALS[level])

    def show_outcomes(self, outcomes: Sequence[NodeOutcome]) -> None:
        """Say what became of the query: how much, cut where, failed where and why."""
        words = self._counted() if self.model.rowCount() else "Nothing found"
        failed = [one for one in outcomes if one.state == "failed"]
        if any(one.state == "cancelled" for one in outcomes):
            words += "; cancelled, there may be more"
        elif failed:
            words += f"; {count(len(failed), 'node')} could not be asked"
        self.words.setText(f"{words}.")
        for one in outcomes:
            self.show_outcome(one)
        self.view.choose_first()

    def show_outcome(self, outcome: NodeOutcome) -> None:
        """Show a notice where a node failed, or where there is more than it was let tell."""
        if outcome.state == "failed":
            text = f"{_named(outcome.node)}: {outcome.text or outcome.reason}"
            self.tell(outcome.node, text, "error", testable=outcome.node != HERE)
        elif outcome.cut:
            shown = count(outcome.count, "answer")
            words = outcome.text or f"more than the {shown} shown; say more to find fewer"
            text = f"{_named(outcome.node)}: {words}"
            self.tell(f"{outcome.node}:cut", text, "warning")
        elif outcome.text and outcome.state != "cancelled":
            self.tell(f"{outcome.node}:text", f"{_named(outcome.node)}: {outcome.text}", "info")

    def tell(self, key: str, text: str, severity: str, *, testable: bool = False) -> FoldedNotice:
        """Show a notice; a later one of the same key takes its place."""
        box = self.notices.get(key)
        if box is None:
            box = FoldedNotice(severity, text, "Test" if testable else "")
            box.button.setToolTip("Test the node, and say what is wrong")
            box.apply_palette(self._palette)
            box.triggered.connect(lambda: self.test_requested.emit(key))
            self.notices[key] = box
            self._messages.addWidget(box)
        box.show_text(text, severity)
        box.show()
        return box

    def clear_notices(self) -> None:
        """Take all notices away."""
        for box in self.notices.values():
            self._messages.removeWidget(box)
            box.deleteLater()
        self.notices = {}

    # -- what can be done -------------------------------------------------------------

    def selected(self) -> list[MatchRow]:
        """Return the selected rows."""
        return self.view.selected()

    def update_buttons(self) -> None:
        """Enable what can be done with what is selected."""
        rows = self.selected()
        self.load_button.setEnabled(bool(rows))
        self.retrieve_button.setEnabled(any(_is_fetchable(row) for row in rows))
        self.show_button.setEnabled(any(row.held != "none" for row in rows))

    def load(self) -> None:
        """Ask for what is selected to be opened."""
        rows = self.selected()
        if rows:
            self.load_requested.emit(rows)

    def retrieve(self) -> None:
        """Ask for what is missing of the selected rows."""
        rows = [row for row in self.selected() if row.nodes]
        if rows:
            self.retrieve_requested.emit(rows, True, "")

    def show_in_browser(self) -> None:
        """Ask for what is here to be selected in the browser."""
        rows = [row for row in self.selected() if row.held != "none"]
        if rows:
            self.show_requested.emit(rows)

    def copy_uids(self) -> None:
        """Put UIDs, or patient IDs, on the clipboard, one a line."""
        clipboard = QGuiApplication.clipboard()
        rows = self.selected()
        if clipboard is not None and rows:
            clipboard.setText("\n".join(row.uid for row in rows))

    def menu(self) -> QMenu:
        """Return the context menu of what is selected."""
        rows = self.selected()
        remote = [row for row in rows if row.nodes]
        here = any(row.held != "none" for row in rows)
        streams = [row for row in remote if row.level == "series" and self._streams(row)]
        partly = any(row.held == "part" for row in remote)
        opening = [MenuEntry("Load", self.load, "Return", bool(rows))]
        if streams:
            tip = "Fetch images as they are looked at; nothing is kept in the database"
            opening.append(
                MenuEntry("Stream", lambda: self.stream_requested.emit(streams), tip=tip)
            )
        fetching = [
            MenuEntry(
                "Retrieve what is missing" if partly else "Retrieve",
                self.retrieve,
                enabled=any(_is_fetchable(row) for row in rows),
                tip="" if remote else "It is on no server that was asked",
            ),
            MenuEntry(
                "Retrieve all again",
                lambda: self.retrieve_requested.emit(remote, False, ""),
                enabled=bool(remote) and here,
                tip="Also what is here already",
            ),
            MenuEntry(
                "Retrieve to another database…",
                lambda: self.retrieve_to_requested.emit(remote),
                enabled=bool(remote),
            ),
        ]
        word = "patient IDs" if rows and rows[0].level == "patient" else "UIDs"
        looking = [
            MenuEntry("Show in browser", self.show_in_browser, enabled=here),
            MenuEntry(f"Copy {word if len(rows) > 1 else word[:-1]}", self.copy_uids, "Ctrl+C"),
        ]
        menu = filled_menu(self, [opening, fetching, looking])
        nodes = list(dict.fromkeys(name for row in remote for name in row.nodes))
        if len(nodes) > 1:
            which = QMenu("Retrieve from", menu)
            for name in nodes:
                action = which.addAction(one_line(name).replace("&", "&&"))
                action.triggered.connect(
                    lambda _=False, name=name: self.retrieve_requested.emit(remote, True, name)
                )
            menu.insertMenu(menu.actions()[len(opening) + 2], which)
        return menu

    def _streams(self, row: MatchRow) -> bool:
        return any(name in self.streaming_nodes for name in row.nodes)

    def show_menu(self, position: QPoint) -> None:
        """Open the context menu."""
        menu = self.menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(position)


def _is_fetchable(row: MatchRow) -> bool:
    return bool(row.nodes) and row.held != "all"


def _named(node: str) -> str:
    return one_line(node) or "This database"
