"""A smooth analytic body in patient coordinates, volumes of it, and reads of a lazy array."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_dicomdb.dicom.voi import Window
from napari_dicomdb.loading.volume import Volume, VolumeGeometry

#: Far from the scanner's origin, where a transform that forgets it goes wrong.
CENTRE = np.array([60.0, -150.0, 400.0])

#: Position relative to the centre (LPS mm), radius, brightness: no two alike.
BALLS = (
    ((0, 0, 0), 14, 110),
    ((30, 0, 6), 9, 250),  # left
    ((-28, 4, -10), 8, 140),  # right
    ((4, -32, 4), 9, 200),  # anterior
    ((-6, 6, 34), 10, 170),  # superior
)


def _body(lps):
    points = np.asarray(lps) - CENTRE
    value = np.zeros(points.shape[:-1])
    for position, radius, brightness in BALLS:
        distance = ((points - position) ** 2).sum(axis=-1)
        value = np.maximum(value, brightness * np.exp(-distance / (2 * radius**2)))
    return value


def _affine(orientation, spacing, shape, tilt=0.0, turn=(0, 0, 0)):
    row, column = np.array(orientation[:3], float), np.array(orientation[3:], float)
    linear = np.stack([np.cross(row, column), column, row], axis=1)
    linear = Rotation.from_euler("xyz", turn, degrees=True).as_matrix() @ linear
    if tilt:
        # The gantry leans, the table moves on along z.
        leaning = Rotation.from_euler("x", tilt, degrees=True).as_matrix()
        linear[:, 1:] = leaning @ linear[:, 1:]
    affine = np.eye(4)
    affine[:3, :3] = linear * spacing
    affine[:3, 3] = CENTRE - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def _volume(kind):
    orientation, spacing, shape, tilt, turn, modality = {
        "axial CT": ([1, 0, 0, 0, 1, 0], (3, 2, 2), (44, 70, 66), 0, (0, 0, 0), "CT"),
        "oblique MR": ([1, 0, 0, 0, 1, 0], (3, 1.8, 1.8), (44, 72, 74), 0, (20, -12, 8), "MR"),
        "sagittal MR": ([0, 1, 0, 0, 0, -1], (3, 1.9, 1.9), (42, 70, 72), 0, (0, 0, 0), "MR"),
        "tilted CT": ([1, 0, 0, 0, 1, 0], (3, 2, 2), (44, 72, 66), 17, (0, 0, 0), "CT"),
    }[kind]
    affine = _affine(orientation, np.array(spacing, float), shape, tilt, turn)
    indices = np.moveaxis(np.indices(shape), 0, -1)
    values = np.rint(_body(indices @ affine[:3, :3].T + affine[:3, 3])).astype(np.int16)
    return Volume(
        values,
        ("slice", "row", "column"),
        VolumeGeometry(affine, shape, "1.2.3"),
        units="HU" if modality == "CT" else "",
        meta={
            "name": kind,
            "modality": modality,
            "windows": (Window(127.5, 255, "all", "LINEAR_EXACT"),),
            "value_range": (-1024, 3071),
            "series_uid": f"1.2.3.{len(kind)}",
            "instance_uids": tuple(f"1.2.3.4.{k}" for k in range(shape[0])),
        },
    )


@pytest.fixture(scope="session")
def body():
    """Brightness (0 to 250) at points (..., 3) in LPS mm: five balls, no two alike."""
    return _body


@pytest.fixture(scope="session")
def make_volume():
    """Volumes of the body by name: axial CT, oblique MR, sagittal MR, tilted CT."""
    return _volume


class CountingArray:
    """A lazy array that notes which slices are read and answers as files do."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.ndim, self.size = array.ndim, array.size
        self.slices = []

    def __getitem__(self, key):
        key = key if isinstance(key, tuple) else (key,)
        assert all(isinstance(p, int) or (p.step or 1) > 0 for p in key)
        self.slices += np.atleast_1d(np.arange(self.shape[0])[key[0]]).tolist()
        return self.array[key]

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[(slice(None),)], dtype=dtype)


@pytest.fixture(scope="session")
def counting_array():
    """The class of lazy arrays that count what is read of them."""
    return CountingArray
