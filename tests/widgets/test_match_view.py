"""The tree that one sees: keys, mouse, columns that fit, what is dragged."""

from __future__ import annotations

import json

import pytest
from qtpy.QtCore import QByteArray, QMimeData, QPoint, Qt
from qtpy.QtGui import QContextMenuEvent, QKeyEvent
from qtpy.QtWidgets import QApplication

from napari_dicomdb.network.query import Match
from napari_dicomdb.widgets.match_view import REMOTE_MIME, MatchView, dragged_keys
from napari_dicomdb.widgets.models.match_tree import MatchTree

CONTROL = Qt.KeyboardModifier.ControlModifier


def _study(number):
    values = {"PatientName": f"P{number}", "StudyDescription": f"Study {number}"}
    return Match("orthanc", "study", values, study_uid=f"1.{number}")


def _series(number, of):
    values = {"SeriesNumber": str(number), "SeriesDescription": "T1"}
    return Match("orthanc", "series", values, study_uid=f"1.{of}", series_uid=f"1.{of}.{number}")


@pytest.fixture
def view(qtbot, palette):
    model = MatchTree()
    made = MatchView(model)
    qtbot.addWidget(made)
    made.apply_palette(palette)
    model.add(None, [_study(1), _study(2)])

    def answer(row):
        model.add(row, [_series(1, 1), _series(2, 1)])
        model.finish(row)

    model.children_wanted.connect(answer, Qt.ConnectionType.QueuedConnection)
    made.resize(460, 300)
    made.show()
    qtbot.waitExposed(made)
    made.choose_first()
    yield made
    made.setModel(None)


def test_unfolded_and_walked_by_keyboard(qtbot, view):
    model = view.model()
    assert view.currentIndex().row() == 0
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.isExpanded(model.index(0, 0))
    qtbot.waitUntil(lambda: model.top.children[0].state == "known")
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert [row.uid for row in view.selected()] == ["1.1.1"]
    qtbot.keyClick(view, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert [row.uid for row in view.selected()] == ["1.1.1", "1.1.2"]
    with qtbot.waitSignal(view.opened):
        qtbot.keyClick(view, Qt.Key.Key_Return)
    with qtbot.waitSignal(view.copy_requested):
        qtbot.keyClick(view, Qt.Key.Key_C, CONTROL)


def test_what_lies_below_another_selected_row_counts_once(qtbot, view):
    view.expand(view.model().index(0, 0))
    qtbot.waitUntil(lambda: view.model().top.children[0].state == "known")
    qtbot.keyClick(view, Qt.Key.Key_A, CONTROL)
    assert [row.uid for row in view.selected()] == ["1.1", "1.2"]


def test_delete_does_not_reach_the_viewer(view):
    for key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
        event = QKeyEvent(QKeyEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier)
        event.ignore()
        view.keyPressEvent(event)
        assert event.isAccepted()


def test_menu_by_mouse_and_by_key(qtbot, view):
    index = view.model().index(1, 0)
    place = view.visualRect(index).center()
    with qtbot.waitSignal(view.menu_requested):
        QApplication.sendEvent(
            view.viewport(), QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place)
        )
    assert view.currentIndex().row() == 1
    with qtbot.waitSignal(view.menu_requested):
        QApplication.sendEvent(
            view.viewport(), QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint())
        )


def test_a_narrow_tree_names_the_study_beside_the_patient(qtbot, view):
    names = [column.name for column in view.model().columns]
    shown = [name for place, name in enumerate(names) if not view.isColumnHidden(place)]
    assert shown[:2] == ["title", "state"]
    assert "accession" not in shown
    assert "description" not in shown
    assert view.model().index(0, 0).data() == "P1 · Study 1"
    view.resize(1100, 300)
    qtbot.waitUntil(lambda: not view.isColumnHidden(names.index("accession")))
    assert view.model().index(0, 0).data() == "P1"


def test_what_is_dragged(view):
    said = dragged_keys(view.mime())
    assert said == [("study", "1.1")]


@pytest.mark.parametrize("raw", [b"", b"{", b"[[1]]", b"7", json.dumps({"a": 1}).encode()])
def test_what_is_dragged_by_others_is_none_of_ours(raw):
    mime = QMimeData()
    assert dragged_keys(mime) is None
    mime.setData(REMOTE_MIME, QByteArray(raw))
    assert dragged_keys(mime) is None
