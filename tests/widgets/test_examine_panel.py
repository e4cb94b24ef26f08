"""Choosing among the ways to open a series."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.loading.loadable import Loadable
from napari_dicomdb.widgets._theme import current_palette
from napari_dicomdb.widgets.examine_panel import ExaminePanel

GAP = Finding(FindingCode.MISSING_SLICES, Severity.ERROR, "3 slices are missing.")
TILT = Finding(FindingCode.GANTRY_TILT, Severity.WARNING, "The gantry leaned.")


def loadable(name, *findings, selected=False):
    return Loadable(name, "image", 0.7, (), findings, (), None, selected=selected)


@pytest.fixture
def panel(qtbot, palette):
    widget = ExaminePanel(palette)
    qtbot.addWidget(widget)
    widget.resize(420, 500)
    widget.show()
    return widget


def test_nothing_to_load(panel):
    panel.clear("Select a series")
    assert panel.message.isVisible()
    assert not panel.load_button.isVisible()
    panel.show_loadables([], "x")
    assert "No loader" in panel.message.text()


def test_default_choice_then_the_users(qtbot, panel):
    panel.show_loadables([loadable("a", selected=True), loadable("b", TILT)], "T1")
    assert panel.heading.text() == "2 ways to open T1"
    assert [x.name for x in panel.chosen()] == ["a"]
    assert panel.summary.text() == "1 layer"
    panel.cards[1].check.click()
    assert panel.load_button.text() == "Load 2"
    assert panel.summary.text() == "2 layers, 1 warning"
    with qtbot.waitSignal(panel.load_requested) as caught:
        qtbot.mouseClick(panel.load_button, Qt.MouseButton.LeftButton)
    assert [x.name for x in caught.args[0]] == ["a", "b"]
    for card in panel.cards:
        card.check.setChecked(False)
    assert not panel.load_button.isEnabled()
    assert panel.summary.text() == "Nothing is checked"


def test_an_error_is_not_overlooked(qtbot, panel):
    panel.show_loadables([loadable("a", GAP, selected=True), loadable("b")], "CT")
    assert panel.alarm.isVisible()
    assert "3 slices are missing." in panel.alarm.text()
    assert not panel.load_button.isVisible()
    with qtbot.waitSignal(panel.load_requested):
        qtbot.mouseClick(panel.alarm.button, Qt.MouseButton.LeftButton)
    panel.cards[0].check.click()
    panel.cards[1].check.click()
    assert not panel.alarm.isVisible()
    assert panel.load_button.isVisible()


def test_hundreds_of_ways(qtbot, panel):
    """A series that splits into hundreds: few cards at once, the default choice whole."""
    many = [loadable(str(k), selected=True) for k in range(300)]
    panel.show_loadables(many, "DWI")
    assert len(panel.cards) < 50
    assert len(panel.chosen()) == 300
    qtbot.mouseClick(panel.more_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(panel.cards) == 300)
    assert [card.loadable for card in panel.cards] == many
    assert not panel.more_button.isVisible()
    panel.show_loadables(many[:1], "DWI")
    assert len(panel.cards) == 1
    assert not panel.more_button.isVisible()


def test_theme_keeps_the_choice(panel):
    panel.show_loadables([loadable("a", selected=True), loadable("b")], "T1")
    panel.cards[0].check.click()
    panel.cards[1].check.click()
    panel.apply_palette(current_palette("light"))
    assert [x.name for x in panel.chosen()] == ["b"]


def test_headers_are_no_markup(panel):
    panel.show_loadables([loadable("a")], "<b>bold</b> <img src=x>")
    assert panel.heading.textFormat() == Qt.TextFormat.PlainText
    assert "&lt;img" in panel.heading.toolTip()
