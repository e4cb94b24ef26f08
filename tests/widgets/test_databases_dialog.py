"""All known databases: their states, and what the buttons do."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_dicomdb import Database
from napari_dicomdb.settings import load_settings, remember_database
from napari_dicomdb.widgets._session import attach_session
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._theme import ThemeWatcher
from napari_dicomdb.widgets.database_actions import DatabaseActions, own_folder

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def actions(qtbot, database):
    """Actions on a session that shows the phantom study."""
    session, detach = attach_session()
    host = QWidget()
    qtbot.addWidget(host)
    theme = ThemeWatcher()
    runner = TaskRunner("databases", 2)
    with qtbot.waitSignal(session.opened, timeout=20_000):
        session.open(database.path)
    yield DatabaseActions(session, runner, theme, host)
    runner.close()
    theme.disconnect_settings()
    detach()


@pytest.fixture
def folders(tmp_path):
    """Known databases: a good one, a damaged one, one that is gone."""
    Database.open(tmp_path / "good").close()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "dicomdb.sqlite").write_bytes(b"scrambled" * 999)
    for name in ("gone", "bad", "good"):
        remember_database(tmp_path / name)
    return tmp_path


@pytest.fixture
def dialog(qtbot, actions, folders):
    made = actions.manage()
    wait_for_states(qtbot, made)
    return made


def states(dialog):
    return {row.data.path.name: row.cells[1] for row in dialog.model.rows}


def wait_for_states(qtbot, dialog):
    qtbot.waitUntil(lambda: "…" not in states(dialog).values(), timeout=20_000)


def choose(dialog, path):
    dialog.choose(path)
    assert dialog.chosen().path == path


def answer(monkeypatch, *paths):
    left = iter([str(p) for p in paths])
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: next(left))


def test_each_has_its_state(dialog):
    assert states(dialog) == {
        "database": "ok", "good": "ok", "bad": "damaged", "gone": "missing",
    }  # fmt: skip
    row = dialog.model.rows[0]
    assert row.cells[0] == "database (shown)"
    assert row.cells[2:6] == ("1", "1", "4", "31")


def test_buttons_follow_the_choice(dialog, folders, database):
    def enabled():
        return {name for name, button in dialog.buttons.items() if button.isEnabled()}

    choose(dialog, folders / "gone")
    assert enabled() == {"new", "add", "restore", "forget"}
    assert "Not there now" in dialog.says.text()
    choose(dialog, folders / "good")
    assert {"open", "read-only", "move", "backup", "forget"} <= enabled()
    choose(dialog, database.path)
    assert "open" not in enabled()
    assert "upkeep" in enabled()


def test_enter_and_double_click_switch(dialog, qtbot, actions, folders):
    choose(dialog, folders / "good")
    with qtbot.waitSignal(actions.session.opened, timeout=20_000):
        qtbot.mouseClick(dialog.buttons["open"], LEFT)
    assert actions.session.database.path == folders / "good"


def test_what_does_not_open_is_told_at_the_place(dialog, qtbot, actions, folders):
    choose(dialog, folders / "bad")
    with qtbot.waitSignal(actions.session.open_failed, timeout=20_000):
        dialog.open_chosen()
    assert "damaged" in dialog.work.outcome.text()
    assert dialog.work.outcome.isVisibleTo(dialog)


def test_forget(dialog, qtbot, folders):
    choose(dialog, folders / "gone")
    qtbot.mouseClick(dialog.buttons["forget"], LEFT)
    assert folders / "gone" not in load_settings().recent_databases
    assert "gone" not in states(dialog)


def test_add(dialog, qtbot, folders, monkeypatch):
    Database.open(folders / "found").close()
    answer(monkeypatch, folders / "found", folders)
    qtbot.mouseClick(dialog.buttons["add"], LEFT)
    qtbot.waitUntil(lambda: "found" in states(dialog), timeout=20_000)
    qtbot.mouseClick(dialog.buttons["add"], LEFT)
    qtbot.waitUntil(lambda: "no database" in dialog.work.outcome.text(), timeout=20_000)


def test_move_the_one_that_is_shown(dialog, qtbot, actions, database, tmp_path, monkeypatch):
    database.close()
    (tmp_path / "drive").mkdir()
    (tmp_path / "drive" / "letter.txt").touch()
    answer(monkeypatch, tmp_path / "drive")
    choose(dialog, database.path)
    with qtbot.waitSignal(actions.session.opened, timeout=20_000):
        qtbot.mouseClick(dialog.buttons["move"], LEFT)
    assert actions.session.database.path == tmp_path / "drive" / "database"
    assert len(actions.session.database.series()) == 4
    qtbot.waitUntil(lambda: not dialog.work.is_busy)
    assert "Moved to" in dialog.work.outcome.text()


def test_backup_and_restore(dialog, qtbot, database, tmp_path, monkeypatch):
    (tmp_path / "backups").mkdir()
    (tmp_path / "again").mkdir()
    answer(
        monkeypatch, tmp_path / "backups", tmp_path / "backups" / "database", tmp_path / "again"
    )
    choose(dialog, database.path)
    qtbot.mouseClick(dialog.buttons["backup"], LEFT)
    qtbot.waitUntil(lambda: not dialog.work.is_busy, timeout=20_000)
    assert dialog.work.outcome.severity == "info", dialog.work.outcome.text()
    qtbot.mouseClick(dialog.buttons["restore"], LEFT)
    qtbot.waitUntil(lambda: not dialog.work.is_busy, timeout=20_000)
    assert dialog.work.outcome.severity == "info", dialog.work.outcome.text()
    with Database.open(tmp_path / "again", create=False) as restored:
        assert [s.uid for s in restored.series()] == [s.uid for s in database.series()]


def test_a_folder_of_its_own(tmp_path):
    assert own_folder(tmp_path) == tmp_path
    (tmp_path / "letter.txt").touch()
    assert own_folder(tmp_path) == tmp_path / "DICOM database"
    (tmp_path / "dicomdb.sqlite").touch()
    assert own_folder(tmp_path) == tmp_path
