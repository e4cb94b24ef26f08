"""The browser's tables: patients, their studies, their series; each selection filters the next."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt, QTimer, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QSplitter, QWidget

from napari_dicomdb.widgets._drag import mime_of
from napari_dicomdb.widgets._rows import THUMBNAIL, CellDelegate, SeriesDelegate, row_heights
from napari_dicomdb.widgets._session import recall_view, remember_view
from napari_dicomdb.widgets._table_columns import TableColumns
from napari_dicomdb.widgets._wanted import Wanted
from napari_dicomdb.widgets.models import PatientTable, SeriesTable, StudyTable
from napari_dicomdb.widgets.record_view import RecordView

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import SeriesRecord
    from napari_dicomdb.widgets._tasks import TaskRunner
    from napari_dicomdb.widgets._theme import Palette
    from napari_dicomdb.widgets.loadable_cache import LoadableCache
    from napari_dicomdb.widgets.models import PagedTable, WayRow
    from napari_dicomdb.widgets.thumbnails import ThumbnailCache

__all__ = ["TablesView"]

_WIDE = 820  # pixels; from there on series stand beside patients and studies
_LOW = 420  # pixels; of a wide and low dock, all three stand side by side
_SETTLE = 60  # ms; keys that move through rows fast must not ask for every row passed
_WAIT = 400  # ms; who waits longer is told, and may cancel


class TablesView(QSplitter):
    """Three tables; knows no viewer: it says what is selected and what was asked for.

    Parameters
    ----------
    runner : TaskRunner
        Where queries run.
    thumbnails : ThumbnailCache
    palette : Palette
    ways : LoadableCache, optional
        Knows how series can be opened.
    """

    series_selected = Signal(object)  # list of SeriesRecord
    series_opened = Signal(object)  # list of SeriesRecord
    filled = Signal()  # the table of patients has got its first rows, or there are none
    failed = Signal(object)
    menu_requested = Signal(object)  # global position; of `selected_records`
    remove_requested = Signal()
    copy_requested = Signal()
    busy_changed = Signal(bool)  # a query takes longer than one waits without a word

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
        self._database: Database | None = None
        self._text = ""
        self._ways = ways
        self._wanted = Wanted()
        self._is_busy = False
        self._told = False
        asked = None if ways is None else ways.summaries
        self.patient_model = PatientTable(runner, self)
        self.study_model = StudyTable(runner, self)
        self.series_model = SeriesTable(
            runner, thumbnails.picture, self, ways=asked, picture_tip=thumbnails.tip
        )
        if ways is not None:
            ways.ready.connect(self.series_model.refresh_ways)
            self.series_model.related = ways.related.of
            ways.related.ready.connect(self.series_model.refresh_related)
        thumbnails.ready.connect(self.series_model.refresh_thumbnail)
        self.patients = self._table("Patients", self.patient_model)
        self.studies = self._table("Studies", self.study_model)
        self.series = self._table("Series", self.series_model)
        self.views = (self.patients, self.studies, self.series)
        self._delegates = (
            CellDelegate(palette, self.patients, bold="name"),
            CellDelegate(palette, self.studies, bold="description"),
            SeriesDelegate(palette, self.series),
        )
        for view, delegate in zip(self.views, self._delegates, strict=True):
            view.setItemDelegate(delegate)
        self.series.setIconSize(QSize(THUMBNAIL, THUMBNAIL))
        self.columns = {
            name: TableColumns(view, name)
            for name, view in zip(("patient", "study", "series"), self.views, strict=True)
        }
        self._touched = self.series
        self.upper = QSplitter(Qt.Orientation.Vertical)
        self.upper.addWidget(self.patients)
        self.upper.addWidget(self.studies)
        self.addWidget(self.upper)
        self.addWidget(self.series)
        for splitter in (self, self.upper):
            splitter.setChildrenCollapsible(False)
            splitter.splitterMoved.connect(self._keep_sizes)
        self._set_shape("stacked")
        self._connect()
        self.apply_palette(palette)

    def _table(self, name: str, model: PagedTable) -> RecordView:
        view = RecordView(name)
        view.setModel(model)
        model.mime = self._mime
        view.setMinimumHeight(56)
        return view

    def _connect(self) -> None:
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE)
        self._settle.timeout.connect(self._emit_series)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_WAIT)
        self._patience.timeout.connect(lambda: self._set_busy(True))
        for place, view in enumerate(self.views):
            view.touched.connect(partial(self._on_touched, view))
            view.remove_requested.connect(self.remove_requested)
            view.copy_requested.connect(self.copy_requested)
            view.menu_requested.connect(self.menu_requested)
            model: PagedTable = view.model()
            model.failed.connect(self.failed)
            model.waiting.connect(self._on_waiting)
            model.sorting.connect(partial(self._on_sorting, place))
        self.patients.selectionModel().selectionChanged.connect(self._list_studies)
        self.studies.selectionModel().selectionChanged.connect(self._list_series)
        self.series.selectionModel().selectionChanged.connect(self._settle.start)
        self.patients.opened.connect(partial(self._go_on, self.studies))
        self.studies.opened.connect(partial(self._go_on, self.series))
        self.series.opened.connect(self._open)
        self.patient_model.loaded.connect(self._on_patients)
        self.study_model.loaded.connect(self._on_studies)
        self.series_model.loaded.connect(self._on_series)
        self.series_model.rowsInserted.connect(self._set_heights)
        self.series_model.rowsRemoved.connect(lambda *_: self._set_heights())

    # -- content ----------------------------------------------------------------------

    @property
    def path(self) -> Path | None:
        """Directory of the database shown, None when it is in memory."""
        return None if self._database is None else self._database.path

    def show_database(self, database: Database | None) -> None:
        """List another database, as it was left."""
        self._database, self._text = database, ""
        if self._ways is not None:
            self._ways.reset(database)
        for columns in self.columns.values():
            columns.recall(self.path)
        self._wanted = Wanted.recalled(self.path)
        self._restore_sizes()
        self._fill()

    def refresh(self) -> None:
        """List the same database again; what was selected and scrolled to stays so."""
        self.keep_state()
        if not self._wanted.is_open:  # else it still counts
            self._wanted = Wanted.seen(*self.views)
        if self._ways is not None:
            self._ways.expire()
        self._fill()

    def search(self, text: str) -> None:
        """List only what a search text finds; "": all."""
        if text != self._text:
            self._text = text
            self._fill()

    def cancel(self) -> None:
        """Do not wait for rows that are being asked for."""
        for view in self.views:
            view.model().cancel()

    def _fill(self) -> None:
        database = self._database
        if database is None:
            self.patient_model.show(None)
        else:
            self.patient_model.show(
                partial(database.patients, text=self._text), at_least=self._wanted.patient_rows
            )
        self._list_studies()

    def _list_studies(self, *_: object) -> None:
        database = self._database
        if database is None:
            self.study_model.show(None)
        else:
            query = partial(database.studies, text=self._text, **self._chosen_patients())
            self.study_model.show(query, at_least=self._wanted.study_rows)
        self._list_series()

    def _list_series(self, *_: object) -> None:
        database = self._database
        if database is None:
            self.series_model.show(None)
        else:
            chosen = self._chosen(self.studies)
            parents = self._chosen_patients() if chosen is None else {"study": chosen}
            query = partial(database.series, text=self._text, **parents)
            self.series_model.show(query, at_least=self._wanted.series_rows)
        self._settle.start()

    def _chosen_patients(self) -> dict[str, Any]:
        chosen = self._chosen(self.patients)
        return {} if chosen is None else {"patient": chosen}

    @staticmethod
    def _chosen(view: RecordView) -> list[Any] | None:
        """Return what is selected in a table; None: nothing, or all that there is."""
        rows = view.selected_rows()
        model: PagedTable = view.model()
        if not rows or (model.is_complete and len(rows) == model.rowCount() > 1):
            return None
        return model.records(rows)

    def apply_palette(self, palette: Palette) -> None:
        """Paint in the colours of another theme."""
        for delegate in self._delegates:
            delegate.palette = palette
        for columns in self.columns.values():
            columns.set_font_size(palette.font_size)
        self._heights = row_heights(palette)
        for view, height in zip(self.views, (0, 0, self._heights[0]), strict=True):
            rows = view.verticalHeader()
            rows.setMinimumSectionSize(18)
            rows.setDefaultSectionSize(height or palette.font_size * 2 + 6)
            view.viewport().update()
        self._set_heights()

    def _set_heights(self, _parent: object = None, first: int = 0, last: int = -1) -> None:
        rows = self.series.verticalHeader()
        model = self.series_model
        for row in range(first, (last if last >= 0 else model.rowCount() - 1) + 1):
            height = self._heights[0 if model.is_record(row) else 1]
            if rows.sectionSize(row) != height:
                rows.resizeSection(row, height)

    @property
    def is_empty(self) -> bool:
        """Whether nobody is listed."""
        return bool(self.patient_model.rowCount() == 0)

    # -- selection --------------------------------------------------------------------

    def selected_records(self) -> list[Any]:
        """Return what is selected in the table that was touched last."""
        model: PagedTable = self._touched.model()
        return model.records(self._touched.selected_rows())

    def selected_series(self) -> list[SeriesRecord]:
        """Return the series selected, also by one of their ways, in the order shown."""
        return self.series_model.records(self.series.selected_rows())

    def selected_ways(self) -> list[WayRow]:
        """Return the single ways selected, of series that are not selected as a whole."""
        rows = self.series.selected_rows()
        whole = {self.series_model.record(r).uid for r in rows if self.series_model.is_record(r)}
        found = [self.series_model.way(row) for row in rows]
        return [way for way in found if way is not None and way.series.uid not in whole]

    def select_series(self, series: Sequence[SeriesRecord]) -> None:
        """Select the patient and study of the first of `series`, and them, wherever they are."""
        if series:
            self._touched = self.series
            self._wanted = Wanted.of(series)
            self.patients.clearSelection()
            self._fill()

    def _emit_series(self) -> None:
        chosen = self.selected_series()
        if chosen or self._told:  # nothing, after nothing, is no news
            self._told = bool(chosen)
            self.series_selected.emit(chosen)

    def _open(self) -> None:
        self._settle.stop()
        chosen = self.selected_series()
        if chosen:
            self.series_opened.emit(chosen)

    def _go_on(self, view: RecordView) -> None:
        """Go from a row to what it holds."""
        view.setFocus(Qt.FocusReason.OtherFocusReason)
        if view.model().rowCount() and not view.selected_rows():
            view.selectRow(0)

    def _on_touched(self, view: RecordView) -> None:
        # Who clicks meanwhile knows better than what was remembered.
        self._touched = view
        self._wanted = Wanted()

    def _mime(self, rows: list[Any]) -> Any:
        return mime_of(self.path, rows)

    # -- state ------------------------------------------------------------------------

    def keep_state(self) -> None:
        """Remember what is selected and scrolled to for the next session."""
        if self._database is not None and not self._text and not self._wanted.is_open:
            Wanted.seen(*self.views).remember(self.path)
        for columns in self.columns.values():
            columns.save_now()

    def _on_sorting(self, place: int) -> None:
        # The same rows stay selected, wherever they come to lie.
        if not self._wanted.is_open:
            self._wanted = Wanted.seen(*self.views)
            self._wanted.scrolled.clear()
            self._wanted.reaches = True
            self._wanted.done.update(("patients", "studies")[:place])

    def _on_patients(self) -> None:
        is_done = self._wanted.restore(self.patients, "patients")
        self.filled.emit()
        if is_done:
            self._on_studies()

    def _on_studies(self) -> None:
        if self.study_model.is_waiting or not self._wanted.is_done("patients"):
            return
        if self._wanted.restore(self.studies, "studies"):
            self._on_series()

    def _on_series(self) -> None:
        if self.series_model.is_waiting or not self._wanted.is_done("studies"):
            return
        if self._wanted.restore(self.series, "series"):
            self._wanted = Wanted()

    # -- waiting ----------------------------------------------------------------------

    def _on_waiting(self, *_: object) -> None:
        waits = any(view.model().is_waiting for view in self.views)
        if not waits:
            self._patience.stop()
            self._set_busy(False)
        elif not self._is_busy and not self._patience.isActive():
            self._patience.start()

    def _set_busy(self, busy: bool) -> None:
        if busy != self._is_busy:
            self._is_busy = busy
            self.busy_changed.emit(busy)

    # -- shape ------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Stack the tables in a narrow dock, set them side by side in a wide one."""
        super().resizeEvent(event)
        width, height = event.size().width(), event.size().height()
        shape = "stacked"
        if width >= _WIDE:
            shape = "row" if height < _LOW and width >= 1.4 * _WIDE else "beside"
        if shape != self.shape:
            self._set_shape(shape)
            self._restore_sizes()

    def _set_shape(self, shape: str) -> None:
        self.shape = shape
        across, down = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        self.setOrientation(down if shape == "stacked" else across)
        self.upper.setOrientation(across if shape == "row" else down)

    def _restore_sizes(self) -> None:
        default = {"stacked": [200, 260, 110, 100], "beside": [420, 560, 200, 200],
                   "row": [700, 700, 350, 350]}[self.shape]  # fmt: skip
        kept = recall_view(self.path, f"sizes_{self.shape}", default)
        sizes = kept if len(kept) == 4 and all(isinstance(n, int) for n in kept) else default
        self.setSizes(sizes[:2])
        self.upper.setSizes(sizes[2:])

    def _keep_sizes(self, *_: object) -> None:
        if self._database is not None:
            sizes = [*self.sizes(), *self.upper.sizes()]
            remember_view(self.path, f"sizes_{self.shape}", sizes)
