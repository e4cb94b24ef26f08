"""Every kind of layer and view goes to plain values and back, to the pixel."""

import json
import zipfile

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Points
from napari.layers.utils._link_layers import get_linked_layers
from tests.viewer.scene_cases import CASES

from napari_dicomdb.export.scene_archive import SceneLayer
from napari_dicomdb.viewer.scene import open_scene, save_scene
from napari_dicomdb.viewer.scene_layers import apply_extra, layer_arguments
from napari_dicomdb.viewer.scene_state import capture


def _written(viewer, path):
    """Save what a viewer shows: the manifest, and all arrays by their names."""
    scene = save_scene(viewer, path, embed=True)
    assert scene.notes == []
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(members.pop("manifest.json")), members


@pytest.mark.parametrize("case", CASES)
def test_what_opens_is_what_was_saved(tmp_path, case):
    """Saved again, every value of it is the same; pixels are compared in test_scene.py."""
    viewer, other = ViewerModel(), ViewerModel()
    CASES[case](viewer)
    first, arrays = _written(viewer, tmp_path / "a.dicomscene")
    assert open_scene(other, tmp_path / "a.dicomscene").problems == ()
    second, again = _written(other, tmp_path / "b.dicomscene")
    for key in ("camera", "dims", "grid", "active", "selected", "links"):
        assert second["viewer"][key] == first["viewer"][key]
    for one, was in zip(second["layers"], first["layers"], strict=True):
        assert one.pop("state") == was.pop("state")
        assert one == was
    assert again == arrays
    for layer, one in zip(viewer.layers, other.layers, strict=True):
        features = getattr(layer, "features", None)
        if features is not None:
            assert list(one.features.dtypes) == list(features.dtypes)
            assert one.features.equals(features)
    linked = [len(get_linked_layers(*v.layers)) for v in (viewer, other)]
    assert linked[0] == linked[1] == (2 if case == "linked" else 0)


def test_flat_layers_are_the_same_to_the_pixel(make_napari_viewer, tmp_path):
    viewer = make_napari_viewer(show=True)
    cases = (
        "image_zero_interp", "rgba", "multiscale", "labels_contour", "points_text_col",
        "shapes_all", "vectors", "blendings", "points_selected", "scale_bar", "textover",
    )  # fmt: skip
    for case in cases:
        CASES[case](viewer)
    viewer.reset_view()
    _same_pixels(viewer, tmp_path)


def test_deep_layers_are_the_same_to_the_pixel(make_napari_viewer, tmp_path):
    viewer = make_napari_viewer(show=True)
    cases = ("surface_colors", "shapes_3d", "clipping", "plane3d")
    for case in cases:
        CASES[case](viewer)
    _same_pixels(viewer, tmp_path)


def test_a_deep_stack_is_the_same_to_the_pixel_in_another_viewer(make_napari_viewer, tmp_path):
    """Blended over each other, some added in 3D and one before, with an axis of time."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(640, 420)
    cases = (
        "surface_texture", "clipping", "orientation", "tracks_graph", "surface_values",
        "scale_bar", "axes",
    )  # fmt: skip
    for case in cases:
        CASES[case](viewer)
    # What napari's camera does not notice.
    viewer.layers[1].scale = (1.5, 1.5, 1.5)
    before = _picture(viewer)
    assert before[..., :3].std() > 3
    save_scene(viewer, tmp_path / "x.dicomscene", embed=True)
    viewer.close()
    other = make_napari_viewer(show=True)
    other.window.resize(640, 420)
    assert open_scene(other, tmp_path / "x.dicomscene").problems == ()
    assert np.array_equal(_picture(other), before)


def _picture(viewer):
    return viewer.screenshot(size=(240, 200), canvas_only=True, flash=False)


def _same_pixels(viewer, tmp_path):
    before = _picture(viewer)
    assert before[..., :3].std() > 3
    save_scene(viewer, tmp_path / "x.dicomscene", embed=True)
    viewer.layers.clear()
    viewer.dims.ndisplay, viewer.scene.camera.zoom = 2, 0.77
    for overlay in (*viewer.canvas.overlays.values(), *viewer.scene.overlays.values()):
        overlay.visible = False
    viewer.add_image(np.zeros((2, 2)))
    viewer.layers.clear()
    assert open_scene(viewer, tmp_path / "x.dicomscene").problems == ()
    assert np.array_equal(_picture(viewer), before)


def test_grid(make_napari_viewer, tmp_path):
    viewer = make_napari_viewer()
    for colour in ("red", "green", "blue", "gray"):
        viewer.add_image(np.arange(400.0).reshape(20, 20), colormap=colour)
    grid = viewer.canvas.grid
    grid.enabled, grid.shape, grid.stride, grid.spacing = True, (2, 3), -2, 0.1
    before = _picture(viewer)
    save_scene(viewer, tmp_path / "x.dicomscene", embed=True)
    viewer.layers.clear()
    grid.enabled, grid.stride, viewer.scene.camera.zoom = False, 1, 1
    assert open_scene(viewer, tmp_path / "x.dicomscene").problems == ()
    assert np.array_equal(_picture(viewer), before)


def test_what_is_drawn_by_hand_may_go_on_changing(make_napari_viewer):
    labels = Labels(np.zeros((4, 4), np.uint8))
    (kept,) = capture(None, [labels]).layers
    labels.data[0, 0] = 5
    assert kept.data[0, 0] == 0


def test_world_from_data():
    points = Points(np.zeros((1, 2)), scale=(2, 3), translate=(1, 1), rotate=20, shear=[0.2])
    (kept,) = capture(None, [points]).layers
    at = np.array([5.0, -2])
    assert np.allclose(kept.world[:2, :2] @ at + kept.world[:2, 2], points.data_to_world(at))


def test_a_pyramid_is_read_without_us(tmp_path):
    """A pyramid with only zipfile, json and numpy, by docs/scenes.md."""
    viewer = ViewerModel()
    CASES["multiscale"](viewer)
    save_scene(viewer, tmp_path / "x.dicomscene", embed=True)
    with zipfile.ZipFile(tmp_path / "x.dicomscene") as archive:
        (layer,) = json.loads(archive.read("manifest.json"))["layers"]
        for entry, level in zip(layer["data"], viewer.layers[0].data, strict=True):
            a = entry["$array"]
            count = -(-a["shape"][0] // a["rows"])
            raw = b"".join(archive.read(f"{a['place']}/{k}") for k in range(count))
            assert np.array_equal(np.frombuffer(raw, a["dtype"]).reshape(a["shape"]), level)


def test_damaged_values_are_told(tmp_path):
    layer = Image(np.zeros((2, 2)))
    assert apply_extra(layer, {"contrast_limits_range": "x"}) == ["contrast limits range"]
    assert apply_extra(layer, {"overlays": [1], "mode": "os.system"}) == ["mode"]
    with pytest.raises((TypeError, KeyError)):
        layer_arguments(SceneLayer("points", "x", {"features": [{"kind": "numbers"}]}))


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["layers"][0]["extra"].update(mode=[[]], selected_data=[[1], "x"]),
        lambda m: m["layers"][0]["state"].update(features=[{"name": "a"}]),
        lambda m: m["layers"][0]["state"].update(text={"color": {"colormap": {"colors": 1}}}),
        lambda m: m["layers"][0]["state"].update(scale=[0, 0], affine="x"),
        lambda m: m["viewer"].update(links=7, selected=["x"], overlay_tiling={"padding": "x"}),
        lambda m: m["viewer"].update(links=[[0, 9, ["opacity"]]], background=[1, 2]),
    ],
)  # fmt: skip
def test_damaged_state_is_told_and_the_rest_opens(tmp_path, change):
    viewer = ViewerModel()
    CASES["points_text_col"](viewer)
    viewer.add_image(np.zeros((3, 3)), name="good")
    save_scene(viewer, tmp_path / "x", embed=True)
    with (
        zipfile.ZipFile(tmp_path / "x") as archive,
        zipfile.ZipFile(tmp_path / "y.dicomscene", "w") as made,
    ):
        manifest = json.loads(archive.read("manifest.json"))
        change(manifest)
        made.writestr("manifest.json", json.dumps(manifest))
        for name in set(archive.namelist()) - {"manifest.json"}:
            made.writestr(name, archive.read(name))
    other = ViewerModel()
    opened = open_scene(other, tmp_path / "y.dicomscene")
    assert opened.problems
    assert other.layers[-1].name == "good"
