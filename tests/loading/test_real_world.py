"""Readers of real-world values: which map a frame has, and what it makes of stored values."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from napari_dicomdb.dicom.real_world import RealWorldMap, RealWorldValueMapping
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.reading import FrameReader
from napari_dicomdb.loading.real_world import RealWorldReader, maps_of_frames, real_world_meta


def item(slope, label="T1", units="ms"):
    ds, unit = Dataset(), Dataset()
    ds.RealWorldValueSlope, ds.RealWorldValueIntercept, ds.LUTLabel = slope, 1.0, label
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = units, "UCUM", units
    ds.MeasurementUnitsCodeSequence = [unit]
    return ds


@pytest.fixture
def frames(series, records):
    pixels = np.arange(30, dtype=np.uint16).reshape(6, 5)
    for k in range(3):
        items = [item(k + 1.0)] if k < 2 else []
        series.slice(
            (0, 0, 2.0 * k),
            pixels,
            RescaleSlope=2,
            RescaleIntercept=5,
            WindowCenter=25,
            WindowWidth=10,
            RealWorldValueMappingSequence=items or None,
        )
    return FrameSet.of(records(series.paths))


def test_each_frame_has_the_maps_of_its_file(frames):
    first, second, third = maps_of_frames(frames)
    assert [one.line for one in first] == [(1.0, 1.0)]
    assert [one.line for one in second] == [(2.0, 1.0)]
    assert third == ()


def test_maps_of_frames_of_one_object_are_their_own(series, records):
    path = series.enhanced(
        [(0, 0, z) for z in range(3)],
        np.full((3, 6, 5), 10, dtype=np.uint16),
        RealWorldValueMappingSequence__RealWorldValueSlope=[1.0, 2.0, 3.0],
        RealWorldValueMappingSequence__RealWorldValueIntercept=[0.0, 0.0, 0.5],
        RealWorldValueMappingSequence__LUTLabel=["x", "x", "x"],
    )
    frames = FrameSet.of(records([path]))
    reader = RealWorldReader(FrameReader(frames), ("", "", "x"))
    assert [float(reader.read(k)[0, 0]) for k in range(3)] == [10, 20, 30.5]


def test_stored_values_are_mapped_not_rescaled_ones(frames):
    two = frames.take([0, 1])
    reader = RealWorldReader(FrameReader(two), ("", "ms", "T1"))
    stored = np.arange(30).reshape(6, 5)
    assert len(reader) == 2
    np.testing.assert_array_equal(reader.read(1), (2.0 * stored + 1).astype(np.float32))
    out = np.empty((6, 5), np.float32)
    assert reader.read(0, out) is out
    np.testing.assert_array_equal(out, stored + 1)


def test_a_frame_without_the_map_is_named(frames):
    with pytest.raises(LoadError, match=r"0002\.dcm has no real-world value map"):
        RealWorldReader(FrameReader(frames), ("", "ms", "T1"))


def test_a_missing_table_is_named(series, records):
    bare = item(1.0)
    del bare.RealWorldValueSlope
    path = series.slice((0, 0, 0), RealWorldValueMappingSequence=[bare])
    with pytest.raises(LoadError, match="lookup table of 'T1' is missing"):
        RealWorldReader(FrameReader(FrameSet.of(records([path]))), ("", "ms", "T1"))


def test_windows_follow_the_values(frames):
    one = maps_of_frames(frames)[0][0]
    meta = real_world_meta(frames.take([0, 1]), one)
    (window,) = meta["windows"]
    # Modality 25 is stored 10, which is 11 ms; 10 wide in the modality is 5 stored.
    assert (window.center, window.width) == (11.0, 5.0)
    table = RealWorldMap((RealWorldValueMapping(None, label="T1"),))
    assert real_world_meta(frames, table)["windows"] == ()
