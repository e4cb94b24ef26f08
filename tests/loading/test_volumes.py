"""Rows of volumes read from one reader, with holes and remedies."""

from __future__ import annotations

import numpy as np

from napari_dicomdb.loading.reading import ReadProblems
from napari_dicomdb.loading.volumes import ChosenFrames, VolumesReader


class Numbered:
    """Frames that hold their own number."""

    frame_shape = (2, 3)
    dtype = np.dtype(np.int16)
    fill = -7.0

    def __init__(self, count):
        self.problems = ReadProblems()
        self.count = count

    def __len__(self):
        return self.count

    def read(self, index, out=None):
        out = np.empty(self.frame_shape, self.dtype) if out is None else out
        out[...] = index
        return out


def values(reader):
    return [int(reader.read(k)[0, 0]) for k in range(len(reader))]


def test_chosen_frames():
    chosen = ChosenFrames(Numbered(9), np.array([4, -1, 0]))
    assert values(chosen) == [4, -7, 0]
    out = np.zeros((2, 3), np.int16)
    for k, value in enumerate((4, -7, 0)):
        assert chosen.read(k, out) is out and (out == value).all()


def test_volumes_one_after_another():
    source = Numbered(6)
    reader = VolumesReader(source, np.array([[5, 4, 3], [2, -1, 0]]), lambda images: images)
    assert values(reader) == [5, 4, 3, 2, -7, 0]
    assert reader.problems is source.problems
    assert (reader.frame_shape, reader.dtype, reader.fill) == ((2, 3), np.int16, -7.0)


def test_a_remedy_works_volume_by_volume():
    """Every other slice only: as a resampling reader has another number of slices."""

    def half(images):
        return ChosenFrames(images, np.arange(0, len(images), 2))

    reader = VolumesReader(Numbered(8), np.arange(8).reshape(2, 4), half)
    assert values(reader) == [0, 2, 4, 6]
    assert reader.read(3, np.zeros((2, 3), np.int16))[0, 0] == 6
