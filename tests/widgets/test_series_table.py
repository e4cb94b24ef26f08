"""Series, page by page."""

from __future__ import annotations

from functools import partial

import pytest
from qtpy.QtCore import QModelIndex, Qt

from napari_dicomdb.database.records import SeriesRecord
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.models import SERIES_COLUMNS, SecondaryTextRole, SeriesTable, place_of

ROOT = QModelIndex()


def record(k):
    return SeriesRecord(
        k, 1, 1, f"1.2.{k}", "1.2", "CT", k, f"Series {k}", "2020-01-02", "10:00", "HEAD", "P",
        "ACME", "Scan", "", "", 512, 400, 9, 10, 5_000_000, "linked", 0.0,
    )  # fmt: skip


def listed(*, limit, offset, order="number", descending=False):
    rows = [record(k) for k in range(250)]
    return (rows[::-1] if descending else rows)[offset : offset + limit]


@pytest.fixture
def runner():
    made = TaskRunner("test-series")
    yield made
    made.close()


@pytest.fixture
def model(qtbot, runner):
    made = SeriesTable(runner)
    with qtbot.waitSignal(made.loaded):
        made.show(listed)
    return made


def test_pages(qtbot, model):
    assert model.rowCount() == 100
    while model.canFetchMore(ROOT):
        with qtbot.waitSignal(model.loaded):
            model.fetchMore(ROOT)
    assert [model.record(r).key for r in range(model.rowCount())] == list(range(250))
    assert model.row_of("1.2.249") == 249
    assert model.row_of("9.9") == -1


def test_cells(model):
    def cell(name):
        return model.index(3, place_of(SERIES_COLUMNS, name)).data()

    assert cell("series") == "Series 3"
    assert model.index(3, 0).data(SecondaryTextRole) == "#3 · 2020-01-02 · Head"
    assert cell("modality") == "CT"
    assert cell("images") == "10"
    assert cell("dimensions") == "400 × 512"
    assert cell("number") == "3"
    assert cell("date") == "2020-01-02"
    assert cell("size") == "5.0 MB"
    assert cell("body_part") == "HEAD"
    assert "ACME Scan" in model.index(3, 0).data(Qt.ItemDataRole.ToolTipRole)


def test_all_rows_at_once(qtbot, model):
    told = []
    model.fetch_all(lambda: told.append(model.rowCount()))
    qtbot.waitUntil(lambda: told == [250])
    assert model.is_complete
    assert [model.record(r).key for r in range(250)] == list(range(250))


def test_nothing_to_list(qtbot, model):
    model.show(None)
    assert model.rowCount() == 0
    assert not model.canFetchMore(ROOT)


def test_a_picture_that_arrives_repaints_its_row(qtbot, model):
    with qtbot.waitSignal(model.dataChanged) as caught:
        model.refresh_thumbnail("1.2.42")
    assert (caught.args[0].row(), caught.args[0].column()) == (42, 0)


def test_qt_is_content(model, qtmodeltester):
    qtmodeltester.check(model, force_py=True)


@pytest.mark.parametrize("column", [c for c in SERIES_COLUMNS if c.order], ids=lambda c: c.name)
def test_the_real_database_sorts_by_every_column(qtbot, runner, database, column):
    model = SeriesTable(runner)
    model.show(partial(database.series, text=""))
    orders = []
    for way in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
        with qtbot.waitSignal(model.loaded, check_params_cb=lambda: model.rowCount() == 4):
            model.sort(place_of(SERIES_COLUMNS, column.name), way)
        orders.append([model.record(r).uid for r in range(4)])
    assert sorted(orders[0]) == sorted(orders[1])
    assert len(set(orders[0])) == 4
    if column.name == "modality":
        assert [model.index(r, 1).data() for r in range(4)] == ["MR", "MR", "CT", "CT"]
