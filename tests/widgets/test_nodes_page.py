"""The list of nodes, by mouse and keyboard, against peers that are there and not there."""

from __future__ import annotations

import json
import socket
import threading

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog, QMenu

from napari_dicomdb.network.node import Node
from napari_dicomdb.network.nodes import add_node, load_nodes, nodes_path
from napari_dicomdb.network.secrets import keep_secret
from napari_dicomdb.widgets import nodes_page
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._theme import style_sheet
from napari_dicomdb.widgets.nodes_page import NodesPage


@pytest.fixture
def page(qtbot, palette, user_folders):
    add_node(Node("alpha", host="127.0.0.1", port=11112, called_aet="ALPHA"))
    add_node(Node("beta", kind="dicomweb", url="https://example.org/dicom-web"))
    runner = TaskRunner("test")
    made = NodesPage(None, runner, palette)
    made.setStyleSheet(style_sheet(palette))
    qtbot.addWidget(made)
    made.resize(430, 500)
    made.show()
    qtbot.waitUntil(lambda: len(made.model.rows) == 2)
    yield made
    runner.close()


def _menu(qtbot, page, label):
    """Choose a line of the menu that is open."""
    (menu,) = [m for m in page.findChildren(QMenu) if m.isVisible()]
    (entry,) = [a for a in menu.actions() if a.text().split("\t")[0] == label]
    assert entry.isEnabled()
    qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(entry).center())


def _refresh(qtbot, page, choose=""):
    with qtbot.waitSignal(page.shown):
        page.refresh(choose)


def _answer(qtbot, page, label):
    """Answer the question whether nodes shall be removed."""
    (button,) = [b for b in page.question.buttons() if b.text().replace("&", "") == label]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def _names(page):
    return [row.cells[0] for row in page.model.rows]


def test_shows_what_is_kept(page):
    assert [(row.cells[0], row.cells[2]) for row in page.model.rows] == [
        ("alpha", "ALPHA at 127.0.0.1:11112"),
        ("beta", "https://example.org/dicom-web"),
    ]
    assert page.chosen().name == "alpha"
    page.table.selectRow(1)
    assert page.change_button.isEnabled()


def _shown_columns(page):
    titles = page.model.titles
    return [titles[n] for n in range(len(titles)) if not page.table.isColumnHidden(n)]


def test_a_narrow_page_gives_its_room_to_the_address(qtbot, page):
    assert "State" not in _shown_columns(page)  # nothing was tested: it would be empty
    page.resize(330, 500)
    qtbot.waitUntil(lambda: _shown_columns(page) == ["Name", "Address"])
    table = page.table
    assert table.columnWidth(2) > table.viewport().width() // 2
    assert table.horizontalScrollBar().maximum() == 0
    page.resize(600, 500)
    qtbot.waitUntil(lambda: "We come as" in _shown_columns(page))


def test_the_list_is_read_on_a_thread(qtbot, page, monkeypatch):
    readers = []

    def read():
        readers.append(threading.current_thread())
        return load_nodes()

    monkeypatch.setattr(nodes_page, "load_nodes", read)
    _refresh(qtbot, page)
    assert threading.main_thread() not in readers
    assert readers


def test_a_list_that_cannot_be_read_is_told(qtbot, page):
    nodes_path().unlink()
    nodes_path().mkdir()
    page.refresh()
    qtbot.waitUntil(page.work.outcome.isVisible)
    assert "cannot be read" in page.work.outcome.text()
    assert _names(page) == ["alpha", "beta"]


def test_change_and_remove_by_keyboard(qtbot, page, memory_keyring):
    add_node(Node("gamma", host="h", credentials="basic", user="me", secret=keep_secret("x")))
    _refresh(qtbot, page, "alpha")
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    form = page.form
    qtbot.waitUntil(form.isVisible)
    form.port.setValue(11113)
    with qtbot.waitSignal(page.changed):
        qtbot.mouseClick(form.save_button, Qt.MouseButton.LeftButton)
    assert load_nodes()[0].port == 11113
    page.table.selectAll()
    assert not page.change_button.isEnabled()
    _refresh(qtbot, page, "gamma")
    qtbot.keyClick(page.table, Qt.Key.Key_Delete)
    assert "password" in page.question.informativeText()
    qtbot.keyClick(page.question, Qt.Key.Key_Return)  # what is kept is what happens unasked
    assert len(load_nodes()) == 3 == len(_names(page))
    assert memory_keyring
    qtbot.keyClick(page.table, Qt.Key.Key_Delete)
    with qtbot.waitSignals([page.changed, page.shown]):
        _answer(qtbot, page, "Remove")
    assert [node.name for node in load_nodes()] == ["alpha", "beta"]
    qtbot.waitUntil(lambda: _names(page) == ["alpha", "beta"])
    assert memory_keyring == {}


def test_ctrl_n_adds(qtbot, page):
    qtbot.keyClick(page.table, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(page.form.isVisible)
    for line, text in ((page.form.name, "new"), (page.form.host, "h"), (page.form.called, "N")):
        qtbot.keyClicks(line, text)
    with qtbot.waitSignal(page.changed):
        qtbot.keyClick(page.form.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: _names(page) == ["alpha", "beta", "new"])
    assert page.chosen().name == "new"


def test_what_is_wrong_is_told(qtbot, page):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        node = Node("alpha", host="127.0.0.1", port=taken.getsockname()[1])
        add_node(node, replacing="alpha")
        _refresh(qtbot, page, "alpha")
        qtbot.mouseClick(page.test_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: "nothing listens" in page.model.rows[0].cells[1], timeout=20_000)
    assert page.work.outcome.severity == "error"


def test_several_are_tested_with_what_they_offer(qtbot, page, storescp):
    add_node(storescp().node)
    _refresh(qtbot, page)
    page.table.selectAll()
    page.table.selectRow(2)
    qtbot.keyClick(page.table, Qt.Key.Key_F5)
    qtbot.waitUntil(page.work.outcome.isVisible, timeout=20_000)
    told = page.work.outcome.text()
    assert "answers. It offers echo, storing. Not offered: query by study" in told
    qtbot.waitUntil(lambda: page.model.rows[2].cells[1] == "answers")
    assert page.work.outcome.severity == "info"


def test_context_menu_copies_the_address(qtbot, page):
    page.table.selectRow(1)
    page.table.customContextMenuRequested.emit(page.table.rect().center())
    _menu(qtbot, page, "Copy address")
    assert QGuiApplication.clipboard().text() == "https://example.org/dicom-web"


def test_export_and_import(qtbot, page, tmp_path, monkeypatch):
    path = tmp_path / "nodes.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))

    def choose(label):
        qtbot.mouseClick(page.more_button, Qt.MouseButton.LeftButton)
        with qtbot.waitSignal(page.work.busy_changed, check_params_cb=lambda busy: not busy):
            _menu(qtbot, page, label)

    choose("Export nodes…")
    assert [n["name"] for n in json.loads(path.read_text())["nodes"]] == ["alpha", "beta"]
    qtbot.mouseClick(page.remove_button, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(page.changed):
        _answer(qtbot, page, "Remove")
    choose("Import nodes…")
    assert [node.name for node in load_nodes()] == ["alpha", "beta"]
    qtbot.waitUntil(lambda: _names(page) == ["alpha", "beta"])
    assert "1 node added" in page.work.outcome.text()
    assert "beta: there is a node of this name already" in page.work.outcome.text()
    path.write_text("no JSON")
    choose("Import nodes…")
    assert "no list of nodes" in page.work.outcome.text()
