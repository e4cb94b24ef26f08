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
from napari_dicomdb.export.segments import segment_slides
from napari_dicomdb.export.segments.segment_slides import slide_levels
from napari_dicomdb.export.source import ExportSource, Label
from napari_dicomdb.export.study import StudyTarget
from napari_dicomdb.loading.volume import VolumeGeometry
from napari_dicomdb.progress import no_progress

LEVELS = 4
LACKING = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate",
    "StudyTime", "AccessionNumber", "ReferringPhysicianName", "PositionReferenceIndicator",
    "ContainerIdentifier", "IssuerOfTheContainerIdentifierSequence", "SpecimenDescriptionSequence",
    "ContainerTypeCodeSequence",
)  # fmt: skip
NAMES = {1: Label(1, "tumor"), 4: Label(4, "stroma")}


@pytest.fixture(scope="module")
def slide(reference_data):
    """The pyramid of a slide, and the study it belongs to."""
    with Database.in_memory() as database:
        database.import_paths([reference_data / "wsi" / "cmu-1-small-region"], workers=0)
        (series,) = database.series()
        offer = next(o for o in database.examine(series) if o.kind == "whole-slide")
        volume = offer.load(lazy=True)
        # Its coarsest levels are of one pixel.
        uids = volume.meta["instance_uids"][:LEVELS]
        volume = replace(
            volume, levels=volume.levels[:LEVELS], meta={**volume.meta, "instance_uids": uids}
        )
        yield volume, StudyTarget.of_study(database, series.study_uid, uids)


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
    (level,) = slide_levels(drawn(volume, counted), target)
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


def levels_of(volume, base):
    """Labels of each level as an algorithm gives them: not simply every n-th of the finest."""
    shapes = [level.shape[:2] for level in volume.levels]
    found = [base]
    for k, (rows, columns) in enumerate(shapes[1:]):
        array = np.zeros((1, rows, columns), np.uint8)
        array[0, rows // 4 : rows // 2, columns // 3 : columns // 2] = 1
        array[0, -9 - k :, -7:] = 4
        found.append(array)
    return found


def written(source, target, folder, kind, **options):
    (one,) = (o for o in examine_for_export(source) if o.options.get("type") == kind)
    folder.mkdir()
    return one, one.with_options(**options).write(target, folder, progress=no_progress)


@pytest.mark.parametrize("tiling", ["sparse", "full"])
@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_a_pyramid_is_read_by_all_level_by_level(slide, tmp_path, program, kind, tiling):
    volume, target = slide
    arrays = levels_of(volume, drawn(volume).array)
    source = replace(drawn(volume), levels=tuple(arrays[1:]))
    one, paths = written(source, target, tmp_path / "out", kind, tiling=tiling)
    assert len(paths) == len(volume.levels) > 2
    (told,) = one.foresee(target)
    assert told == f"a pyramid, one object for each of {LEVELS} levels that has labels"
    objects = [pydicom.dcmread(path) for path in paths]
    for keyword in ("PyramidUID", "FrameOfReferenceUID", "SeriesInstanceUID"):
        assert len({seg[keyword].value for seg in objects}) == 1
    assert objects[0].FrameOfReferenceUID == volume.geometry.frame_of_reference_uid
    assert len({seg.SOPInstanceUID for seg in objects}) == len(paths)
    assert [seg.InstanceNumber for seg in objects] == list(range(1, len(paths) + 1))
    wanted = [array[0] for array in arrays]
    if kind == "BINARY":
        wanted = [np.select([array == 1, array == 4], [1, 2]) for array in wanted]
        assert [errors_of(program, path) for path in paths] == [[]] * len(paths)
    for path, seg, array in zip(paths, objects, wanted, strict=True):
        theirs = highdicom.seg.segread(path).get_total_pixel_matrix(combine_segments=True)
        assert np.array_equal(theirs, array)
        (image,) = seg.SourceImageSequence
        drawn_on = target.instances[image.ReferencedSOPInstanceUID]
        assert drawn_on.get("TotalPixelMatrixRows") == seg.TotalPixelMatrixRows
        shared = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        base = pydicom.dcmread(drawn_on.path, stop_before_pixels=True)
        own = base.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        assert shared.PixelSpacing == pytest.approx(own.PixelSpacing)
    with Database.in_memory() as database:
        database.import_paths([tmp_path / "out"], workers=0)
        (series,) = database.series()
        (offer,) = database.examine(series)
        ours = offer.load(lazy=True)
        assert len(ours.levels) == len(paths)
        for level, array in zip(ours.levels, wanted, strict=True):
            assert np.array_equal(np.asarray(level).reshape(array.shape), array)
        # What was read is written again, level by level.
        again = ExportSource.of_volume(ours, role="labels")
        _, others = written(again, target, tmp_path / "again", kind)
    for path, array in zip(others, wanted, strict=True):
        theirs = highdicom.seg.segread(path).get_total_pixel_matrix(combine_segments=True)
        assert np.array_equal(theirs, array)


def test_levels_that_are_not_there_are_made_as_highdicom_makes_them(slide, tmp_path):
    volume, target = slide
    source = drawn(volume)
    one, (alone,) = written(source, target, tmp_path / "one", "BINARY")
    assert "PyramidUID" not in pydicom.dcmread(alone)
    (told,) = one.with_options(levels="all").foresee(target)
    assert told.endswith(f"{len(volume.levels) - 1} of them are made of the nearest labels")
    _, paths = written(source, target, tmp_path / "all", "BINARY", levels="all")
    images = [pydicom.dcmread(target.instances[u].path) for u in volume.meta["instance_uids"]]
    for image in images:
        image.PyramidUID = "1.2.3"
        for keyword in LACKING:  # by these, of which highdicom makes ours
            image.setdefault(keyword, "")
        path, origin = pydicom.Dataset(), pydicom.Dataset()
        path.OpticalPathIdentifier = "1"
        origin.XOffsetInSlideCoordinateSystem = origin.YOffsetInSlideCoordinateSystem = 0
        image.OpticalPathSequence = [path]
        image.setdefault("TotalPixelMatrixOriginSequence", [origin])
        image.setdefault("ImageOrientationSlide", [0, -1, 0, -1, 0, 0])
    ours = [pydicom.dcmread(path) for path in paths]
    segments = [highdicom.seg.SegmentDescription.from_dataset(s) for s in ours[0].SegmentSequence]
    array = np.select([source.array[0] == 1, source.array[0] == 4], [1, 2]).astype(np.uint8)
    made = highdicom.seg.create_segmentation_pyramid(
        source_images=images,
        pixel_arrays=[array],
        segmentation_type="BINARY",
        segment_descriptions=segments,
        series_instance_uid=highdicom.UID(),
        series_number=1,
        manufacturer="x",
        manufacturer_model_name="x",
        software_versions="x",
        device_serial_number="x",
    )
    assert len(made) == len(ours) == len(images)
    for path, mine, theirs in zip(paths, ours, made, strict=True):
        assert mine.SourceImageSequence[0].ReferencedSOPInstanceUID == (
            theirs.SourceImageSequence[0].ReferencedSOPInstanceUID
        )
        read = highdicom.seg.segread(path).get_total_pixel_matrix(combine_segments=True)
        wanted = theirs.get_total_pixel_matrix(combine_segments=True)
        assert read.shape == wanted.shape
        # Edges lie within half a pixel of the coarse level.
        assert np.count_nonzero(read != wanted) <= 2 * sum(read.shape)
        assert set(np.unique(read)) == set(np.unique(wanted))


def test_a_tile_of_a_coarse_level_is_made_in_parts(slide, tmp_path, monkeypatch):
    volume, target = slide
    source = drawn(volume)
    whole = [level.reader(source) for level in slide_levels(source, target, pyramid=True)]
    counted = Counted(source.array)
    monkeypatch.setattr(segment_slides, "_MOST_READ", 5000)
    levels = slide_levels(source, target, pyramid=True)
    for level, read in list(zip(levels, whole, strict=True))[2:]:
        parts = level.reader(drawn(volume, counted))
        for k in range(len(level.corners)):
            assert np.array_equal(parts(k)[0], read(k)[0])
    assert counted.most <= 5000


def test_fractions_have_pyramids_too(slide, tmp_path):
    volume, target = slide
    shape = volume.geometry.shape[1:]
    shares = np.zeros((2, 1, *shape), np.float32)
    shares[0, 0, 100:900, 200:700] = 1
    shares[1, 0, 1000:2000, 100:900] = 0.2
    source = replace(
        drawn(volume), array=shares, dims=("segment", *DIMS), role="image", labels={}, meta={}
    )
    _, paths = written(source, target, tmp_path / "out", "FRACTIONAL", levels="all")
    (ours,) = [one.load() for one in examine_paths(tmp_path / "out") if one.selected]
    assert ours.dims == ("segment", "row", "column")
    assert len(ours.levels) == len(paths) == len(volume.levels)
    assert np.abs(np.asarray(ours.levels[0]) - shares[:, 0]).max() <= 1 / 510


def test_what_does_not_say_where_it_is_is_refused(slide, tmp_path):
    volume, target = slide
    pixels = VolumeGeometry(np.eye(4), (1, 9, 9), in_patient=False, spacing_label="pixel")
    array = np.ones((1, 9, 9), np.uint8)
    with pytest.raises(ExportError) as refused:
        write(drawn(volume, array, geometry=pixels), target, tmp_path / "out")
    assert refused.value.reason == "no-geometry"
