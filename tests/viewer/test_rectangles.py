"""Shapes over images become rectangles of their stored pixels."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from tests.export.deidentification.conftest import write_ultrasound

from napari_dicomdb.api import Database
from napari_dicomdb.export.deidentification.profile import Rectangle
from napari_dicomdb.viewer.rectangles import rectangles_over


@pytest.fixture
def viewer(tmp_path):
    """A viewer with one ultrasound image of 20 rows and 30 columns."""
    made = ViewerModel()
    with Database.in_memory() as database:
        write_ultrasound(tmp_path / "us.dcm", database)
        (loadable,) = database.examine(database.series()[0])[:1]
        for data, options, kind in loadable.to_layers(loadable.load(lazy=False)):
            assert kind == "image"
            made.add_image(data, **options)
    return made


def _box(top, left, bottom, right):
    return np.array([[top, left], [top, right], [bottom, right], [bottom, left]], float)


def test_pixels_that_are_touched(viewer):
    viewer.add_shapes([_box(0.6, 2.4, 3.2, 8.6)], shape_type="rectangle")
    assert rectangles_over(viewer.layers) == [Rectangle(2, 1, 8, 3, "1.2.3.6.0")]


def test_other_shapes_count_as_what_they_cover(viewer):
    viewer.add_shapes(
        [np.array([[5, 5], [5, 9], [8, 7]]), _box(-9, -9, 1, 1), _box(50, 50, 60, 60)],
        shape_type=["polygon", "ellipse", "rectangle"],
    )
    assert rectangles_over(viewer.layers) == [
        Rectangle(5, 5, 5, 4, "1.2.3.6.0"),
        Rectangle(0, 0, 2, 2, "1.2.3.6.0"),
    ]


def test_scaled_images_and_shapes(viewer):
    viewer.layers[0].scale = (2, 0.5)
    viewer.add_shapes([_box(2, 2, 4, 4)], shape_type="rectangle", scale=(2, 1), translate=(4, 0))
    # Rows 8 to 12 of the world are 4 to 6 of the image, columns 2 to 4 are 4 to 8.
    assert rectangles_over(viewer.layers) == [Rectangle(4, 4, 5, 3, "1.2.3.6.0")]


def test_hidden_shapes_and_other_images_do_not_count(viewer):
    viewer.add_shapes([_box(1, 1, 2, 2)], shape_type="rectangle", visible=False)
    viewer.add_shapes([_box(1, 1, 2, 2)], shape_type="rectangle")
    assert len(rectangles_over(viewer.layers)) == 1
    viewer.layers[0].metadata["dicomdb"]["lps_from_data"] = np.eye(4)
    assert rectangles_over(viewer.layers) == []
    assert rectangles_over(viewer.layers[1:]) == []
