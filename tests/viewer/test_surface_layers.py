"""Surfaces in a viewer: where they are in the patient, in their colours."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.loading.loaders.surface_segmentation import SURFACES, SurfaceVolume
from napari_dicomdb.loading.segments.segment_list import Segment
from napari_dicomdb.loading.segments.surface_mesh import SurfaceMesh
from napari_dicomdb.loading.volume import VolumeGeometry
from napari_dicomdb.viewer.layers import volume_to_layers
from napari_dicomdb.viewer.open import add_volume


@pytest.fixture
def volume():
    """A tetrahedron of 4 ml."""
    points = np.array([[10.0, 0, -5], [40, 0, -5], [10, 40, -5], [10, 0, 15]])
    triangles = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    segment = Segment(1, 1, "Liver", (221, 130, 101))
    mesh = SurfaceMesh(1, points, triangles, segment, segment.colour, 0.5)
    return SurfaceVolume(
        points,
        ("point", "coordinate"),
        VolumeGeometry(np.eye(4), (1, 1, 1), "1.2.3"),
        meta={"name": "4: Surfaces", "kind": SURFACES, "surfaces": (mesh,), "findings": ()},
    )


def test_points_are_in_the_patient(volume):
    ((data, kwargs, kind),) = volume_to_layers(volume)
    vertices, triangles, _ = data
    assert kind == "surface"
    assert vertices[1].tolist() == [5, 0, 40]  # -z, y, x
    assert triangles.max() == 3
    assert kwargs["name"] == "4: Surfaces: Liver"
    told = kwargs["metadata"]["dicomdb"]
    lps = np.column_stack([vertices, np.ones(len(vertices))]) @ told["lps_from_data"].T
    assert np.array_equal(lps[:, :3], volume.array)
    assert told["segments"][0]["volume_ml"] == pytest.approx(4.0)
    assert told["frame_of_reference_uid"] == "1.2.3"


def test_it_follows_the_frame_of_the_viewer(volume):
    frame = np.eye(4)
    frame[0, 3] = 7
    ((_, kwargs, _),) = volume_to_layers(volume, frame=frame)
    assert np.array_equal(kwargs["affine"], frame)


def test_in_a_viewer(volume, make_napari_viewer):
    viewer = make_napari_viewer()
    (layer,) = add_volume(viewer, volume)
    assert layer.colormap.colors[0] == pytest.approx([221 / 255, 130 / 255, 101 / 255, 1])
    assert layer.opacity == 0.5
    assert viewer.dims.point == pytest.approx((-5, 20, 25), abs=1)  # the middle of it
