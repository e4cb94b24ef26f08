"""Series as a table; those with several ways to open unfold into rows of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QObject, Qt, Signal

from napari_dicomdb.database.related import UNRELATED
from napari_dicomdb.dicom.findings import worst
from napari_dicomdb.widgets._text import count as counted
from napari_dicomdb.widgets._text import (
    file_size,
    matrix,
    one_line,
    related_line,
    related_tip,
    series_facts,
    tool_tip,
)
from napari_dicomdb.widgets._text import series_title as title_of
from napari_dicomdb.widgets._ways import (
    default_severity,
    opens_as,
    short_names,
    way_facts,
    ways_count,
    ways_text,
)
from napari_dicomdb.widgets.models._columns import Column, place_of
from napari_dicomdb.widgets.models._roles import (
    DepthRole,
    ExpandRole,
    MissingRole,
    OpensAsRole,
    SecondaryTextRole,
    SeverityRole,
)
from napari_dicomdb.widgets.models.paged_table import PagedTable
from napari_dicomdb.widgets.models.series_columns import (
    SERIES_COLUMNS,
    cell_of_series,
    cell_of_way,
    missing_of,
    whereabouts,
    whereabouts_text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPixmap

    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.database.related import Related
    from napari_dicomdb.loading.stored import LoadableSummary
    from napari_dicomdb.widgets._tasks import TaskRunner

__all__ = ["SeriesTable", "WayRow"]

_SERIES = place_of(SERIES_COLUMNS, "series")


@dataclass(frozen=True, slots=True)
class WayRow:
    """One way to open a series, as a row below it.

    `place` is that among all, best first; `name` tells it from the others.
    """

    series: SeriesRecord
    place: int
    way: LoadableSummary
    name: str


class SeriesTable(PagedTable):
    """The series of patients, of studies or of a search.

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
    picture_tip : callable, optional
        Given a series UID tells why there is no picture, or "".
    """

    unfolded = Signal(int, int)  # first and last of the rows that came in below a series

    def __init__(
        self,
        runner: TaskRunner,
        thumbnail: Callable[[str], QPixmap | None] | None = None,
        parent: QObject | None = None,
        *,
        ways: Callable[[SeriesRecord], Sequence[LoadableSummary]] | None = None,
        picture_tip: Callable[[str], str] | None = None,
    ) -> None:
        super().__init__(SERIES_COLUMNS, runner, parent)
        self._thumbnail = thumbnail
        self._ways = ways
        self._picture_tip = picture_tip
        # Says what of a series is on a server only, "" for nothing that is known.
        self.elsewhere: Callable[[SeriesRecord], str] | None = None
        # Says what a series was made from, and what from it, as far as that is known.
        self.related: Callable[[SeriesRecord], Related] = lambda _series: UNRELATED
        self._rows_by_uid: dict[str, int] | None = None
        self._open: dict[str, tuple[LoadableSummary, ...]] = {}
        self.modelReset.connect(self._forget_places)
        self.rowsInserted.connect(self._forget_places)
        self.rowsRemoved.connect(self._forget_places)
        self.modelAboutToBeReset.connect(self._open.clear)

    # -- rows -------------------------------------------------------------------------

    def is_record(self, row: int) -> bool:  # noqa: D102
        return row < len(self._rows) and not isinstance(self._rows[row], WayRow)

    def record(self, row: int) -> SeriesRecord:
        """Return the series of a row, or that of the way to open it."""
        found = self._rows[row]
        series: SeriesRecord = found.series if isinstance(found, WayRow) else found
        return series

    def way(self, row: int) -> WayRow | None:
        """Return the way to open a series behind a row, None when it is a series."""
        found = self._rows[row]
        return found if isinstance(found, WayRow) else None

    def row_of(self, series_uid: str) -> int:
        """Return the row of a series, -1 when it has not been read."""
        if self._rows_by_uid is None:
            self._rows_by_uid = {
                found.uid: row
                for row, found in enumerate(self._rows)
                if not isinstance(found, WayRow)
            }
        return self._rows_by_uid.get(series_uid, -1)

    def _forget_places(self, *_: object) -> None:
        self._rows_by_uid = None
        self._places = None

    # -- ways to open -----------------------------------------------------------------

    def is_open(self, row: int) -> bool:
        """Whether the ways to open the series of `row` are rows below it."""
        return self.record(row).uid in self._open

    def set_open(self, row: int, wanted: bool) -> None:
        """Show the ways to open the series of `row` below it, or fold them up."""
        series = self.record(row)
        row = self.row_of(series.uid)
        if wanted == (series.uid in self._open):
            return
        if wanted:
            ways = tuple(self._of(series))
            if len(ways) < 2:
                return
            self.beginInsertRows(QModelIndex(), row + 1, row + len(ways))
            self._open[series.uid] = ways
            self._rows[row + 1 : row + 1] = _way_rows(series, ways)
            self.endInsertRows()
            self.unfolded.emit(row + 1, row + len(ways))
        else:
            ways = self._open[series.uid]
            self.beginRemoveRows(QModelIndex(), row + 1, row + len(ways))
            del self._open[series.uid]
            del self._rows[row + 1 : row + 1 + len(ways)]
            self.endRemoveRows()
        self._tell(row)

    def refresh_ways(self, series_uid: str) -> None:
        """Say that the ways to open a series are known now."""
        row = self.row_of(series_uid)
        if row < 0:
            return
        known = tuple(self._of(self.record(row)))
        if series_uid in self._open and known != self._open[series_uid]:
            self.set_open(row, False)
            self.set_open(row, True)
        self._tell(row)

    def refresh_thumbnail(self, series_uid: str) -> None:
        """Say that the picture of a series is there now."""
        row = self.row_of(series_uid)
        if row >= 0:
            index = self.index(row, _SERIES)
            self.dataChanged.emit(index, index, [int(Qt.ItemDataRole.DecorationRole)])

    def refresh_related(self, series_uid: str) -> None:
        """Say that it is known now what a series is linked to."""
        row = self.row_of(series_uid)
        if row >= 0:
            self._tell(row)

    def _tell(self, row: int) -> None:
        self.dataChanged.emit(self.index(row, 0), self.index(row, len(self.columns) - 1))

    def _of(self, series: SeriesRecord) -> Sequence[LoadableSummary]:
        return () if self._ways is None else self._ways(series)

    # -- Qt ---------------------------------------------------------------------------

    def text(self, row: int, column: Column) -> str:  # noqa: D102
        found = self._rows[row]
        if isinstance(found, WayRow):
            return found.name if column.rank == 0 else cell_of_way(found.way, column)
        return cell_of_series(found, column, self._of(found))

    def other_data(self, row: int, column: Column, role: int) -> Any:  # noqa: D102
        found = self._rows[row]
        if role == DepthRole:
            return int(isinstance(found, WayRow))
        if role == MissingRole:
            return missing_of(self.record(row)) > 0
        if isinstance(found, WayRow):
            return _of_way(found.way, role)
        if role == Qt.ItemDataRole.DecorationRole:
            if column.name == "where":
                place = whereabouts(found)
                return "server" if place != "missing" and self._elsewhere(found) else place
            if column.name != "series" or self._thumbnail is None:
                return None
            return self._thumbnail(found.uid)
        return self._of_series(found, role)

    def _of_series(self, series: SeriesRecord, role: int) -> Any:
        if role == SecondaryTextRole:
            linked = related_line(self.related(series))
            parts = (ways_count(self._of(series)), linked, series_facts(series))
            return " · ".join(part for part in parts if part)
        if role == OpensAsRole:
            return opens_as(self._of(series))
        if role == SeverityRole:
            return str(default_severity(self._of(series)) or "")
        if role == ExpandRole:
            if len(self._of(series)) < 2:
                return ""
            return "open" if series.uid in self._open else "closed"
        if role == Qt.ItemDataRole.ToolTipRole:
            picture = "" if self._picture_tip is None else self._picture_tip(series.uid)
            told = (
                _tip(series),
                related_tip(self.related(series)),
                self._elsewhere(series),
                ways_text(self._of(series)),
                one_line(picture),
            )
            return tool_tip("\n\n".join(part for part in told if part))
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return self._elsewhere(series) or whereabouts_text(series)
        return None

    def _elsewhere(self, series: SeriesRecord) -> str:
        return "" if self.elsewhere is None else self.elsewhere(series)

    def refresh_where(self) -> None:
        """Say anew which rows a server has more of."""
        last = self.rowCount() - 1
        if last >= 0:
            self.dataChanged.emit(self.index(0, 0), self.index(last, len(self.columns) - 1))


def _way_rows(series: SeriesRecord, ways: Sequence[LoadableSummary]) -> list[WayRow]:
    names = short_names(ways)
    return [WayRow(series, k, w, n) for k, (w, n) in enumerate(zip(ways, names, strict=True))]


def _of_way(way: LoadableSummary, role: int) -> Any:
    if role == SecondaryTextRole:
        return way_facts(way)
    if role == SeverityRole:
        return str(worst(way.findings) or "")
    if role == Qt.ItemDataRole.ToolTipRole:
        findings = [f"{str(f.severity).capitalize()}: {one_line(f.text)}" for f in way.findings]
        return tool_tip("\n".join([one_line(way.name), way_facts(way), *findings]))
    return None


def _tip(series: SeriesRecord) -> str:
    images = counted(series.frame_count, "image")
    scanner = " ".join(p for p in (series.manufacturer, series.model) if p)
    facts = (one_line(series.modality), images, matrix(series.columns, series.rows))
    lines = [
        title_of(series),
        " · ".join(p for p in facts if p),
        f"{file_size(series.size)} · {whereabouts_text(series)}",
        f"{series.date} {series.time}".strip(),
        one_line(series.protocol),
        one_line(scanner),
    ]
    return "\n".join(line for line in lines if line)
