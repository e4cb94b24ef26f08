"""What the browser says when it lists nothing."""

from __future__ import annotations

from qtpy.QtCore import Qt

from napari_dicomdb.widgets.empty_state import EmptyState


def test_states(qtbot, palette):
    state = EmptyState()
    qtbot.addWidget(state)
    state.apply_palette(palette)
    state.show()
    assert state.folder_button.isVisible()
    with qtbot.waitSignal(state.import_folder):
        qtbot.mouseClick(state.folder_button, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(state.import_files):
        qtbot.mouseClick(state.files_button, Qt.MouseButton.LeftButton)
    state.show_no_hits("<b>x</b>")
    assert state.text.text() == "No series matches “<b>x</b>”."
    assert state.text.textFormat() == Qt.TextFormat.PlainText
    assert not state.folder_button.isVisible()
    state.show_failure("the disk is full")
    assert state.text.text() == "the disk is full"
    state.show_importing()
    assert state.heading.text() == "Importing…"
    state.show_opening()
    assert not state.picture.pixmap().isNull()
    state.show_welcome()
    assert state.folder_button.isVisible()
