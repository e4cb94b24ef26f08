"""The frame of a viewer, read from its layers."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from napari_dicomdb.viewer.frame import (
    ambient_frame,
    current_frame,
    dicom_metadata,
    frames_of_reference,
)
from napari_dicomdb.viewer.open import add_volume


def test_layers_of_others_have_no_dicom_metadata():
    assert dicom_metadata(Image(np.zeros((2, 2)))) is None
    assert dicom_metadata(Image(np.zeros((2, 2)), metadata={"dicomdb": 3})) is None


def test_frame_is_a_copy(make_volume):
    viewer = ViewerModel()
    [layer] = add_volume(viewer, make_volume("oblique MR"))
    frame = current_frame(viewer)
    np.testing.assert_array_equal(frame, layer.affine.affine_matrix)
    frame[:] = 0
    assert current_frame(viewer).any()


def test_frames_of_reference(make_volume):
    viewer = ViewerModel()
    assert frames_of_reference(viewer) == set()
    add_volume(viewer, make_volume("axial CT"))
    assert frames_of_reference(viewer) == {"1.2.3"}


def test_no_viewer_no_frame():
    assert ambient_frame() is None


def test_frame_of_the_current_viewer(make_napari_viewer, make_volume):
    viewer = make_napari_viewer()
    assert ambient_frame() is None
    add_volume(viewer, make_volume("oblique MR"))
    np.testing.assert_array_equal(ambient_frame(), current_frame(viewer))
