"""Series as a Qt table model that pages lazily, with thumbnails that arrive later."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, Signal

from napari_dicomdb.widgets._text import (
    count,
    file_size,
    matrix,
    one_line,
    series_facts,
    series_title,
    tool_tip,
)
from napari_dicomdb.widgets._ways import default_severity, opens_as, ways_count, ways_text
from napari_dicomdb.widgets.models._paging import Query, read_page
from napari_dicomdb.widgets.models._roles import (
    OpensAsRole,
    RecordRole,
    SecondaryTextRole,
    SeverityRole,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPixmap

    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.loading.stored import LoadableSummary
    from napari_dicomdb.widgets._tasks import TaskRunner

__all__ = ["SeriesColumn", "SeriesTableModel"]


class SeriesColumn(IntEnum):
    """Columns of the series table."""

    SERIES = 0
    MODALITY = 1
    IMAGES = 2
    MATRIX = 3
    NUMBER = 4
    DATE = 5
    SIZE = 6
    BODY_PART = 7


_TITLES = ("Series", "Mod.", "Images", "Matrix", "#", "Date", "Size", "Body part")
_RIGHT = {SeriesColumn.IMAGES, SeriesColumn.MATRIX, SeriesColumn.NUMBER, SeriesColumn.SIZE}

# The database's orders behind each column.
_ORDERS: dict[int, str] = {
    SeriesColumn.SERIES: "description",
    SeriesColumn.MODALITY: "modality",
    SeriesColumn.IMAGES: "frame_count",
    SeriesColumn.MATRIX: "matrix",
    SeriesColumn.NUMBER: "number",
    SeriesColumn.DATE: "date",
    SeriesColumn.SIZE: "size",
    SeriesColumn.BODY_PART: "body_part",
}


class SeriesTableModel(QAbstractTableModel):
    """The series of a patient, a study or a search.

    Parameters
    ----------
    runner : TaskRunner
        Where queries run.
    thumbnail : callable, optional
        Given a series UID returns its picture, or None and calls for it in the
        background; `refresh_thumbnail` is then called when it is there.
    ways : callable, optional
        Given a series returns the ways to open it, or none and calls for them
        in the background; `refresh_ways` is then called when they are there.
    """

    loaded = Signal()
    failed = Signal(object)

    def __init__(
        self,
        runner: TaskRunner,
        thumbnail: Callable[[str], QPixmap | None] | None = None,
        parent: QObject | None = None,
        *,
        ways: Callable[[SeriesRecord], Sequence[LoadableSummary]] | None = None,
    ) -> None:
        super().__init__(parent)
        self._runner = runner
        self._thumbnail = thumbnail
        self._ways = ways
        self._generation = 0
        self._query: Query | None = None
        self._records: list[SeriesRecord] = []
        self._has_more = False
        self._is_waiting = False
        self._sort: tuple[int, bool] | None = None

    def show(self, query: Query | None) -> None:
        """List what `query` returns; it is called on a worker thread, page by page."""
        self._query = query
        self._reset()

    def _reset(self) -> None:
        self.beginResetModel()
        self._generation += 1
        self._records = []
        self._has_more = self._query is not None
        self._is_waiting = False
        self.endResetModel()
        self.fetchMore(QModelIndex())

    def record(self, row: int) -> SeriesRecord:
        """Return the record of a row."""
        return self._records[row]

    def row_of(self, series_uid: str) -> int:
        """Return the row of a series, -1 when it has not been read."""
        return next((r for r, s in enumerate(self._records) if s.uid == series_uid), -1)

    def refresh_thumbnail(self, series_uid: str) -> None:
        """Say that the picture of a series is there now."""
        row = self.row_of(series_uid)
        if row >= 0:
            index = self.index(row, SeriesColumn.SERIES)
            self.dataChanged.emit(index, index, [int(Qt.ItemDataRole.DecorationRole)])

    def refresh_ways(self, series_uid: str) -> None:
        """Say that the ways to open a series are known now."""
        row = self.row_of(series_uid)
        if row >= 0:
            roles = [
                SecondaryTextRole,
                OpensAsRole,
                SeverityRole,
                int(Qt.ItemDataRole.ToolTipRole),
            ]
            last = len(_TITLES) - 1
            self.dataChanged.emit(self.index(row, 0), self.index(row, last), roles)

    # -- Qt ---------------------------------------------------------------------------

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if parent.isValid() else len(self._records)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if parent.isValid() else len(_TITLES)

    def canFetchMore(self, parent: QModelIndex) -> bool:  # noqa: D102
        return not parent.isValid() and self._has_more and not self._is_waiting

    def fetchMore(self, parent: QModelIndex) -> None:
        """Ask for the next page; it arrives later."""
        if not self.canFetchMore(parent):
            return
        self._is_waiting = True
        generation = self._generation
        self._runner.submit(
            read_page,
            self._query,
            len(self._records),
            None if self._sort is None else (_ORDERS[self._sort[0]], self._sort[1]),
            returned=lambda page: self._append(generation, page),
            failed=lambda error: self._fail(generation, error),
        )

    def _append(self, generation: int, page: tuple[list[SeriesRecord], bool]) -> None:
        if generation != self._generation:
            return
        records, self._has_more = page
        self._is_waiting = False
        if records:
            first = len(self._records)
            self.beginInsertRows(QModelIndex(), first, first + len(records) - 1)
            self._records.extend(records)
            self.endInsertRows()
        self.loaded.emit()

    def _fail(self, generation: int, error: Exception) -> None:
        if generation == self._generation:
            self._is_waiting = self._has_more = False
            self.failed.emit(error)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; -1 returns to the database's order."""
        self._sort = None if column < 0 else (column, order == Qt.SortOrder.DescendingOrder)
        self._reset()

    def headerData(  # noqa: D102
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and section in _RIGHT:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        if not index.isValid():
            return None
        series, column = self._records[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return _display(series, column)
        if role == RecordRole:
            return series
        if role == SecondaryTextRole and column == SeriesColumn.SERIES:
            parts = (ways_count(self._of(series)), series_facts(series))
            return " · ".join(part for part in parts if part)
        if role == OpensAsRole:
            return opens_as(self._of(series))
        if role == SeverityRole:
            return str(default_severity(self._of(series)) or "")
        if role == Qt.ItemDataRole.DecorationRole and column == SeriesColumn.SERIES:
            return None if self._thumbnail is None else self._thumbnail(series.uid)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in _RIGHT:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ToolTipRole:
            parts = (_tool_tip(series), ways_text(self._of(series)))
            return tool_tip("\n\n".join(part for part in parts if part))
        return None

    def _of(self, series: SeriesRecord) -> Sequence[LoadableSummary]:
        return () if self._ways is None else self._ways(series)


def _display(series: SeriesRecord, column: int) -> str:
    match column:
        case SeriesColumn.SERIES:
            return series_title(series)
        case SeriesColumn.MODALITY:
            return one_line(series.modality)
        case SeriesColumn.IMAGES:
            return str(series.frame_count or series.instance_count)
        case SeriesColumn.MATRIX:
            return matrix(series.columns, series.rows)
        case SeriesColumn.NUMBER:
            return "" if series.number is None else str(series.number)
        case SeriesColumn.DATE:
            return series.date
        case SeriesColumn.SIZE:
            return file_size(series.size)
    return one_line(series.body_part)


def _tool_tip(series: SeriesRecord) -> str:
    images = count(series.frame_count, "image")
    files = count(series.instance_count, "file")
    scanner = " ".join(p for p in (series.manufacturer, series.model) if p)
    lines = [
        series_title(series),
        " · ".join(p for p in (series.modality, images, matrix(series.columns, series.rows)) if p),
        f"{files}, {file_size(series.size)}, {series.storage}",
        f"{series.date} {series.time}".strip(),
        one_line(series.protocol),
        one_line(scanner),
    ]
    return "\n".join(line for line in lines if line)
