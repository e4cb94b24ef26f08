"""Asking where a database is to be, from the menu."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_dicomdb import Database
from napari_dicomdb.widgets import database_actions
from napari_dicomdb.widgets._session import attach_session
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._theme import ThemeWatcher
from napari_dicomdb.widgets.database_actions import DatabaseActions


@pytest.fixture
def actions(qtbot):
    session, detach = attach_session()
    host = QWidget()
    qtbot.addWidget(host)
    theme, runner = ThemeWatcher(), TaskRunner("databases")
    yield DatabaseActions(session, runner, theme, host)
    runner.close()
    theme.disconnect_settings()
    detach()


def answer(monkeypatch, *paths):
    left = iter([str(p) if p else "" for p in paths])
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: next(left))


def test_nothing_happens_when_the_question_is_left(actions, monkeypatch):
    answer(monkeypatch, None, None, None, None)
    for ask in (actions.new, actions.open_other, actions.open_read_only, actions.take_over):
        ask()
    assert not actions.session._runner.is_busy
    assert actions.path is None


def test_new_then_another(actions, qtbot, tmp_path, monkeypatch):
    Database.open(tmp_path / "b").close()
    (tmp_path / "a").mkdir()
    answer(monkeypatch, tmp_path / "a", tmp_path / "b")
    with qtbot.waitSignal(actions.session.opened, timeout=20_000):
        actions.new()
    assert actions.path == tmp_path / "a"
    with qtbot.waitSignal(actions.session.opened, timeout=20_000):
        actions.open_other()
    assert actions.path == tmp_path / "b"


def test_a_folder_without_a_database_is_not_made_one(actions, qtbot, tmp_path, monkeypatch):
    answer(monkeypatch, tmp_path)
    with qtbot.waitSignal(actions.session.open_failed, timeout=20_000):
        actions.open_other()
    assert actions.path == tmp_path, "the one that failed is what the remedies are for"
    assert not (tmp_path / "dicomdb.sqlite").exists()


def test_what_is_absent_is_found_out_in_the_background(actions, qtbot, tmp_path):
    with qtbot.waitSignal(actions.presence_known) as caught:
        actions.look_for([tmp_path, tmp_path / "gone"])
    assert caught.args == [[tmp_path / "gone"]]


def test_show_in_folder(actions, qtbot, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(database_actions, "show_in_folder", shown.append)
    actions.show_in_folder()
    with qtbot.waitSignal(actions.session.opened, timeout=20_000):
        actions.session.open(tmp_path)
    actions.show_in_folder()
    assert shown == [tmp_path]
