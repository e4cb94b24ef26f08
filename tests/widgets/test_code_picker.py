"""Concepts found while typing, those used before first, by the keyboard alone."""

from __future__ import annotations

from functools import partial

import pytest
from qtpy.QtCore import Qt

from napari_dicomdb.widgets._code_picker import CodeButton, find_codes

KEY = Qt.Key


@pytest.fixture
def button(qtbot, user_folders):
    made = CodeButton("type", partial(find_codes, "type"), optional=True)
    qtbot.addWidget(made)
    made.show()
    return made


def names(picker):
    return [picker.list.item(row).text() for row in range(picker.list.count())]


def pick(qtbot, button, words, downs=0):
    """Open it by the keyboard, type, go down, take."""
    qtbot.keyClick(button, KEY.Key_Space)
    picker = button.dialog
    qtbot.keyClicks(picker.search, words)
    for _ in range(downs):
        qtbot.keyClick(picker.search if picker.search.hasFocus() else picker.list, KEY.Key_Down)
    with qtbot.waitSignal(button.picked) as caught:
        qtbot.keyClick(picker.search, KEY.Key_Return)
    return caught.args[0]


def test_typed_words_narrow_it_down(qtbot, button):
    button.choose()
    picker = button.dialog
    everything = picker.list.count()
    qtbot.keyClicks(picker.search, "lung upper")
    assert names(picker)[0] == "Upper lobe of lung"
    assert picker.list.count() < everything
    qtbot.keyClicks(picker.search, " qqq")
    assert names(picker) == []
    assert "Nothing" in picker.more.text()
    picker.reject()


def test_a_code_finds_its_concept(qtbot, button):
    assert pick(qtbot, button, "10200004").meaning == "Liver"


def test_what_was_used_before_comes_first(qtbot, button):
    assert names_after_opening(button)[0] != "Spleen"
    assert pick(qtbot, button, "spleen").meaning == "Spleen"
    assert pick(qtbot, button, "liver").meaning == "Liver"
    assert names_after_opening(button)[:2] == ["Liver", "Spleen"]
    button.dialog.reject()
    button.choose()
    qtbot.keyClicks(button.dialog.search, "kidney")
    assert not {"Liver", "Spleen"} & set(names(button.dialog))
    button.dialog.reject()


def names_after_opening(button):
    button.choose()
    found = names(button.dialog)
    button.dialog.reject()
    return found


def test_none_can_be_taken_where_it_may(qtbot, button):
    button.choose()
    with qtbot.waitSignal(button.picked) as caught:
        qtbot.mouseClick(button.dialog.none_button, Qt.MouseButton.LeftButton)
    assert caught.args == [None]
