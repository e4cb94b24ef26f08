"""The fields of a query, typed into as a user does."""

from __future__ import annotations

import datetime

import pytest
from qtpy.QtCore import Qt

from napari_dicomdb.widgets.query_fields import DateChoice, KeyAdder, KeyField, known_keywords


@pytest.fixture
def shown(qtbot):
    def show(widget):
        qtbot.addWidget(widget)
        widget.show()
        qtbot.waitExposed(widget)
        return widget

    return show


def test_date_by_presets_and_range(qtbot, shown):
    dates = shown(DateChoice())
    assert dates.value() == ""
    assert not dates.first.isVisible()
    dates.choose("yesterday")
    assert dates.value(datetime.date(2021, 1, 1)) == "20201231"
    dates.preset.setFocus()
    dates.choose("range")
    assert dates.first.isVisible()
    qtbot.keyClicks(dates.first, "2020-01")
    assert dates.value() == "2020-01.."
    with qtbot.waitSignal(dates.entered):
        qtbot.keyClick(dates.last, Qt.Key.Key_Return)
    dates.clear()
    assert dates.value() == ""
    dates.choose("never heard of")
    assert dates.value() == ""


def test_keywords_of_a_level():
    study, series = known_keywords("study"), known_keywords("series")
    assert study[:60].count("StudyDescription") == 1
    assert "SeriesDescription" not in study
    assert "SeriesDescription" in series
    assert "PixelData" not in series
    assert "RequestAttributesSequence" not in series


def test_keyword_is_completed_and_added(qtbot, shown):
    adder = shown(KeyAdder())
    adder.setFocus()
    with qtbot.waitActive(adder):
        adder.activateWindow()
    qtbot.waitUntil(lambda: adder.words is not None)
    qtbot.keyClicks(adder, "referringphys")
    assert "ReferringPhysicianName" in {
        adder.words.completionModel().index(row, 0).data()
        for row in range(adder.words.completionCount())
    }
    with qtbot.waitSignal(adder.added) as caught:
        adder.setText("referringphysicianname")
        qtbot.keyClick(adder, Qt.Key.Key_Return)
    assert caught.args == ["ReferringPhysicianName"]
    assert adder.text() == ""


def test_what_is_no_keyword_is_refused_in_words(qtbot, shown):
    adder = shown(KeyAdder())
    adder.setText("Patientname2")
    with qtbot.waitSignal(adder.refused) as caught:
        qtbot.keyClick(adder, Qt.Key.Key_Return)
    assert "no keyword of DICOM" in caught.args[0]
    assert adder.text() == "Patientname2"


def test_field_of_a_key(qtbot, shown, palette):
    field = shown(KeyField("StudyTime"))
    field.apply_palette(palette)
    assert "0800-1200" in field.line.toolTip()
    with qtbot.waitSignal(field.entered):
        qtbot.keyClick(field.line, Qt.Key.Key_Return)
    with qtbot.waitSignal(field.removed) as caught:
        qtbot.mouseClick(field.cross, Qt.MouseButton.LeftButton)
    assert caught.args == [field]
