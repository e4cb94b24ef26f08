"""The browser's top: one line when there is room, the buttons say what they do."""

from __future__ import annotations

from qtpy.QtCore import Qt

from napari_dicomdb.widgets.browser_bar import BrowserBar


def test_buttons(qtbot, user_folders, palette):
    bar = BrowserBar()
    qtbot.addWidget(bar)
    bar.apply_palette(palette)
    for button in (*bar.view_buttons.values(), bar.recent_button):
        assert button.accessibleName()
        assert not button.icon().isNull()
    with qtbot.waitSignal(bar.view_chosen) as caught:
        qtbot.mouseClick(bar.view_buttons["cards"], Qt.MouseButton.LeftButton)
    assert caught.args == ["cards"]
    bar.show_view("tables")
    assert bar.view_buttons["tables"].isChecked()
    assert not bar.view_buttons["cards"].isChecked()


def test_two_lines_or_one(qtbot, user_folders):
    bar = BrowserBar()
    qtbot.addWidget(bar)
    bar.fit(440)
    narrow = bar.sizeHint().height()
    bar.fit(1000)
    assert bar.sizeHint().height() < narrow
    bar.fit(440)
    assert bar.sizeHint().height() == narrow
