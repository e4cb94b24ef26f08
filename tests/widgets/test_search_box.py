"""The search box: typing, clearing, completing, remarks, saved searches."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QInputDialog

from napari_dicomdb import settings
from napari_dicomdb.widgets.search_box import SearchBox


@pytest.fixture
def box(qtbot, user_folders, palette):
    made = SearchBox()
    made.apply_palette(palette)
    qtbot.addWidget(made)
    return made


def test_typing_searches_after_the_last_letter(qtbot, box):
    with qtbot.waitSignal(box.searched) as caught:
        qtbot.keyClicks(box.edit, "chest modality:CT")
    assert caught.args == ["chest modality:CT"]


def test_escape_clears_and_down_goes_on(qtbot, box):
    box.edit.setText("chest")
    qtbot.keyClick(box.edit, Qt.Key.Key_Escape)
    assert box.edit.text() == ""
    with qtbot.waitSignal(box.left):
        qtbot.keyClick(box.edit, Qt.Key.Key_Down)


def test_what_is_no_field_is_remarked(box):
    box.edit.setText("colour:blue")
    box.run()
    assert not box.remarks.isHidden()
    assert "colour" in box.remarks.text()
    box.edit.setText("modality:CT")
    box.run()
    assert box.remarks.isHidden()


def test_fields_are_completed(box):
    box.edit.setText("chest mod")
    box.edit._complete("modality:")
    assert box.edit.text() == "chest modality:"
    assert "modality:" in box.edit.known.stringList()


def test_saved_searches(box, monkeypatch):
    def named(name):
        monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: (name, True))

    def entries():
        box.fill_menu()
        return {a.text(): a for a in box.menu.actions() if a.text()}

    assert not entries()["Save this search…"].isEnabled(), "there is nothing to save"
    box.edit.setText("modality:CT slices:>100")
    named("thin CT")
    entries()["Save this search…"].trigger()
    assert settings.saved_filters()["thin CT"] == "modality:CT slices:>100"
    box.reset()
    entries()["thin CT"].trigger()
    assert box.text() == "modality:CT slices:>100"
    named("CT2")
    entries()["Rename"].menu().actions()[0].trigger()
    assert list(settings.saved_filters()) == ["CT2"]
    entries()["Delete"].menu().actions()[0].trigger()
    assert settings.saved_filters() == {}


def test_a_bad_name_is_asked_for_again(box, monkeypatch):
    asked = []

    def answers(*names):
        given = iter(names)

        def get_text(_parent, _title, label, text=""):
            asked.append((label, text))
            name = next(given)
            return name or "", name is not None

        asked.clear()
        monkeypatch.setattr(QInputDialog, "getText", get_text)

    def choose(name):
        box.fill_menu()
        return next(a for a in box.menu.actions() if a.text() == name)

    box.edit.setText("modality:CT")
    answers('a"b', "ab")
    choose("Save this search…").trigger()
    assert dict(settings.saved_filters()) == {"ab": "modality:CT"}
    assert [text for _, text in asked] == ["modality:CT", 'a"b'], "what was typed is kept"
    assert "no quotes" in asked[1][0]
    answers('c"d', None)
    choose("Rename").menu().actions()[0].trigger()
    assert dict(settings.saved_filters()) == {"ab": "modality:CT"}
    answers('c"d', "  c   d ")
    choose("Rename").menu().actions()[0].trigger()
    assert dict(settings.saved_filters()) == {"c d": "modality:CT"}
    answers(" c  d ")
    choose("Rename").menu().actions()[0].trigger()
    assert dict(settings.saved_filters()) == {"c d": "modality:CT"}, "the same name loses nothing"


def test_endless_text_is_cut(box):
    box.edit.setText("x" * 10_000)
    assert len(box.text()) == 2000
