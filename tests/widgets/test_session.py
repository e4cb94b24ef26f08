"""One database for all docks, one import at a time, choices that are remembered."""

from __future__ import annotations

import threading

import pytest

from napari_dicomdb.database.connection import Connections
from napari_dicomdb.settings import load_settings, remember_database
from napari_dicomdb.widgets._session import ImportRequest, attach_session, recall, remember


@pytest.fixture
def session():
    made, detach = attach_session()
    yield made
    detach()


def test_docks_share_it_and_the_last_closes_it(qtbot):
    one, let_go_one = attach_session()
    two, let_go_two = attach_session()
    assert one is two
    with qtbot.waitSignal(one.opened, timeout=20_000):
        one.open()
    let_go_one()
    let_go_one()  # a second time is nothing
    assert one.database is not None
    let_go_two()
    assert one.database is None
    three, let_go_three = attach_session()
    assert three is not one
    let_go_three()


def test_imports_queue_until_the_database_is_open(qtbot, session, phantom):
    done, running = [], []
    session.import_started.connect(lambda request: running.append(request.paths))
    session.import_finished.connect(lambda request, report: done.append((request, report)))
    requests = [
        ImportRequest((phantom[name].paths[0].parent,), workers=0)
        for name in ("axial-ct", "oblique-mr")
    ]
    for request in requests:
        session.import_paths(request)
    assert running == []
    assert session.waiting_count == 2
    session.open()
    qtbot.waitUntil(lambda: len(done) == 2, timeout=30_000)
    assert [request for request, _ in done] == requests
    assert [report.added for _, report in done] == [8, 8]
    assert not session.is_importing


def test_a_dry_run_changes_nothing(qtbot, session, phantom_folder):
    with qtbot.waitSignal(session.opened, timeout=20_000):
        session.open()
    changed = []
    session.changed.connect(lambda: changed.append(True))
    with qtbot.waitSignal(session.import_finished, timeout=30_000):
        session.import_paths(ImportRequest((phantom_folder,), workers=0, dry_run=True))
    qtbot.waitUntil(lambda: not session.is_importing)
    assert changed == []


def test_a_chosen_database_is_the_next_default(qtbot, session, tmp_path, monkeypatch):
    with qtbot.waitSignal(session.opened, timeout=20_000):
        session.open(tmp_path / "mine")
    assert load_settings().database == tmp_path / "mine"


def test_choices_outlive_other_settings(tmp_path):
    assert recall("copy_on_import", False) is False
    remember("copy_on_import", True)
    remember_database(tmp_path)
    assert recall("copy_on_import", False) is True
    assert recall("copy_on_import", ["a list"]) == ["a list"], "of another type: as if absent"


def test_no_query_on_the_gui_thread(browser, qtbot, phantom, monkeypatch):
    here, asked = threading.get_ident(), []
    borrow = Connections.borrow

    def watched(self):
        asked.append(threading.get_ident())
        return borrow(self)

    monkeypatch.setattr(Connections, "borrow", watched)
    lists = browser.lists
    lists.refresh()
    qtbot.waitUntil(lambda: lists.series_model.rowCount() == 4)
    lists.tree.setCurrentIndex(lists.tree_model.index(0, 0))
    lists.series.header().setSortIndicator(2, lists.series.header().sortIndicatorOrder())
    browser.search.setText("phantom")
    browser._run_search()
    qtbot.waitUntil(lambda: not browser._queries.is_busy)
    qtbot.waitUntil(lambda: lists.series_model.rowCount() == 4)
    lists.series.setCurrentIndex(lists.series_model.index(0, 0))
    qtbot.waitUntil(lambda: bool(browser.panel.cards))
    assert len(asked) > 5
    assert here not in asked
