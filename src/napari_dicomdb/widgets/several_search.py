"""A search over all known databases: where to search, and what was found in each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_dicomdb.widgets._text import count, one_line, series_title, study_title, tool_tip
from napari_dicomdb.widgets._upkeep_page import make_label
from napari_dicomdb.widgets.notice import NoticeBox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qtpy.QtGui import QKeyEvent, QResizeEvent
    from qtpy.QtWidgets import QStackedLayout

    from napari_dicomdb.database.several import Hit
    from napari_dicomdb.database.several import SeveralResult as Found
    from napari_dicomdb.progress import Progress
    from napari_dicomdb.widgets._session import DatabaseSession
    from napari_dicomdb.widgets._tasks import Task, TaskRunner
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.search_box import SearchBox

__all__ = ["SearchScope", "SeveralResults", "SeveralSearch"]

_LIMIT = 500  # hits; who has more should say more
_HIT = int(Qt.ItemDataRole.UserRole)


class SearchScope(QComboBox):
    """Where the search box searches.

    Signals
    -------
    scope_changed : bool
        Whether all known databases are searched.
    """

    scope_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.addItem("This database")
        self.addItem("All databases")
        self.setAccessibleName("Where to search")
        self.setToolTip("Where to search: in this database, or in all that are known")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(11)
        self.currentIndexChanged.connect(lambda index: self.scope_changed.emit(index == 1))

    @property
    def searches_all(self) -> bool:
        """Whether all known databases are searched."""
        return bool(self.currentIndex() == 1)


class _Tree(QTreeWidget):
    """Tells Enter apart from Ctrl+Enter."""

    entered = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter chooses the current hit; all else is as usual."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.entered.emit()
            event.accept()
        else:
            super().keyPressEvent(event)


class SeveralResults(QWidget):
    """What was found, by database.

    Signals
    -------
    hit_chosen : Hit
        Show it in its database.
    hit_loaded : Hit
        Load it straight from there.
    """

    hit_chosen = Signal(object)
    hit_loaded = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = make_label("", "dim")
        self.notice = NoticeBox("warning", closable=True)
        self.notice.hide()
        self.tree = _Tree()
        self.tree.setAccessibleName("Found in all known databases")
        self.tree.setHeaderLabels(["Series", "Mod.", "Patient", "Study", "Date", "Files"])
        self.tree.setUniformRowHeights(True)
        self.tree.setAllColumnsShowFocus(True)
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, width in ((1, 42), (2, 110), (3, 110), (4, 92), (5, 46)):
            self.tree.setColumnWidth(column, width)
        self.tree.itemDoubleClicked.connect(lambda *_: self.choose())
        self.tree.entered.connect(self.choose)
        self.tree.currentItemChanged.connect(lambda *_: self._update())
        self.show_button = QPushButton("Show in its database")
        self.show_button.setToolTip("Switch to that database and select the series (Enter)")
        self.show_button.clicked.connect(self.choose)
        self.load_button = QPushButton("Load from there")
        self.load_button.setToolTip("Load the series; this database stays open")
        self.load_button.clicked.connect(self.load)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.show_button)
        buttons.addWidget(self.load_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.words)
        layout.addWidget(self.notice)
        layout.addWidget(self.tree, 1)
        layout.addLayout(buttons)
        self._update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out what a narrow dock has no room for."""
        super().resizeEvent(event)
        width = event.size().width()
        self.tree.setColumnHidden(3, width < 620)
        self.tree.setColumnHidden(5, width < 460)

    def apply_palette(self, palette: Palette) -> None:
        """Draw in the colours of the theme."""
        self.notice.apply_palette(palette)

    def show_searching(self, number: int) -> None:
        """Say that databases are being searched."""
        self.words.setText(f"Searching {count(number, 'database')}…")

    def show_results(self, found: Found) -> None:
        """List hits by database, and say which databases could not be searched."""
        self.tree.clear()
        groups: dict[Path, list[Hit]] = {}
        for hit in found.hits:
            groups.setdefault(hit.database, []).append(hit)
        for path, hits in groups.items():
            top = QTreeWidgetItem(
                [f"{path.name or path} · {count(len(hits), 'series', 'series')}"]
            )
            top.setToolTip(0, tool_tip(str(path)))
            self.tree.addTopLevelItem(top)
            top.setFirstColumnSpanned(True)
            for hit in hits:
                top.addChild(_item(hit))
            top.setExpanded(True)
        number = len(found.hits)
        where = count(len(groups), "database")
        words = f"{count(number, 'series', 'series')} in {where}"
        if number >= _LIMIT:
            words = f"The first {words}: say more to find fewer"
        self.words.setText(words if number else "Nothing found in any known database.")
        names = ", ".join(path.name or str(path) for path, _ in found.failures)
        self.notice.show_text(f"Not searched: {names}. Point here to see why.", "warning")
        why = "\n".join(f"{path}: {text}" for path, text in found.failures)
        self.notice.setToolTip(tool_tip(why))
        self.notice.setVisible(bool(found.failures))
        if number:
            self.tree.setCurrentItem(self.tree.topLevelItem(0).child(0))
        self._update()

    def show_failure(self, error: Exception) -> None:
        """Say why nothing could be searched."""
        self.words.setText("")
        self.notice.show_text(str(error), "error")
        self.notice.show()

    def hit(self) -> Hit | None:
        """Return the current hit."""
        item = self.tree.currentItem()
        found: Hit | None = None if item is None else item.data(0, _HIT)
        return found

    def choose(self) -> None:
        """Ask for the current hit to be shown in its database."""
        hit = self.hit()
        if hit is not None:
            self.hit_chosen.emit(hit)

    def load(self) -> None:
        """Ask for the current hit to be loaded."""
        hit = self.hit()
        if hit is not None:
            self.hit_loaded.emit(hit)

    def _update(self) -> None:
        for button in (self.show_button, self.load_button):
            button.setEnabled(self.hit() is not None)


class SeveralSearch(QObject):
    """Searches all known databases in the background and shows what is found.

    Parameters
    ----------
    session : DatabaseSession
    runner : TaskRunner

    Signals
    -------
    found_series : SeriesRecord
        Its database is open now: select it.
    examined : list of Loadable
        To be loaded.
    failed : Exception
    """

    found_series = Signal(object)
    examined = Signal(object)
    failed = Signal(object)

    def __init__(
        self, session: DatabaseSession, runner: TaskRunner, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._runner = runner
        self._task: Task | None = None
        self._awaited: Hit | None = None
        self._search: SearchBox | None = None
        self._scope: SearchScope | None = None
        self._stack: QStackedLayout | None = None
        self._back: Callable[[], None] | None = None
        self.page = SeveralResults()
        self.page.hit_chosen.connect(self.show_hit)
        self.page.hit_loaded.connect(self.load_hit)
        # Queued: the browser shows the database first.
        session.opened.connect(self._on_opened, Qt.ConnectionType.QueuedConnection)

    def attach(
        self,
        search: SearchBox,
        scope: SearchScope,
        stack: QStackedLayout,
        back: Callable[[], None],
    ) -> None:
        """Follow a search box; what is found is shown in `stack`, `back` leaves it."""
        self._search, self._scope, self._stack, self._back = search, scope, stack, back
        stack.addWidget(self.page)
        scope.hide()
        search.searched.connect(self._on_searched)
        search.edit.textChanged.connect(self._show_scope)
        scope.scope_changed.connect(lambda _: self._on_searched(search.text()))

    @property
    def is_active(self) -> bool:
        """Whether what was found in all databases is what should be shown."""
        scope, search = self._scope, self._search
        return bool(scope and search and scope.searches_all and search.text().strip())

    def _show_scope(self, text: str) -> None:
        if self._scope is not None:
            self._scope.setVisible(bool(text.strip()) or self._scope.searches_all)

    def _on_searched(self, text: str) -> None:
        if self.is_active and self._stack is not None:
            self._stack.setCurrentWidget(self.page)
            self.search(text)
            return
        self.cancel()
        if self._stack is not None and self._stack.currentWidget() is self.page and self._back:
            self._back()

    def _leave(self) -> None:
        if self._scope is not None:
            self._scope.setCurrentIndex(0)

    def search(self, text: str) -> None:
        """Search all known databases; a search that runs is given up."""
        from napari_dicomdb.widgets.database_button import known_databases

        self.cancel()
        database = self._session.database
        paths = known_databases(None if database is None else database.path)
        self.page.show_searching(len(paths))
        self._task = self._runner.submit(
            partial(_search, paths, text),
            pass_progress=True,
            returned=self.page.show_results,
            failed=self.page.show_failure,
        )

    def cancel(self) -> None:
        """Give up the search that runs."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def show_hit(self, hit: Hit) -> None:
        """Switch to the hit's database and select the series there."""
        database = self._session.database
        if database is not None and database.path == hit.database:
            self._leave()
            self.found_series.emit(hit.series)
            return
        self._awaited = hit
        self._session.open(hit.database, create=False)

    def _on_opened(self, database: Any) -> None:
        hit, self._awaited = self._awaited, None
        if hit is not None and database.path == hit.database:
            self._leave()
            self.found_series.emit(hit.series)

    def load_hit(self, hit: Hit) -> None:
        """Load the series as it opens by default, without switching."""
        self._runner.submit(_examine, hit, returned=self.examined.emit, failed=self.failed.emit)


def _search(paths: list[Path], text: str, progress: Progress) -> Found:
    from napari_dicomdb.database.several import search_several
    from napari_dicomdb.settings import default_database, load_settings

    # The default one need not have been made yet.
    chosen = load_settings().recent_databases
    default = default_database()
    there = [p for p in paths if p != default or p in chosen or (p / "dicomdb.sqlite").exists()]
    return search_several(there, text, limit=_LIMIT, progress=progress)


def _examine(hit: Hit) -> list[Any]:
    from napari_dicomdb.api import Database

    with Database.open(hit.database, read_only=True) as database:
        found = database.examine(hit.series.uid)
    chosen = [one for one in found if one.selected]
    return chosen or found[:1]


def _item(hit: Hit) -> QTreeWidgetItem:
    series = hit.series
    item = QTreeWidgetItem(
        [
            series_title(series),
            one_line(series.modality),
            one_line(hit.patient.display_name),
            study_title(hit.study),
            one_line(hit.study.date),
            str(series.instance_count),
        ]
    )
    item.setData(0, _HIT, hit)
    item.setTextAlignment(5, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter))
    for column in range(5):
        item.setToolTip(column, tool_tip(item.text(column)))
    return item
