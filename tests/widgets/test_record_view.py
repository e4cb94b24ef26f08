"""One table: keys and mouse on rows, the menu by mouse and by key, unfolding."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QContextMenuEvent
from qtpy.QtWidgets import QApplication

from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.models import Column, PagedTable
from napari_dicomdb.widgets.record_view import RecordView

NAMES = ["Adam", "Bertha", "Bruno", "Cäsar"]


@pytest.fixture
def view(qtbot):
    runner = TaskRunner("test-view")
    rows = [SimpleNamespace(key=k, name=name) for k, name in enumerate(NAMES)]
    made = RecordView("Names")
    qtbot.addWidget(made)
    model = PagedTable((Column("name", "Name", lambda r: r.name, rank=0),), runner, made)
    made.setModel(model)
    with qtbot.waitSignal(model.loaded):
        model.show(lambda limit, offset: rows[offset : offset + limit])
    made.resize(300, 200)
    made.show()
    yield made
    runner.close()


def test_typing(view):
    view.keyboardSearch("b")
    assert view.selected_rows() == [1]
    view.keyboardSearch("b")
    assert view.selected_rows() == [2], "the next one that begins so"
    view.keyboardSearch("cä")
    assert view.selected_rows() == [3]


def test_ends_and_all(qtbot, view):
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert view.selected_rows() == [3]
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert view.selected_rows() == [0]
    qtbot.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert view.selected_rows() == [0, 1, 2, 3]


def test_a_click_beside_the_rows_selects_nothing(qtbot, view):
    view.select_rows([1, 2])
    assert view.selected_rows() == [1, 2]
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(10, 150))
    assert view.selected_rows() == []


@pytest.mark.parametrize("reason", ["Mouse", "Keyboard"])
def test_menu_by_mouse_and_key(qtbot, view, reason):
    view.setCurrentIndex(view.model().index(1, 0))
    place = view.visualRect(view.model().index(1, 0)).center()
    event = QContextMenuEvent(
        QContextMenuEvent.Reason[reason], place, view.viewport().mapToGlobal(place)
    )
    with qtbot.waitSignal(view.menu_requested):
        QApplication.sendEvent(view.viewport(), event)
    assert view.selected_rows() == [1]


def test_double_click_opens(qtbot, view):
    place = view.visualRect(view.model().index(2, 0)).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    with qtbot.waitSignal(view.opened):
        qtbot.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_all_of_many_rows_are_selected_without_asking_for_each(qtbot, view, monkeypatch):
    """Qt asks for every row when a header draws a title over selected ones."""
    asked = []
    monkeypatch.setattr(
        PagedTable, "flags", lambda self, index: asked.append(index.row()) or Qt.ItemFlag(37)
    )
    rows = [SimpleNamespace(key=k, name=f"Row {k:04}") for k in range(3000)]
    with qtbot.waitSignal(view.model().loaded):
        view.model().show(lambda limit, offset: rows[offset : offset + limit], at_least=3000)
    qtbot.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(view.selected_rows()) == 3000
    view.horizontalHeader().viewport().repaint()
    assert len(asked) < 200
