"""What the tables of patients, studies and series share: rows that come page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QMimeData, QModelIndex, QObject, Qt, Signal

from napari_dicomdb.widgets.models._columns import Column
from napari_dicomdb.widgets.models._paging import Query, read_page, read_rest
from napari_dicomdb.widgets.models._roles import PAGE_SIZE, RecordRole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_dicomdb.widgets._tasks import Task, TaskRunner

__all__ = ["PagedTable"]

_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_ROOT = QModelIndex()
_FLAGS = (
    Qt.ItemFlag.ItemIsSelectable
    | Qt.ItemFlag.ItemIsEnabled
    | Qt.ItemFlag.ItemIsDragEnabled
    | Qt.ItemFlag.ItemNeverHasChildren
)


class PagedTable(QAbstractTableModel):
    """Rows of a query of the database, read on worker threads as they are scrolled to.

    Nothing here asks the database on the GUI thread. Sorting is the database's
    work, over all rows and not only those that were read.

    Parameters
    ----------
    columns : tuple of Column
    runner : TaskRunner
        Where queries run.
    """

    loaded = Signal()  # a page has arrived, or there is none
    failed = Signal(object)
    waiting = Signal(bool)  # whether rows are being asked for
    sorting = Signal()  # the rows will be read again in another order

    def __init__(
        self, columns: tuple[Column, ...], runner: TaskRunner, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.columns = columns
        self.mime: Callable[[list[Any]], QMimeData | None] | None = None
        self._runner = runner
        self._query: Query | None = None
        self._rows: list[Any] = []
        self._places: dict[int, int] | None = None
        self._fetched = 0  # records; a table may have further rows below some
        self._has_more = False
        self._task: Task | None = None
        self._sort: tuple[int, bool] | None = None
        self._after: list[Callable[[], None]] = []
        self._first_page = PAGE_SIZE

    # -- what is listed ---------------------------------------------------------------

    def show(self, query: Query | None, *, at_least: int = 0) -> None:
        """List what `query` returns; it is called on a worker thread.

        `at_least` rows are read at once, so that a list that is read again can
        be scrolled to where it was.
        """
        self._query = query
        self._first_page = max(PAGE_SIZE, at_least)
        self._reset()

    def _reset(self) -> None:
        self._drop_task()
        self.beginResetModel()
        self._rows, self._fetched = [], 0
        self._places = None
        self._has_more = self._query is not None
        self.endResetModel()
        self._ask(self._first_page)

    @property
    def is_complete(self) -> bool:
        """Whether all rows that there are have been read."""
        return not self._has_more

    @property
    def is_waiting(self) -> bool:
        """Whether rows are being asked for."""
        return self._task is not None

    @property
    def fetched(self) -> int:
        """How many records have been read."""
        return self._fetched

    def cancel(self) -> None:
        """Do not wait for the rows that are being asked for."""
        if self._task is not None:
            self._drop_task()
            self._has_more = False
            self.loaded.emit()

    def _drop_task(self) -> None:
        task, self._task = self._task, None
        self._after.clear()
        if task is not None:
            task.cancel()
            self.waiting.emit(False)

    def record(self, row: int) -> Any:
        """Return the record of a row."""
        return self._rows[row]

    def records(self, rows: Iterable[int]) -> list[Any]:
        """Return the records of rows, each once."""
        return list({id(r): r for r in (self.record(row) for row in rows)}.values())

    def row_of_key(self, key: int) -> int:
        """Return the row of a record by its key, -1 when it has not been read."""
        if self._places is None:
            self._places = {}
            for row in range(len(self._rows)):
                if self.is_record(row):
                    self._places[self._rows[row].key] = row
        return self._places.get(key, -1)

    def is_record(self, row: int) -> bool:
        """Whether the row is a record of its own, rather than part of the one above."""
        return row < len(self._rows)

    # -- reading ----------------------------------------------------------------------

    def canFetchMore(self, parent: QModelIndex) -> bool:  # noqa: D102
        return not parent.isValid() and self._has_more and self._task is None

    def fetchMore(self, parent: QModelIndex) -> None:
        """Ask for the next page; it arrives later."""
        if self.canFetchMore(parent):
            self._ask(PAGE_SIZE)

    def fetch_all(self, then: Callable[[], None] | None = None) -> None:
        """Ask for all rows that are left, and call `then` when they are there."""
        if self.is_complete:
            if then is not None:
                then()
            return
        self._drop_task()
        if then is not None:
            self._after.append(then)
        self._submit(read_rest, pass_progress=True)

    def _ask(self, size: int) -> None:
        if self.canFetchMore(_ROOT):
            self._submit(read_page, size=size)

    def _submit(self, reader: Callable[..., Any], **options: Any) -> None:
        tasks: list[Task] = []

        def is_current() -> bool:
            return bool(tasks) and self._task is tasks[0]

        def returned(page: tuple[list[Any], bool]) -> None:
            if is_current():
                self._append(*page)

        def failed(error: Exception) -> None:
            if is_current():
                self._task, self._has_more = None, False
                self._after.clear()
                self.waiting.emit(False)
                self.failed.emit(error)

        order = None
        if self._sort is not None and self.columns[self._sort[0]].order:
            order = (self.columns[self._sort[0]].order, self._sort[1])
        self._task = self._runner.submit(
            reader, self._query, self._fetched, order, returned=returned, failed=failed, **options
        )
        tasks.append(self._task)
        self.waiting.emit(True)

    def _append(self, records: list[Any], has_more: bool) -> None:
        self._task, self._has_more = None, has_more
        rows = self._rows_for(records)
        if rows:
            first = len(self._rows)
            self.beginInsertRows(QModelIndex(), first, first + len(rows) - 1)
            self._rows.extend(rows)
            self._fetched += len(records)
            self._places = None
            self.endInsertRows()
        after, self._after = self._after, []
        self.waiting.emit(False)
        for call in after:
            call()
        self.loaded.emit()

    def _rows_for(self, records: list[Any]) -> list[Any]:
        return records

    # -- Qt ---------------------------------------------------------------------------

    def rowCount(self, parent: QModelIndex = _ROOT) -> int:  # noqa: D102
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = _ROOT) -> int:  # noqa: D102
        return 0 if parent.isValid() else len(self.columns)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; -1 returns to the database's order."""
        wanted = None if column < 0 else (column, order == Qt.SortOrder.DescendingOrder)
        if wanted != self._sort:
            self._sort = wanted
            self._first_page = PAGE_SIZE
            if self._query is not None:
                self.sorting.emit()
            self._reset()

    def headerData(  # noqa: D102
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.hint or None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if column.right else _LEFT
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Every row can be dragged: onto the canvas it is loaded."""
        return _FLAGS if index.isValid() else Qt.ItemFlag.NoItemFlags

    def mimeData(self, indexes: Iterable[QModelIndex]) -> QMimeData:
        """Return what is dragged: the rows of `indexes`, as `mime` says it."""
        rows = sorted({index.row() for index in indexes})
        made = None if self.mime is None else self.mime([self._rows[row] for row in rows])
        return QMimeData() if made is None else made

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        if not self.checkIndex(index, QAbstractTableModel.CheckIndexOption.IndexIsValid):
            return None
        column = self.columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(index.row(), column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if column.right else _LEFT
        if role == RecordRole:
            return self.record(index.row())
        return self.other_data(index.row(), column, role)

    def text(self, row: int, column: Column) -> str:
        """Return what a cell says."""
        return column.text(self._rows[row])

    def other_data(self, row: int, column: Column, role: int) -> Any:
        """Return what the other roles of a cell hold; None: nothing."""
        return None
