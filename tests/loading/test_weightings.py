"""Diffusion frames sorted into volumes: order, repeats, contrasts, computed maps."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataelem import DataElement

from napari_dicomdb.dicom.diffusion import DiffusionWeighting
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.grouping import places_of, stack_of
from napari_dicomdb.loading.weightings import (
    TRACE,
    WEIGHTED,
    acquisition_rank,
    contrast_codes,
    kinds_of,
    sort_into_volumes,
    weightings_of,
)

MR = {"Modality": "MR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"}
X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
NONE = (0.0, 0.0, 0.0)


def write(series, steps, heights=(0, 2, 4), **common):
    """Volume after volume; each step is (b, direction) or attributes."""
    for step in steps:
        told = step
        if isinstance(step, tuple):
            told = {"DiffusionBValue": float(step[0]), "DiffusionGradientOrientation": step[1]}
        for z in heights:
            told = {k: list(v) if isinstance(v, tuple) else v for k, v in told.items()}
            series.slice((-10, -20, z), **MR, **common, **told)


def sorted_volumes(paths, records):
    frames = FrameSet.of(records(paths))
    weightings = weightings_of(frames)
    place = places_of(stack_of(frames), len(frames))
    return frames, sort_into_volumes(frames, weightings, place)


def b_values(volumes):
    return [w.b_value for w in volumes.weightings]


def test_volumes_are_in_the_order_of_acquisition(series, records):
    write(series, [(1000, X), (0, NONE), (500, Y)])
    _, volumes = sorted_volumes(series.paths, records)
    assert b_values(volumes) == [1000, 0, 500]
    assert volumes.weightings[2].direction_lps == Y
    assert volumes.index.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert volumes.missing == 0


def test_slices_may_come_first(series, records):
    for z in (0, 2, 4):
        write(series, [(0, NONE), (1000, X)], heights=(z,))
    _, volumes = sorted_volumes(series.paths, records)
    assert volumes.index.tolist() == [[0, 2, 4], [1, 3, 5]]


def test_nothing_is_taken_for_a_duplicate(series, records):
    # DIF-2: averages, several b=0, one direction in two shells.
    steps = [(0, NONE), (1000, X), (2000, X), (0, NONE), (1000, X), (1000, Y)]
    write(series, steps)
    _, volumes = sorted_volumes(series.paths, records)
    assert b_values(volumes) == [b for b, _ in steps]
    assert [w.vector for w in volumes.weightings] == [g for _, g in steps]


def test_a_gap_stays_a_gap(series, records):
    write(series, [(0, NONE), (1000, X), (1000, Y)])
    paths = [p for k, p in enumerate(series.paths) if k != 4]
    _, volumes = sorted_volumes(paths, records)
    assert volumes.index.tolist() == [[0, 1, 2], [3, -1, 4], [5, 6, 7]]
    assert volumes.missing == 1
    assert volumes.frames().tolist() == list(range(8))
    assert volumes.representatives().tolist() == [0, 1, 2]


def test_stray_images_leave_the_whole_volumes(series, records):
    write(series, [(0, NONE), (1000, X)])
    write(series, [(0, Y), (50, Y), (60, Y)], heights=(2,))
    _, volumes = sorted_volumes(series.paths, records)
    assert b_values(volumes) == [0, 1000]
    write(series, [(1, X)], heights=(6,))
    assert sorted_volumes(series.paths[-4:], records)[1] is None


def test_acquisition_number_orders_before_instance_number(series, records):
    write(series, [(1000, X)], AcquisitionNumber=2)
    write(series, [(0, NONE)], AcquisitionNumber=1)
    _, volumes = sorted_volumes(series.paths, records)
    assert b_values(volumes) == [0, 1000]


def test_philips_numbers_order_before_all(series, records):
    for b, gradient, vector in ((2, 2, Y), (2, 1, X), (1, 3, NONE)):
        for z in (0, 2, 4):
            ds = series.header(
                ImagePositionPatient=[0, 0, z],
                DiffusionBValue=1000.0 * (b - 1),
                DiffusionGradientOrientation=list(vector),
                **MR,
            )
            ds.add(DataElement(0x20050014, "LO", "Philips MR Imaging DD 005"))
            ds.add(DataElement(0x20051412, "IS", b))
            ds.add(DataElement(0x20051413, "IS", gradient))
            series.write(ds, np.zeros((4, 5), np.int16))
    _, volumes = sorted_volumes(series.paths, records)
    assert [w.vector for w in volumes.weightings] == [NONE, X, Y]


def test_the_last_dimension_is_the_slowest(series, records):
    # As Philips writes: stack, slice, b-value, gradient, whose number is highest for b=0.
    rows = [[1, z, b, g] for z in (1, 2) for b, g in ((1, 9), (2, 1), (2, 2))]
    path = series.enhanced(
        [(0, 0, 3.0 * z) for _, z, _, _ in rows],
        np.zeros((6, 4, 5), np.int16),
        FrameContentSequence__DimensionIndexValues=rows,
        MRDiffusionSequence__DiffusionBValue=[0.0 if g == 9 else 700.0 for *_, g in rows],
    )
    frames = FrameSet.of(records([path]))
    assert acquisition_rank(frames).tolist() == [4, 0, 2, 5, 1, 3]
    weightings = weightings_of(frames)
    assert [w.b_value for w in weightings] == [0, 700, 700, 0, 700, 700]


def test_traces_and_maps_are_other_kinds(series, records):
    write(series, [(0, NONE), (1000, X)], ImageType=["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"])
    write(series, [{}], ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "ADC", "ND"])
    write(series, [{}], ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "FA", "ND"])
    write(series, [(1000, NONE)], ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "TRACEW", "ND"])
    isotropic = {"DiffusionBValue": 1000.0, "DiffusionDirectionality": "ISOTROPIC"}
    write(series, [isotropic], ImageType=["ORIGINAL", "PRIMARY", "M_SE", "M", "SE"])
    frames = FrameSet.of(records(series.paths))
    kinds = kinds_of(frames, weightings_of(frames))
    assert kinds[::3] == [WEIGHTED, WEIGHTED, "ADC", "FA", TRACE, TRACE]


def test_traces_alone_keep_their_unweighted_images(series, records):
    write(series, [(0, NONE)])
    write(series, [(800, NONE)], ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"])
    frames = FrameSet.of(records(series.paths))
    assert set(kinds_of(frames, weightings_of(frames))) == {WEIGHTED}


def test_magnitude_and_phase_are_other_contrasts(series, records):
    for component in ("MAGNITUDE", "PHASE"):
        write(series, [(0, NONE), (1000, X)], ComplexImageComponent=component)
    frames = FrameSet.of(records(series.paths))
    assert contrast_codes(frames, weightings_of(frames)).tolist() == [0] * 6 + [1] * 6


def test_an_echo_time_of_each_b_value_is_no_contrast(series, records):
    write(series, [(0, NONE)], EchoTime=60)
    write(series, [(1000, X), (1000, Y)], EchoTime=90)
    frames = FrameSet.of(records(series.paths))
    assert not contrast_codes(frames, weightings_of(frames)).any()


def test_frames_without_a_word_have_no_weighting(series, records):
    write(series, [{}, (1000, X)])
    found = weightings_of(FrameSet.of(records(series.paths)))
    assert found[:3] == [None] * 3
    assert found[3] == DiffusionWeighting(
        1000.0, pytest.approx(X), None, found[3].directionality, "standard"
    )
    assert weightings_of(FrameSet.of(records(series.paths[:3]))) == [None] * 3
