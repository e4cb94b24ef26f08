"""Volumes of segmentations: names of axes, segments, what they refer to."""

from __future__ import annotations

import numpy as np
import pydicom

from napari_dicomdb.loading import examine
from napari_dicomdb.loading.segments.segment_volumes import FRACTIONS, LABELS


def test_segments_without_a_frame_are_told_all_the_same(series, segmentation, records):
    pixels = np.zeros((1, 6, 5), np.uint8)
    pixels[0, 1] = 2
    path = segmentation(series.axial([0]), pixels, "BINARY", numbers=[1, 2])
    (best,) = examine(records([path]))
    volume = best.load()
    assert [s.number for s in volume.meta["segments"][0]] == [1, 2]
    assert volume.meta["segment_voxels"] == {2: 5}
    assert best.kind == LABELS


def test_what_a_volume_refers_to(series, segmentation, records):
    sources = series.axial([0, 3])
    path = segmentation(sources, np.ones((2, 6, 5), np.uint8), "BINARY")
    (best,) = examine(records([path]))
    volume = best.load()
    uids = {pydicom.dcmread(p).SOPInstanceUID for p in sources}
    assert set(volume.meta["references"]) == uids
    assert volume.meta["instance_uids"] == [pydicom.dcmread(path).SOPInstanceUID]
    assert volume.meta["segmentation_type"] == "BINARY"
    assert volume.meta["modality"] == "SEG"


def test_fractions_stay_lazy(series, segmentation, records):
    pixels = np.full((2, 6, 5, 1), 0.5, np.float32)
    path = segmentation(series.axial([0, 3]), pixels, "FRACTIONAL", fractional_type="OCCUPANCY")
    best, _ = examine(records([path]))
    volume = best.load()
    assert best.kind == FRACTIONS
    assert not isinstance(volume.array, np.ndarray)
    assert volume.coords["segment"].values == ("Segment 1",)
    assert volume.meta["quantity"] == "Occupancy"
    assert isinstance(best.load(lazy=False).array, np.ndarray)


def test_what_lies_nowhere_is_a_picture(series, segmentation, records):
    path = segmentation(series.axial([0]), np.ones((1, 6, 5), np.uint8), "BINARY")
    ds = pydicom.dcmread(path)
    for groups in ds.PerFrameFunctionalGroupsSequence:
        del groups.PlanePositionSequence
    del ds.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence
    ds.save_as(path)
    (best,) = examine(records([path]))
    volume = best.load()
    assert (best.dims, volume.dims) == (("row", "column"), ("row", "column"))
    assert not volume.geometry.in_patient
    assert volume.array.all()
