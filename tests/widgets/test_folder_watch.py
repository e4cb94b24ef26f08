"""The looks into watched folders that a session takes."""

from __future__ import annotations

import pytest

from napari_dicomdb import Database
from napari_dicomdb.viewer.phantom import write_phantom_study
from napari_dicomdb.widgets import folder_watch
from napari_dicomdb.widgets._session import ImportRequest, attach_session


@pytest.fixture
def session(database, qtbot):
    """The shared session on the default database."""
    attached, detach = attach_session()
    attached.folders.timer.stop()  # looks are taken by hand
    with qtbot.waitSignal(attached.opened):
        attached.open()
    qtbot.waitUntil(lambda: not attached.folders.is_looking)
    attached.folders._watcher.settle = 0.0
    yield attached
    detach()


def look(session, qtbot):
    session.folders.look()
    qtbot.waitUntil(lambda: not session.folders.is_looking)


def test_what_arrives_is_imported_and_told(session, qtbot, tmp_path):
    incoming = tmp_path / "incoming"
    write_phantom_study(incoming, ("axial-ct",), matrix=8, slices=4)
    for path in incoming.rglob("*.dcm"):
        path.rename(path.with_suffix(".part"))
    with qtbot.waitSignal(session.folders.states_changed):
        session.folders.watch(incoming, copy=True)
    qtbot.waitUntil(lambda: [s.state for s in session.folders.states] == ["watching"])
    for path in incoming.rglob("*.part"):
        path.rename(path.with_suffix(".dcm"))
    look(session, qtbot)
    with qtbot.waitSignals([session.folders.imported, session.changed]):
        look(session, qtbot)
    before = len(session.database.instances())
    look(session, qtbot)
    assert len(session.database.instances()) == before
    assert session.folders.states[0].arriving == 0
    gone = incoming.rename(tmp_path / "away")
    look(session, qtbot)
    assert session.folders.states[0].text == "waits for the drive"
    assert gone.exists()


def test_no_look_while_an_import_runs(session, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(type(session), "is_importing", property(lambda _: True))
    session.folders.look()
    assert not session.folders.is_looking


def test_a_read_only_database_is_not_watched(session, qtbot, tmp_path):
    with qtbot.waitSignal(session.opened):
        session.open(session.database.path, read_only=True)
    session.folders.look()
    assert not session.folders.is_looking
    with qtbot.waitSignal(session.folders.failed) as caught:
        session.folders.watch(tmp_path)
    assert "read-only" in str(caught.args[0])


def test_another_database_has_its_own_folders(session, qtbot, tmp_path):
    with qtbot.waitSignal(session.folders.states_changed):
        session.folders.watch(tmp_path, paused=True)
    qtbot.waitUntil(lambda: not session.folders.is_looking)
    with qtbot.waitSignal(session.opened):
        session.use(Database.open(tmp_path / "other"))
    qtbot.waitUntil(lambda: not session.folders.is_looking)
    assert session.folders.states == []


def test_the_timer_looks(session, qtbot):
    assert session.folders.timer.interval() == folder_watch._INTERVAL
    session.folders.timer.timeout.emit()
    qtbot.waitUntil(lambda: not session.folders.is_looking)


def test_a_queued_import_goes_first(session, qtbot, tmp_path):
    write_phantom_study(tmp_path / "in", ("axial-ct",), matrix=8, slices=4)
    with qtbot.waitSignal(session.import_finished):
        session.import_paths(ImportRequest((tmp_path / "in",), workers=0))
        session.folders.look()
        assert not session.folders.is_looking
