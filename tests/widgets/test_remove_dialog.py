"""Asking before a removal."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from napari_dicomdb.widgets.remove_dialog import RemoveDialog


@pytest.mark.parametrize("copies", [False, True])
def test_remove(qtbot, copies):
    dialog = RemoveDialog("2 series with 7 files", has_copies=True)
    qtbot.addWidget(dialog)
    dialog.open()
    if copies:
        dialog.delete_copies.click()
    with qtbot.waitSignal(dialog.confirmed) as caught:
        qtbot.mouseClick(dialog.remove_button, Qt.MouseButton.LeftButton)
    assert caught.args == [copies]
    assert not dialog.isVisible()


def test_enter_and_escape_remove_nothing(qtbot):
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Escape):
        dialog = RemoveDialog("1 patient with 7 files", has_copies=False)
        qtbot.addWidget(dialog)
        dialog.open()
        assert not dialog.delete_copies.isVisible()
        with qtbot.assertNotEmitted(dialog.confirmed):
            qtbot.keyClick(dialog, key)
        assert not dialog.isVisible()
