from __future__ import annotations

import numpy as np

from napari_dicomdb.loading import Volume, VolumeGeometry


def test_geometry_answers_for_its_affine():
    affine = np.array([[0, 0, 0.7, 1], [1, 0.5, 0, 2], [2, 0, 0, 3], [0, 0, 0, 1.0]])
    geometry = VolumeGeometry(affine, (2, 3, 4))
    assert np.allclose(geometry.spacing, (5**0.5, 0.5, 0.7))
    assert geometry.has_spacing
    assert not VolumeGeometry(affine, (2, 3, 4), spacing_label="pixel").has_spacing


def test_a_volume_says_what_its_array_is():
    array = np.zeros((2, 3, 4), np.int16)
    volume = Volume(array, ("slice", "row", "column"), VolumeGeometry(np.eye(4), (2, 3, 4)))
    assert volume.shape == (2, 3, 4)
    assert volume.dtype == np.int16
    assert volume.numpy() is array
    assert volume.findings == ()
    volume.meta |= {"name": "Head", "patient_id": "P1", "source_paths": ["x"] * 1000}
    text = repr(volume)
    assert text == "<Volume 'Head': slice=2, row=3, column=4; int16; 1 x 1 x 1 mm>"
