"""Gradients on a small sphere: where they are drawn, what the legend says."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_dicomdb.loading.loadable import Loadable
from napari_dicomdb.widgets.diffusion_plot import DiffusionPlot, plot_of
from napari_dicomdb.widgets.loadable_card import LoadableCard

B = [0.0, 1000.0, 1000.0, 1000.0, 2000.0]
G = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]]


def offer(**changes):
    facts = {
        "name": "4: DTI",
        "kind": "diffusion",
        "confidence": 0.9,
        "reasons": (),
        "findings": (),
        "instances": (),
        "loader": None,
        "options": {"b_values": B, "directions_lps": G},
    }
    return Loadable(**{**facts, **changes})


@pytest.fixture
def plot(qtbot, palette):
    made = DiffusionPlot(B, G, palette)
    qtbot.addWidget(made)
    made.resize(made.sizeHint())
    return made


def test_the_legend_counts_directions(plot):
    assert [plot.line_of(shell) for shell in plot.shells] == [
        "b 0: 1 volume",
        "b 1000: 2 directions × 1.5",
        "b 2000: 1 direction",
    ]
    assert "b 2000: 1 direction" in plot.toolTip()
    assert plot.accessibleName().startswith("Gradient directions: b 0")


def test_the_patient_is_seen_from_the_front(plot):
    plot.turn(25, -20)  # back to straight ahead
    left, posterior, superior = plot.projected(np.eye(3))
    assert np.allclose(left, [1, 0, 0])  # to the right of the picture
    assert np.allclose(posterior, [0, 0, -1])  # away from the viewer
    assert np.allclose(superior, [0, -1, 0])  # up: pixels grow downwards
    plot.turn(90)
    assert np.allclose(np.abs(plot.projected(np.eye(3))[0]), [0, 0, 1])


def test_turning_is_rigid(plot):
    plot.turn(33, 14)
    turned = plot.projected(np.eye(3))
    assert np.allclose(turned @ turned.T, np.eye(3))
    plot.turn(0, 500)
    assert np.allclose(plot.projected(np.eye(3))[2], [0, 0, 1])  # seen from above, no further


def test_points_are_where_the_directions_are(plot):
    def colour_at(image, right, down):
        centre, radius = 118 / 2, (118 - 16) / 2
        ratio = image.devicePixelRatio()
        x, y = centre + radius * right, centre + radius * down
        return image.pixelColor(round(x * ratio), round(y * ratio))

    plot.turn(25, -20)
    image = plot.grab().toImage()
    shell_1000, shell_2000 = "#e0a100", "#d1495b"
    inner = np.sqrt(0.5)  # gradient strength goes with the root of b
    assert colour_at(image, inner, 0).name() == shell_1000
    assert colour_at(image, 0, -1).name() == shell_2000
    assert colour_at(image, 0, 1).name() != shell_2000  # the opposite is a ring


def test_dragging_turns_and_chooses_no_card(qtbot, palette):
    card = LoadableCard(offer(), palette)
    qtbot.addWidget(card)
    card.show()
    plot = card.findChild(DiffusionPlot)
    before = plot.projected(np.eye(3))
    qtbot.mousePress(plot, Qt.MouseButton.LeftButton, pos=QPoint(50, 50))
    qtbot.mouseMove(plot, QPoint(70, 60))
    qtbot.mouseRelease(plot, Qt.MouseButton.LeftButton, pos=QPoint(70, 60))
    assert not np.allclose(plot.projected(np.eye(3)), before)
    assert not card.is_chosen


def test_only_what_has_directions_is_drawn(qtbot, palette):
    drawn = plot_of(offer(), palette)
    qtbot.addWidget(drawn)
    assert isinstance(drawn, DiffusionPlot)
    assert plot_of(offer(kind="diffusion-map"), palette) is None
    assert plot_of(offer(kind="scalar-volume", options={}), palette) is None
    traces = {"b_values": [0, 800], "directions_lps": [[0, 0, 0], [0, 0, 0]]}
    assert plot_of(offer(options=traces), palette) is None


def test_many_shells_are_summed_up(qtbot, palette):
    many = DiffusionPlot(np.arange(9) * 500.0, [[0, 0, 1]] * 9, palette)
    qtbot.addWidget(many)
    many.resize(many.sizeHint())
    assert len(many.shells) == 9
    assert not many.grab().isNull()
