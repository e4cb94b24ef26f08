"""Patients and studies above, their series below: each selection filters the next."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QItemSelectionModel, QModelIndex, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QFont, QFontMetrics, QKeyEvent, QMouseEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QMenu,
    QSplitter,
    QTreeView,
    QWidget,
)

from napari_dicomdb.widgets._rows import THUMBNAIL, SeriesDelegate, TreeDelegate
from napari_dicomdb.widgets._session import recall, remember
from napari_dicomdb.widgets.models import PatientTreeModel, SeriesColumn, SeriesTableModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtCore import QPoint

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.widgets._tasks import TaskRunner
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.loadable_cache import LoadableCache
    from napari_dicomdb.widgets.models._paging import Query
    from napari_dicomdb.widgets.thumbnails import ThumbnailCache

__all__ = ["RecordView", "StudyLists"]

_COLUMNS_KEY = "series_columns"
_EXPANDED_AT_ONCE = 6  # patients; of more, none is unfolded unasked
# The matrix stands in the row as soon as it is known what opens, with more room there.
_DEFAULT_COLUMNS = (SeriesColumn.SERIES, SeriesColumn.MODALITY, SeriesColumn.IMAGES)


class RecordView(QTreeView):
    """Rows that can be opened, removed, copied and asked for a menu."""

    opened = Signal()  # Enter, or a double click on a row
    remove_requested = Signal()
    copy_requested = Signal()
    menu_requested = Signal(object)  # global position
    touched = Signal()  # by mouse or key

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setSortingEnabled(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._on_menu)
        header = self.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(28)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)

    def selected_rows(self) -> list[QModelIndex]:
        """Return the selected rows, in the order shown."""
        rows = self.selectionModel().selectedRows(0)
        return sorted(rows, key=lambda i: self.visualRect(i).top())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open by Enter, remove by Delete, copy by Ctrl+C.

        What is not handled here would reach the viewer, where Delete means
        the selected layers.
        """
        self.touched.emit()
        key, modifiers = event.key(), event.modifiers()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove_requested.emit()
        elif key == Qt.Key.Key_C and modifiers & Qt.KeyboardModifier.ControlModifier:
            self.copy_requested.emit()
        else:
            super().keyPressEvent(event)
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Select as Qt does; say that the user did it."""
        self.touched.emit()
        super().mousePressEvent(event)

    def _on_menu(self, position: QPoint) -> None:
        index = self.indexAt(position)
        if index.isValid():
            row = index.siblingAtColumn(0)
            if not self.selectionModel().isRowSelected(row.row(), row.parent()):
                self.setCurrentIndex(row)
            self.menu_requested.emit(self.viewport().mapToGlobal(position))


class StudyLists(QSplitter):
    """A tree of patients and studies, and a table of series.

    Knows no viewer: it shows what a database holds and says what is selected.
    """

    series_selected = Signal(object)  # list of SeriesRecord
    series_opened = Signal(object)  # list of SeriesRecord
    filled = Signal()  # the tree has got its first rows, or there are none
    failed = Signal(object)

    def __init__(
        self,
        runner: TaskRunner,
        thumbnails: ThumbnailCache,
        palette: Palette,
        parent: QWidget | None = None,
        *,
        ways: LoadableCache | None = None,
    ) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self._font_size = palette.font_size
        self._known_patients: set[int] = set()
        self._database: Database | None = None
        self._text = ""
        self._wanted: tuple[list[tuple[int, int | None]], list[str], list[int]] | None = None
        self.tree_model = PatientTreeModel(runner, self)
        self._ways = ways
        asked = None if ways is None else ways.summaries
        self.series_model = SeriesTableModel(runner, thumbnails.picture, self, ways=asked)
        if ways is not None:
            ways.ready.connect(self.series_model.refresh_ways)
        thumbnails.ready.connect(self.series_model.refresh_thumbnail)
        self.tree = RecordView()
        self.tree.setModel(self.tree_model)
        self.tree.setIndentation(14)
        self._tree_delegate = TreeDelegate(palette, self.tree)
        self.tree.setItemDelegate(self._tree_delegate)
        self.series = RecordView()
        self.series.setModel(self.series_model)
        self.series.setRootIsDecorated(False)
        self.series.setIconSize(QSize(THUMBNAIL, THUMBNAIL))
        self._series_delegate = SeriesDelegate(palette, self.series)
        self.series.setItemDelegate(self._series_delegate)
        self._set_columns()
        self.nothing = QLabel(self.series.viewport())
        self.nothing.setObjectName("dim")
        self.addWidget(self.tree)
        self.addWidget(self.series)
        self.setChildrenCollapsible(False)
        self.setSizes([170, 260])

        # Keys that move through rows fast must not ask for every row passed.
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(60)
        self._settle.timeout.connect(self._emit_series)
        self.tree.selectionModel().selectionChanged.connect(self._show_series)
        self.series.selectionModel().selectionChanged.connect(self._settle.start)
        for view in (self.tree, self.series):
            view.touched.connect(self._drop_wishes)
        self.series.doubleClicked.connect(self._open)
        self.series.opened.connect(self._open)
        self.tree_model.loaded.connect(self._on_tree_loaded)
        self.tree_model.rowsInserted.connect(self._restore)
        self.series_model.rowsInserted.connect(self._restore_series)
        self.tree_model.failed.connect(self.failed)
        self.series_model.failed.connect(self.failed)

    # -- content ----------------------------------------------------------------------

    def show_database(self, database: Database | None) -> None:
        """List another database."""
        self._database, self._text = database, ""
        self._wanted = None
        self._known_patients.clear()
        if self._ways is not None:
            self._ways.reset(database)
        self.tree_model.show(database)
        self._show_series()

    def refresh(self) -> None:
        """List the same database again; what was selected and unfolded stays so."""
        self.keep_state()
        if self._ways is not None:
            self._ways.expire()
        self._fill()

    def search(self, text: str) -> None:
        """List only what a search text finds; "": all."""
        if text != self._text:
            self._text = text
            self._fill()

    def _fill(self) -> None:
        self.tree_model.show(self._database, self._text)
        self._show_series()

    def apply_palette(self, palette: Palette) -> None:
        """Paint in the colours of another theme."""
        self._tree_delegate.palette = palette
        self._series_delegate.palette = palette
        self._font_size = palette.font_size
        self._set_columns()
        self.tree.viewport().update()
        self.series.viewport().update()

    @property
    def is_empty(self) -> bool:
        """Whether the tree lists nobody."""
        return bool(self.tree_model.rowCount() == 0)

    # -- selection --------------------------------------------------------------------

    def selected_series(self) -> list[SeriesRecord]:
        """Return the series selected in the table, in the order shown."""
        return [self.series_model.record(i.row()) for i in self.series.selected_rows()]

    def selected_branches(self) -> list[Any]:
        """Return the patients and studies selected in the tree, in the order shown."""
        return [self.tree_model.record(i) for i in self.tree.selected_rows()]

    def select_series(self, series: Sequence[SeriesRecord]) -> None:
        """Select the study of the first of `series`, and them, when they have been read."""
        if series:
            first = series[0]
            branches: list[tuple[int, int | None]] = [(first.patient_key, first.study_key)]
            unfolded = [first.patient_key, *(self._wanted[2] if self._wanted else ())]
            self._wanted = (branches, [s.uid for s in series], unfolded)
            self.tree.clearSelection()
            self._restore()
            self._restore_series()

    def _show_series(self, *_: object) -> None:
        database = self._database
        if database is None:
            self.series_model.show(None)
            return
        listed = partial(database.series, text=self._text)
        branches = [
            {"study" if self.tree_model.is_study(i) else "patient": self.tree_model.record(i)}
            for i in self.tree.selected_rows()
        ]
        if len(branches) > 1:
            self.series_model.show(partial(_of_several, listed, branches))
        else:
            self.series_model.show(partial(listed, **branches[0]) if branches else listed)
        self._settle.start()

    def _emit_series(self) -> None:
        self.series_selected.emit(self.selected_series())

    def _open(self, *_: object) -> None:
        self._settle.stop()
        chosen = self.selected_series()
        if chosen:
            self.series_opened.emit(chosen)

    # -- state over a refresh ---------------------------------------------------------

    def keep_state(self) -> None:
        """Remember what is selected and unfolded, to restore it after a refresh."""
        model = self.tree_model
        branches: list[tuple[int, int | None]] = []
        for index in self.tree.selected_rows():
            record = model.record(index)
            is_study = model.is_study(index)
            branches.append((record.patient_key, record.key) if is_study else (record.key, None))
        unfolded = [
            model.record(model.index(row, 0)).key
            for row in range(model.rowCount())
            if self.tree.isExpanded(model.index(row, 0))
        ]
        uids = [s.uid for s in self.selected_series()]
        self._wanted = (branches, uids, unfolded)

    def _on_tree_loaded(self) -> None:
        rows = [self.tree_model.index(row, 0) for row in range(self.tree_model.rowCount())]
        for row in rows:
            key = self.tree_model.record(row).key
            is_new = bool(self._text) or key not in self._known_patients
            if len(rows) <= _EXPANDED_AT_ONCE and is_new:
                self._unfold(row)
            self._known_patients.add(key)
        self.filled.emit()

    def _unfold(self, patient: QModelIndex) -> None:
        self.tree.expand(patient)
        # A view that is not on the screen would ask for the studies only later.
        self.tree_model.fetchMore(patient)

    def _restore(self, *_: object) -> None:
        if self._wanted is None:
            return
        branches, _uids, unfolded = self._wanted
        for key in list(unfolded):
            index = self.tree_model.index_of_patient(key)
            if index.isValid():
                unfolded.remove(key)
                self._unfold(index)
        for patient, study in list(branches):
            if study is None:
                index = self.tree_model.index_of_patient(patient)
            else:
                index = self.tree_model.index_of_study(patient, study)
            if index.isValid():
                branches.remove((patient, study))
                self._select(self.tree, index)

    def _restore_series(self, *_: object) -> None:
        # Selecting a study or patient lists other series: those come first.
        if self._wanted is None or self._wanted[0]:
            return
        uids = self._wanted[1]
        for uid in list(uids):
            row = self.series_model.row_of(uid)
            if row >= 0:
                uids.remove(uid)
                self._select(self.series, self.series_model.index(row, 0))
        if not any(self._wanted):
            self._wanted = None

    def _drop_wishes(self) -> None:
        # Who clicks meanwhile knows better than what was remembered.
        self._wanted = None

    @staticmethod
    def _select(view: RecordView, index: QModelIndex) -> None:
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        view.selectionModel().select(index, flags)
        if not view.viewport().rect().contains(view.visualRect(index)):
            view.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)

    # -- columns ----------------------------------------------------------------------

    def _set_columns(self) -> None:
        font = QFont(self.font())
        font.setPointSize(self._font_size)
        metrics = QFontMetrics(font)

        def width(sample: str) -> int:
            return int(metrics.horizontalAdvance(sample)) + 14

        tree = self.tree.header()
        tree.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, sample in ((1, "CR CT MR"), (2, "2000-00-00"), (3, "Series")):
            self.tree.setColumnWidth(column, width(sample))
        series = self.series.header()
        series.setSectionResizeMode(SeriesColumn.SERIES, QHeaderView.ResizeMode.Stretch)
        samples = {
            SeriesColumn.MODALITY: "RTSTRU",
            SeriesColumn.IMAGES: "Images",
            SeriesColumn.MATRIX: "512 × 512",
            SeriesColumn.NUMBER: "00000",
            SeriesColumn.DATE: "2000-00-00",
            SeriesColumn.SIZE: "00.0 MB",
            SeriesColumn.BODY_PART: "EXTREMITY",
        }
        for column, sample in samples.items():
            self.series.setColumnWidth(column, width(sample))
        shown = set(recall(_COLUMNS_KEY, [int(c) for c in _DEFAULT_COLUMNS]))
        for column in samples:
            self.series.setColumnHidden(column, int(column) not in shown)
        series.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        if not series.property("hasMenu"):
            series.setProperty("hasMenu", True)
            series.customContextMenuRequested.connect(self._show_column_menu)

    def column_menu(self) -> QMenu:
        """Return the menu that chooses the columns of the series table."""
        menu = QMenu(self)
        for column in list(SeriesColumn)[1:]:
            title = column.name.replace("_", " ").capitalize()
            action = menu.addAction(title)
            action.setCheckable(True)
            action.setChecked(not self.series.isColumnHidden(column))
            action.toggled.connect(lambda shown, column=column: self._show_column(column, shown))
        return menu

    def _show_column_menu(self, position: QPoint) -> None:
        self.column_menu().popup(self.series.header().mapToGlobal(position))

    def _show_column(self, column: SeriesColumn, shown: bool) -> None:
        self.series.setColumnHidden(column, not shown)
        columns = [int(c) for c in SeriesColumn if not self.series.isColumnHidden(c)]
        remember(_COLUMNS_KEY, columns)


def _of_several(
    listed: Query, branches: list[dict[str, Any]], *, limit: int, offset: int, **order: Any
) -> list[SeriesRecord]:
    """List the series of several patients and studies, one after the other."""
    found: dict[int, SeriesRecord] = {}  # a study may be selected together with its patient
    for branch in branches:
        if len(found) >= offset + limit:
            break
        found.update((s.key, s) for s in listed(**branch, **order))
    return list(found.values())[offset : offset + limit]
