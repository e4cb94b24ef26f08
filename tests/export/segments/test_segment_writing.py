"""How labels become objects: in the patient, in time, on frames that are nowhere."""

from __future__ import annotations

import highdicom
import numpy as np
import pydicom
import pytest
from tests.export.sources import DIMS, errors_of

from napari_dicomdb import Database
from napari_dicomdb import examine as examine_paths
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.registry import examine_for_export
from napari_dicomdb.export.segments.segment_writing import plan_for
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.export.study import StudyTarget
from napari_dicomdb.progress import no_progress


def drawn_on(reference_data, folder, pick=lambda volume: True):
    """Labels of the brighter pixels of a series, and where they go."""
    with Database.in_memory() as database:
        database.import_paths(reference_data / folder, workers=0)
        for series in database.series():
            for offer in database.examine(series):
                if offer.selected:
                    source = ExportSource.of_volume(offer.load(lazy=False))
                    if pick(source):
                        target = StudyTarget.of_study(
                            database, series.study_uid, source.references
                        )
                        return source, target
    raise AssertionError("there is no such series")


def labels_of(source):
    array = source.numpy()
    if source.is_rgb:
        array = array[..., 0]
    labels = (array > np.percentile(array, 70)).astype(np.uint8)
    return ExportSource(
        "Bright", labels, source.dims, "labels", source.geometry, coords=source.coords,
        references=source.references, meta=source.meta,
    )  # fmt: skip


def write(source, target, folder, kind="BINARY", **options):
    offers = [o for o in examine_for_export(source) if o.options.get("type") == kind]
    folder.mkdir()
    return offers[0].with_options(**options).write(target, folder, progress=no_progress)


@pytest.mark.parametrize(
    ("folder", "frames"),
    [
        ("4d_fmri/dcm_qa_nih__EPI_PELR_6", False),
        ("mr_vendors/dicom2nifti__philips_enhanced_fmri_001", True),
    ],
)
def test_labels_that_change_with_time_are_an_object_each(
    reference_data, tmp_path, program, folder, frames
):
    image, target = drawn_on(reference_data, folder)
    labels = labels_of(image)
    labels.array[1] = 0  # nothing at the second time point
    times = [t for t in range(labels.shape[0]) if t != 1]
    plan = plan_for([labels], target, progress=no_progress)
    assert any("one object for each" in text for text in plan.remarks)
    paths = write(labels, target, tmp_path / "out")
    assert len(paths) == len(times)
    series = set()
    for number, (path, time) in enumerate(zip(paths, times, strict=True), 1):
        assert errors_of(program, path) == []
        (offer,) = [one for one in examine_paths(path) if one.selected]
        loaded = offer.load()
        rows = np.linalg.solve(image.geometry.affine, loaded.geometry.affine)
        first = round(float(rows[0, 3]))
        there = np.zeros(labels.shape[1:], np.uint8)
        there[first : first + len(loaded.array)] = loaded.array
        assert np.array_equal(there, labels.array[time])
        seg = pydicom.dcmread(path, stop_before_pixels=True)
        series.add(seg.SeriesInstanceUID)
        assert seg.InstanceNumber == number
        for groups in seg.PerFrameFunctionalGroupsSequence:
            (item,) = groups.DerivationImageSequence[0].SourceImageSequence
            if frames:
                known = target.instances[item.ReferencedSOPInstanceUID]
                assert 1 <= item.ReferencedFrameNumber <= known.frame_count
            else:  # one mosaic a time point
                assert item.ReferencedSOPInstanceUID == labels.references[time]
    assert len(series) == 1


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
@pytest.mark.parametrize(
    "pick", [lambda s: s.shape[0] == 16, lambda s: s.is_rgb and len(s.leading) == 1]
)  # MR heart, RGB ultrasound
def test_frames_of_a_cine_are_segmented_frame_by_frame(
    reference_data, tmp_path, program, pick, kind
):
    image, target = drawn_on(reference_data, "cine", pick)
    labels = labels_of(image)
    labels.array[3] = 0
    (path,) = write(labels, target, tmp_path / "out", kind)
    expected = labels.array[:, 0]
    seg = highdicom.seg.segread(path)
    (uid,) = [i.ReferencedSOPInstanceUID for i in seg.SourceImageSequence]
    read = seg.get_pixels_by_source_frame(
        uid, range(1, len(expected) + 1), combine_segments=True, ignore_spatial_locations=True
    )
    assert np.array_equal(read, expected)
    (ours,) = [one.load() for one in examine_paths(path) if one.selected]
    assert np.array_equal(ours.array, expected)
    assert "FrameOfReferenceUID" not in seg
    if kind == "BINARY" and image.is_rgb:
        # Its study, of long ago, has UIDs that nobody may have; the MR claims to be one image.
        assert [e for e in errors_of(program, path) if "Illegal root" not in e] == []


def test_one_plane_stands_for_all_frames(reference_data, tmp_path):
    image, target = drawn_on(reference_data, "cine", lambda s: s.shape[0] == 16)
    plane = labels_of(image).array[0]
    source = ExportSource(
        "Plane", plane, DIMS, "labels", image.geometry, references=image.references
    )
    plan = plan_for([source], target, progress=no_progress)
    assert "all 16 frames" in plan.remarks[0]
    (path,) = write(source, target, tmp_path / "out")
    seg = pydicom.dcmread(path)
    (groups,) = seg.PerFrameFunctionalGroupsSequence
    (item,) = groups.DerivationImageSequence[0].SourceImageSequence
    assert "ReferencedFrameNumber" not in item


def test_what_fits_nowhere_says_what_it_does_not_fit(reference_data):
    image, target = drawn_on(reference_data, "cine", lambda s: s.shape[0] == 16)
    array = np.ones((5, 20, 30), np.uint8)
    source = ExportSource("Five", array, DIMS, "labels", None, references=image.references)
    with pytest.raises(ExportError) as refused:
        plan_for([source], target, progress=no_progress)
    assert refused.value.reason == "no-geometry"
    assert "5 planes of 30 × 20" in str(refused.value)
    assert "16 of 256 × 256" in str(refused.value)


def test_images_without_a_frame_of_reference_get_one(reference_data, tmp_path, program):
    image, target = drawn_on(reference_data, "bad_geometry/slicecount")
    assert target.frame_of_reference_uids == ()
    (path,) = write(labels_of(image), target, tmp_path / "out")
    assert errors_of(program, path) == []
    assert pydicom.dcmread(path).FrameOfReferenceUID
