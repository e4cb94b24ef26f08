"""Meshes of surface segmentations, of objects made to the standard."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.segments.surface_mesh import read_surfaces

CUBE = np.array([[x, y, z] for x in (10, 30) for y in (0, 20) for z in (-5, 15)], np.float32)


def test_a_cube_of_each_kind_of_primitive(surface_file, records):
    (record,) = records([surface_file("triangles", "strip", "fan", "facet")])
    meshes, findings = read_surfaces(record)
    assert findings == ()
    assert [m.number for m in meshes] == [1, 2, 3, 4]
    cube = meshes[0]
    assert np.array_equal(cube.points, CUBE)
    assert cube.triangles.shape == (12, 3)
    assert cube.volume_ml == pytest.approx(8.0)  # 20 mm wide
    assert (cube.segment.label, cube.colour, cube.opacity) == ("Liver", (221, 130, 101), 0.5)
    # All four look the same way round: their areas along z agree in sign.
    for mesh in meshes[1:]:
        a, b, c = (mesh.points[mesh.triangles[:, k]] for k in range(3))
        normal = np.cross(b - a, c - a)
        assert normal[:, 0] == pytest.approx([normal[0, 0]] * len(normal))
        assert normal[0, 0] != 0
        assert mesh.triangles.shape == (2, 3)


def test_short_and_long_lists_and_byte_orders(surface_file, records):
    paths = [surface_file("triangles", **how) for how in ({}, {"long": True}, {"big": True})]
    short, *others = (read_surfaces(record)[0][0] for record in records(paths))
    for other in others:
        assert np.array_equal(other.triangles, short.triangles)
        assert np.array_equal(other.points, short.points)


def change_first(path, change):
    header = pydicom.dcmread(path)
    change(header.SurfaceSequence[0])
    header.save_as(path)
    return path


def points_lost(surface):
    holder = surface.SurfacePointsSequence[0]
    holder.PointCoordinatesData = holder.PointCoordinatesData[: 12 * 5]


def not_a_number(surface):
    holder = surface.SurfacePointsSequence[0]
    values = np.frombuffer(holder.PointCoordinatesData, "<f4").copy()
    values[0] = np.nan
    holder.PointCoordinatesData = values.tobytes()


@pytest.mark.parametrize("change", [points_lost, not_a_number])
def test_triangles_without_their_points_are_left_out(surface_file, records, change):
    (record,) = records([change_first(surface_file("triangles"), change)])
    (mesh,), findings = read_surfaces(record)
    assert 0 < len(mesh.triangles) < 12
    assert np.isfinite(mesh.points).all()
    assert any("left out" in f.text for f in findings)


def test_a_broken_surface_does_not_take_the_others_with_it(surface_file, records):
    def change(surface):
        del surface.SurfacePointsSequence

    paths = [surface_file("triangles", "fan"), surface_file("triangles")]
    both, one = records([change_first(path, change) for path in paths])
    (mesh,), (finding,) = read_surfaces(both)
    assert mesh.number == 2
    assert "Surface 1 is left out: it has no points" in finding.text
    with pytest.raises(LoadError, match="no points") as refused:
        read_surfaces(one)
    assert refused.value.reason == "no-surface"


def test_a_surface_of_no_segment_has_one_made(surface_file, records):
    path = surface_file("triangles")
    header = pydicom.dcmread(path)
    header.SegmentSequence = [Dataset()]
    header.save_as(path)
    (record,) = records([path])
    ((mesh,), _) = read_surfaces(record)
    assert mesh.segment.number == 2
    path.unlink()
    with pytest.raises(LoadError) as refused:
        read_surfaces(record)
    assert refused.value.reason == "file-missing"
