"""The list of watched folders, by mouse."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_dicomdb.widgets._session import attach_session
from napari_dicomdb.widgets.watched_folders import WatchedFolders


@pytest.fixture
def session(database, qtbot):
    attached, detach = attach_session()
    attached.folders.timer.stop()
    with qtbot.waitSignal(attached.opened):
        attached.open()
    qtbot.waitUntil(lambda: not attached.folders.is_looking)
    yield attached
    detach()


@pytest.fixture
def widget(session, qtbot):
    made = WatchedFolders(session)
    qtbot.addWidget(made)
    made.show()
    return made


def row(widget, number=0):
    item = widget.list.topLevelItem(number)
    return [item.text(column) for column in range(3)]


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_add_pause_copy_remove(widget, session, qtbot, tmp_path, monkeypatch):
    folder = tmp_path / "incoming"
    folder.mkdir()
    assert not widget.remove_button.isEnabled()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    click(qtbot, widget.add_button)
    qtbot.waitUntil(lambda: widget.list.topLevelItemCount() == 1)
    qtbot.waitUntil(lambda: row(widget) == [str(folder), "linked", "watching"])
    click(qtbot, widget.pause_button)
    qtbot.waitUntil(lambda: row(widget)[2] == "paused")
    assert widget.pause_button.text() == "Resume"
    widget.copy_box.click()
    qtbot.waitUntil(lambda: row(widget)[1] == "copied")
    (kept,) = session.database.watched_folders()
    assert (kept.path, kept.copy, kept.paused) == (folder, True, True)
    click(qtbot, widget.pause_button)
    qtbot.waitUntil(lambda: row(widget)[2] == "watching")
    folder.rmdir()
    session.folders.look()
    qtbot.waitUntil(lambda: row(widget)[2] == "waits for the drive")
    click(qtbot, widget.remove_button)
    qtbot.waitUntil(lambda: widget.list.topLevelItemCount() == 0)
    assert session.database.watched_folders() == []


def test_what_is_refused_is_said(widget, session, qtbot):
    with qtbot.waitSignal(widget.failed):
        widget.add(session.database.path)
    assert widget.says.isVisible()
    assert "belongs to the database" in widget.says.text()


def test_read_only(session, qtbot):
    with qtbot.waitSignal(session.opened):
        session.open(session.database.path, read_only=True)
    widget = WatchedFolders(session)
    qtbot.addWidget(widget)
    assert not widget.add_button.isEnabled()


def test_the_window_opens_from_the_menu_of_databases(browser, qtbot, tmp_path):
    menu = browser.databases._button.menu()
    browser.databases._button.fill_menu()
    (action,) = [a for a in menu.actions() if a.text() == "Watched folders…"]
    action.trigger()
    dialog = browser.databases.actions.show_watched_folders()
    assert dialog.isVisible()
    dialog.folders.add(tmp_path)
    qtbot.waitUntil(lambda: dialog.folders.list.topLevelItemCount() == 1)
    qtbot.mouseClick(dialog.close_button, Qt.MouseButton.LeftButton)
    assert not dialog.isVisible()
    (patients,) = [a for a in menu.actions() if a.text() == "Patient identities…"]
    patients.trigger()
    identities = browser.databases.actions.show_patients()
    with qtbot.waitSignal(identities.filled):
        assert identities.isVisible()
    browser.session.folders.unwatch(tmp_path)
    qtbot.waitUntil(lambda: browser.session.folders.states == [])
