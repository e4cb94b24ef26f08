"""Segmentations of whole slides: tiles in order and sparse, at once and lazily."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from napari_dicomdb.loading import examine
from napari_dicomdb.loading.segments import segment_tiles
from napari_dicomdb.loading.segments.segment_frames import MergedTiles
from napari_dicomdb.loading.slides import slide_images

ROWS, COLUMNS = 37, 29


@pytest.fixture
def labels():
    found = np.zeros((1, ROWS, COLUMNS), np.uint8)
    found[0, 2:20, 3:11], found[0, 15:36, 14:28] = 1, 2
    return found


@pytest.fixture
def of_slide(slide, segmentation):
    """A segmentation of a slide image in tiles of 16 x 8."""

    def make(
        pixels: np.ndarray, kind: str, organization: str, shape: tuple[int, int] = (ROWS, COLUMNS)
    ) -> Path:
        (source,) = slide(shape, tile=(16, 16)).paths[-1:]
        image = pydicom.dcmread(source)
        if "SharedFunctionalGroupsSequence" not in image:
            image.SharedFunctionalGroupsSequence = [Dataset()]
        shared = image.SharedFunctionalGroupsSequence[0]
        if "PixelMeasuresSequence" not in shared:
            shared.PixelMeasuresSequence = [Dataset()]
        measures = shared.PixelMeasuresSequence[0]
        measures.PixelSpacing, measures.SliceThickness = [0.5, 0.5], 1
        image.PositionReferenceIndicator = "SLIDE_CORNER"
        image.ContainerIdentifier = "1"
        image.save_as(source)
        return segmentation(
            [source],
            pixels,
            kind,
            tile_pixel_array=True,
            tile_size=(16, 8),
            dimension_organization_type=organization,
            omit_empty_frames=organization != "TILED_FULL",
        )

    return make


@pytest.mark.parametrize("organization", ["TILED_FULL", "TILED_SPARSE"])
@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_tiles_are_put_where_they_belong(of_slide, labels, records, kind, organization):
    (best,) = examine(records([of_slide(labels, kind, organization)]))
    assert (best.kind, best.shape) == ("segmentation", (ROWS, COLUMNS))
    volume = best.load()
    assert np.array_equal(volume.numpy(), labels[0])
    assert volume.geometry.in_slide
    assert volume.geometry.spacing[1:] == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize("organization", ["TILED_FULL", "TILED_SPARSE"])
def test_large_ones_are_read_where_they_are_looked_at(
    of_slide, labels, records, monkeypatch, organization
):
    monkeypatch.setattr(segment_tiles, "_SMALL", 1)
    (best,) = examine(records([of_slide(labels, "BINARY", organization)]))
    volume = best.load()
    assert isinstance(volume.array, MergedTiles)
    assert np.array_equal(volume.array[10:30, 5:20], labels[0, 10:30, 5:20])
    assert "the first is shown" in volume.findings[-1].text
    assert np.array_equal(best.load(lazy=False).array, labels[0])


def test_fractions_of_a_slide(of_slide, labels, records):
    shares = np.stack([(labels == k) * 0.5 for k in (1, 2)], axis=-1).astype(np.float32)
    best, other = examine(records([of_slide(shares, "FRACTIONAL", "TILED_SPARSE")]))
    volume = best.load()
    assert volume.dims == ("segment", "row", "column")
    assert volume.numpy() == pytest.approx(np.moveaxis(shares[0], -1, 0), abs=1 / 400)
    assert np.array_equal(other.load().array, labels[0])


def test_overlapping_segments_are_told_apart(of_slide, labels, records):
    stacked = np.stack([labels == 1, labels > 0], axis=-1).astype(np.uint8)
    (best,) = examine(records([of_slide(stacked, "BINARY", "TILED_SPARSE")]))
    volume = best.load()
    assert volume.dims == ("group", "row", "column")
    assert np.array_equal(volume.array[1] == 2, labels[0] > 0)


def test_places_of_tiles_in_order(of_slide, labels, records):
    (image,) = slide_images(records([of_slide(labels, "BINARY", "TILED_FULL")]))
    numbers, places = segment_tiles.tile_segments(image, [1, 2])
    assert numbers == [1] * 12 + [2] * 12
    assert places[:5].tolist() == [[0, 0], [0, 8], [0, 16], [0, 24], [16, 0]]
    assert segment_tiles.is_small(image)


def at(path, frame, row, column):
    header = pydicom.dcmread(path)
    place = header.PerFrameFunctionalGroupsSequence[frame].PlanePositionSlideSequence[0]
    place.RowPositionInTotalImagePixelMatrix = row
    place.ColumnPositionInTotalImagePixelMatrix = column
    header.save_as(path)


@pytest.mark.parametrize("small", [True, False])
def test_tiles_beyond_the_matrix_are_cut_off(of_slide, labels, records, monkeypatch, small):
    if not small:
        monkeypatch.setattr(segment_tiles, "_SMALL", 1)
    path = of_slide((labels > 0).astype(np.uint8), "BINARY", "TILED_SPARSE")
    at(path, 0, 10**9, 10**9)
    at(path, 1, -3, 1)
    (best,) = examine(records([path]))
    found = best.load(lazy=False).array
    assert found.shape == (ROWS, COLUMNS)
    # Tiles are 16 rows: of the second all but the first four are seen, higher up.
    whole = pydicom.dcmread(path).pixel_array
    assert np.array_equal(found[:12, :8], whole[1][4:])


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_levels_make_one_pyramid(of_slide, labels, records, kind):
    large = of_slide(labels, kind, "TILED_SPARSE")
    half = labels[:, ::2, ::2]
    small = of_slide(half, kind, "TILED_SPARSE", shape=half.shape[1:])
    header, other = pydicom.dcmread(large), pydicom.dcmread(small)
    other.SeriesInstanceUID = header.SeriesInstanceUID
    other.FrameOfReferenceUID = header.FrameOfReferenceUID
    measures = other.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    measures.PixelSpacing = [0.5 * 37 / 19] * 2
    other.save_as(small)
    (best,) = examine(records([large, small]))
    volume = best.load()
    assert [level.shape for level in volume.levels] == [(37, 29), (19, 15)]
    assert np.array_equal(np.asarray(volume.levels[0]), labels[0])
    assert np.array_equal(np.asarray(volume.levels[1]), half[0])
    ((data, kwargs, kind),) = best.to_layers(volume)
    assert (kind, kwargs["multiscale"], len(data)) == ("labels", True, 2)


def test_a_label_map_of_fewer_bits_than_its_segments_need(of_slide, labels, records):
    path = of_slide(labels, "LABELMAP", "TILED_SPARSE")
    header = pydicom.dcmread(path)
    header.SegmentSequence[-1].SegmentNumber = 65535
    header.save_as(path)
    (best,) = examine(records([path]))
    found = best.load().numpy()
    assert np.array_equal(found == 1, labels[0] == 1)


def test_places_of_two_values_are_none(of_slide, labels, records):
    path = of_slide((labels == 1).astype(np.uint8), "BINARY", "TILED_SPARSE")
    at(path, 0, [1, 2], 1)
    (best,) = examine(records([path]))
    assert "Not every tile says where it belongs" in " ".join(f.text for f in best.findings)
    assert best.load().numpy().shape == (ROWS, COLUMNS)


def test_a_segment_of_number_0_takes_a_value_that_is_free(of_slide, labels, records):
    path = of_slide(labels, "LABELMAP", "TILED_FULL")
    header = pydicom.dcmread(path)
    by_number = {item.SegmentNumber: item for item in header.SegmentSequence}
    by_number[2].SegmentNumber = 255
    by_number[1].SegmentNumber = 0
    header.SegmentSequence = [by_number[1], by_number[2]]
    header.add_new("PixelPaddingValue", "US", 2)
    header.save_as(path)
    (best,) = examine(records([path]))
    found = best.load().numpy()
    assert np.array_equal(found == 256, labels[0] == 0)  # stored as 0
    assert not found[labels[0] == 2].any()  # stored as the padding
