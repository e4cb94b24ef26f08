"""State of layers and views goes to plain values and back."""

import numpy as np
from napari.layers import Image, Labels, Points

from napari_dicomdb.export.scene_archive import SceneLayer
from napari_dicomdb.export.scenes.values import encode
from napari_dicomdb.viewer.scene_layers import apply_extra, layer_arguments
from napari_dicomdb.viewer.scene_state import apply_view, capture


def test_everything_kept_is_plain(make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.add_labels(np.zeros((3, 3), int), name="cyclic")
    viewer.add_points(np.zeros((2, 2)), features={"a": ["x", "y"]}, symbol=["disc", "star"])
    scene = capture(viewer)
    assert scene.notes == []
    for layer in scene.layers:
        encode(layer.state, lambda _: {})
        encode(layer.extra, lambda _: {})
    encode(scene.viewer, lambda _: {})
    assert "theme" not in str(scene.viewer)


def test_foreign_arguments_are_left_out():
    layer = SceneLayer("image", "x", {"gamma": 0.5, "cache": False, "__class__": 1, "evil": 2})
    assert layer_arguments(layer) == {"gamma": 0.5, "cache": False, "name": "x"}


def test_colours_of_labels():
    colours = {None: "transparent", 3: "red"}
    arguments = layer_arguments(SceneLayer("labels", "x", {"colormap": colours}))
    direct = Labels(np.zeros((2, 2), int), **arguments)
    assert np.allclose(direct.get_color(3), (1, 0, 0, 1))
    cyclic = Labels(np.zeros((2, 2), int), name="y")
    cyclic.new_colormap(7)
    (kept,) = capture(None, [cyclic]).layers
    again = Labels(np.zeros((2, 2), int), **layer_arguments(kept))
    for value in range(1, 30):
        assert np.allclose(again.get_color(value), cyclic.get_color(value))


def test_metadata_of_others_and_ours():
    def anything():
        """Nothing that a scene keeps."""

    ours = {"series_uid": "1.2", "source_paths": ("/home/me/x.dcm",), "curves": {"a": anything}}
    layer = Image(np.zeros((2, 2)), metadata={"dicomdb": ours, "theirs": 5, "bad": anything})
    scene = capture(None, [layer])
    kept = scene.layers[0].state["metadata"]
    assert kept == {"dicomdb": {"series_uid": "1.2", "source_paths": ()}, "theirs": 5}
    assert scene.notes == ["metadata 'bad' of layer 'Image' is not kept"]


def test_what_cannot_be_set_is_told(make_napari_viewer):
    viewer = make_napari_viewer()
    layer = viewer.add_image(np.zeros((4, 4)))
    before = viewer.dims.order
    failed = apply_view(
        viewer,
        {
            "dims": {"ndisplay": 7, "order": [0, 0], "point": [0, 0]},
            "camera": {"zoom": "x"},
            "overlays": {"canvas": {"scale_bar": {"visible": True, "font_size": "x"}}},
            "active": 99,
        },
        [layer],
    )
    assert failed == ["ndisplay", "sliders", "font size", "zoom"]
    assert viewer.dims.order == before
    assert viewer.canvas.overlays.scale_bar.visible
    assert apply_extra(layer, {"contrast_limits_range": "x"}) == ["contrast limits range"]
    assert apply_extra(layer, {"overlays": [1]}) == []


def test_points_keep_their_symbols():
    points = Points(np.zeros((2, 2)), symbol=["disc", "star"], features={"a": [1, 2]})
    (kept,) = capture(None, [points]).layers
    again = Points(kept.data, **layer_arguments(kept))
    assert [str(s) for s in again.symbol] == ["disc", "star"]
    assert list(again.features["a"]) == [1, 2]
