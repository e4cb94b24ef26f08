"""One database for all docks, one import at a time, choices that are remembered."""

from __future__ import annotations

import contextlib
import sqlite3
import threading

import pytest

from napari_dicomdb.database.connection import Connections
from napari_dicomdb.errors import DatabaseError
from napari_dicomdb.settings import load_settings, remember_database
from napari_dicomdb.widgets._session import (
    ImportRequest,
    attach_session,
    recall,
    recall_view,
    remember,
    remember_view,
)


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


def test_slicer_is_taken_over_as_by_the_command(qtbot, session, phantom_folder, tmp_path):
    slicer, gone = tmp_path / "slicer", tmp_path / "gone.dcm"
    slicer.mkdir()
    files = [path for path in phantom_folder.rglob("*") if path.is_file()][:3]
    with contextlib.closing(sqlite3.connect(slicer / "ctkDICOM.sql")) as index:
        index.execute("CREATE TABLE Images (SOPInstanceUID, Filename, URL)")
        index.executemany(
            "INSERT INTO Images VALUES (?, ?, NULL)",
            [(n, str(path)) for n, path in enumerate([*files, gone])],
        )
        index.commit()
    with pytest.raises(DatabaseError) as raised:
        session.take_over(slicer, slicer / "mine")
    assert raised.value.reason == "slicer-directory"
    with qtbot.waitSignal(session.import_finished, timeout=30_000) as ended:
        session.take_over(slicer, tmp_path / "taken")
    _request, report = ended.args
    assert report.missing == [
        (str(gone), "slicer-file-missing", "3D Slicer lists it, and it is not there any more")
    ]
    assert report.rejected == []
    assert "take-over" in [deed.kind for deed in session.database.activity()]
    assert [path.name for path in slicer.iterdir()] == ["ctkDICOM.sql"]


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
    lists.patients.setCurrentIndex(lists.patient_model.index(0, 0))
    header = lists.series.horizontalHeader()
    header.setSortIndicator(2, header.sortIndicatorOrder())
    browser.search.setText("phantom")
    browser._run_search()
    qtbot.waitUntil(lambda: not browser._queries.is_busy)
    qtbot.waitUntil(lambda: lists.series_model.rowCount() == 4)
    lists.series.setCurrentIndex(lists.series_model.index(0, 0))
    qtbot.waitUntil(lambda: bool(browser.panel.cards))
    assert len(asked) > 5
    assert here not in asked


def open_in(qtbot, session, path, **how):
    with qtbot.waitSignal(session.opened, timeout=20_000):
        session.open(path, **how)
    return session.database


def unplug(qtbot, session):
    qtbot.waitUntil(lambda: session.drive._identity is not None)
    path = session.database.path
    path.rename(path.with_name("unplugged"))
    with qtbot.waitSignal(session.drive_lost, timeout=20_000) as caught:
        session.drive.look()
    return path, caught.args[0]


def test_a_drive_is_unplugged_and_comes_back(qtbot, session, phantom_folder, tmp_path):
    database = open_in(qtbot, session, tmp_path / "drive")
    database.import_paths([phantom_folder], workers=0)
    before = [s.uid for s in database.series()]
    path, told = unplug(qtbot, session)
    assert str(path) in told
    assert "trying again" in told
    # What is asked for meanwhile waits.
    session.import_paths(ImportRequest((phantom_folder,), workers=0))
    assert session.waiting_count == 1
    assert not session.is_importing
    path.with_name("unplugged").rename(path)
    with qtbot.waitSignals(
        [session.drive_found, session.import_finished], timeout=20_000
    ) as caught:
        session.drive.look()
    assert session.database is not database
    assert [s.uid for s in session.database.series()] == before
    report = next(a.args[1] for a in caught.all_signals_and_args if len(a.args) == 2)
    assert (report.added, report.unchanged) == (0, 31)


def test_an_import_that_the_drive_interrupts_goes_on(
    qtbot, session, phantom, tmp_path, monkeypatch
):
    database = open_in(qtbot, session, tmp_path / "drive")
    qtbot.waitUntil(lambda: session.drive._identity is not None)
    path = database.path

    def pulled(*args, **kwargs):
        path.rename(path.with_name("unplugged"))
        raise DatabaseError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(database, "import_paths", pulled)
        with qtbot.waitSignals([session.import_failed, session.drive_lost], timeout=20_000):
            session.import_paths(ImportRequest((phantom["axial-ct"].paths[0].parent,), workers=0))
    path.with_name("unplugged").rename(path)
    with qtbot.waitSignal(session.import_finished, timeout=20_000) as caught:
        session.drive.look()
    assert caught.args[1].added == 8


def test_no_empty_index_appears_on_the_mount_point(qtbot, session, tmp_path):
    database = open_in(qtbot, session, tmp_path / "drive")
    path, _ = unplug(qtbot, session)
    path.mkdir()
    # More at once than connections wait in the pool: new ones are opened.
    with contextlib.ExitStack() as lent, pytest.raises(DatabaseError):
        for _ in range(8):
            connection = lent.enter_context(database._connections.borrow())
            connection.execute("SELECT count(*) FROM patient")
    assert not (path / "dicomdb.sqlite").exists()


def test_a_failure_says_what_was_asked_for(qtbot, session, tmp_path):
    remember_database(tmp_path / "gone")
    with qtbot.waitSignal(session.open_failed, timeout=20_000):
        session.open(tmp_path / "gone")
    assert session.failure.request.directory == tmp_path / "gone"
    assert session.failure.reason == "database-gone"
    open_in(qtbot, session, tmp_path / "gone", create=True)
    assert session.failure is None


def test_moving_takes_along_what_is_remembered(qtbot, session, phantom_folder, tmp_path):
    database = open_in(qtbot, session, tmp_path / "old")
    database.import_paths([phantom_folder], workers=0)
    remember_view(tmp_path / "old", "zoom", 3)
    with qtbot.waitSignal(session.opened, timeout=20_000):
        session.move(tmp_path / "old", tmp_path / "new")
    assert session.database.path == tmp_path / "new"
    assert len(session.database.series()) == 4
    assert recall_view(tmp_path / "new", "zoom", 0) == 3
    assert load_settings().database == tmp_path / "new"
    assert tmp_path / "old" not in load_settings().recent_databases
    assert not (tmp_path / "old").exists()


def test_a_move_that_fails_leaves_all_as_it_was(qtbot, session, tmp_path):
    open_in(qtbot, session, tmp_path / "old")
    (tmp_path / "full" / "old").mkdir(parents=True)
    (tmp_path / "full" / "old" / "letter.txt").write_text("not empty")
    failed = []
    with qtbot.waitSignal(session.opened, timeout=20_000):
        session.move(tmp_path / "old", tmp_path / "full", failed=failed.append)
    assert session.database.path == tmp_path / "old"
    assert len(failed) == 1
    assert load_settings().database == tmp_path / "old"
