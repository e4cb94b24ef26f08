from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.export.source import ExportSource, Label
from napari_dicomdb.loading.volume import Volume, VolumeGeometry


def test_axes_are_named_and_counted() -> None:
    array = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    source = ExportSource("x", array, ("time", "slice", "row", "column"))
    assert (source.leading, source.grid, source.dtype) == ((2,), (3, 4, 5), array.dtype)
    np.testing.assert_array_equal(source.plane((1,), 2), array[1, 2])
    with pytest.raises(ValueError, match="slice, row, column"):
        ExportSource("x", array[0, 0], ("row", "column"))
    with pytest.raises(ValueError, match="names"):
        ExportSource("x", array, ("slice", "row", "column"))
    with pytest.raises(ValueError, match="role"):
        ExportSource("x", array, ("t", "slice", "row", "column"), role="shapes")
    assert Label(3, "liver").colour is None


def test_an_image_without_slices_gets_one() -> None:
    geometry = VolumeGeometry(np.eye(4), (1, 4, 5))
    meta = {"name": "2: US", "study_uid": "1.2", "modality": "US", "instance_uids": ("1.2.3",)}
    colours = np.zeros((7, 4, 5, 3), np.uint8)
    volume = Volume(colours, ("time", "row", "column"), geometry, is_rgb=True, meta=meta)
    source = ExportSource.of_volume(volume)
    assert source.dims == ("time", "slice", "row", "column")
    assert source.shape == (7, 1, 4, 5, 3)
    assert (source.study_uid, source.modality, source.references) == ("1.2", "US", ("1.2.3",))
    assert source.plane((6,), 0).shape == (4, 5, 3)
