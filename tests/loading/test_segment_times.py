"""Segmentations of series over time."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from napari_dicomdb.dicom.findings import FindingCode
from napari_dicomdb.loading import examine
from napari_dicomdb.viewer.layers import volume_to_layers

TIMES = 3


def over_time(header, keyword=None, values=()):
    """Let the first third of all frames be of the first moment, and so on."""
    groups = list(header.PerFrameFunctionalGroupsSequence)
    # highdicom writes them from top to bottom.
    groups.sort(key=lambda item: item.PlanePositionSequence[0].ImagePositionPatient[2])
    each = len(groups) // TIMES
    for number, item in enumerate(groups):
        turn, frame = divmod(number, each)
        # Where its frame is in space, every moment says again.
        item.PlanePositionSequence = groups[frame].PlanePositionSequence
        if keyword is not None:
            inner = Dataset()
            setattr(inner, keyword[1], values[turn])
            setattr(item, keyword[0], [inner])


@pytest.fixture
def moving(series, segmentation, records):
    """Return the labels of each moment and a function that makes the loadables of them."""
    sources = series.axial(range(0, 3 * 2 * TIMES, 3))
    labels = np.zeros((2 * TIMES, 6, 5), np.uint8)
    for number in range(2 * TIMES):
        labels[number, number % 6, 1:] = 1
        labels[number, number % 6, :1] = 2

    def make(kind, *how, pixels=labels):
        if kind == "BINARY":  # highdicom writes all frames of a segment, then of the next
            pixels = (labels == 1).astype(np.uint8)
        options = {} if kind == "LABELMAP" else {"omit_empty_frames": False}
        path = segmentation(sources, pixels, kind, **options)
        header = pydicom.dcmread(path)
        over_time(header, *how)
        header.save_as(path)
        return examine(records([path]))

    return labels.reshape(TIMES, 2, 6, 5), make


OFFSET = ("TemporalPositionSequence", "TemporalPositionTimeOffset")
INDEX = ("FrameContentSequence", "TemporalPositionIndex")


def test_a_binary_one_has_an_axis_of_time(moving):
    labels, make = moving
    (best,) = make("BINARY", OFFSET, [0.0, 2.5, 5.0])
    assert (best.shape, best.dims) == ((TIMES, 2, 6, 5), ("time", "slice", "row", "column"))
    volume = best.load()
    assert np.array_equal(volume.array, labels == 1)
    assert volume.coords["time"].values == (0.0, 2.5, 5.0)
    assert volume.coords["time"].unit == "s"


def test_a_label_map_has_it_too_and_its_layer(moving):
    labels, make = moving
    (best,) = make("LABELMAP", INDEX, [1, 2, 3])
    volume = best.load()
    assert np.array_equal(volume.array, labels)
    ((data, kwargs, kind),) = volume_to_layers(volume)
    assert (kind, data.shape[0]) == ("labels", TIMES)
    assert kwargs["axis_labels"][0] == "time"
    features = kwargs["features"]
    voxels = int((labels == 1).sum())
    assert features["voxels"][1] == voxels
    voxel = abs(np.linalg.det(volume.geometry.affine[:3, :3])) / 1000
    assert features["volume_ml"][1] == pytest.approx(voxels * voxel / TIMES)  # of one moment


def test_fractions_over_time(moving):
    labels, make = moving
    pixels = (labels.reshape(-1, 6, 5) == 1).astype(np.float32)[..., None]
    best, other = make("FRACTIONAL", OFFSET, [0.0, 2.5, 5.0], pixels=pixels)
    assert best.shape == best.load().shape == (1, TIMES, 2, 6, 5)
    assert np.array_equal(best.load().numpy()[0], labels == 1)
    assert np.array_equal(other.load().array, labels == 1)


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_frames_that_nothing_tells_apart_are_told(moving, kind):
    labels, make = moving
    (best,) = make(kind)
    assert FindingCode.DUPLICATE_SLICES in {f.code for f in best.findings}
    assert np.array_equal(np.asarray(best.load().array) == 1, (labels == 1).any(axis=0))
