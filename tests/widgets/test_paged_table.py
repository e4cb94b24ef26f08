"""What all tables share: pages, all rows at once, cancel, failure, what is out of date."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from qtpy.QtCore import QModelIndex, Qt

from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.models import Column, PagedTable

ROOT = QModelIndex()
COLUMNS = (Column("name", "Name", lambda r: r.name, "name", rank=0),)


def listed(limit, offset, order="name", descending=False, *, number=350):
    rows = [SimpleNamespace(key=k, name=f"row {k}") for k in range(number)]
    return (rows[::-1] if descending else rows)[offset : offset + limit]


@pytest.fixture
def runner():
    made = TaskRunner("test-paged")
    yield made
    made.close()


@pytest.fixture
def model(qtbot, runner):
    made = PagedTable(COLUMNS, runner)
    with qtbot.waitSignal(made.loaded):
        made.show(listed)
    return made


def test_pages_follow_without_gap_or_repeat(qtbot, model):
    while model.canFetchMore(ROOT):
        with qtbot.waitSignal(model.loaded):
            model.fetchMore(ROOT)
            assert not model.canFetchMore(ROOT), "one page at a time"
    assert [model.record(r).key for r in range(model.rowCount())] == list(range(350))
    assert model.row_of_key(349) == 349
    assert model.row_of_key(999) == -1


def test_all_rows_then_what_waits_for_them(qtbot, model):
    told = []
    model.fetch_all(lambda: told.append(model.rowCount()))
    qtbot.waitUntil(lambda: told == [350])
    model.fetch_all(lambda: told.append("at once"))
    assert told == [350, "at once"]


def test_as_many_as_before(qtbot, model):
    with qtbot.waitSignal(model.loaded):
        model.show(listed, at_least=300)
    assert model.rowCount() == 300


def test_cancel_gives_up_waiting(qtbot, model):
    gate = threading.Event()

    def slow(**paging):
        gate.wait(20)
        return listed(**paging)

    model.show(slow)
    assert model.is_waiting
    model.cancel()
    assert not model.is_waiting
    assert not model.canFetchMore(ROOT)
    gate.set()
    qtbot.waitUntil(lambda: not model._runner.is_busy)
    assert model.rowCount() == 0


def test_a_page_of_an_older_listing_is_dropped(qtbot, model):
    model.show(listed)
    with qtbot.waitSignal(model.loaded):
        model.show(lambda **paging: listed(**paging, number=3))
    qtbot.waitUntil(lambda: not model._runner.is_busy)
    assert model.rowCount() == 3


def test_failure_is_told_and_ends(qtbot, runner):
    def broken(**_paging):
        raise OSError("the disk is gone")

    model = PagedTable(COLUMNS, runner)
    with qtbot.waitSignal(model.failed) as caught:
        model.show(broken)
    assert str(caught.args[0]) == "the disk is gone"
    assert not model.canFetchMore(ROOT)
    assert not model.is_waiting


def test_sorting_reads_again(qtbot, model):
    with qtbot.waitSignals([model.sorting, model.loaded]):
        model.sort(0, Qt.SortOrder.DescendingOrder)
    assert model.record(0).key == 349


def test_qt_is_content(model, qtmodeltester):
    qtmodeltester.check(model, force_py=True)
