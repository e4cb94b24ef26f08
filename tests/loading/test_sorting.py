from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.sorting import (
    by_series,
    images_of,
    is_colour,
    is_image,
    is_placed,
    is_slide,
    number_order,
)


def test_series_are_kept_apart(series, another_series, records):
    series.axial([0, 1])
    other = another_series()
    other.axial([0])
    first, second = records(series.paths), records(other.paths)
    mixed = [first[0], second[0], first[1]]
    assert by_series(mixed) == [[first[0], first[1]], [second[0]]]


def test_what_is_an_image_and_what_has_colour(series, records):
    series.slice((0, 0, 0))
    series.slice((0, 0, 0), np.zeros((4, 4, 3), np.uint8))
    series.write(series.header(), None)
    grey, colour, none = records(series.paths)
    assert [is_image(r) for r in (grey, colour, none)] == [True, True, False]
    assert [is_colour(r) for r in (grey, colour)] == [False, True]
    assert is_colour(replace(grey, photometric="PALETTE COLOR"))


def test_what_has_a_place(series, records):
    series.slice((0, 0, 0))
    series.slice((0, 0, 0), ImageOrientationPatient=None)
    series.slice((0, 0, 0), PixelSpacing=None)
    series.slice((0, 0, 0), ImageOrientationPatient=[1, 0, 0, 1, 0, 0])
    series.slice((0, 0, 0), ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"])
    series.slice((0, 0, 0), PixelSpacing=[0, 0])
    placed = is_placed(FrameSet.of(records(series.paths)))
    assert placed.tolist() == [True, False, False, False, False, False]


def test_numbers_give_the_order_and_what_has_none_is_last(series, records):
    for number in (5, None, -1, 3):
        series.slice((0, 0, 0), InstanceNumber=number)
    order = number_order(FrameSet.of(records(series.paths)))
    assert order.tolist() == [2, 3, 0, 1]


def test_tiles_of_slides_are_no_images_by_themselves(slide, records):
    (record,) = records(slide((8, 8), tile=(4, 4)).paths)
    assert is_slide(record)
    assert images_of([record]) == ()
