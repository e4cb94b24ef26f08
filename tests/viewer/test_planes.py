"""Plane buttons and the position of the cursor in the patient."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.viewer.open import add_volume
from napari_dicomdb.viewer.planes import (
    Plane,
    PositionReadout,
    current_plane,
    lps_at_cursor,
    lps_text,
    native_plane,
    set_plane,
    show_orientation,
)


@pytest.mark.parametrize(
    ("plane", "order", "depth"),
    [
        ("axial", (0, 1, 2), "towards"),
        ("coronal", (1, 0, 2), "away"),
        ("sagittal", (2, 0, 1), "towards"),
    ],
)
@pytest.mark.parametrize("lead", [0, 2])
def test_orders(plane, order, depth, lead):
    viewer = ViewerModel()
    viewer.add_image(np.zeros((2,) * lead + (4, 5, 6)))
    viewer.scene.camera.orientation = ("away", "up", "left")
    set_plane(viewer, plane)
    assert viewer.dims.order == (*range(lead), *(lead + a for a in order))
    assert tuple(map(str, viewer.scene.camera.orientation)) == (depth, "down", "right")
    assert current_plane(viewer) == plane


def test_other_orders_are_no_plane():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((4, 5, 6)))
    viewer.dims.order = (0, 2, 1)
    assert current_plane(viewer) is None


def test_flat_viewers_have_no_planes():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((5, 6)))
    set_plane(viewer, "coronal")
    assert viewer.dims.order == (0, 1) and current_plane(viewer) is None


def test_unknown_plane():
    with pytest.raises(NotFoundError, match="axial"):
        set_plane(ViewerModel(), "diagonal")


@pytest.mark.parametrize(
    ("kind", "plane"),
    [("axial CT", Plane.AXIAL), ("sagittal MR", Plane.SAGITTAL), ("oblique MR", Plane.AXIAL)],
)
def test_native_plane(make_volume, kind, plane):
    viewer = ViewerModel()
    assert native_plane(add_volume(viewer, make_volume(kind))[0]) is plane
    assert native_plane(viewer.add_image(np.zeros((3, 3)))) is None


@pytest.mark.parametrize("kind", ["axial CT", "oblique MR"])
def test_cursor_in_the_patient(make_volume, kind):
    viewer = ViewerModel()
    volume = make_volume(kind)
    [layer] = add_volume(viewer, volume)
    index = (3, 10, 12)
    lps = lps_at_cursor(viewer, layer.data_to_world(index))
    wanted = layer.metadata["dicomdb"]["lps_from_data"] @ (*index, 1)
    np.testing.assert_allclose(lps, wanted[:3], atol=1e-6)
    # An independent look: the voxel there has the value of the volume there.
    k, r, c, _ = np.rint(np.linalg.solve(volume.geometry.affine, (*lps, 1))).astype(int)
    assert volume.array[k, r, c] == layer.data[index]


def test_no_patient_no_position():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((4, 5, 6)))
    assert lps_at_cursor(viewer) is None


def test_text():
    assert lps_text((-1, 2, -3)) == "R 1.0  P 2.0  I 3.0 mm"


def test_readout_follows_the_cursor(make_volume):
    viewer = ViewerModel()
    add_volume(viewer, make_volume("axial CT"))
    readout = PositionReadout(viewer)
    readout.show()
    text = viewer.canvas.overlays.text
    viewer.cursor.position = (-400.0, -150.0, 60.0)
    assert text.visible and text.text == "L 60.0  A 150.0  S 400.0 mm"
    readout.hide()
    viewer.cursor.position = (-300.0, -150.0, 60.0)
    assert not text.visible and text.text == ""
    assert not readout.shown


def test_orientation_letters(make_volume):
    viewer = ViewerModel()
    add_volume(viewer, make_volume("axial CT"))
    show_orientation(viewer)
    assert viewer.canvas.overlays.axes.visible and viewer.canvas.overlays.axes.labels
    assert viewer.dims.axis_labels == ("I", "P", "L")
    show_orientation(viewer, False)
    assert not viewer.canvas.overlays.axes.visible
