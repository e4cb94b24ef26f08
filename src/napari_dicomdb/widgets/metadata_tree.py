"""The attributes of one instance after another: searched, copied, exported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QShortcut,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.dicom.attribute_export import tree_lines
from napari_dicomdb.dicom.attribute_search import MOST_HITS, AttributeQuery, find_attributes
from napari_dicomdb.dicom.attributes import read_attributes
from napari_dicomdb.widgets._icons import icon
from napari_dicomdb.widgets._tag_view import TagView, copy_text, export_tree
from napari_dicomdb.widgets._text import count, tool_tip
from napari_dicomdb.widgets._theme import SEVERITY_COLOURS
from napari_dicomdb.widgets.models.tag_model import TagModel
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.dicom.attribute_search import Found
    from napari_dicomdb.dicom.attributes import Attribute, AttributeTree
    from napari_dicomdb.widgets._tasks import Task, TaskRunner
    from napari_dicomdb.widgets._theme import Palette

__all__ = ["MetadataTree", "copy_text"]

_DELAY = 200  # ms of no typing
_HINT = "Search name, tag, value; vr:PN"


class MetadataTree(QWidget):
    """The tag tree of an instance, with a slider over the others of its series.

    Parameters
    ----------
    runner : TaskRunner
        Where files are read and searched.
    palette : Palette
    """

    shown = Signal(object)  # AttributeTree
    searched = Signal(int)  # hits
    turned = Signal(int)  # place of the instance, by the user
    column_requested = Signal(str)  # keyword path to show over the series
    edit_requested = Signal(str)  # keyword path
    pin_requested = Signal()

    def __init__(
        self, runner: TaskRunner, palette: Palette, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._runner = runner
        self._reading: Task | None = None
        self._searching: Task | None = None
        self._instances: list[InstanceRecord] = []
        self._top: list[Attribute] = []
        self._keep: tuple[str, list[str]] = ("", [])
        self.attributes: AttributeTree | None = None
        self._build()
        self.apply_palette(palette)

    def _build(self) -> None:
        self.title = QLabel()
        self.title.setObjectName("title")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setWordWrap(True)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Instance")
        self.spin = QSpinBox()
        self.spin.setAccessibleName("Instance number in the list")
        self.spin.setKeyboardTracking(False)
        self.slider.valueChanged.connect(self.spin.setValue)
        self.spin.valueChanged.connect(self.slider.setValue)
        self.spin.valueChanged.connect(self._on_turned)
        self.pager = QWidget()
        pager = QHBoxLayout(self.pager)
        pager.setContentsMargins(0, 0, 0, 0)
        pager.addWidget(self.slider, 1)
        pager.addWidget(self.spin)
        self.search = QLineEdit()
        self.search.setPlaceholderText(_HINT)
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search the attributes")
        self.search.setToolTip(
            "Words of name, keyword or value; tags as 0010,0010 or 00100010; "
            "vr:PN, name:, value:, tag:. Matches are shown below what leads to them."
        )
        self._search_icon = self.search.addAction(
            icon("search"), QLineEdit.ActionPosition.LeadingPosition
        )
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(_DELAY)
        self.hits = QLabel()
        self.hits.setObjectName("dim")
        self.notice = NoticeBox(closable=True)
        self.notice.hide()
        self.model = TagModel(self)
        self.tree = TagView()
        self.tree.setModel(self.model)
        self.tree.setAccessibleName("Attributes")
        self.tree.setUniformRowHeights(True)
        self.tree.setAlternatingRowColors(True)
        self.tree.setIndentation(12)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header = self.tree.header()
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setMinimumSectionSize(24)
        header.sectionResized.connect(self.tree.share_no_more)
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.export_button = QPushButton("Export…")
        self.export_button.setToolTip("Write all attributes as DICOM JSON, CSV or text")
        self.pin_button = QPushButton("Pin to compare")
        self.pin_button.setToolTip("Keep this instance as the left side of a comparison")

        search = QHBoxLayout()
        search.addWidget(self.search, 1)
        search.addWidget(self.hits)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.pin_button)
        foot.addWidget(self.export_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self.title)
        layout.addWidget(self.pager)
        layout.addWidget(self.notice)
        layout.addLayout(search)
        layout.addWidget(self.tree, 1)
        layout.addLayout(foot)

        self.search.textChanged.connect(self._delay.start)
        self._delay.timeout.connect(self.run_search)
        self.search.returnPressed.connect(self.run_search)
        self.tree.copy_requested.connect(self.copy_lines)
        self.tree.customContextMenuRequested.connect(self._show_menu)
        self.model.heavy.connect(self._open_heavy)
        self.export_button.clicked.connect(self.ask_to_export)
        self.pin_button.clicked.connect(self.pin_requested)
        find = QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self)
        find.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        find.activated.connect(self.search.setFocus)

    def apply_palette(self, palette: Palette) -> None:
        """Draw everything in the colours of another theme."""
        self._search_icon.setIcon(icon("search", palette.dim))
        self.notice.apply_palette(palette)
        hit = QColor(SEVERITY_COLOURS["warning"]) if palette.is_dark else palette.link
        self.model.set_colours(hit, QColor(SEVERITY_COLOURS["error"]))
        self.tree.viewport().update()

    # -- instances --------------------------------------------------------------------

    @property
    def instance(self) -> InstanceRecord | None:
        """The instance shown."""
        place = self.slider.value() - 1
        return self._instances[place] if 0 <= place < len(self._instances) else None

    def show_instances(self, instances: Sequence[InstanceRecord], at: int = 0) -> None:
        """Show these instances, the one at place `at` first."""
        self._instances = list(instances)
        several = len(self._instances) > 1
        self.pager.setVisible(several)
        for control in (self.slider, self.spin):
            control.blockSignals(True)
            control.setRange(1, max(len(self._instances), 1))
            control.setValue(at + 1)
            control.blockSignals(False)
        self.spin.setSuffix(f" of {len(self._instances)}")
        self._read()

    def turn_to(self, place: int) -> None:
        """Show the instance at `place`, as if the slider was moved, but without `turned`."""
        if 0 <= place < len(self._instances) and place != self.slider.value() - 1:
            self.blockSignals(True)
            try:
                self.slider.setValue(place + 1)
            finally:
                self.blockSignals(False)

    def _on_turned(self, number: int) -> None:
        self._read()
        self.turned.emit(number - 1)

    def _read(self) -> None:
        for task in (self._reading, self._searching):
            if task is not None:
                task.cancel()
        one = self.instance
        if one is None:
            self._show(None, [])
            return
        self._remember()

        def read() -> tuple[AttributeTree, list[Attribute]]:
            tree = read_attributes(one.path)
            return tree, tree.top()

        self._reading = self._runner.submit(
            read, returned=lambda found: self._show(*found), failed=self._on_unreadable
        )

    def _show(self, tree: AttributeTree | None, top: list[Attribute]) -> None:
        self.attributes, self._top = tree, top
        self.notice.hide()
        one = self.instance
        number = "" if one is None or one.number is None else f"Instance {one.number}"
        self.title.setText(" · ".join(p for p in (number, tree.path.name if tree else "") if p))
        self.title.setToolTip("" if tree is None else tool_tip(str(tree.path)))
        if tree is not None and tree.problems:
            self._tell("\n".join(tree.problems), "warning")
        if self.search.text().strip():
            self.run_search()
        else:
            self._show_all()
        if tree is not None:
            self.shown.emit(tree)

    def _show_all(self) -> None:
        self.hits.setText("")
        self.model.show(self.attributes, self._top)
        self._restore()

    def _on_unreadable(self, error: Exception) -> None:
        self.attributes, self._top = None, []
        self.model.show(None)
        self.title.setText("Its attributes cannot be read")
        self._tell(str(error), "error")

    def _tell(self, text: str, severity: str) -> None:
        self.notice.show_text(text, severity)
        self.notice.show()

    # -- staying at the same tag ------------------------------------------------------

    def _remember(self) -> None:
        """Keep what is selected and unfolded for the next instance."""
        if self.model.rowCount() == 0 or self.search.text().strip():
            return
        current = self.model.attribute(self.tree.currentIndex())
        unfolded, pending = [], [QModelIndex()]
        while pending:
            above = pending.pop()
            for row in range(self.model.rowCount(above)):
                index = self.model.index(row, 0, above)
                if self.tree.isExpanded(index):
                    one = self.model.attribute(index)
                    unfolded += [] if one is None else [one.path]
                    pending.append(index)
        self._keep = ("" if current is None else current.path, sorted(unfolded, key=len))

    def _restore(self) -> None:
        path, unfolded = self._keep
        for one in unfolded:
            index = self.model.index_of(one)
            if index.isValid():
                self.tree.expand(index)
        self.go_to(path)

    def go_to(self, path: str) -> bool:
        """Select the attribute at `path`; say whether there is one."""
        index = self.model.index_of(path) if path else QModelIndex()
        if index.isValid():
            self.tree.setCurrentIndex(index)
            self.tree.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)
        return index.isValid()

    def _open_heavy(self, attribute: Attribute) -> None:
        tree = self.attributes
        if tree is None:
            return

        def opened(_: int) -> None:
            if self.attributes is tree:
                self.model.opened(attribute)

        self._runner.submit(tree.count, attribute, returned=opened)

    # -- search -----------------------------------------------------------------------

    def run_search(self) -> None:
        """Show what the search text finds, or everything."""
        self._delay.stop()
        if self._searching is not None:
            self._searching.cancel()
        tree, text = self.attributes, self.search.text()
        if tree is None:
            return
        if not AttributeQuery.parse(text):
            self._show_all()
            return
        self._remember_selected()
        self._searching = self._runner.submit(
            find_attributes,
            tree,
            text,
            pass_progress=True,
            returned=lambda found: self._show_found(tree, found),
            failed=lambda error: self._tell(str(error), "error"),
        )

    def _remember_selected(self) -> None:
        current = self.model.attribute(self.tree.currentIndex())
        if current is not None:
            self._keep = (current.path, self._keep[1])

    def _show_found(self, tree: AttributeTree, found: list[Found]) -> None:
        if tree is not self.attributes:
            return
        self.model.show_found(tree, found)
        self.tree.expandAll()
        words = count(len(found), "match", "matches")
        self.hits.setText(f"first {words}" if len(found) >= MOST_HITS else words)
        if not self.go_to(self._keep[0]) and found:
            self.go_to(found[0].attribute.path)
        self.searched.emit(len(found))

    # -- copying, exporting -----------------------------------------------------------

    def selected(self) -> list[Attribute]:
        """Return the selected attributes from top to bottom."""
        rows = self.tree.selectionModel().selectedRows(0)
        rows.sort(key=lambda index: self.tree.visualRect(index).top())
        found = [self.model.attribute(index) for index in rows]
        return [one for one in found if one is not None]

    def copy_lines(self) -> None:
        """Put the selected lines on the clipboard, tabs between tag, VR, name and value."""
        lines = ("\t".join((o.tag_text, o.vr, o.name, o.value)) for o in self.selected())
        copy_text("\n".join(lines))

    def copy_value(self, attribute: Attribute) -> None:
        """Put the whole value of an attribute on the clipboard."""
        tree = self.attributes
        if tree is not None:
            self._runner.submit(
                tree.whole_value,
                attribute,
                returned=copy_text,
                failed=lambda error: self._tell(str(error), "error"),
            )

    def menu(self, index: QModelIndex) -> QMenu:
        """Return the context menu of a row."""
        menu = QMenu(self)
        one, tree = self.model.attribute(index), self.attributes
        if one is not None:
            if not one.is_item:
                menu.addAction("Copy value").triggered.connect(lambda: self.copy_value(one))
                menu.addAction("Copy tag").triggered.connect(lambda: copy_text(one.tag_text))
            menu.addAction("Copy name").triggered.connect(lambda: copy_text(one.words))
            menu.addAction("Copy line\tCtrl+C").triggered.connect(self.copy_lines)
            menu.addSeparator()
            if not one.is_item and not one.is_sequence:
                over = menu.addAction("Show over the series")
                over.setEnabled(len(self._instances) > 0)
                over.triggered.connect(lambda: self.column_requested.emit(one.words))
                edit = menu.addAction("Edit in a copy…")
                edit.setEnabled(one.holder is not None and one.tag >> 16 > 2)
                edit.triggered.connect(lambda: self.edit_requested.emit(one.words))
                menu.addSeparator()
        if tree is not None:
            whole = menu.addAction("Copy all as text")
            whole.triggered.connect(
                lambda: self._made(lambda: "\n".join(tree_lines(tree)), copy_text)
            )
            menu.addAction("Export…").triggered.connect(self.ask_to_export)
        return menu

    def _show_menu(self, position: QPoint) -> None:
        menu = self.menu(self.tree.indexAt(position))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.tree.viewport().mapToGlobal(position))

    def _made(self, make: Callable[[], Any], returned: Callable[[Any], None]) -> None:
        self._runner.submit(
            make, returned=returned, failed=lambda error: self._tell(str(error), "error")
        )

    def ask_to_export(self) -> None:
        """Write all attributes to a file of the user's choice."""
        tree = self.attributes
        if tree is None:
            return
        name, kind = QFileDialog.getSaveFileName(
            self, "Export the attributes", f"{tree.path.stem}.json",
            "DICOM JSON (*.json);;CSV table (*.csv);;Text (*.txt)",
        )  # fmt: skip
        if name:
            ending = {"C": ".csv", "T": ".txt"}.get(kind[:1], ".json")
            self.export(Path(name if Path(name).suffix else f"{name}{ending}"))

    def export(self, path: Path) -> None:
        """Write all attributes; the ending says how: .json, .csv or text."""
        tree = self.attributes
        if tree is None:
            return

        self._made(
            lambda: export_tree(tree, path),
            lambda written: self._tell(f"Exported to {written}", "info"),
        )
