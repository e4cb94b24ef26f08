"""A notice of one line: low, whole words on demand and to who asks for them."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from napari_dicomdb.widgets.folded_notice import FoldedNotice

LONG = "wrongaet: the node says that it is not called 'WRONG': wrong called AE title (or else)"


@pytest.fixture
def box(qtbot, palette):
    made = FoldedNotice("error", LONG, "Test")
    made.apply_palette(palette)
    qtbot.addWidget(made)
    made.resize(330, made.sizeHint().height())
    made.show()
    return made


def test_one_line_that_unfolds(qtbot, box):
    qtbot.waitUntil(lambda: box.label.text().endswith("…"))
    assert box.text() == LONG
    low = box.sizeHint().height()
    qtbot.mouseClick(box.fold_button, Qt.MouseButton.LeftButton)
    assert box.label.text() == LONG
    assert box.heightForWidth(330) > low
    qtbot.mouseClick(box.fold_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: box.label.text().endswith("…"))


def test_what_fits_has_nothing_to_unfold(qtbot, box):
    box.show_text("gone", "warning")
    qtbot.waitUntil(lambda: not box.fold_button.isVisible())
    assert (box.label.text(), box.text(), box.severity) == ("gone", "gone", "warning")


def test_closes(qtbot, box):
    with qtbot.waitSignal(box.closed):
        qtbot.mouseClick(box._close, Qt.MouseButton.LeftButton)
    assert not box.isVisible()
