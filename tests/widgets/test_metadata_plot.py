"""The plot of values: places, marks, keys."""

from __future__ import annotations

import math

import pytest
from qtpy.QtCore import QPoint, Qt

from napari_dicomdb.widgets.metadata_plot import MetadataPlot, PlotLine, ticks


@pytest.fixture
def plot(qtbot, palette):
    made = MetadataPlot(palette)
    qtbot.addWidget(made)
    made.resize(400, 200)
    made.show()
    made.show_lines([1, 2, 4], [PlotLine("Echo Time", "ms", (5.0, math.nan, 7.5))])
    return made


def test_values_are_told_where_the_mouse_is(qtbot, plot):
    spot = plot.place(4, 7.5)
    with qtbot.waitSignal(plot.instance_chosen) as chosen:
        qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=QPoint(int(spot.x()), 50))
    assert chosen.args == [2]
    assert plot.told() == "Instance 4: Echo Time 7.5 ms"
    assert plot.toolTip() == plot.told()


def test_keys_move_the_mark(qtbot, plot):
    for key, told in (
        (Qt.Key.Key_Right, "Instance 1: Echo Time 5 ms"),
        (Qt.Key.Key_Right, "Instance 2: no value"),
        (Qt.Key.Key_Left, "Instance 1: Echo Time 5 ms"),
        (Qt.Key.Key_Left, "Instance 1: Echo Time 5 ms"),
    ):
        qtbot.keyClick(plot, key)
        assert plot.told() == told


def test_higher_values_are_higher(plot):
    assert plot.place(4, 7.5).y() < plot.place(1, 5.0).y()
    assert plot.place(1, 5.0).x() < plot.place(2, 5.0).x() < plot.place(4, 5.0).x()


def test_it_draws(plot):
    image = plot.grab().toImage()
    spot = plot.place(4, 7.5)
    ratio = plot.devicePixelRatioF()
    colour = image.pixelColor(int(spot.x() * ratio), int(spot.y() * ratio))
    assert colour.blue() > colour.red()  # the blue of the first line
    plot.show_lines([1], [PlotLine("a", "", (math.nan,))])
    assert not plot.drawn
    plot.grab()


def test_round_numbers():
    assert ticks(0, 1) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert ticks(3, 3) == [3]
    assert len(ticks(-1234.5, 99.1)) <= 6
