"""Tree and table together: selection, columns, state over a refresh."""

from __future__ import annotations

import pytest
from pydicom.data import get_testdata_file

from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.models import SeriesColumn
from napari_dicomdb.widgets.study_lists import StudyLists
from napari_dicomdb.widgets.thumbnails import ThumbnailCache


@pytest.fixture
def runner():
    made = TaskRunner("test-lists", 2)
    yield made
    made.close()


@pytest.fixture
def lists(qtbot, runner, palette, database):
    database.import_paths(
        [get_testdata_file("MR_small.dcm"), get_testdata_file("CT_small.dcm")], workers=0
    )
    made = StudyLists(runner, ThumbnailCache(runner), palette)
    qtbot.addWidget(made)
    made.resize(420, 500)
    made.show_database(database)
    qtbot.waitUntil(lambda: made.series_model.rowCount() == 6)
    return made


def patient(lists, name):
    model = lists.tree_model
    rows = [model.index(r, 0) for r in range(model.rowCount())]
    return next(i for i in rows if i.data() == name)


def test_several_branches_list_each_series_once(qtbot, lists):
    row = patient(lists, "Phantom, Ada")
    qtbot.waitUntil(lambda: lists.tree_model.rowCount(row) == 1)
    lists._select(lists.tree, row)
    qtbot.waitUntil(lambda: lists.series_model.rowCount() == 4)
    lists._select(lists.tree, lists.tree_model.index(0, 0, row))
    lists._select(lists.tree, patient(lists, "CompressedSamples, MR1"))
    qtbot.waitUntil(lambda: lists.series_model.rowCount() == 5)
    uids = [lists.series_model.record(r).uid for r in range(5)]
    assert len(set(uids)) == 5


def test_refresh_keeps_what_is_selected_and_unfolded(qtbot, lists, database):
    row = patient(lists, "Phantom, Ada")
    qtbot.waitUntil(lambda: lists.tree_model.rowCount(row) == 1)
    lists._select(lists.tree, lists.tree_model.index(0, 0, row))
    qtbot.waitUntil(lambda: lists.series_model.rowCount() == 4)
    lists._select(lists.series, lists.series_model.index(2, 0))
    (chosen,) = lists.selected_series()
    lists.tree.collapse(patient(lists, "CompressedSamples, CT1"))
    lists.refresh()
    qtbot.waitUntil(lambda: [s.uid for s in lists.selected_series()] == [chosen.uid])
    assert [b.uid for b in lists.selected_branches()] == [chosen.study_uid]
    assert lists.tree.isExpanded(patient(lists, "Phantom, Ada"))
    assert not lists.tree.isExpanded(patient(lists, "CompressedSamples, CT1"))


def test_columns_are_chosen_and_remembered(qtbot, lists, runner, palette):
    assert lists.series.isColumnHidden(SeriesColumn.SIZE)
    actions = {a.text(): a for a in lists.column_menu().actions()}
    assert actions["Modality"].isChecked()
    actions["Size"].trigger()
    actions["Modality"].trigger()
    assert not lists.series.isColumnHidden(SeriesColumn.SIZE)
    again = StudyLists(runner, ThumbnailCache(runner), palette)
    qtbot.addWidget(again)
    assert not again.series.isColumnHidden(SeriesColumn.SIZE)
    assert again.series.isColumnHidden(SeriesColumn.MODALITY)
    assert not again.series.isColumnHidden(SeriesColumn.SERIES)


def test_selection_is_told_once_it_settles(qtbot, lists):
    told = []
    lists.series_selected.connect(told.append)
    qtbot.waitUntil(lambda: not lists._settle.isActive())
    told.clear()
    for row in range(4):
        lists.series.setCurrentIndex(lists.series_model.index(row, 0))
    qtbot.waitUntil(lambda: bool(told))
    assert [[s.uid for s in one] for one in told] == [[lists.series_model.record(3).uid]]


def test_painting(qtbot, lists, palette):
    """Rows show words: no cell of the first columns is empty."""
    lists.show()
    qtbot.waitExposed(lists)
    for view in (lists.tree, lists.series):
        image = view.viewport().grab().toImage()
        rect = view.visualRect(view.model().index(0, 0))
        colours = {
            image.pixelColor(x, y).name()
            for x in range(rect.left(), rect.right())
            for y in range(rect.top(), rect.bottom())
        }
        assert len(colours) > 5
