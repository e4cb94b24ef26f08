"""Pictures of segmentations: coloured where their voxels lie, in the recommended colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from highdicom.sr.coding import CodedConcept

from napari_dicomdb import Database
from napari_dicomdb.loading.pictures import segments

ORANGE = (230, 120, 20)
TISSUE = CodedConcept("85756007", "SCT", "Tissue")


def description(number: int, colour: tuple[int, int, int]) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=f"Part {number}",
        segmented_property_category=TISSUE,
        segmented_property_type=TISSUE,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        display_color=hd.color.CIELabColor.from_rgb(*colour),
    )


def segmentation(scene: Any, kind: str, mask: np.ndarray, colours: Any = (ORANGE,)) -> Path:
    """Write masks (slices, rows, columns[, segments]) with the images' geometry by highdicom."""
    made = hd.seg.Segmentation(
        source_images=scene.headers,
        pixel_array=mask,
        segmentation_type=kind,
        segment_descriptions=[description(k, c) for k, c in enumerate(colours, 1)],
        series_instance_uid=hd.UID(),
        series_number=100,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="-",
        manufacturer_model_name="-",
        software_versions="1",
        device_serial_number="1",
        max_fractional_value=200,
    )
    path = scene.folder / f"{kind}.dcm"
    made.save_as(path)
    return path


def ball(scene: Any) -> np.ndarray:
    return np.stack([scene.distances(h, (64, 64)) < scene.radius for h in scene.headers])


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_coloured_where_the_ball_is(scene: Any, kind: str) -> None:
    path = segmentation(scene, kind, ball(scene).astype(np.uint8))
    pixels, note, below = scene.painted(path)
    assert note == ""
    assert pixels.shape == (256, 256, 3)
    seen = scene.coloured(pixels)
    distances = scene.distances(below, seen.shape)
    pixel = float(below.PixelSpacing[0])
    assert seen[distances < scene.radius - pixel].all()
    assert not seen[distances > scene.radius + pixel].any()
    assert seen.sum() > 500
    edge = np.abs(pixels - ORANGE).max(axis=-1) <= 2
    assert 30 < edge.sum() < seen.sum() / 2, "the edge has the whole colour"


def test_fractions_fade(scene: Any) -> None:
    share = np.stack([scene.distances(h, (64, 64)) / scene.radius for h in scene.headers])
    share = np.clip(1 - share, 0, 1)
    pixels, _, below = scene.painted(segmentation(scene, "FRACTIONAL", share))
    distances = scene.distances(below, pixels.shape[:2])
    nearness = np.abs(pixels - ORANGE).sum(axis=-1)
    assert nearness[distances < 0.15 * scene.radius].mean() < 200
    assert not scene.coloured(pixels)[distances > scene.radius].any()


def test_colours_of_several_segments(scene: Any) -> None:
    inner = np.stack([scene.distances(h, (64, 64)) < scene.radius / 2 for h in scene.headers])
    masks = np.stack([ball(scene), inner], axis=-1).astype(np.uint8)
    blue = (30, 60, 240)
    pixels, _, below = scene.painted(segmentation(scene, "BINARY", masks, (ORANGE, blue)))
    distances = scene.distances(below, pixels.shape[:2])
    inside = pixels[distances < 0.3 * scene.radius]
    between = pixels[(distances > 0.65 * scene.radius) & (distances < 0.85 * scene.radius)]
    assert (inside[:, 2] > inside[:, 1]).all() and (between[:, 0] > between[:, 2]).all()


def test_without_its_image_over_black(scene: Any) -> None:
    path = segmentation(scene, "BINARY", ball(scene).astype(np.uint8))
    pixels, note, below = scene.painted(path, with_images=False)
    assert below is None and "not in the database" in note
    assert (pixels[~scene.coloured(pixels)] == 0).all() and scene.coloured(pixels).any()


def test_segment_without_a_colour_and_a_broken_one(scene: Any) -> None:
    path = segmentation(scene, "BINARY", ball(scene).astype(np.uint8))
    ds = pydicom.dcmread(path)
    ds.SegmentSequence[0].RecommendedDisplayCIELabValue = [1, 2]
    ds.save_as(path)
    pixels, _, _ = scene.painted(path)
    assert scene.coloured(pixels).any()


def test_its_picture_goes_with_the_image_below(scene: Any, tmp_path: Path) -> None:
    path = segmentation(scene, "BINARY", ball(scene).astype(np.uint8))
    with Database.open(tmp_path / "db") as database:
        database.import_paths([path])
        (series,) = database.series()
        alone = database.thumbnail_image(series.uid)
        assert "not in the database" in alone.note
        database.import_paths([scene.folder / "images"])
        drawn = database.thumbnail_image(series.uid)
        assert drawn.note == "" and drawn.png != alone.png, "drawn anew when its image came"
        database.remove(series=scene.images.series_uid)
        assert list((tmp_path / "db" / "thumbnails").iterdir()) == []
        again = database.thumbnail_image(series.uid)
        assert again.png == alone.png
        database.import_paths([scene.folder / "images"])
        shown = database.thumbnail_image(series.uid)
        assert shown.png == drawn.png
        database.remove(instance=scene.header_of(scene.headers[8].SOPInstanceUID).SOPInstanceUID)
        assert list((tmp_path / "db" / "thumbnails").iterdir()) == []


def test_reference_data(reference_data: Path) -> None:
    with Database.in_memory() as database:
        database.import_paths([reference_data / "seg"], workers=0)
        drawn = 0
        for series in database.series():
            if series.sop_class_uid in segments.SEGMENTATIONS:
                image = database.thumbnail_image(series)
                assert image.png is not None, image.text
                drawn += image.note == ""
    assert drawn >= 4
