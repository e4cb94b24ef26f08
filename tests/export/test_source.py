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


@pytest.mark.parametrize(
    ("name", "title"),
    [("4: T1", "T1"), ("12: 4: T1", "4: T1"), ("T1: 4", "T1: 4"), ("4:5", "4:5"), ("4: ", "4: ")],
)
def test_its_title_is_without_the_number_of_its_series(name: str, title: str) -> None:
    source = ExportSource(name, np.zeros((1, 2, 2)), ("slice", "row", "column"))
    assert source.title == title


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


def test_chunks_of_dask_are_computed_once() -> None:
    dask = pytest.importorskip("dask.array")
    array = np.arange(2 * 7 * 3 * 4).reshape(2, 7, 3, 4)
    seen = []

    def block(part: np.ndarray, block_info=None) -> np.ndarray:
        seen.append(block_info[0]["chunk-location"])
        return part

    lazy = dask.from_array(array, chunks=(1, 3, 3, 4)).map_blocks(block, dtype=array.dtype)
    source = ExportSource("x", lazy, ("time", "slice", "row", "column"))
    seen.clear()
    order = [6, 5, 4, 3, 2, 1, 0]
    for lead, k, plane in source.planes(order):
        np.testing.assert_array_equal(plane, array[(*lead, k)])
    assert len(seen) == len(set(seen)) == 2 * 3
    assert [k for _, k, _ in source.planes()] == [*range(7)] * 2
