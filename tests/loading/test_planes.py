"""The plane below: which one is chosen, and where its pixels are."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_dicomdb import Database
from napari_dicomdb.dicom.plane import PlaneGeometry
from napari_dicomdb.loading.pictures.planes import Canvas, edge_of, find_planes, nearest, planes_of


def test_nearest_plane(scene: Any) -> None:
    with Database.in_memory() as database:
        database.import_paths([scene.folder / "images"])
        planes = planes_of(database.instances())
    assert len(planes) == 15
    header = scene.headers[4]
    cosines = np.array(header.ImageOrientationPatient, float)
    normal = np.cross(cosines[:3], cosines[3:])
    places = np.array([np.array(h.ImagePositionPatient, float) @ normal for h in scene.headers])
    step = float(np.median(np.abs(np.diff(places))))

    def plane_at(mm: float) -> PlaneGeometry:
        position = np.array(header.ImagePositionPatient, float) + mm * normal
        return PlaneGeometry(tuple(position), tuple(cosines), (1.0, 1.0), 64, 64)

    for mm in (0.0, 0.4 * step, -0.4 * step):
        found = nearest(planes, plane_at(mm))
        assert found is not None and found.record.uid == header.SOPInstanceUID
    assert nearest(planes, plane_at(100 * step)) is None
    turned = PlaneGeometry(
        (0, 0, 0), tuple(np.roll(cosines.reshape(2, 3), 1, 1).ravel()), (1, 1), 8, 8
    )
    assert nearest(planes, turned) is None


def test_which_series_is_taken(scene: Any) -> None:
    with Database.in_memory() as database:
        database.import_paths([scene.folder / "images"])
        (series,) = database.series()
        alone = find_planes(series, database, frame_uids=[series.frame_of_reference_uid])
        assert alone == [], "not itself"


def test_points_and_places_are_each_others_inverse() -> None:
    angle = np.radians(20)
    cosines = (np.cos(angle), np.sin(angle), 0.0, -np.sin(angle), np.cos(angle), 0.0)
    canvas = Canvas(PlaneGeometry((3.0, -7.0, 11.0), cosines, (0.5, 2.0), 100, 40))
    assert (canvas.width, canvas.height) == (256, 160)
    places = canvas.places(canvas.points().reshape(-1, 3)).reshape(160, 256, 2)
    x, y = np.meshgrid(np.arange(256) + 0.5, np.arange(160) + 0.5)
    assert np.abs(places - np.stack([x, y], -1)).max() < 1e-9


def test_edges() -> None:
    mask = np.zeros((7, 7), bool)
    mask[1:6, 1:6] = True
    edge = edge_of(mask)
    assert edge.sum() == 16 and not edge[2:5, 2:5].any()
