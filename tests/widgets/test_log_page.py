"""The log as a table: filtered, per association, followed, copied without names."""

from __future__ import annotations

import logging

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QMenu

from napari_dicomdb.network.node import Node
from napari_dicomdb.network.nodes import add_node
from napari_dicomdb.widgets._session import attach_session
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.log_page import LogPage

CONTROL = Qt.KeyboardModifier.ControlModifier
_log = logging.getLogger("napari_dicomdb.network.test")


@pytest.fixture
def page(qtbot, database, palette):
    session, detach = attach_session()
    with qtbot.waitSignal(session.network.queue_opened, timeout=20_000):
        session.open()
    runner = TaskRunner("test")
    made = LogPage(session.network, runner, palette)
    qtbot.addWidget(made)
    made.resize(430, 500)
    made.show()
    session.network.log.clear()
    made.refresh()
    yield made
    runner.close()
    detach()


def _say(text, level=logging.INFO, association=None, peer=""):
    _log.log(level, text, extra={"association": association, "peer": peer})


def _texts(page):
    column = page.model.columnCount() - 1
    return [page.model.index(n, column).data() for n in range(page.model.rowCount())]


@pytest.fixture
def talk(qtbot, page):
    _say("one is requested", association=801, peer="ALPHA at a:1")
    _say("another is requested", association=802, peer="BETA at b:2")
    _say("it refused 1.2.3", logging.WARNING, 801, "ALPHA at a:1")
    _say("it broke off", logging.ERROR, 802, "BETA at b:2")
    _say("a job began")
    qtbot.waitUntil(lambda: page.model.rowCount() == 5)
    return page


def test_level_words_and_peer_filter(qtbot, talk):
    page = talk
    page.level.setFocus()
    qtbot.keyClick(page.level, Qt.Key.Key_Down)
    assert _texts(page) == ["it refused 1.2.3", "it broke off"]
    page.level.setCurrentIndex(page.level.findData("info"))
    qtbot.keyClicks(page.words, "1.2.3")
    assert _texts(page) == ["it refused 1.2.3"]
    page.words.clear()
    page.peer.setCurrentIndex(page.peer.findText("BETA at b:2"))
    assert _texts(page) == ["another is requested", "it broke off"]


def test_one_association_by_return_and_all_by_escape(qtbot, talk):
    page = talk
    page.table.selectRow(2)
    assert "association 801" in page.detail.text()
    assert page.detail.isVisible()
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    assert _texts(page) == ["one is requested", "it refused 1.2.3"]
    qtbot.keyClick(page.table, Qt.Key.Key_Escape)
    assert page.model.rowCount() == 5


def test_new_entries_come_without_touching_the_others(qtbot, talk):
    page, resets = talk, []
    page.model.modelReset.connect(lambda: resets.append(1))
    page.table.selectRow(1)
    _say("one more")
    qtbot.waitUntil(lambda: page.model.rowCount() == 6)
    assert resets == []
    assert [entry.text for entry in page.selected()] == ["another is requested"]
    assert not page.follow.isChecked()


def test_copied_by_keys_and_menu(qtbot, talk):
    page = talk
    page.table.selectAll()
    qtbot.keyClick(page.table, Qt.Key.Key_C, CONTROL)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert len(lines) == 5
    assert "#801 ALPHA at a:1: one is requested" in lines[0]
    page.table.customContextMenuRequested.emit(page.table.rect().center())
    (menu,) = [m for m in page.findChildren(QMenu) if m.isVisible()]
    (entry,) = [a for a in menu.actions() if a.text() == "Clear"]
    qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(entry).center())
    assert page.model.rowCount() == 0


def test_diagnostics_name_no_patient(qtbot, talk, database):
    page = talk
    add_node(Node("pacs", host="pacs.example.org"))
    patient = database.patients()[0]
    _say(f"a careless entry of {patient.patient_id}")
    qtbot.mouseClick(page.copy_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "clipboard" in page.count.text(), timeout=20_000)
    told = QGuiApplication.clipboard().text()
    assert "pacs" in told
    assert "it refused 1.2.3" in told
    assert "listener: off" in told
    assert patient.patient_id not in told
    assert patient.name not in told


def test_details_are_kept_once_asked_for(qtbot, page):
    _say("too small", logging.DEBUG)
    page.level.setFocus()
    qtbot.keyClick(page.level, Qt.Key.Key_Home)
    _say("small", logging.DEBUG)
    qtbot.waitUntil(lambda: _texts(page) == ["small"])
