"""The strip that says what takes its time."""

from __future__ import annotations

from qtpy.QtCore import Qt

from napari_dicomdb.widgets.work_bar import WorkBar


def test_progress_and_cancel(qtbot, palette):
    bar = WorkBar("Cancel loading")
    qtbot.addWidget(bar)
    bar.apply_palette(palette)
    assert bar.isHidden()
    bar.show_work("Loading head", 3, 10)
    assert (bar.bar.value(), bar.bar.maximum()) == (300, 1000)
    bar.show_work("Copying", 1 << 39, 1 << 40)
    assert bar.bar.value() == 500, "more bytes than Qt can count to"
    bar.show_work("Loading head")
    assert bar.bar.maximum() == 0, "busy, without an end in sight"
    with qtbot.waitSignal(bar.cancelled):
        qtbot.mouseClick(bar.cancel_button, Qt.MouseButton.LeftButton)
    bar.end()
    assert bar.isHidden()
