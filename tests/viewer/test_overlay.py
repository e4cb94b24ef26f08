"""What the canvas shows, pixel by pixel, against an analytic body in the patient."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.viewer.open import add_volume
from napari_dicomdb.viewer.planes import Plane, set_plane

KINDS = ("axial CT", "oblique MR", "sagittal MR", "tilted CT")


#: Of the canvas's pixels only each third, both ways, is compared: enough, and quick.
STEP = 3


def canvas(viewer):
    from qtpy.QtWidgets import QApplication

    QApplication.processEvents()
    return viewer.screenshot(canvas_only=True, flash=False)[..., 0].astype(float)


def world_of_pixels(viewer, shape):
    """World position of each third pixel of the canvas, on the slice shown."""
    height, width = shape
    zoom, centre = viewer.scene.camera.zoom, viewer.scene.camera.center
    down = centre[-2] + (np.arange(0, height, STEP) + 0.5 - height / 2) / zoom
    right = centre[-1] + (np.arange(0, width, STEP) + 0.5 - width / 2) / zoom
    sliced, vertical, horizontal = viewer.dims.order
    world = np.zeros((down.size, right.size, 3))
    world[..., sliced] = viewer.dims.point[sliced]
    world[..., vertical] = down[:, None]
    world[..., horizontal] = right
    return world


def lps_of(world, frame):
    physical = world @ frame[:3, :3]  # the inverse of a rotation is its transpose
    return np.stack([physical[..., 2], physical[..., 1], -physical[..., 0]], axis=-1)


def on_slice(layer, position, axis):
    """World position of the centre of the layer's slice that is nearest to `position`."""
    corner = np.asarray(layer.data_to_world([0, 0, 0]))
    step = np.asarray(layer.data_to_world([1, 1, 1])) - corner
    return corner[axis] + np.rint((position - corner[axis]) / step[axis]) * step[axis]


OFFSETS = (-12.0, 0.0, 15.0)  # mm


@pytest.mark.parametrize("first", KINDS)
def test_four_volumes_in_all_planes_and_3d(make_napari_viewer, make_volume, body, first):
    """Each volume in each plane, and at each offset after one of the four that come first."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(700, 480)
    layers = []
    for kind in (first, *(k for k in KINDS if k != first)):
        layers += add_volume(viewer, make_volume(kind))
    frame = layers[0].metadata["dicomdb"]["frame"]
    assert layers[0].metadata["dicomdb"]["native"] is (first != "tilted CT")
    assert np.allclose(frame, np.eye(4)) is (first in ("axial CT", "sagittal MR"))

    turn, checked = KINDS.index(first), set()
    for number, plane in enumerate(Plane):
        set_plane(viewer, plane)
        viewer.fit_to_view()
        axis = viewer.dims.order[0]
        middle = viewer.dims.point[axis]
        for layer in layers:
            offset = OFFSETS[(turn + number + KINDS.index(layer.name)) % 3]
            show_only(viewer, layer)
            viewer.dims.set_point(axis, middle + offset)
            shown = canvas(viewer)
            world = world_of_pixels(viewer, shown.shape)
            world[..., axis] = on_slice(layer, viewer.dims.point[axis], axis)
            assert abs(world[0, 0, axis] - viewer.dims.point[axis]) < 1.8
            expected = body(lps_of(world, frame))
            inside = expected > 20
            error = np.abs(shown[::STEP, ::STEP] - expected)[inside]
            assert inside.sum() > 250
            where = f"{layer.name} after {first}, {plane}, {offset:+} mm"
            # Half a voxel on the flank of the brightest ball is 17 of 255.
            assert np.mean(error < 22) > 0.98, where
            assert np.median(error) < 6, where
            checked.add((layer.name, plane))
        viewer.dims.set_point(axis, middle)
    assert len(checked) == 4 * 3

    viewer.dims.ndisplay = 3
    for number, plane in enumerate(Plane):
        set_plane(viewer, plane)
        viewer.reset_view()
        # All of them from one side; from the others the first, and each of the rest once.
        others = layers if number == turn % 3 else [layers[0], layers[1 + number]]
        deepest = None
        for layer in others:
            show_only(viewer, layer)
            shown = canvas(viewer)
            if deepest is None:
                deepest = brightest_along_depth(viewer, shown.shape, body, frame)
                inside = deepest > 60
                assert inside.sum() > 250
            error = np.abs(shown[::STEP, ::STEP] - deepest)[inside]
            assert np.mean(error < 25) > 0.97, f"{layer.name} after {first}, 3D, {plane}"


def show_only(viewer, layer):
    """Hide the other layers, before or after, so that each is drawn by itself."""
    for other in viewer.layers:
        other.visible = other is layer


def brightest_along_depth(viewer, shape, body, frame):
    """The maximum intensity projection of the body, through the camera's eye."""
    world = world_of_pixels(viewer, shape)
    depth = viewer.dims.order[0]
    deepest = np.zeros(world.shape[:2])
    for away in np.arange(-70.0, 70.0, 2.5):
        world[..., depth] = viewer.scene.camera.center[0] + away
        deepest = np.maximum(deepest, body(lps_of(world, frame)))
    return deepest


@pytest.mark.parametrize(
    ("plane", "ball", "where"),
    [
        # Screen position of the ball beside that of the middle one: (down, right).
        ("axial", (30, 0, 6), (0, 1)),  # left of the patient: right
        ("axial", (4, -32, 4), (-1, 0)),  # anterior: up
        ("coronal", (30, 0, 6), (0, 1)),
        ("coronal", (-6, 6, 34), (-1, 0)),  # superior: up
        ("sagittal", (4, -32, 4), (0, -1)),  # anterior: left
        ("sagittal", (-6, 6, 34), (-1, 0)),
    ],
)
def test_planes_are_radiological(make_napari_viewer, make_volume, body, plane, ball, where):
    viewer = make_napari_viewer(show=True)
    volume = make_volume("axial CT")
    # Only the one ball, in all of the volume.
    indices = np.moveaxis(np.indices(volume.shape), 0, -1)
    lps = indices @ volume.geometry.affine[:3, :3].T + volume.geometry.affine[:3, 3]
    position = np.array([60.0, -150.0, 400.0]) + ball
    volume.array[...] = np.where(((lps - position) ** 2).sum(-1) < 8**2, 250, 0)
    add_volume(viewer, volume)
    set_plane(viewer, plane)
    viewer.fit_to_view()
    axis = viewer.dims.order[0]
    viewer.dims.set_point(axis, (-position[2], position[1], position[0])[axis])
    shown = canvas(viewer)
    rows, columns = np.nonzero(shown > 200)
    assert rows.size > 100
    down = rows.mean() / shown.shape[0] - 0.5
    right = columns.mean() / shown.shape[1] - 0.5
    if where[0]:
        assert np.sign(down) == where[0] and abs(down) > 0.1
    if where[1]:
        assert np.sign(right) == where[1] and abs(right) > 0.1
