"""What an object says, as a tree to search, to copy from and to follow references in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, QPoint, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
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
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.loading.content import document_of
from napari_dicomdb.widgets._icons import icon
from napari_dicomdb.widgets._session import end_with
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._text import one_line, series_title, tool_tip
from napari_dicomdb.widgets._theme import style_sheet
from napari_dicomdb.widgets.models.content_model import ContentModel, ReferenceRole, node_lines
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.database.records import InstanceRecord, SeriesRecord
    from napari_dicomdb.dicom.content import ContentTree
    from napari_dicomdb.widgets._tasks import Task
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.content_pages import ContentPage

__all__ = ["ContentView"]

_UNFOLDED = 250  # rows; deeper levels of larger trees are not unfolded unasked
_LABELS = 58  # percent of the width that labels may take
_LOOKED_UP = 1000  # references of one object


class _Tree(QTreeView):
    copy_requested = Signal()

    def fit_labels(self) -> None:
        """Make the labels as wide as they are, but leave room for the values."""
        widest = self.viewport().width() * _LABELS // 100
        self.setColumnWidth(0, min(self.sizeHintForColumn(0) + 8, widest))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the new width as well."""
        super().resizeEvent(event)
        self.fit_labels()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy whole lines, where Qt copies one cell; let no key through to the viewer."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_requested.emit()
        else:
            super().keyPressEvent(event)
        event.accept()


class ContentView(QWidget):
    """The content of one object after another.

    Knows no viewer and no database.

    Parameters
    ----------
    find : callable
        Given UIDs of instances or series returns a dict of those found, each
        with its `SeriesRecord`; called on a worker thread.
    palette : Palette
    """

    series_requested = Signal(object)  # SeriesRecord that a reference leads to
    shown = Signal(object)  # ContentTree

    def __init__(
        self,
        find: Callable[[Sequence[str]], dict[str, SeriesRecord]],
        palette: Palette,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._find = find
        self._runner = TaskRunner("content")
        self._reading: Task | None = None
        self._looking: Task | None = None
        self._pages: list[ContentPage] = []
        self._targets: dict[str, SeriesRecord] = {}
        self.content: ContentTree | None = None
        self._build()
        self.apply_palette(palette)
        end_with(self, _close_runner, self._runner)

    def _build(self) -> None:
        self.title = QLabel()
        self.title.setObjectName("title")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setWordWrap(True)
        self.subtitle = QLabel()
        self.subtitle.setObjectName("dim")
        self.subtitle.setTextFormat(Qt.TextFormat.PlainText)
        self.subtitle.setWordWrap(True)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Object")
        self.spin = QSpinBox()
        self.spin.setAccessibleName("Object number")
        self.spin.setKeyboardTracking(False)
        self.slider.valueChanged.connect(self.spin.setValue)
        self.spin.valueChanged.connect(self.slider.setValue)
        self.spin.valueChanged.connect(lambda number: self._turn_to(number - 1))
        self._pager = QWidget()
        pager = QHBoxLayout(self._pager)
        pager.setContentsMargins(0, 0, 0, 0)
        pager.addWidget(self.slider, 1)
        pager.addWidget(self.spin)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search the content")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search the content")
        self._search_icon = self.search.addAction(
            icon("search"), QLineEdit.ActionPosition.LeadingPosition
        )
        self.save_button = QPushButton("Save document…")
        self.save_button.setToolTip("Save the encapsulated document (PDF, STL …) as a file")
        self.notice = NoticeBox(closable=True)
        self.notice.hide()

        self.model = ContentModel(self)
        self.filtered = QSortFilterProxyModel(self)
        self.filtered.setSourceModel(self.model)
        self.filtered.setRecursiveFilteringEnabled(True)  # keeps what lies above a hit
        self.filtered.setAutoAcceptChildRows(True)  # and what lies below
        self.filtered.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.filtered.setFilterKeyColumn(-1)
        self.tree = _Tree()
        self.tree.setModel(self.filtered)
        self.tree.setUniformRowHeights(True)
        self.tree.setAlternatingRowColors(True)
        self.tree.setIndentation(14)
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.tree.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header = self.tree.header()
        header.setStretchLastSection(True)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(5)
        for part in (self.title, self.subtitle, self._pager, self.notice, self.search):
            layout.addWidget(part)
        layout.addWidget(self.tree, 1)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.save_button)
        layout.addLayout(foot)
        self.setMinimumWidth(280)

        self.search.textChanged.connect(self._filter)
        self.save_button.clicked.connect(self._ask_and_save)
        self.tree.customContextMenuRequested.connect(self._show_menu)
        self.tree.clicked.connect(self._follow)
        self.tree.activated.connect(self._follow)
        self.tree.copy_requested.connect(self.copy_lines)
        find = QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self)
        find.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        find.activated.connect(self.search.setFocus)

    def apply_palette(self, palette: Palette) -> None:
        """Draw everything in the colours of another theme."""
        self.setStyleSheet(style_sheet(palette))
        self._search_icon.setIcon(icon("search", palette.dim))
        self.notice.apply_palette(palette)
        self.model.set_link_colour(palette.link)
        self.tree.viewport().update()

    # -- pages ------------------------------------------------------------------------

    def show_pages(
        self, pages: Sequence[ContentPage], first: ContentTree | None = None, at: int = 0
    ) -> None:
        """Show other objects; `first` is the content of page `at`, where it was read already."""
        self._pages = list(pages)
        several = len(self._pages) > 1
        self._pager.setVisible(several)
        for control in (self.slider, self.spin):
            control.blockSignals(True)
            control.setRange(1, max(len(self._pages), 1))
            control.setValue(at + 1)
            control.blockSignals(False)
        self.spin.setSuffix(f" of {len(self._pages)}" if several else "")
        self.search.clear()
        self._turn_to(at, first)

    @property
    def page(self) -> ContentPage | None:
        """The page shown."""
        number = self.spin.value() - 1
        return self._pages[number] if number < len(self._pages) else None

    def _turn_to(self, number: int, tree: ContentTree | None = None) -> None:
        for task in (self._reading, self._looking):
            if task is not None:
                task.cancel()
        page = self._pages[number]
        self.notice.hide()
        self.save_button.setVisible(page.has_document)
        self.subtitle.setText(one_line(page.name))
        self.subtitle.setToolTip(tool_tip(str(page.record.path)))
        if tree is not None:
            self._show_tree(tree)
            return
        self._reading = self._runner.submit(
            page.read, returned=self._show_tree, failed=self._on_unreadable
        )

    def _show_tree(self, tree: ContentTree) -> None:
        self.content = tree
        self._targets = {}
        self.title.setText(one_line(tree.title))
        self.model.show(tree)
        if tree.truncated:
            self._tell("There is more in it than is shown here.", "info")
        self._unfold()
        self.tree.fit_labels()
        wanted = tree.references[:_LOOKED_UP]
        if wanted:
            self._looking = self._runner.submit(
                self._find,
                wanted,
                returned=lambda found: self._show_targets(wanted, found),
                failed=lambda error: self._tell(str(error), "warning"),
            )
        self.shown.emit(tree)

    def _on_unreadable(self, error: Exception) -> None:
        self.content = None
        self.model.show(None)
        self.title.setText("Its content cannot be read")
        self._tell(str(error), "error")

    def _tell(self, text: str, severity: str) -> None:
        self.notice.show_text(text, severity)
        self.notice.show()

    def _unfold(self) -> None:
        level = [] if self.content is None else list(self.content.nodes)
        rows, depth = 0, -2  # rows of level k + 1 are shown when level k is unfolded
        while level and rows + len(level) <= _UNFOLDED:
            rows += len(level)
            depth += 1
            level = [child for node in level for child in node.children]
        if self.search.text() or not level:
            self.tree.expandAll()
        elif depth >= 0:
            self.tree.expandToDepth(depth)

    def _filter(self, text: str) -> None:
        self.filtered.setFilterFixedString(text.strip())
        self._unfold()

    # -- references -------------------------------------------------------------------

    def _show_targets(self, wanted: Sequence[str], found: dict[str, SeriesRecord]) -> None:
        self._targets = found
        names = {uid: f"{s.modality} {series_title(s)}".strip() for uid, s in found.items()}
        self.model.show_targets(names, set(wanted) - found.keys())

    def _follow(self, index: QModelIndex) -> None:
        uid = index.data(ReferenceRole)
        if not uid:
            return
        series = self._targets.get(uid)
        if series is not None:
            self.notice.hide()
            self.series_requested.emit(series)
        else:  # it may have been imported meanwhile
            self._runner.submit(
                self._find,
                [uid],
                returned=lambda found: self._go_to(uid, found.get(uid)),
                failed=lambda error: self._tell(str(error), "warning"),
            )

    def _go_to(self, uid: str, series: SeriesRecord | None) -> None:
        if series is None:
            self._tell(f"What it refers to is not in the database: {uid}", "info")
        else:
            self.notice.hide()
            self.series_requested.emit(series)

    # -- copying and saving -----------------------------------------------------------

    def copy_lines(self) -> None:
        """Put the selected rows on the clipboard, each with what lies below it."""
        rows = self.tree.selectionModel().selectedRows(0)
        rows.sort(key=lambda index: self.tree.visualRect(index).top())
        nodes = [self.model.node(self.filtered.mapToSource(index)) for index in rows]
        _copy("\n".join(f"{n.label}: {n.value}" if n.value else n.label for n in nodes if n))

    def copy_all(self) -> None:
        """Put the whole content on the clipboard as indented text."""
        if self.content is not None:
            _copy("\n".join(self.content.lines()))

    def menu(self, index: QModelIndex) -> QMenu:
        """Return the context menu of a row."""
        menu = QMenu(self)
        node = self.model.node(self.filtered.mapToSource(index))
        if node is not None:
            value = node.value or node.reference
            if value:
                menu.addAction("Copy value").triggered.connect(lambda: _copy(value))
            menu.addAction("Copy line\tCtrl+C").triggered.connect(self.copy_lines)
            if node.children:
                below = menu.addAction("Copy line and what is below")
                below.triggered.connect(lambda: _copy(node_lines(node)))
            if node.reference:
                menu.addAction("Copy UID").triggered.connect(lambda: _copy(node.reference))
                go = menu.addAction("Select what it refers to")
                go.setEnabled(node.reference in self._targets)
                go.triggered.connect(lambda: self._follow(index))
        menu.addAction("Copy all as text").triggered.connect(self.copy_all)
        return menu

    def _show_menu(self, position: QPoint) -> None:
        menu = self.menu(self.tree.indexAt(position))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.tree.viewport().mapToGlobal(position))

    def _ask_and_save(self) -> None:
        page = self.page
        if page is not None:
            self._runner.submit(
                document_of,
                page.record,
                returned=lambda found: self._save(page.record, *found),
                failed=lambda error: self._tell(str(error), "error"),
            )

    def _save(self, record: InstanceRecord, document: bytes, ending: str) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, "Save the document", f"{record.path.stem}{ending}", f"*{ending}"
        )
        if not name:
            return
        path = Path(name if Path(name).suffix else f"{name}{ending}")
        self._runner.submit(
            path.write_bytes,
            document,
            returned=lambda _size: self._tell(f"Saved as {path}", "info"),
            failed=lambda error: self._tell(f"It cannot be saved: {error}", "error"),
        )


def _copy(text: str) -> None:
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(text)


def _close_runner(runner: TaskRunner) -> None:
    runner.close()
