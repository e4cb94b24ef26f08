"""Plane buttons and window presets."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_dicomdb.viewer.open import add_volume
from napari_dicomdb.viewer.planes import Plane
from napari_dicomdb.widgets.view_bar import ViewBar

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def bar(viewer, qtbot, palette):
    widget = ViewBar(viewer)
    widget.apply_palette(palette)
    qtbot.addWidget(widget)
    widget.show()
    return widget


@pytest.fixture
def ct(database, phantom):
    return database.load(phantom["axial-ct"].series_uid)


def checked(bar):
    return [p for p, b in bar.plane_buttons.items() if b.isChecked()]


def test_nothing_to_do_in_an_empty_viewer(bar):
    assert not any(b.isEnabled() for b in bar.plane_buttons.values())
    assert not bar.window_button.isEnabled()


def test_planes(qtbot, viewer, bar, ct):
    add_volume(viewer, ct)
    assert checked(bar) == [Plane.AXIAL]
    for plane, order in (
        (Plane.SAGITTAL, (2, 0, 1)),
        (Plane.CORONAL, (1, 0, 2)),
        (Plane.AXIAL, (0, 1, 2)),
    ):
        qtbot.mouseClick(bar.plane_buttons[plane], LEFT)
        assert tuple(viewer.dims.order) == order
        assert checked(bar) == [plane]
    viewer.dims.order = (1, 0, 2)  # by napari's own buttons
    assert checked(bar) == [Plane.CORONAL]


def test_loops_out_of_the_patient_have_no_planes(viewer, bar, ct):
    loop = {"dicomdb": {"frame": None, "windows": [], "modality": "US", "units": ""}}
    viewer.add_image(np.zeros((5, 4, 4)), name="loop", metadata=loop)
    assert not any(b.isEnabled() or b.isChecked() for b in bar.plane_buttons.values())
    add_volume(viewer, ct)
    assert checked(bar) == [Plane.AXIAL]
    assert all(b.isEnabled() for b in bar.plane_buttons.values())


def test_others_have_planes(viewer, bar):
    viewer.add_image(np.zeros((5, 4, 4)))
    assert checked(bar) == [Plane.AXIAL]


def test_window_presets(viewer, bar, ct):
    (layer,) = add_volume(viewer, ct)
    assert bar.window_button.isEnabled()
    bar.window_menu.aboutToShow.emit()
    labels = [a.text().split("\t")[0] for a in bar.window_menu.actions()]
    from napari_dicomdb.viewer.windows import presets

    assert labels == [label for label, _, _ in presets(layer)]
    label, low, high = presets(layer)[-1]
    bar.window_menu.actions()[labels.index(label)].trigger()
    assert tuple(layer.contrast_limits) == (low, high)


def test_layers_of_others_have_no_presets(viewer, bar, ct):
    add_volume(viewer, ct)
    viewer.add_image(np.zeros((4, 4, 4)))
    assert not bar.window_button.isEnabled()
    bar.window_menu.aboutToShow.emit()
    assert bar.window_menu.actions() == []


def test_as_acquired(viewer, bar, database, phantom):
    bar.more_menu.aboutToShow.emit()
    assert not bar.native_action.isEnabled()
    add_volume(viewer, database.load(phantom["sagittal-mr"].series_uid))
    bar.more_menu.aboutToShow.emit()
    assert bar.native_action.text() == "As acquired (sagittal)"
    assert checked(bar) == [Plane.AXIAL]
    bar.native_action.trigger()
    assert checked(bar) == [Plane.SAGITTAL]


def test_position_and_orientation(viewer, bar, ct):
    add_volume(viewer, ct)
    overlays = viewer.canvas.overlays
    bar.position_action.setChecked(True)
    assert overlays.axes.visible
    viewer.cursor.position = (10.0, 20.0, 30.0)
    assert overlays.text.visible
    assert overlays.text.text == "L 30.0  P 20.0  I 10.0 mm"
    bar.position_action.setChecked(False)
    assert not overlays.text.visible
    assert not overlays.axes.visible
