"""Anonymise first: the tick in dialogs that send and export, and its choices."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, Qt
from tests.export.deidentification.conftest import write_ultrasound

from napari_dicomdb.export.deidentification.profile import Profile
from napari_dicomdb.widgets.deidentify_choice import DeidentifyRow

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def row(database, palette, qtbot):
    made = DeidentifyRow(database, database.series(), "all series", palette)
    qtbot.addWidget(made)
    made.show()
    return made


def tick(qtbot, row):
    qtbot.mouseClick(row.tick, LEFT, pos=QPoint(8, row.tick.height() // 2))
    dialog = row.dialog
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.form.table.rowCount() > 0, timeout=20_000)
    return dialog


def press(qtbot, dialog, kind):
    qtbot.mouseClick(dialog.ok_button if kind == "Ok" else dialog.cancel_button, LEFT)


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
    qtbot.mouseClick(row.tick, LEFT, pos=QPoint(8, row.tick.height() // 2))
    assert row.profile() is None
    qtbot.mouseClick(row.tick, LEFT, pos=QPoint(8, row.tick.height() // 2))
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
