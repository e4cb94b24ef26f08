"""The browser with databases that open, do not, cannot be written, or go away."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_dicomdb import Database
from napari_dicomdb.settings import load_settings, remember_database
from napari_dicomdb.viewer import preferences
from napari_dicomdb.widgets import database_shell

LEFT = Qt.MouseButton.LeftButton


def wait_for_page(browser, qtbot):
    page = browser.databases.page
    qtbot.waitUntil(lambda: browser._stack.currentWidget() is page, timeout=20_000)
    return page


def choose(browser, path):
    browser.database_button.fill_menu()
    actions = {a.data(): a for a in browser.database_button.menu().actions()}
    actions[path].trigger()


def entry(browser, label):
    browser.database_button.fill_menu()
    return next(a for a in browser.database_button.menu().actions() if a.text() == label)


def test_the_button_names_the_database(browser, user_folders):
    assert browser.database_button.text() == "database"
    assert str(user_folders / "database") in browser.database_button.toolTip()


def test_switching_and_back(browser, qtbot, tmp_path):
    Database.open(tmp_path / "other").close()
    remember_database(tmp_path / "other")
    choose(browser, tmp_path / "other")
    qtbot.waitUntil(lambda: browser.database_button.text() == "other", timeout=20_000)
    assert browser.database.path == tmp_path / "other"


def test_one_that_is_gone_says_so_and_leads_back(browser, qtbot, tmp_path, database):
    remember_database(tmp_path / "share")
    choose(browser, tmp_path / "share")
    page = wait_for_page(browser, qtbot)
    assert "not there now" in page.heading.text()
    assert not (tmp_path / "share").exists()
    qtbot.mouseClick(page.buttons["back"], LEFT)
    assert browser._stack.currentWidget() is browser._content
    choose(browser, tmp_path / "share")
    wait_for_page(browser, qtbot)
    # The share comes back.
    Database.open(tmp_path / "share").close()
    with qtbot.waitSignal(browser._session.opened, timeout=20_000):
        qtbot.mouseClick(page.buttons["again"], LEFT)
    assert browser.database.path == tmp_path / "share"


def test_one_that_is_gone_is_made_anew_when_asked(browser, qtbot, tmp_path):
    remember_database(tmp_path / "share")
    choose(browser, tmp_path / "share")
    page = wait_for_page(browser, qtbot)
    with qtbot.waitSignal(browser._session.opened, timeout=20_000):
        qtbot.mouseClick(page.buttons["create"], LEFT)
    assert (tmp_path / "share" / "dicomdb.sqlite").is_file()


def test_a_damaged_one_offers_repair(browser, qtbot, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "dicomdb.sqlite").write_bytes(b"scrambled eggs" * 999)
    remember_database(tmp_path / "bad")
    choose(browser, tmp_path / "bad")
    page = wait_for_page(browser, qtbot)
    assert "damaged" in page.heading.text()
    assert page.buttons["repair"].objectName() == "primaryButton"
    assert "Traceback" not in page.text.text()


def test_a_newer_one_says_what_to_update(browser, qtbot, tmp_path):
    Database.open(tmp_path / "new").close()
    connection = sqlite3.connect(tmp_path / "new" / "dicomdb.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    remember_database(tmp_path / "new")
    choose(browser, tmp_path / "new")
    page = wait_for_page(browser, qtbot)
    assert "update napari-dicomdb" in page.text.text()


def test_read_only(browser, qtbot, tmp_path, phantom_folder, database, monkeypatch):
    def asked(*_):
        return str(database.path)

    monkeypatch.setattr(QFileDialog, "getExistingDirectory", asked)
    with qtbot.waitSignal(browser._session.opened, timeout=20_000):
        entry(browser, "Open read-only…").trigger()
    assert browser.database.read_only
    assert browser.database_button.text() == "database · read-only"
    assert not browser.import_button.isEnabled()
    assert browser.import_button.toolTip() == database_shell.READ_ONLY_REASON
    qtbot.waitUntil(lambda: browser.lists.series_model.rowCount() == 4, timeout=20_000)
    with qtbot.waitSignal(browser._session.import_failed) as caught:
        browser.import_paths([phantom_folder])
    assert "read-only" in str(caught.args[1])
    with qtbot.waitSignal(browser._session.opened, timeout=20_000):
        entry(browser, "Open…").trigger()
    assert not browser.database.read_only
    assert browser.import_button.isEnabled()
    assert "read-only" not in browser.import_button.toolTip()


def test_new_beside_other_things_gets_a_folder_of_its_own(browser, qtbot, tmp_path, monkeypatch):
    (tmp_path / "busy").mkdir()
    (tmp_path / "busy" / "letter.txt").touch()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "busy"))
    with qtbot.waitSignal(browser._session.opened, timeout=20_000):
        entry(browser, "New…").trigger()
    assert browser.database.path == tmp_path / "busy" / "DICOM database"
    assert load_settings().database == tmp_path / "busy" / "DICOM database"


def test_a_3d_slicer_database_is_taken_over(browser, qtbot, tmp_path, phantom, monkeypatch):
    slicer = tmp_path / "slicer"
    slicer.mkdir()
    connection = sqlite3.connect(slicer / "ctkDICOM.sql")
    connection.execute("CREATE TABLE Images (Filename TEXT)")
    paths = phantom["axial-ct"].paths
    connection.executemany("INSERT INTO Images VALUES (?)", [(str(p),) for p in paths])
    connection.execute("INSERT INTO Images VALUES (?)", [str(tmp_path / "gone.dcm")])
    connection.commit()
    connection.close()
    before = (slicer / "ctkDICOM.sql").read_bytes()
    (tmp_path / "mine").mkdir()
    answers = iter([str(slicer), str(tmp_path / "mine")])
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: next(answers))
    with qtbot.waitSignal(browser._session.import_finished, timeout=30_000) as caught:
        entry(browser, "Take over a 3D Slicer database…").trigger()
    report = caught.args[1]
    assert report.added == len(paths)
    assert [Path(place).name for place, *_ in report.missing] == ["gone.dcm"]
    assert browser.database.path == tmp_path / "mine"
    assert "take-over" in [one.kind for one in browser.database.activity(5)]
    assert (slicer / "ctkDICOM.sql").read_bytes() == before


def test_what_is_no_slicer_database_is_told(browser, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    entry(browser, "Take over a 3D Slicer database…").trigger()
    assert "no database of 3D Slicer" in browser.notice.text()
    assert browser.notice.isVisibleTo(browser)


def test_the_drive_is_unplugged(browser, qtbot, database):
    session = browser._session
    qtbot.waitUntil(lambda: session.drive._identity is not None)
    path = database.path
    path.rename(path.with_name("unplugged"))
    notice = browser.databases.notice
    session.drive.look()
    qtbot.waitUntil(lambda: notice.isVisibleTo(browser), timeout=20_000)
    assert "trying again" in notice.text()
    path.with_name("unplugged").rename(path)
    with qtbot.waitSignal(session.drive_found, timeout=20_000):
        qtbot.mouseClick(notice.button, LEFT)
    assert not notice.isVisibleTo(browser)
    qtbot.waitUntil(lambda: browser.lists.series_model.rowCount() == 4, timeout=20_000)


@pytest.mark.parametrize("wanted", [True, False])
def test_soundness_is_looked_at_when_it_opens(browser, qtbot, database, monkeypatch, wanted):
    class Unsound:
        ok = False

    asked = []

    def check(progress):
        asked.append(True)
        return Unsound()

    monkeypatch.setattr(database, "check", check, raising=False)
    monkeypatch.setattr(database_shell, "preference", lambda *_: wanted)
    browser.databases._check_soundness(database)
    qtbot.waitUntil(lambda: not browser.databases.runner.is_busy)
    assert asked == [True] * wanted
    assert not browser.databases.notice.isVisibleTo(browser), "another one is shown"
    browser._session.database.check = check
    browser.databases._check_soundness(browser.database)
    qtbot.waitUntil(lambda: browser.databases.notice.isVisibleTo(browser) == wanted)
    assert preferences.preference("databases", "nothing", 3) == 3
