"""What sliders of time, echo ... say, and how fast they play."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.settings import get_settings
from napari.utils import _proxies
from scipy.spatial.transform import Rotation

from napari_dicomdb.loading.volume import Coord, Volume, VolumeGeometry
from napari_dicomdb.viewer.open import add_volume
from napari_dicomdb.viewer.sliders import (
    OVERLAY,
    SliderValues,
    axis_values,
    frames_per_second,
    slider_values,
    value_text,
)

TIMES = Coord((0.0, 2.5, 5.0, 7.5), "s")
ECHOES = Coord((4.92, 9.84, 30.0), "ms")
PARTS = Coord(("magnitude", "phase"))


@pytest.fixture
def volume():
    """A volume with the given axes before three of space."""

    def make(turn=False, **coords):
        affine = np.diag([3.0, 2.0, 2.0, 1.0])[[2, 1, 0, 3]]
        if turn:
            c, s = np.cos(0.3), np.sin(0.3)
            affine = np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1]]) @ affine
        lead = [len(coord.values) for coord in coords.values()]
        shape = (4, 6, 5)
        array = np.arange(np.prod([*lead, *shape]), dtype=np.int16).reshape(*lead, *shape)
        return Volume(
            array,
            (*coords, "slice", "row", "column"),
            VolumeGeometry(affine, shape, "1.2.3"),
            coords=coords,
            meta={"name": "4D", "modality": "MR"},
        )

    return make


def shown(viewer):
    overlay = viewer.canvas.overlays[OVERLAY]
    return overlay.text if overlay.visible else None


def test_layers_have_names_scales_and_units_of_their_axes(volume):
    viewer = ViewerModel()
    (layer,) = add_volume(viewer, volume(time=TIMES, component=PARTS))
    assert layer.axis_labels == ("time", "component", "I", "P", "L")
    assert viewer.dims.axis_labels == layer.axis_labels
    assert layer.scale.tolist()[:2] == [2.5, 1.0]
    assert [str(u) for u in layer.units] == ["second", "dimensionless", *["millimeter"] * 3]
    assert axis_values(layer)[:2] == [("time", TIMES.values, "s"), ("component", PARTS.values, "")]


def test_values_follow_the_sliders(volume):
    viewer = ViewerModel()
    add_volume(viewer, volume(time=TIMES, echo_time=ECHOES, component=PARTS))
    for step, text in {
        (0, 0, 0): "time 0 s\necho time 4.92 ms\ncomponent magnitude",
        (3, 1, 1): "time 7.5 s\necho time 9.84 ms\ncomponent phase",
        (1, 2, 0): "time 2.5 s\necho time 30 ms\ncomponent magnitude",
    }.items():
        viewer.dims.set_current_step(range(3), step)
        assert shown(viewer) == text == slider_values(viewer).text


def test_napari_may_count_seconds_in_milliseconds(volume):
    """It has one unit for all axes of time, the finest."""
    viewer = ViewerModel()
    add_volume(viewer, volume(time=TIMES, echo_time=Coord((4.92, 9.84), "ms")))
    assert str(viewer.dims.units[0]) == "millisecond"
    viewer.dims.set_current_step(range(2), (3, 1))
    assert shown(viewer) == "time 7.5 s\necho time 9.84 ms"


def test_shown_axes_have_no_value(volume):
    viewer = ViewerModel()
    add_volume(viewer, volume(time=TIMES, echo_time=ECHOES))
    viewer.dims.set_current_step(range(2), (2, 1))
    viewer.dims.order = (1, 2, 3, 0, 4)
    assert shown(viewer) == "echo time 9.84 ms"


def test_volumes_without_such_axes_show_nothing(volume):
    viewer = ViewerModel()
    add_volume(viewer, volume())
    assert shown(viewer) is None
    viewer.add_image(np.zeros((3, 4, 5, 6)))
    assert shown(viewer) is None


def test_the_selected_layer_speaks(volume):
    viewer = ViewerModel()
    (first,) = add_volume(viewer, volume(component=PARTS))
    (second,) = add_volume(viewer, volume(component=Coord(("real", "imaginary"))))
    viewer.dims.set_current_step(0, 1)
    assert shown(viewer) == "component imaginary"
    viewer.layers.selection = {first}
    assert shown(viewer) == "component phase"
    viewer.layers.remove(first)
    assert shown(viewer) == "component imaginary"
    viewer.layers.remove(second)
    assert shown(viewer) is None


def test_a_shorter_layer_has_no_value_beyond_its_end(volume):
    viewer = ViewerModel()
    (short,) = add_volume(viewer, volume(component=PARTS))
    add_volume(viewer, volume(component=Coord(("a", "b", "c"))))
    viewer.layers.selection = {short}
    viewer.dims.set_current_step(0, 2)
    assert shown(viewer) is None


def test_resliced_volumes_have_their_axes_too(volume):
    """Oblique to the one before: interpolated volume by volume, as a numpy resampling does."""
    viewer = ViewerModel()
    add_volume(viewer, volume(time=TIMES))
    (layer,) = add_volume(viewer, volume(turn=True, time=TIMES))
    assert not layer.metadata["dicomdb"]["native"]
    assert layer.data.shape[0] == 4
    viewer.dims.set_current_step(0, 2)
    assert shown(viewer) == "time 5 s"
    step = np.asarray(layer.data[2]).astype(int) - np.asarray(layer.data[1])
    # Volumes differ by the same number of grey values wherever there is an image.
    assert set(np.unique(step)) == {0, 120}
    assert np.count_nonzero(step) > 60


@pytest.mark.parametrize("oblique", [False, True])
def test_every_slice_is_within_reach(oblique):
    """napari divides lengths by steps and rounds down: more than half of these lost one."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        count, spacing = int(rng.integers(5, 200)), rng.uniform(0.5, 5, 3)
        angles = rng.uniform(-20, 20, 3) if oblique else np.zeros(3)
        affine = np.eye(4)
        turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        affine[:3, :3] = turn @ np.eye(3)[::-1] * spacing
        affine[:3, 3] = rng.uniform(-200, 200, 3)
        shape = (count, 8, 9)
        viewer = ViewerModel()
        made = Volume(
            np.zeros(shape, np.int16),
            ("slice", "row", "column"),
            VolumeGeometry(affine, shape, "1.2.3"),
        )
        (layer,) = add_volume(viewer, made)
        assert viewer.dims.nsteps == layer.data.shape
        viewer.dims.set_current_step(0, count - 1)
        assert viewer.dims.current_step[0] == count - 1


def test_one_for_each_viewer(volume):
    viewer, other = ViewerModel(), ViewerModel()
    assert slider_values(viewer) is slider_values(viewer)
    assert slider_values(viewer) is not slider_values(other)


def test_a_proxy_stands_for_its_viewer():
    viewer = ViewerModel()
    assert slider_values(_proxies.PublicOnlyProxy(viewer)) is slider_values(viewer)


def test_it_keeps_no_viewer_alive():
    viewer = ViewerModel()
    values = weakref.ref(slider_values(viewer))
    gone = weakref.ref(viewer)
    del viewer
    gc.collect()
    assert gone() is None and values() is None


@pytest.mark.parametrize(
    ("values", "unit", "rate"),
    [
        ((0.0, 2.5, 5.0), "s", 0.4),
        ((0.0, 40.0, 80.0, 130.0), "ms", 25.0),
        ((0, 1), "min", 1 / 60),
        ((0.0,), "s", None),
        ((5.0, 4.0), "s", None),
        (("a", "b"), "s", None),
        ((0, 1000), "s/mm2", None),
    ],
)
def test_rates(values, unit, rate):
    assert frames_per_second(values, unit) == (rate if rate is None else pytest.approx(rate))


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (("b_value", 1000.0, "s/mm2"), "b value 1000 s/mm2"),
        (("time", 1234567.0, "s"), "time 1.23457e+06 s"),
        (("time", 12 * 0.033333, "s"), "time 0.4 s"),
        (("focal_plane", 0.00025, "mm"), "focal plane 0.00025 mm"),
        (("repeat", 3, ""), "repeat 3"),
    ],
)
def test_words(where, text):
    assert value_text(*where) == text


def test_time_plays_as_fast_as_it_passed(make_napari_viewer, volume):
    """In a real window; echoes do not pass, settings stay, a user's own speed stays."""
    viewer = make_napari_viewer()
    usual = get_settings().application.playback_fps
    add_volume(viewer, volume(time=TIMES, echo_time=ECHOES))
    sliders = viewer.window._qt_viewer.dims.slider_widgets
    assert [s.fps for s in sliders] == [0.4, *[usual] * 4]
    assert sliders[0].axis_label.text() == "time"
    assert get_settings().application.playback_fps == usual
    sliders[0].fps = 7
    viewer.add_points(np.zeros((1, 5)), units=viewer.layers[0].units)
    assert sliders[0].fps == 7
    viewer.layers.clear()
    add_volume(viewer, volume(trigger_time=Coord((0.0, 40.0, 80.0), "ms")))
    sliders = viewer.window._qt_viewer.dims.slider_widgets
    assert [s.fps for s in sliders] == [25.0, *[usual] * 3]
    assert isinstance(slider_values(viewer), SliderValues)
