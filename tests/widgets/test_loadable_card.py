"""One way to open a series, shown with all that should be known before."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QLabel

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.loading.loadable import Loadable
from napari_dicomdb.widgets._theme import SEVERITY_COLOURS
from napari_dicomdb.widgets.loadable_card import ConfidenceBar, LoadableCard

TILT = Finding(FindingCode.GANTRY_TILT, Severity.WARNING, "The gantry leaned by 12 degrees.")
GAP = Finding(FindingCode.MISSING_SLICES, Severity.ERROR, "3 slices are missing.")
LOSSY = Finding(FindingCode.LOSSY_COMPRESSION, Severity.INFO, "Compressed 10:1.")


@dataclass
class NoLoader:
    name: str = "none"
    version: str = "0"


def loadable(*findings, **changes):
    facts = {
        "name": "4: T1 AX",
        "kind": "scalar-volume",
        "confidence": 0.5,
        "reasons": ("one regular stack", "lowered by a finding (warning): gantry tilt"),
        "findings": findings,
        "instances": (),
        "loader": NoLoader(),
        "selected": True,
        "shape": (120, 512, 400),
        "spacing": (2.5, 0.703125, 0.7),
    }
    return Loadable(**{**facts, **changes})


def words(card):
    return " ".join(label.text() for label in card.findChildren(QLabel))


def test_everything_is_said_gravest_first(qtbot, palette):
    card = LoadableCard(loadable(LOSSY, TILT, GAP), palette)
    qtbot.addWidget(card)
    assert [(b.severity, b.text()) for b in card.boxes] == [
        ("error", "3 slices are missing."),
        ("warning", "The gantry leaned by 12 degrees."),
        ("info", "Compressed 10:1."),
    ]
    assert card.severity is Severity.ERROR
    said = words(card)
    assert "scalar volume · 120 × 512 × 400 · 2.5 × 0.703 × 0.7 mm · 0 files" in said
    assert "one regular stack" in said
    assert "lowered by" not in said, "what a box says is not said twice"


def test_click_anywhere_checks_it(qtbot, palette):
    card = LoadableCard(loadable(selected=False), palette)
    qtbot.addWidget(card)
    assert not card.is_chosen
    with qtbot.waitSignal(card.toggled):
        qtbot.mouseClick(card, Qt.MouseButton.LeftButton)
    assert card.is_chosen
    assert card.property("chosen") is True


def test_double_click_opens_it(qtbot, palette):
    card = LoadableCard(loadable(selected=False), palette)
    qtbot.addWidget(card)
    with qtbot.waitSignal(card.activated):
        qtbot.mouseDClick(card, Qt.MouseButton.LeftButton)
    assert card.is_chosen


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0, 1.7])
def test_bar_is_as_long_as_the_confidence(qtbot, palette, value):
    bar = ConfidenceBar(value, palette)
    qtbot.addWidget(bar)
    bar.resize(bar.sizeHint())
    image = bar.grab().toImage()
    y = image.height() // 2
    ratio = image.width() / bar.width()
    colours = [image.pixelColor(int(x * ratio), y) for x in range(46)]
    low = QColor(SEVERITY_COLOURS["warning"])
    wanted = low if value < 0.5 else palette.current
    filled = sum(c.name() == wanted.name() for c in colours)
    assert filled == pytest.approx(max(46 * min(value, 1), 6), abs=4)
    assert bar.word == {0.0: "unsure", 0.25: "unsure", 1.0: "sure", 1.7: "sure"}[value]
    assert bar.accessibleName() == f"Confidence: {bar.word}"
    assert f"Confidence {min(value, 1):.2f} of 1" in bar.toolTip()
    assert "%" not in bar.toolTip()
