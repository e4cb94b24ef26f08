"""Which columns a table shows: as many as fit, until the user chooses."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from napari_dicomdb.widgets._session import recall_view
from napari_dicomdb.widgets._table_columns import TableColumns
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.models import Column, PagedTable
from napari_dicomdb.widgets.record_view import RecordView

COLUMNS = (
    Column("name", "Name", lambda r: r.name, rank=0, sample="Meyer, Anna"),
    Column("id", "ID", lambda r: r.name, rank=1, sample="1234567890"),
    Column("born", "Born", lambda r: r.name, rank=2, sample="2000-01-01"),
)


@pytest.fixture
def view(qtbot):
    runner = TaskRunner("test-columns")
    made = RecordView("Names")
    qtbot.addWidget(made)
    model = PagedTable(COLUMNS, runner, made)
    made.setModel(model)
    with qtbot.waitSignal(model.loaded):
        model.show(lambda limit, offset, **_: [SimpleNamespace(key=1, name="A")][offset:])
    made.resize(600, 200)
    made.show()
    yield made
    runner.close()


@pytest.fixture
def columns(view, tmp_path):
    made = TableColumns(view, "test")
    made.recall(tmp_path)
    return made


def shown(view):
    return [c.name for k, c in enumerate(COLUMNS) if not view.isColumnHidden(k)]


def test_the_most_telling_stay_in_a_narrow_table(view, columns):
    assert shown(view) == ["name", "id", "born"]
    view.resize(230, 200)
    assert shown(view) == ["name", "id"]
    view.resize(120, 200)
    assert shown(view) == ["name"]
    view.resize(600, 200)
    assert shown(view) == ["name", "id", "born"]


def test_the_main_column_takes_the_room_that_is_left(view, columns):
    widths = [view.columnWidth(k) for k in range(3)]
    assert sum(widths) == view.viewport().width()
    assert widths[0] == max(widths)


def test_what_was_chosen_is_shown_whether_it_fits_or_not(view, columns, tmp_path):
    columns.show_column("id", False)
    view.resize(120, 200)
    assert shown(view) == ["name", "born"]
    assert recall_view(tmp_path, "test_columns", {})["shown"] == ["name", "born"]
    columns.fit_columns()
    assert shown(view) == ["name"]


def test_the_menu_keeps_the_main_column(view, columns):
    actions = {a.text(): a for a in columns.menu().actions() if a.text()}
    assert not actions["Name"].isEnabled()
    actions["Born"].trigger()
    assert shown(view) == ["name", "id"]
    actions["Reset columns"].trigger()
    assert shown(view) == ["name", "id", "born"]


@pytest.mark.parametrize(
    "kept", [{"shown": ["gone"], "order": ["gone", "born"], "widths": {"id": "x"}}, {"sort": [1]}]
)
def test_nonsense_in_the_settings_does_no_harm(view, columns, tmp_path, kept):
    from napari_dicomdb.widgets._session import remember_view

    remember_view(tmp_path / "other", "test_columns", kept)
    columns.recall(tmp_path / "other")
    assert "name" in shown(view)
