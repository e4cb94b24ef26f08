"""Anonymise first: the tick in dialogs that send and export, and its choices."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from tests.export.deidentification.conftest import write_ultrasound
from tests.widgets.anonymising import LEFT, press, press_tick, tick, type_mapping

from napari_dicomdb.export.deidentification.profile import Profile
from napari_dicomdb.widgets.deidentify_choice import DeidentifyRow


@pytest.fixture
def row(database, palette, qtbot):
    made = DeidentifyRow(database, database.series(), "all series", palette)
    qtbot.addWidget(made)
    made.show()
    return made


def test_choices_are_asked_and_kept(qtbot, row):
    assert row.profile() is None
    assert not row.button.isEnabled()
    dialog = tick(qtbot, row)
    dialog.form.dates.setFocus()
    qtbot.keyClick(dialog.form.dates, Qt.Key.Key_Down)
    press(qtbot, dialog, "Ok")
    assert row.profile() == Profile(dates="shift")
    assert row.told.text() == "Dates are shifted"
    # Ticked off and on again: what was chosen holds.
    press_tick(qtbot, row)
    assert row.profile() is None
    press_tick(qtbot, row)
    assert row.profile() == Profile(dates="shift")
    assert row.dialog is None
    qtbot.mouseClick(row.button, LEFT)
    assert row.dialog.form.dates.currentData() == "shift"
    press(qtbot, row.dialog, "Cancel")
    assert row.tick.isChecked()


def test_without_choices_it_is_not_ticked(qtbot, row):
    dialog = tick(qtbot, row)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not row.tick.isChecked()
    assert row.profile() is None


def test_what_is_not_possible_is_told(qtbot, row):
    dialog = tick(qtbot, row)
    qtbot.keyClicks(dialog.form.blackout, "here")
    press(qtbot, dialog, "Ok")
    assert "is no rectangle" in dialog.notice.text()
    assert dialog.isVisible()
    dialog.form.blackout.clear()
    press(qtbot, dialog, "Ok")
    assert row.profile() == Profile()


def test_series_that_may_show_names_are_confirmed_there(qtbot, database, palette, tmp_path):
    write_ultrasound(tmp_path / "us" / "1.dcm", database)
    made = DeidentifyRow(database, database.series(), "all series", palette)
    qtbot.addWidget(made)
    made.show()
    form = tick(qtbot, made).form
    form.blocked.setCurrentItem(form.blocked.item(0))
    qtbot.keyClick(form.blocked, Qt.Key.Key_Space)
    press(qtbot, made.dialog, "Ok")
    assert made.profile().pixels_confirmed == frozenset(["1.2.3.6.0"])
    # Looked at again: rectangles and ticks of these images are as they were left.
    qtbot.mouseClick(made.button, LEFT)
    (item,) = (made.dialog.form.blocked.item(0),)
    assert item.checkState() == Qt.CheckState.Checked
    with qtbot.waitSignal(made.dialog.form.previewed, timeout=20_000):
        qtbot.keyClicks(made.dialog.form.blackout, "0,0,9,4@US")
    assert made.dialog.form.blocked.count() == 1
    press(qtbot, made.dialog, "Ok")
    qtbot.mouseClick(made.button, LEFT)
    assert made.dialog.form.blackout.text() == "0,0,9,4@US"
    press(qtbot, made.dialog, "Ok")
    assert [str(r) for r in made.profile().blackout] == ["0,0,9,4@US"]
    assert made.profile().pixels_confirmed == frozenset(["1.2.3.6.0"])


def test_a_mapping_is_chosen_and_told(qtbot, row, tmp_path):
    dialog = tick(qtbot, row)
    type_mapping(qtbot, dialog.form, tmp_path / "who.json")
    assert row.kept() == {}
    press(qtbot, dialog, "Ok")
    assert row.kept() == {"mapping": tmp_path / "who.json", "passphrase": ""}
    assert row.told.text() == "Dates are removed; mapping in who.json"
    assert str(tmp_path / "who.json") in row.told.toolTip()
    # Looked at again, and encrypted.
    qtbot.mouseClick(row.button, LEFT)
    assert row.dialog.form.mapping.path.text() == str(tmp_path / "who.json")
    type_mapping(qtbot, row.dialog.form, tmp_path / "who.json", "correct horse")
    press(qtbot, row.dialog, "Ok")
    assert row.kept()["passphrase"] == "correct horse"
    assert row.told.text() == "Dates are removed; encrypted mapping in who.json"
    assert "correct horse" not in row.told.toolTip()
    press_tick(qtbot, row)
    assert row.kept() == {}
    press_tick(qtbot, row)
    qtbot.mouseClick(row.button, LEFT)
    assert row.dialog.form.mapping.again.text() == "correct horse"
    row.dialog.form.mapping.path.clear()
    press(qtbot, row.dialog, "Ok")
    assert row.kept() == {}


def test_a_mapping_that_cannot_be_is_told(qtbot, row, tmp_path):
    (tmp_path / "there").write_text("x")
    dialog = tick(qtbot, row)
    type_mapping(qtbot, dialog.form, tmp_path / "there")
    press(qtbot, dialog, "Ok")
    assert "exists: choose another name" in dialog.notice.text()
    type_mapping(qtbot, dialog.form, tmp_path / "new", "short")
    press(qtbot, dialog, "Ok")
    assert "8 characters or more" in dialog.notice.text()
    assert dialog.isVisible()
    assert row.profile() is None
