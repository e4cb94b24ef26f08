"""Choosing a database."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog

from napari_dicomdb.settings import remember_database
from napari_dicomdb.widgets.database_button import DatabaseButton


def entries(button):
    button.fill_menu()
    return {a.data(): a for a in button.menu().actions() if a.data() is not None}


def test_recent_and_default_databases_are_listed_once(qtbot, tmp_path, user_folders, palette):
    for name in ("a", "b"):
        remember_database(tmp_path / name)
    button = DatabaseButton()
    qtbot.addWidget(button)
    button.apply_palette(palette)
    button.show_path(tmp_path / "b")
    found = entries(button)
    assert list(found) == [tmp_path / "b", tmp_path / "a", user_folders / "database"]
    assert found[tmp_path / "b"].isChecked()
    assert not found[tmp_path / "a"].isChecked()
    with qtbot.waitSignal(button.chosen) as caught:
        found[tmp_path / "a"].trigger()
    assert caught.args == [tmp_path / "a"]
    assert str(tmp_path / "b") in button.toolTip()


def test_another_folder(qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    button = DatabaseButton()
    qtbot.addWidget(button)
    button.fill_menu()
    actions = {a.text(): a for a in button.menu().actions()}
    with qtbot.waitSignal(button.chosen) as caught:
        actions["Open or create another…"].trigger()
    assert caught.args == [Path(tmp_path)]
    assert not actions["Show in folder"].isEnabled(), "a database in memory has none"
