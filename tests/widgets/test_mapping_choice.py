"""Where a mapping goes, and its passphrase: typed, chosen, refused."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QLineEdit

from napari_dicomdb.errors import ExportError
from napari_dicomdb.widgets.mapping_choice import MappingChoice


@pytest.fixture
def choice(qtbot):
    made = MappingChoice()
    qtbot.addWidget(made)
    made.show()
    return made


def test_nothing_is_wanted_at_first(choice):
    assert choice.kept() == {}
    assert not choice.passphrase.isEnabled()
    assert not choice.again.isEnabled()
    assert choice.passphrase.echoMode() == QLineEdit.EchoMode.Password


def test_typed_by_keyboard(qtbot, choice, tmp_path):
    choice.setFocus()
    qtbot.keyClicks(choice.path, f"  {tmp_path / 'who.json'} ")
    assert choice.kept() == {"mapping": tmp_path / "who.json", "passphrase": ""}
    qtbot.keyClicks(choice.passphrase, "correct horse")
    with pytest.raises(ExportError, match="not typed twice alike"):
        choice.kept()
    qtbot.keyClicks(choice.again, "correct horse")
    assert choice.kept() == {"mapping": tmp_path / "who.json", "passphrase": "correct horse"}
    assert choice.again.text() not in choice.again.displayText()


def test_chosen_by_mouse(qtbot, choice, tmp_path, monkeypatch):
    asked = []

    def ask(*words, options):
        asked.append((words[2], options))
        return str(tmp_path / "who.json") if len(asked) == 1 else "", ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
    qtbot.mouseClick(choice.button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(choice.button, Qt.MouseButton.LeftButton)
    assert choice.path.text() == str(tmp_path / "who.json")
    never_replaced = QFileDialog.Option.DontConfirmOverwrite
    assert asked == [
        ("mapping.json", never_replaced),
        (str(tmp_path / "who.json"), never_replaced),
    ]


def test_home_is_known(qtbot, choice, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    qtbot.keyClicks(choice.path, "~/who.json")
    assert choice.kept()["mapping"] == tmp_path / "who.json"


def test_what_was_kept_is_shown(choice, tmp_path):
    kept = {"mapping": tmp_path / "who.json", "passphrase": "correct horse"}
    choice.show_kept(kept)
    assert choice.kept() == kept
    choice.show_kept({})
    assert choice.kept() == {}


def test_a_passphrase_that_is_taken_back_leaves_nothing(qtbot, choice, tmp_path):
    qtbot.keyClicks(choice.path, str(tmp_path / "who.json"))
    qtbot.keyClicks(choice.passphrase, "correct horse")
    qtbot.keyClicks(choice.again, "correct horse")
    with qtbot.waitSignal(choice.changed):
        choice.passphrase.clear()
    assert not choice.again.isEnabled()
    assert choice.kept() == {"mapping": tmp_path / "who.json", "passphrase": ""}


def test_nobodys_home_is_said_in_words(qtbot, choice):
    qtbot.keyClicks(choice.path, "~nobody-of-this-name/who.json")
    with pytest.raises(ExportError, match="whole path"):
        choice.kept()
