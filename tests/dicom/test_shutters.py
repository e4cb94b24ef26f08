from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from napari_dicomdb.dicom.shutters import shutter_mask


def shutter(shape, **attributes):
    ds = Dataset()
    ds.ShutterShape = shape
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


RECTANGLE = {
    "ShutterLeftVerticalEdge": 2,
    "ShutterRightVerticalEdge": 4,
    "ShutterUpperHorizontalEdge": 3,
    "ShutterLowerHorizontalEdge": 5,
}


def test_a_rectangle_shows_its_edges():
    mask = shutter_mask(shutter("RECTANGULAR", **RECTANGLE), 6, 7)
    expected = np.ones((6, 7), bool)
    expected[2:5, 1:4] = False
    assert np.array_equal(mask, expected)


def test_a_circle():
    ds = shutter("CIRCULAR", CenterOfCircularShutter=[3, 3], RadiusOfCircularShutter=2)
    shown = ~shutter_mask(ds, 5, 5)
    assert shown.astype(int).tolist() == [
        [0, 0, 1, 0, 0],
        [0, 1, 1, 1, 0],
        [1, 1, 1, 1, 1],
        [0, 1, 1, 1, 0],
        [0, 0, 1, 0, 0],
    ]


def test_a_polygon_shows_its_edges():
    ds = shutter("POLYGONAL", VerticesOfThePolygonalShutter=[1, 1, 1, 5, 5, 1])
    shown = ~shutter_mask(ds, 5, 5)
    assert np.array_equal(shown, np.add.outer(range(5), range(5)) <= 4)


def test_a_square_as_polygon_is_the_rectangle():
    vertices = [3, 2, 3, 4, 5, 4, 5, 2]
    polygon = shutter_mask(shutter("POLYGONAL", VerticesOfThePolygonalShutter=vertices), 6, 7)
    assert np.array_equal(polygon, shutter_mask(shutter("RECTANGULAR", **RECTANGLE), 6, 7))


def test_several_shapes_cover_what_any_covers():
    both = shutter(
        ["RECTANGULAR", "CIRCULAR"],
        **RECTANGLE,
        CenterOfCircularShutter=[4, 3],
        RadiusOfCircularShutter=1,
    )
    shown = ~shutter_mask(both, 6, 7)
    assert shown.sum() == 5


def test_a_bitmap_is_an_overlay():
    ds = shutter("BITMAP", ShutterOverlayGroup=0x6002)
    ds.set_original_encoding(False, True)
    bits = np.zeros((4, 4), bool)
    bits[0] = True
    for element, vr, value in (
        (0x10, "US", 4),
        (0x11, "US", 4),
        (0x3000, "OW", np.packbits(bits, bitorder="little").tobytes()),
    ):
        ds.add_new((0x6002, element), vr, value)
    assert np.array_equal(shutter_mask(ds, 4, 4), bits)


@pytest.mark.parametrize(
    "ds",
    [
        Dataset(),
        shutter("RECTANGULAR", ShutterLeftVerticalEdge=2),
        shutter("CIRCULAR", CenterOfCircularShutter=[3]),
        shutter("POLYGONAL", VerticesOfThePolygonalShutter=[1, 1, 2, 2]),
        shutter("BITMAP", ShutterOverlayGroup=0x6002),
        shutter("STAR"),
    ],
)
def test_what_is_no_shutter_covers_nothing(ds):
    assert shutter_mask(ds, 4, 4) is None
