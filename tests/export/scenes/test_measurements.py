"""Lengths and areas against school geometry."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_dicomdb.export.scenes.measurements import measure_points, measure_shape

TURN = Rotation.from_euler("xyz", (20, 50, -70), degrees=True).as_matrix()


def _in_space(points):
    flat = np.column_stack([np.zeros(len(points)), np.array(points, float)])
    return flat @ TURN.T + (100, -50, 3)


def test_lines_and_paths():
    assert measure_shape("line", _in_space([(0, 0), (3, 4)]))["length_mm"] == pytest.approx(5)
    path = measure_shape("path", _in_space([(0, 0), (3, 0), (3, 4)]))
    assert path == {"kind": "path", "length_mm": pytest.approx(7)}


def test_areas_lie_in_any_plane():
    square = measure_shape("rectangle", _in_space([(0, 0), (2, 0), (2, 5), (0, 5)]))
    assert square["area_mm2"] == pytest.approx(10)
    assert square["perimeter_mm"] == pytest.approx(14)
    hollow = [(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)]  # a notch of 4 x 3 / 2
    assert measure_shape("polygon", _in_space(hollow))["area_mm2"] == pytest.approx(16 - 6)


def test_an_ellipse_is_given_by_its_box():
    circle = measure_shape("ellipse", _in_space([(-3, -3), (3, -3), (3, 3), (-3, 3)]))
    assert circle["area_mm2"] == pytest.approx(np.pi * 9)
    assert circle["perimeter_mm"] == pytest.approx(2 * np.pi * 3)


def test_points():
    assert measure_points([[1, 2, 3]]) == [{"kind": "point", "position_mm": [1.0, 2.0, 3.0]}]
    assert measure_points(np.empty((0, 3))) == []
