"""Slides' headers: where tiles belong, what are levels of one pyramid."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_dicomdb.dicom.findings import FindingCode
from napari_dicomdb.loading.slides import pyramids_of, slide_images


def test_levels_of_the_reference_slide(reference_data, records):
    folder = reference_data / "wsi"
    expected = json.loads((folder / "ref" / "expected.json").read_text())
    images = slide_images(records((folder / "cmu-1-small-region").glob("*.dcm")))
    found = {i.instances[0].path.name: [i.columns, i.rows] for i in images}
    assert found == expected["levels"]
    (pyramid,) = pyramids_of(images)
    assert [i.columns for i in pyramid] == sorted((i.columns for i in images), reverse=True)
    base = pyramid[0]
    assert base.spacing == tuple(expected["pixel_spacing_mm"])
    assert base.orientation == (0, -1, 0, -1, 0, 0)
    assert base.origin is None
    assert base.flavour == "VOLUME"
    assert base.place[7].tolist() == [0, 0, 500, 1000]


def test_full_tiling_goes_along_rows_then_down_then_deep_then_by_path(slide, records):
    path = slide(
        (7, 9), tile=(4, 4), planes=2, paths=("red", "blue"), SpacingBetweenSlices=0.002
    ).path
    (image,) = slide_images(records([path]))
    assert len(image.place) == 2 * 2 * 3 * 2
    wanted = [
        (channel, deep, top, left)
        for channel in range(2)
        for deep in range(2)
        for top in (0, 4)
        for left in (0, 4, 8)
    ]
    assert [tuple(row) for row in image.place.tolist()] == wanted
    assert image.paths == ("0", "1")
    assert image.path_names == ("red", "blue")
    assert image.planes == (0, 0.002)
    assert image.origin == (20.5, 40.25)


def test_sparse_tiles_are_where_they_say(slide, records):
    positions = [(1, 1), (5, 5), (3, 2)]
    path = slide((8, 8), tile=(4, 4), positions=positions).path
    (image,) = slide_images(records([path]))
    assert image.place[:, 2:].tolist() == [[0, 0], [4, 4], [2, 1]]
    assert not image.findings


def test_missing_tiles_are_told(slide, records):
    (image,) = slide_images(records([slide((7, 9), tile=(4, 4), lost=2).path]))
    (told,) = [f for f in image.findings if f.code == FindingCode.MULTIFRAME_INCONSISTENT]
    assert told.numbers == {"frames": 4, "expected": 6}


def test_parts_of_a_concatenation_are_one_image(slide, records):
    paths = slide((7, 9), tile=(4, 4), parts=(4, 2)).paths
    (image,) = slide_images(records(paths)[::-1])
    assert len(image.instances) == 2
    assert image.place[:, 2:].tolist() == [[0, 0], [0, 4], [0, 8], [4, 0], [4, 4], [4, 8]]
    assert not image.findings


@pytest.mark.parametrize(
    ("second", "together"),
    [
        ({"shape": (20, 30)}, True),
        ({"shape": (20, 30), "flavour": "OVERVIEW"}, False),
        ({"shape": (40, 60)}, False),  # another of the same size
        ({"shape": (20, 12)}, False),  # another shape
        ({"shape": (20, 30), "origin": (1, 1)}, False),
        ({"shape": (20, 30), "FrameOfReferenceUID": "1.2.3"}, True),  # each its own
        ({"shape": (20, 30), "PyramidUID": "1.2.4"}, False),
    ],
)
def test_levels_of_one_pyramid(slide, records, second, together):
    slide((40, 60), tile=(16, 16))
    shape = second.pop("shape")
    factor = 40 / shape[0]
    slide(shape, tile=(16, 16), spacing=0.5 * factor, **second)
    pyramids = pyramids_of(slide_images(records(slide.paths)))
    assert len(pyramids) == (1 if together else 2)
    assert pyramids[0][0].rows == 40


def test_size_of_the_imaged_volume_stands_in_for_pixel_spacing(slide, records):
    made = slide((8, 10), spacing=None, ImagedVolumeHeight=4.0, ImagedVolumeWidth=2.5)
    (image,) = slide_images(records([made.path]))
    assert image.spacing == pytest.approx((0.5, 0.25))
    (bare,) = slide_images(records([slide((8, 10), spacing=None).path]))
    assert bare.spacing is None
    assert np.isfinite(bare.place).all()
