"""Pictures of structure sets: lines where the contours lie, in the colours of the ROIs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from napari_dicomdb import Database
from napari_dicomdb.errors import LoadError, PixelError
from napari_dicomdb.loading.pictures import contours

GREEN = (20, 230, 60)


def circle(scene: Any, header: Dataset, radius: float) -> np.ndarray | None:
    """Points of the ball's outline in the plane of a slice."""
    cosines = np.array(header.ImageOrientationPatient, float)
    normal = np.cross(cosines[:3], cosines[3:])
    along = normal @ (np.array(header.ImagePositionPatient, float) - scene.centre)
    if abs(along) >= radius:
        return None
    inner = np.sqrt(radius**2 - along**2)
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)[:, None]
    middle = scene.centre + along * normal
    return middle + inner * (np.cos(angles) * cosines[:3] + np.sin(angles) * cosines[3:])


def structure_set(scene: Any, *radii: float, **changes: Any) -> Path:
    ds = scene.object(contours.STRUCTURE_SET, "RTSTRUCT")
    ds.StructureSetROISequence, ds.ROIContourSequence = [], []
    for number, radius in enumerate(radii or (scene.radius,), 1):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, f"Ball {number}"
        roi.ReferencedFrameOfReferenceUID = ds.FrameOfReferenceUID
        drawn.ReferencedROINumber = number
        drawn.ROIDisplayColor = list(GREEN)
        drawn.ContourSequence = []
        for header in scene.headers:
            points = circle(scene, header, radius)
            if points is None:
                continue
            item = Dataset()
            item.ContourGeometricType = "CLOSED_PLANAR"
            item.NumberOfContourPoints = len(points)
            item.ContourData = [f"{v:.3f}" for v in points.ravel()]
            for keyword, value in changes.items():
                setattr(item, keyword, value)
            drawn.ContourSequence.append(item)
        ds.StructureSetROISequence.append(roi)
        ds.ROIContourSequence.append(drawn)
    return scene.save(ds)


def test_lines_lie_where_the_contours_are(scene: Any) -> None:
    pixels, note, below = scene.painted(structure_set(scene))
    assert note == ""
    seen = scene.coloured(pixels)
    expected = circle(scene, below, scene.radius)
    points = scene.points(below, seen.shape)
    apart = np.linalg.norm(points[:, :, None] - expected[None, None, ::3], axis=-1).min(axis=-1)
    pixel = float(below.PixelSpacing[0]) / 4  # of the picture, which is four times finer
    step = np.linalg.norm(expected[3] - expected[0])
    assert not seen[apart > step / 2 + 2.5 * pixel].any()
    assert seen[apart < 0.5 * pixel].all() and seen.sum() > 200
    pure = np.abs(pixels - GREEN).max(axis=-1) < 60
    assert pure.sum() > 100


def test_the_slice_with_most_structures(scene: Any) -> None:
    """Small balls lie in few slices: the one in the middle has all of them."""
    _, _, below = scene.painted(structure_set(scene, scene.radius, scene.radius / 3))
    assert below.SOPInstanceUID == scene.headers[8].SOPInstanceUID


def test_without_its_image(scene: Any) -> None:
    pixels, note, below = scene.painted(structure_set(scene), with_images=False)
    assert below is None and "not in the database" in note
    assert scene.coloured(pixels).sum() > 100


def test_open_contours_and_points(scene: Any) -> None:
    closed, _, _ = scene.painted(structure_set(scene))
    point = [f"{v:.3f}" for v in scene.centre]
    one = structure_set(scene, ContourGeometricType="POINT", ContourData=point)
    pixels, _, below = scene.painted(one)
    distances = scene.distances(below, pixels.shape[:2])
    assert distances[scene.coloured(pixels)].max() < 2 * float(below.PixelSpacing[0])
    assert scene.coloured(closed).sum() > scene.coloured(pixels).sum()


@pytest.mark.parametrize("data", [["1", "2"], ["1", "2", "x"], None, ["1e400", "0", "0"]])
def test_broken_contours(scene: Any, data: Any) -> None:
    """Valid DICOM with senseless numbers: there is nothing to draw."""
    path = structure_set(scene)
    raw = path.read_bytes()
    import pydicom

    ds = pydicom.dcmread(path)
    for item in ds.ROIContourSequence[0].ContourSequence:
        del item.ContourData
        if data is not None:
            item.add_new(0x30060050, "LO", data)
    ds.save_as(path)
    assert path.read_bytes() != raw
    with pytest.raises(LoadError, match="no contours"):
        scene.painted(path)


def test_too_large_a_file_is_not_read(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contours, "_LARGEST_FILE", 1000)
    monkeypatch.setattr(contours, "read_header", None)
    with pytest.raises(PixelError, match="too much") as refused:
        scene.painted(structure_set(scene))
    assert refused.value.reason == "too-large"


def test_reference_data(reference_data: Path) -> None:
    with Database.in_memory() as database:
        database.import_paths([reference_data / "ctmrpet_rtstruct"], workers=0)
        sets = database.series(modality="RTSTRUCT")
        images = [database.thumbnail_image(series) for series in sets]
    assert len(images) == 3
    assert all(image.png is not None and image.note == "" for image in images)
