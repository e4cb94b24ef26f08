"""Coloured boxes."""

from __future__ import annotations

from qtpy.QtCore import Qt

from napari_dicomdb.widgets._theme import current_palette
from napari_dicomdb.widgets.notice import NoticeBox


def test_action_and_cross(qtbot):
    box = NoticeBox("error", "3 slices are missing.", action="Load anyway", closable=True)
    qtbot.addWidget(box)
    box.apply_palette(current_palette())
    box.show()
    assert box.text() == "3 slices are missing."
    with qtbot.waitSignal(box.triggered):
        qtbot.mouseClick(box.button, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(box.closed):
        qtbot.mouseClick(box._close, Qt.MouseButton.LeftButton)
    assert not box.isVisible()


def test_markup_is_shown_as_it_is(qtbot):
    """Words may hold values of a file: they must not become links or pictures."""
    box = NoticeBox("info", "<img src='file:///etc/passwd'><b>bold</b>")
    qtbot.addWidget(box)
    assert box.label.textFormat() == Qt.TextFormat.PlainText


def test_severity_can_change(qtbot):
    box = NoticeBox("info", "fine")
    qtbot.addWidget(box)
    box.show_text("not fine", "warning")
    assert (box.severity, box.property("severity")) == ("warning", "warning")
