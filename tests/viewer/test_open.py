"""Adding volumes to a viewer: frame, contrast range, centre, warnings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

from napari_dicomdb.loading.image_annotations import Annotation
from napari_dicomdb.loading.volume import Volume, VolumeGeometry
from napari_dicomdb.viewer.frame import current_frame, frames_of_reference
from napari_dicomdb.viewer.open import add_volume
from napari_dicomdb.viewer.planes import Plane, current_plane


def test_contrast_slider_spans_what_the_bits_can_hold(make_volume):
    [layer] = add_volume(ViewerModel(), make_volume("axial CT"))
    assert tuple(layer.contrast_limits) == (0, 255)
    assert tuple(layer.contrast_limits_range) == (-1024, 3071)


def test_first_volume_gives_the_frame_and_the_last_takes_it_away(make_volume):
    viewer = ViewerModel()
    assert current_frame(viewer) is None
    [oblique] = add_volume(viewer, make_volume("oblique MR"))
    assert oblique.metadata["dicomdb"]["native"]
    frame = current_frame(viewer)
    assert not np.allclose(frame, np.eye(4))
    [axial] = add_volume(viewer, make_volume("axial CT"))
    assert not axial.metadata["dicomdb"]["native"]
    np.testing.assert_array_equal(axial.metadata["dicomdb"]["frame"], frame)
    viewer.layers.remove(oblique)
    np.testing.assert_array_equal(current_frame(viewer), frame)
    viewer.layers.clear()
    assert current_frame(viewer) is None
    [axial] = add_volume(viewer, make_volume("axial CT"))
    assert axial.metadata["dicomdb"]["native"]


def test_layers_of_others_do_not_matter(make_volume):
    viewer = ViewerModel()
    viewer.add_image(np.zeros((3, 4, 5)), metadata={"dicomdb": "something else"})
    [layer] = add_volume(viewer, make_volume("oblique MR"))
    assert layer.metadata["dicomdb"]["native"]


def test_sliders_stand_on_the_middle_voxel_of_the_first(make_volume):
    viewer = ViewerModel()
    [layer] = add_volume(viewer, make_volume("axial CT"))
    index = layer.world_to_data(viewer.dims.point)
    np.testing.assert_allclose(index, [22, 35, 33], atol=1e-9)
    viewer.dims.set_point(0, viewer.dims.point[0] + 9)
    before = viewer.dims.point
    add_volume(viewer, make_volume("sagittal MR"))
    assert viewer.dims.point == pytest.approx(before)


def test_native_plane_first(make_volume):
    viewer = ViewerModel()
    add_volume(viewer, make_volume("sagittal MR"), native_plane_first=True)
    assert current_plane(viewer) is Plane.SAGITTAL
    # A second volume leaves the view alone.
    add_volume(viewer, make_volume("axial CT"), native_plane_first=True)
    assert current_plane(viewer) is Plane.SAGITTAL


def test_other_frame_of_reference_is_said(make_volume):
    viewer = ViewerModel()
    add_volume(viewer, make_volume("axial CT"))
    other = make_volume("sagittal MR")
    other = replace(other, geometry=replace(other.geometry, frame_of_reference_uid="1.2.99"))
    notification_manager.records.clear()
    [layer] = add_volume(viewer, other)
    [said] = [n for n in notification_manager.records if n.severity == "warning"]
    assert "another frame of reference" in said.message
    assert [f["code"] for f in layer.metadata["dicomdb"]["findings"]] == [
        "other-frame-of-reference"
    ]
    assert frames_of_reference(viewer) == {"1.2.3", "1.2.99"}


def test_projection_images_keep_out_of_the_frame(make_volume):
    viewer = ViewerModel()
    geometry = VolumeGeometry(np.diag([1, 0.2, 0.2, 1.0]), (1, 50, 60), in_patient=False)
    image = Volume(np.arange(3000).reshape(50, 60), ("row", "column"), geometry)
    add_volume(viewer, image)
    assert current_frame(viewer) is None
    [layer] = add_volume(viewer, make_volume("oblique MR"))
    assert layer.metadata["dicomdb"]["native"]
    assert current_frame(viewer) is not None
    add_volume(viewer, image)
    assert frames_of_reference(viewer) == {"1.2.3"}


def test_the_image_stays_the_one_to_work_with(make_volume):
    viewer = ViewerModel()
    volume = make_volume("axial CT")
    marks = Annotation("labels", "overlays", np.zeros(volume.shape, np.uint8), {"index": []})
    volume.meta["annotations"] = (marks,)
    image, overlays = add_volume(viewer, volume)
    assert not overlays.visible
    assert viewer.layers.selection.active is image
