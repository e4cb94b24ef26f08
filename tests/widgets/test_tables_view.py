"""The three tables together: selection, columns, shape, keys, state over refresh and restart."""

from __future__ import annotations

import json

import pytest
from pydicom.data import get_testdata_file
from qtpy.QtCore import Qt

from napari_dicomdb.widgets import tables_view
from napari_dicomdb.widgets._drag import SERIES_MIME
from napari_dicomdb.widgets._session import recall_view
from napari_dicomdb.widgets.models import _roles, paged_table, place_of
from napari_dicomdb.widgets.tables_view import TablesView
from napari_dicomdb.widgets.thumbnails import ThumbnailCache

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def make(qtbot, runner, palette, database):
    database.import_paths(
        [get_testdata_file("MR_small.dcm"), get_testdata_file("CT_small.dcm")], workers=0
    )

    def opened():
        made = TablesView(runner, ThumbnailCache(runner), palette)
        qtbot.addWidget(made)
        made.resize(420, 600)
        made.show_database(database)
        return made

    return opened


@pytest.fixture
def tables(qtbot, make):
    made = make()
    qtbot.waitUntil(lambda: made.series_model.rowCount() == 6)
    qtbot.waitUntil(lambda: made.patient_model.rowCount() == 3)
    return made


def patient(tables, name):
    model = tables.patient_model
    return next(r for r in range(model.rowCount()) if model.index(r, 0).data() == name)


def settled(tables):
    return lambda: not any(view.model().is_waiting for view in tables.views)


def test_several_patients_list_the_series_of_both(qtbot, tables):
    tables.patients.select_rows([patient(tables, "Phantom, Ada")])
    qtbot.waitUntil(lambda: tables.series_model.rowCount() == 4)
    tables.patients.select_rows([patient(tables, "CompressedSamples, MR1")])
    qtbot.waitUntil(lambda: tables.series_model.rowCount() == 5)
    qtbot.waitUntil(lambda: tables.study_model.rowCount() == 2)
    tables.patients.selectAll()
    qtbot.waitUntil(lambda: tables.series_model.rowCount() == 6)


def test_select_all_takes_rows_that_were_not_read(qtbot, tables, monkeypatch):
    monkeypatch.setattr(paged_table, "PAGE_SIZE", 2)
    monkeypatch.setattr("napari_dicomdb.widgets.models._paging.PAGE_SIZE", 2)
    assert _roles.PAGE_SIZE == 100
    tables._fill()
    qtbot.waitUntil(settled(tables))
    qtbot.keyClick(tables.series, Qt.Key.Key_A, CONTROL)
    qtbot.waitUntil(lambda: len(tables.selected_series()) == 6)
    assert {type(r).__name__ for r in tables.selected_records()} == {"SeriesRecord"}


def test_refresh_keeps_the_selection_in_all_tables(qtbot, tables):
    tables.patients.select_rows([patient(tables, "Phantom, Ada")])
    qtbot.waitUntil(lambda: tables.series_model.rowCount() == 4)
    qtbot.waitUntil(settled(tables))
    tables.studies.select_rows([0])
    qtbot.waitUntil(settled(tables))
    tables.series.select_rows([2])
    (chosen,) = tables.selected_series()
    tables.refresh()
    qtbot.waitUntil(lambda: [s.uid for s in tables.selected_series()] == [chosen.uid])
    assert len(tables.patients.selected_rows()) == len(tables.studies.selected_rows()) == 1


def test_sorting_keeps_the_selection(qtbot, tables):
    tables.patients.select_rows([patient(tables, "Phantom, Ada")])
    qtbot.waitUntil(lambda: tables.series_model.rowCount() == 4)
    qtbot.waitUntil(settled(tables))
    tables.patients.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    qtbot.waitUntil(settled(tables))
    row = patient(tables, "Phantom, Ada")
    qtbot.waitUntil(lambda: tables.patients.selected_rows() == [row])
    qtbot.waitUntil(lambda: tables.series_model.rowCount() == 4)


def test_selection_and_columns_outlive_the_session(qtbot, tables, make, database):
    tables.patients.select_rows([patient(tables, "Phantom, Ada")])
    qtbot.waitUntil(lambda: tables.series_model.rowCount() == 4)
    qtbot.waitUntil(settled(tables))
    tables.series.select_rows([1])
    (chosen,) = tables.selected_series()
    columns = tables.columns["series"]
    columns.show_column("modality", False)
    columns.show_column("scanner", True)
    header = tables.series.horizontalHeader()
    scanner = place_of(tables.series_model.columns, "scanner")
    header.moveSection(header.visualIndex(scanner), 1)
    header.resizeSection(scanner, 123)
    header.setSortIndicator(scanner - 1, Qt.SortOrder.DescendingOrder)
    qtbot.waitUntil(settled(tables))
    qtbot.waitUntil(lambda: [s.uid for s in tables.selected_series()] == [chosen.uid])
    tables.keep_state()
    again = make()
    qtbot.waitUntil(lambda: [s.uid for s in again.selected_series()] == [chosen.uid])
    head = again.series.horizontalHeader()
    assert head.visualIndex(scanner) == 1
    assert head.sectionSize(scanner) == 123
    assert head.sortIndicatorSection() == scanner - 1
    assert again.series.isColumnHidden(place_of(again.series_model.columns, "modality"))
    again.columns["series"].reset()
    assert not again.series.isColumnHidden(place_of(again.series_model.columns, "modality"))
    assert head.visualIndex(scanner) == scanner
    assert "shown" not in recall_view(database.path, "series_columns", {})


def test_a_narrow_table_shows_what_fits(tables):
    def shown():
        columns = tables.series_model.columns
        return [c.name for k, c in enumerate(columns) if not tables.series.isColumnHidden(k)]

    tables.resize(420, 600)
    tables.show()
    narrow = shown()
    assert narrow[0] == "series"
    assert "dimensions" not in narrow
    assert tables.series.horizontalScrollBar().maximum() == 0, "nothing is cut off"
    tables.resize(2400, 600)
    assert {"dimensions", "spacing", "size", "date", "where", "added"} <= set(shown())


def test_shape_follows_the_room(tables):
    tables.show()
    for size, shape in (((420, 700), "stacked"), ((1000, 700), "beside"), ((1500, 300), "row")):
        tables.resize(*size)
        assert tables.shape == shape, size


def test_keys_move_copy_remove_and_open(qtbot, tables):
    view = tables.series
    told = []
    tables.copy_requested.connect(lambda: told.append("copy"))
    tables.remove_requested.connect(lambda: told.append("remove"))
    tables.series_opened.connect(lambda series: told.append(len(series)))
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert view.selected_rows() == [0]
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert view.selected_rows() == [5]
    qtbot.keyClick(view, Qt.Key.Key_C, CONTROL)
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert told == ["copy", "remove", 1]


def test_typing_goes_to_the_row_that_begins_so(qtbot, tables):
    tables.patients.keyboardSearch("ph")
    assert tables.patients.currentIndex().row() == patient(tables, "Phantom, Ada")


def test_enter_goes_on_to_what_a_row_holds(qtbot, tables):
    tables.show()
    tables.patients.select_rows([patient(tables, "Phantom, Ada")])
    qtbot.waitUntil(lambda: tables.study_model.rowCount() == 1)
    qtbot.keyClick(tables.patients, Qt.Key.Key_Return)
    assert tables.studies.selected_rows() == [0]


def test_what_is_dragged(tables, database):
    mime = tables.series_model.mimeData([tables.series_model.index(0, 0)])
    said = json.loads(bytes(mime.data(SERIES_MIME).data()))
    assert said["database"] == str(database.path)
    assert said["series"] == [tables.series_model.record(0).uid]
    mime = tables.study_model.mimeData([tables.study_model.index(0, 0)])
    said = json.loads(bytes(mime.data(SERIES_MIME).data()))
    assert said["studies"] == [tables.study_model.record(0).uid]


def test_selection_is_told_once_it_settles(qtbot, tables):
    told = []
    tables.series_selected.connect(told.append)
    qtbot.waitUntil(lambda: not tables._settle.isActive())
    told.clear()
    for row in range(4):
        tables.series.selectRow(row)
    qtbot.waitUntil(lambda: bool(told))
    assert [[s.uid for s in one] for one in told] == [[tables.series_model.record(3).uid]]


def test_who_waits_is_told(qtbot, tables, monkeypatch):
    monkeypatch.setattr(tables_view, "_WAIT", 0)
    told = []
    tables.busy_changed.connect(told.append)
    tables._set_busy(True)
    tables.cancel()
    tables._on_waiting()
    assert told == [True, False]


def test_painting(qtbot, tables):
    """Rows show words: no cell of the first columns is empty."""
    tables.show()
    qtbot.waitExposed(tables)
    for view in tables.views:
        image = view.viewport().grab().toImage()
        rect = view.visualRect(view.model().index(0, view._main_column()))
        colours = {
            image.pixelColor(x, y).name()
            for x in range(rect.left(), rect.right())
            for y in range(rect.top(), rect.bottom())
        }
        assert len(colours) > 5
