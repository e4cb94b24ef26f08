"""Which database is shown, and its menu."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QObject, Signal

from napari_dicomdb.settings import remember_database
from napari_dicomdb.widgets.database_button import DatabaseButton, known_databases


class Actions(QObject):
    """Notes which entries were chosen."""

    presence_known = Signal(object)
    menu_length = 3

    def __init__(self):
        super().__init__()
        self.called, self.looked_for = [], []

    def look_for(self, paths):
        self.looked_for = list(paths)

    def __getattr__(self, name):
        return lambda: self.called.append(name)


@pytest.fixture
def button(qtbot, palette):
    made = DatabaseButton()
    qtbot.addWidget(made)
    made.apply_palette(palette)
    return made


def entries(button):
    button.fill_menu()
    return {a.data(): a for a in button.menu().actions() if a.data() is not None}


def test_recent_and_default_databases_are_listed_once(qtbot, tmp_path, user_folders, button):
    for name in ("a", "b"):
        remember_database(tmp_path / name)
    button.show_path(tmp_path / "b")
    found = entries(button)
    assert list(found) == [tmp_path / "b", tmp_path / "a", user_folders / "database"]
    assert found[tmp_path / "b"].isChecked()
    assert not found[tmp_path / "a"].isChecked()
    with qtbot.waitSignal(button.chosen) as caught:
        found[tmp_path / "a"].trigger()
    assert caught.args == [tmp_path / "a"]


def test_the_name_is_shown_and_the_path_told(tmp_path, button):
    button.show_path(tmp_path / "Heads & necks")
    assert button.text() == "Heads && necks"
    assert str(tmp_path / "Heads & necks") in button.toolTip()
    button.show_path(tmp_path / ("long" * 20), read_only=True)
    assert len(button.text()) < 40
    assert button.text().endswith("· read-only")
    assert "nothing in it can be changed" in button.toolTip()
    button.show_path(None)
    assert button.text() == "in memory"


def test_those_that_are_away_are_dimmed_and_the_list_is_bounded(tmp_path, button):
    for name in "abcde":
        remember_database(tmp_path / name)
    actions = Actions()
    button.use(actions)
    button.show_path(tmp_path / "e")
    assert list(entries(button)) == [tmp_path / name for name in "edc"]
    assert set(actions.looked_for) >= {tmp_path / name for name in "abcde"}
    actions.presence_known.emit([tmp_path / "d", tmp_path / "e"])
    found = {a.data(): a for a in button.menu().actions() if a.data() is not None}
    assert "not there now" in found[tmp_path / "d"].text()
    assert not found[tmp_path / "d"].isEnabled()
    assert found[tmp_path / "c"].isEnabled()
    assert found[tmp_path / "e"].isEnabled(), "the one that is shown tells its trouble itself"


def test_every_entry_does_something(qtbot, tmp_path, button):
    actions = Actions()
    button.use(actions)
    button.show_path(tmp_path)
    button.fill_menu()
    labels = {a.text(): a for a in button.menu().actions() if a.text() and a.data() is None}
    with qtbot.waitSignal(button.folder_requested):
        labels.pop("Show in folder").trigger()
    for action in labels.values():
        action.trigger()
    assert actions.called == [
        "new", "open_other", "open_read_only", "take_over",
        "move", "show_watched_folders", "show_patients", "show_upkeep", "manage",
        "show_settings",
    ]  # fmt: skip


def test_a_database_in_memory_has_no_folder(button):
    button.use(Actions())
    button.fill_menu()
    enabled = {a.text(): a.isEnabled() for a in button.menu().actions()}
    assert not enabled["Show in folder"]
    assert not enabled["Move…"]
    assert enabled["New…"]


def test_known_databases_begin_with_the_current_one(tmp_path, user_folders):
    remember_database(tmp_path / "a")
    assert known_databases(tmp_path / "x") == [
        tmp_path / "x", tmp_path / "a", user_folders / "database",
    ]  # fmt: skip
