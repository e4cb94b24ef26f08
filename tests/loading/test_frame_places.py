"""Positions, orientations and spacings of the frames of one instance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_dicomdb.dicom.functional_groups import FrameTable
from napari_dicomdb.loading.frame_places import classic_places, frame_places, tile_places
from napari_dicomdb.loading.mosaics import Tiling

AXIAL = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
CORONAL = [1.0, 0.0, 0.0, 0.0, 0.0, -1.0]


def one(series, records):
    return records([series.slice((1, 2, 3))])[0]


def test_classic_images(series, records) -> None:
    known = one(series, records)
    places, cosines, spacings = classic_places([known, replace(known, position=None)])
    assert places[0].tolist() == [1, 2, 3]
    assert np.isnan(places[1]).all()
    assert cosines.tolist() == [AXIAL, AXIAL]
    assert spacings.tolist() == [[0.5, 0.75]] * 2


def test_the_place_of_a_loop_is_that_of_its_first_frame_only(series, records) -> None:
    places, cosines, spacings = frame_places(one(series, records), None, 3)
    assert np.isnan(places).all()
    assert np.isnan(cosines).all()
    assert spacings.tolist() == [[0.5, 0.75]] * 3


def test_functional_groups(series, records) -> None:
    table = FrameTable(
        3,
        {"PixelSpacing": [2.0, 3.0], "ImageOrientationPatient": AXIAL},
        {
            "ImagePositionPatient": [[0.0, 0.0, 1.0], None, [0.0, 5.0]],
            "ImageOrientationPatient": [CORONAL, None, None],
        },
    )
    places, cosines, spacings = frame_places(one(series, records), table, 4)
    assert places[0].tolist() == [0, 0, 1]
    assert np.isnan(places[1:]).all()  # absent, of two numbers, not described
    assert cosines[:3].tolist() == [CORONAL, AXIAL, AXIAL]
    assert spacings[:3].tolist() == [[2, 3]] * 3
    assert np.isnan(spacings[3]).all()


def test_what_groups_do_not_say_may_be_at_the_top(series, records) -> None:
    table = FrameTable(1, {}, {"ImagePositionPatient": [[0.0, 0.0, 1.0]]})
    places, cosines, spacings = frame_places(one(series, records), table, 1)
    assert places.tolist() == [[0, 0, 1]]
    assert cosines.tolist() == [AXIAL]
    assert spacings.tolist() == [[0.5, 0.75]]


def test_places_in_an_ultrasound_volume(series, records) -> None:
    known = replace(one(series, records), orientation=None)
    table = FrameTable(
        1, {"ImageOrientationVolume": CORONAL}, {"ImagePositionVolume": [[4.0, 5.0, 6.0]]}
    )
    places, cosines, _ = frame_places(known, table, 1)
    assert places.tolist() == [[4, 5, 6]]
    assert cosines.tolist() == [CORONAL]


def test_tiles_share_orientation_and_spacing(series, records) -> None:
    cut = Tiling(2, 2, 3, 2, np.array([[0.0, 0, 0], [0, 0, 4]]))
    places, cosines, spacings = tile_places(one(series, records), cut)
    assert places.tolist() == [[0, 0, 0], [0, 0, 4]]
    assert cosines.tolist() == [AXIAL] * 2
    assert spacings.tolist() == [[0.5, 0.75]] * 2
