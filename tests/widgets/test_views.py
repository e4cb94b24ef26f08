"""Tables and cards take turns: search and selection go along, the hidden one is silent."""

from __future__ import annotations

import pytest

from napari_dicomdb import Database
from napari_dicomdb.widgets._session import attach_session, flush
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._views import Views
from napari_dicomdb.widgets.loadable_cache import LoadableCache
from napari_dicomdb.widgets.tables_view import TablesView
from napari_dicomdb.widgets.thumbnails import ThumbnailCache


@pytest.fixture
def views(qtbot, palette, database):
    session, detach = attach_session()
    session.use(database)
    runner = TaskRunner("test-views", 2)
    ways = LoadableCache(session)
    parts = (runner, ThumbnailCache(runner), palette)
    made = Views(TablesView(*parts, ways=ways), *parts, ways=ways)
    qtbot.addWidget(made)
    made.resize(440, 600)
    made.show()
    made.show_database(database)
    qtbot.waitUntil(lambda: made.current.series_model.rowCount() == 4)
    yield made
    runner.close()
    ways.runner.close()
    ways.related.runner.close()
    detach()


def chosen(views):
    return [one.uid for one in views.selected_series()]


def test_search_and_selection_are_taken_along(qtbot, views, database):
    (series,) = database.search("modality:MR")[:1]
    views.search("modality:MR")
    views.select_series([series])
    qtbot.waitUntil(lambda: chosen(views) == [series.uid])
    views.show_view("cards", "modality:MR")
    assert views.current is views.cards
    qtbot.waitUntil(lambda: chosen(views) == [series.uid])
    qtbot.waitUntil(lambda: views.cards.model.series(0) is not None)
    assert {one.modality for one in views.cards.model.series(0)} == {"MR"}
    views.show_view("tables", "")
    qtbot.waitUntil(lambda: views.current.series_model.rowCount() == 4)
    qtbot.waitUntil(lambda: chosen(views) == [series.uid])


def test_what_is_hidden_says_nothing(qtbot, views, database):
    tables = views.current
    views.show_view("cards")
    qtbot.waitUntil(lambda: len(views.cards.model) == 1)
    heard = []
    views.series_selected.connect(heard.append)
    tables.series_selected.emit(database.series())
    assert heard == []
    views.cards.series_selected.emit([])
    assert heard == [[]]


def test_each_database_is_shown_as_it_was_last(qtbot, views, database, tmp_path):
    views.show_view("cards")
    with Database.open(tmp_path / "other") as other:
        views.show_database(other)
        assert views.name == "tables"
        qtbot.waitUntil(lambda: not any(v.model().is_waiting for v in views.current.views))
        views.show_database(database)
        assert views.name == "cards"
        qtbot.waitUntil(lambda: len(views.cards.model) == 1)
    flush()
