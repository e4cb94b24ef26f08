from __future__ import annotations

import highdicom
import numpy as np
import pydicom
import pytest

from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading import VolumeGeometry, examine
from napari_dicomdb.loading.building import build_volume
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.progress import no_progress

CLASSIC = (
    "ge_anatomical_001",
    "siemens_anatomical_001",
    "philips_anatomical_001",
    "hitachi_anatomical_001",
)
ENHANCED = ("hyperfine_anatomical_001", "siemens_multiframe_anatomical_001")


@pytest.mark.parametrize("name", CLASSIC)
def test_classic_series_are_where_highdicom_puts_them(reference_data, records, name):
    folder = reference_data / "mr_vendors" / f"dicom2nifti__{name}" / "dicom"
    volume = examine(records(folder.iterdir()))[0].load(lazy=False)
    compare(volume, highdicom.get_volume_from_series([framed(path) for path in folder.iterdir()]))


@pytest.mark.parametrize("name", ENHANCED)
def test_enhanced_objects_are_where_highdicom_puts_them(reference_data, records, name):
    (path,) = (reference_data / "mr_vendors" / f"dicom2nifti__{name}" / "dicom").iterdir()
    volume = examine(records([path]))[0].load(lazy=False)
    image = highdicom.Image.from_dataset(framed(path), copy=False)
    compare(volume, image.get_volume())


def framed(path):
    """The data sets lost their frame of reference with their names; highdicom asks for one."""
    ds = pydicom.dcmread(path)
    ds.FrameOfReferenceUID = "1.2.3"
    return ds


def compare(volume, theirs):
    """Compare voxel by voxel in space: the two may run along the slices in opposite ways."""
    ours = volume.geometry.affine
    assert volume.shape == theirs.spatial_shape
    # A cosine of six digits moves a corner by a few micrometres.
    flipped = np.dot(ours[:3, 0], theirs.affine[:3, 0]) < 0
    array = volume.array[::-1] if flipped else volume.array
    affine = ours.copy()
    if flipped:
        affine[:3, 3] += ours[:3, 0] * (volume.shape[0] - 1)
        affine[:3, 0] *= -1
    assert np.allclose(affine, theirs.affine, atol=1e-3)
    assert np.array_equal(array, theirs.array)


def test_leading_axes_for_loaders_to_come(series, records):
    """Frames may be laid out along more axes: the last leading one fastest."""
    for time in range(2):
        for z in range(3):
            series.slice((0, 0, z), np.full((6, 5), 10 * time + z, np.int16))
    known = records(series.paths)
    loadable = examine(known)[0]
    frames = FrameSet.of(known)
    geometry = VolumeGeometry(np.eye(4), (3, 6, 5))
    for lazy in (True, False):
        volume = build_volume(
            loadable,
            frames,
            geometry,
            ("time", "slice", "row", "column"),
            lazy=lazy,
            progress=no_progress,
            leading=(2, 3),
            meta={"extra": 1},
        )
        assert volume.shape == (2, 3, 6, 5)
        assert volume.numpy()[:, :, 0, 0].tolist() == [[0, 1, 2], [10, 11, 12]]
        assert volume.meta["extra"] == 1


def test_what_has_no_pixels_is_refused(series, records):
    series.write(series.header(), None)
    known = records(series.paths)
    with pytest.raises(LoadError, match="no image"):
        build_volume(
            examine(known)[0],
            FrameSet.of(known),
            VolumeGeometry(np.eye(4), (1, 1, 1)),
            ("slice", "row", "column"),
            lazy=True,
            progress=no_progress,
        )


def test_files_that_are_gone_are_said_to_be_in_words(series, records):
    series.axial([0, 2, 4])
    best = examine(records(series.paths))[0]
    for path in series.paths:
        path.unlink()
    with pytest.raises(LoadError, match=r"0000\.dcm is not there any more") as caught:
        best.load()
    assert caught.value.reason == "file-missing"
    assert "Errno" not in str(caught.value)
