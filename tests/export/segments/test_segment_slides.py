"""Labels on whole slides: tiles read back by us and by highdicom; dciodvfy's word."""

from __future__ import annotations

from dataclasses import replace

import highdicom
import numpy as np
import pydicom
import pytest
from tests.export.sources import DIMS, errors_of

from napari_dicomdb import Database
from napari_dicomdb import examine as examine_paths
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.registry import examine_for_export
from napari_dicomdb.export.segments.segment_slides import slide_level
from napari_dicomdb.export.source import ExportSource, Label
from napari_dicomdb.export.study import StudyTarget
from napari_dicomdb.loading.volume import VolumeGeometry
from napari_dicomdb.progress import no_progress

NAMES = {1: Label(1, "tumor"), 4: Label(4, "stroma")}


@pytest.fixture(scope="module")
def slide(reference_data):
    """The pyramid of a slide, and the study it belongs to."""
    with Database.in_memory() as database:
        database.import_paths([reference_data / "wsi" / "cmu-1-small-region"], workers=0)
        (series,) = database.series()
        offer = next(o for o in database.examine(series) if o.kind == "whole-slide")
        volume = offer.load(lazy=True)
        yield (
            volume,
            StudyTarget.of_study(database, series.study_uid, volume.meta["instance_uids"]),
        )


class Counted:
    """An array that says how much of it was read at most at once."""

    def __init__(self, array):
        self._array, self.shape, self.dtype, self.most = array, array.shape, array.dtype, 0

    def __getitem__(self, index):
        found = self._array[index]
        self.most = max(self.most, found.size)
        return found


def drawn(volume, array=None, **changes):
    geometry = volume.geometry
    if array is None:
        array = np.zeros(geometry.shape, np.uint8)
        array[0, 300:700, 500:900] = 1
        array[0, 2800:2960, 2100:2215] = 4
    return ExportSource(
        "Drawn", array, DIMS, "labels", changes.pop("geometry", geometry), labels=NAMES,
        references=tuple(volume.meta["instance_uids"]),
    )  # fmt: skip


def write(source, target, folder, kind="BINARY", **options):
    offers = [o for o in examine_for_export(source) if o.options.get("type") == kind]
    folder.mkdir()
    (path,) = offers[0].with_options(**options).write(target, folder, progress=no_progress)
    return path


@pytest.mark.parametrize("tiling", ["sparse", "full"])
@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_what_is_drawn_on_a_slide_is_read_by_all(slide, tmp_path, program, kind, tiling):
    volume, target = slide
    source = drawn(volume)
    path = write(source, target, tmp_path / "out", kind, tiling=tiling)
    expected = source.array[0]
    if kind == "BINARY":
        expected = np.select([expected == 1, expected == 4], [1, 2])
        assert errors_of(program, path) == []
    (ours,) = [one.load() for one in examine_paths(path) if one.selected]
    assert np.array_equal(np.asarray(ours.array).reshape(expected.shape), expected)
    assert ours.geometry.in_slide
    assert ours.geometry.affine == pytest.approx(volume.geometry.affine, abs=1e-4)
    assert ours.geometry.frame_of_reference_uid == volume.geometry.frame_of_reference_uid
    theirs = highdicom.seg.segread(path).get_total_pixel_matrix(combine_segments=True)
    assert np.array_equal(theirs, expected)
    seg = pydicom.dcmread(path)
    assert seg.DimensionOrganizationType == f"TILED_{tiling.upper()}"
    assert (seg.TotalPixelMatrixRows, seg.TotalPixelMatrixColumns) == expected.shape
    tiles = -(-expected.shape[0] // seg.Rows) * -(-expected.shape[1] // seg.Columns)
    if tiling == "full":
        assert seg.NumberOfFrames == tiles * (2 if kind == "BINARY" else 1)
        return
    assert seg.NumberOfFrames < tiles
    base = pydicom.dcmread(target.instances[volume.meta["instance_uids"][0]].path,
                           stop_before_pixels=True)  # fmt: skip
    across = -(-base.TotalPixelMatrixColumns // base.Columns)
    for groups in seg.PerFrameFunctionalGroupsSequence:
        place = groups.PlanePositionSlideSequence[0]
        row = (place.RowPositionInTotalImagePixelMatrix - 1) // seg.Rows
        column = (place.ColumnPositionInTotalImagePixelMatrix - 1) // seg.Columns
        (drawn_on,) = groups.DerivationImageSequence[0].SourceImageSequence
        assert drawn_on.ReferencedSOPInstanceUID == base.SOPInstanceUID
        assert drawn_on.ReferencedFrameNumber == row * across + column + 1


def test_no_more_than_a_tile_is_read_at_once(slide, tmp_path):
    volume, target = slide
    counted = Counted(drawn(volume).array)
    level = slide_level(drawn(volume, counted), target)
    read = level.reader(drawn(volume, counted))
    for k in range(len(level.corners)):
        read(k)
    assert counted.most <= level.tile[0] * level.tile[1]


def test_a_layer_of_another_program_lies_where_napari_shows_it(slide, tmp_path):
    volume, target = slide
    # World axes of napari are (-x, -y) of the slide; what is 2D has them as (y, x).
    rows, columns = volume.geometry.spacing[1:]
    origin = volume.geometry.affine[:2, 3]
    shown = np.diag([1.0, rows, columns, 1.0])[[2, 1, 0, 3]]
    shown[0, 3], shown[1, 3] = -origin[1] + 64 * columns, -origin[0] + 32 * rows
    array = np.zeros((1, 300, 200), np.uint8)
    array[0, 10:250, 20:150] = 1
    geometry = VolumeGeometry(shown, array.shape, in_patient=False)
    source = drawn(volume, array, geometry=geometry)
    path = write(source, target, tmp_path / "out")
    whole = highdicom.seg.segread(path).get_total_pixel_matrix(combine_segments=True)
    expected = np.zeros(volume.geometry.shape[1:], np.uint8)
    expected[32 + 10 : 32 + 250, 64 + 20 : 64 + 150] = 1
    assert np.array_equal(whole, expected)


def test_the_level_it_was_drawn_on_is_taken(slide, tmp_path):
    volume, target = slide
    level = 2
    shape = (1, *volume.levels[level].shape[:2])
    affine = volume.geometry.affine.copy()
    affine[:3, 1:3] *= 4
    array = np.zeros(shape, np.uint8)
    array[0, 50:90, 60:200] = 1
    source = drawn(volume, array, geometry=replace(volume.geometry, affine=affine, shape=shape))
    seg = pydicom.dcmread(write(source, target, tmp_path / "out"))
    assert (seg.TotalPixelMatrixRows, seg.TotalPixelMatrixColumns) == shape[1:]
    assert len(seg.SourceImageSequence) == 1
    uid = seg.SourceImageSequence[0].ReferencedSOPInstanceUID
    assert target.instances[uid].get("TotalPixelMatrixRows") == shape[1]


def test_what_does_not_say_where_it_is_is_refused(slide, tmp_path):
    volume, target = slide
    pixels = VolumeGeometry(np.eye(4), (1, 9, 9), in_patient=False, spacing_label="pixel")
    array = np.ones((1, 9, 9), np.uint8)
    with pytest.raises(ExportError) as refused:
        write(drawn(volume, array, geometry=pixels), target, tmp_path / "out")
    assert refused.value.reason == "no-geometry"
