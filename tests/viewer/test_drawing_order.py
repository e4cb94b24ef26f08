"""Layers are drawn as they were, also where napari draws them other than they lie."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_dicomdb.viewer.drawing_order import apply_drawing, drawing_of
from napari_dicomdb.viewer.scene import open_scene, save_scene


def _picture(viewer):
    return viewer.screenshot(size=(150, 150), canvas_only=True, flash=False)[..., :3]


@pytest.fixture
def stack(make_napari_viewer):
    """Points between two volumes, all drawn without looking at depth."""
    viewer = make_napari_viewer(show=True)
    flat = {"blending": "translucent_no_depth", "contrast_limits": (0, 1)}
    viewer.add_image(np.full((9, 9, 9), 0.3), **flat)
    viewer.add_points([[4, 4, 4]], size=5, blending="translucent_no_depth")
    viewer.add_image(np.ones((9, 9, 9)), colormap="red", **flat)
    return viewer


def _deep(viewer):
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    viewer.scene.camera.angles = (10, 20, 30)


def test_napari_forgets_the_order_between_2d_and_3d(stack):
    """When this fails napari was mended: docs/scenes.md says that it is not."""
    assert drawing_of(stack, stack.layers)["order"] == [0, 1, 2]
    _deep(stack)
    assert drawing_of(stack, stack.layers)["order"] == [0, 2, 1]


@pytest.mark.parametrize("forgotten", [True, False])
def test_a_scene_opens_as_it_was_drawn(stack, tmp_path, forgotten):
    _deep(stack)
    if not forgotten:
        stack.layers[0].visible = False
        stack.layers[0].visible = True
    before, drawing = _picture(stack), drawing_of(stack, stack.layers)
    assert drawing["order"] == ([0, 2, 1] if forgotten else [0, 1, 2])
    save_scene(stack, tmp_path / "x.dicomscene", embed=True)
    # Into a viewer that shows something large, already in 3D.
    stack.layers.clear()
    stack.add_image(np.zeros((2, 300, 300)))
    opened = open_scene(stack, tmp_path / "x.dicomscene")
    assert opened.problems == ()
    assert drawing_of(stack, opened.layers) == drawing
    assert np.array_equal(_picture(stack), before)


def test_without_a_word_they_are_drawn_as_they_lie(stack):
    _deep(stack)
    assert apply_drawing(stack, [*stack.layers], None) == []
    assert drawing_of(stack, stack.layers)["order"] == [0, 1, 2]
    assert apply_drawing(stack, [stack.layers[0], None, stack.layers[2]], {}) == []


@pytest.mark.parametrize(
    ("drawing", "said"),
    [
        ({"order": [0, 0, 1]}, "order of drawing"),
        ({"order": [0, 1]}, "order of drawing"),
        ({"order": ["0", None, {}]}, "order of drawing"),
        ({"order": 7}, "order of drawing"),
        ({"depth": float("nan")}, "depth of the camera"),
        ({"depth": -1}, "depth of the camera"),
        ({"depth": 1e300}, "depth of the camera"),
        ({"depth": "deep"}, "depth of the camera"),
    ],
)  # fmt: skip
def test_what_is_damaged_is_told(drawing, said):
    viewer = ViewerModel()
    layers = [viewer.add_image(np.zeros((2, 2))) for _ in range(3)]
    assert drawing_of(viewer, layers) == {}
    assert apply_drawing(viewer, layers, drawing) == [said]
