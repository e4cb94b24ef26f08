"""The data set of a segmentation: modules of the target, segments, frames."""

from __future__ import annotations

from dataclasses import replace

import highdicom
import numpy as np
import pytest
from tests.export.sources import made_up

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.object_file import write_object
from napari_dicomdb.export.segments.segment_encoding import encode
from napari_dicomdb.export.segments.segment_grids import on_grid
from napari_dicomdb.export.segments.segment_layouts import layout_in_patient
from napari_dicomdb.export.segments.segment_meanings import meaning_of
from napari_dicomdb.export.segments.segmentation_object import Content, segmentation_dataset
from napari_dicomdb.export.source import Label
from napari_dicomdb.export.study import NewSeries, StudyForm
from napari_dicomdb.export.terminology import Term
from napari_dicomdb.progress import no_progress

ARRAY = np.arange(2 * 3 * 5, dtype=np.uint8).reshape(2, 3, 5) % 3
MEANINGS = [meaning_of(Label(1, "liver")), meaning_of(Label(2, "kidney_left"))]


def frames_of(kind):
    return encode(kind, lambda k: [ARRAY[k]], 2, (3, 5), [1, 2], every=False, progress=no_progress)


@pytest.fixture
def parts():
    target = StudyForm(patient_name="Müller^Åsa", patient_id="7", study_id="5").target()
    grid = on_grid([made_up(ARRAY, role="labels")], target, own=True, progress=no_progress)
    return layout_in_patient(grid, ()), target


def test_patient_study_and_series_are_ours(parts):
    layout, target = parts
    content = Content(
        frames_of("BINARY"), [(MEANINGS[0], 1), (MEANINGS[1], 2)], creator="Doe^Jane"
    )
    series = NewSeries("SEG", "Mine", 12)
    made = segmentation_dataset(content, layout, target, series, "1.2.3")
    assert (str(made.PatientName), made.StudyID, made.SeriesNumber) == ("Müller^Åsa", "5", 12)
    assert (made.SeriesInstanceUID, made.FrameOfReferenceUID) == (series.uid, "1.2.3")
    assert made.ContentCreatorName == "Doe^Jane"
    assert (made.SegmentsOverlap, made.NumberOfFrames) == ("NO", 4)
    assert "ReferencedSeriesSequence" not in made
    without = segmentation_dataset(content, layout, target, series)
    assert without.FrameOfReferenceUID.startswith("2.25.")


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_frames_that_are_no_whole_bytes(parts, tmp_path, kind):
    layout, target = parts  # 15 pixels a frame
    content = Content(frames_of(kind), [(MEANINGS[0], 1), (MEANINGS[1], 2)])
    made = segmentation_dataset(content, layout, target, NewSeries("SEG"))
    path = write_object(made, tmp_path / "seg.dcm")
    volume = highdicom.seg.segread(path).get_volume(combine_segments=True)
    there = volume.array if volume.affine[:3, 0] @ made_up(ARRAY).geometry.affine[:3, 0] > 0 else (
        volume.array[::-1]
    )  # fmt: skip
    assert np.array_equal(there, ARRAY)


def test_all_that_is_known_of_a_segment(parts):
    layout, target = parts
    one = replace(
        MEANINGS[1],
        region=Term("1" * 17, "99TEST", "A long code"),
        region_modifier=Term("7771000", "SCT", "Left"),
        algorithm_type="SEMIAUTOMATIC",
        tracking_uid="1.2.3",
        description="drawn twice",
    )
    content = Content(frames_of("BINARY"), [(one, 1)], algorithm_name="grow")
    (item,) = segmentation_dataset(content, layout, target, NewSeries("SEG")).SegmentSequence
    (region,) = item.AnatomicRegionSequence
    assert region.LongCodeValue == "1" * 17
    assert "CodeValue" not in region
    assert region.AnatomicRegionModifierSequence[0].CodeMeaning == "Left"
    assert (item.TrackingID, item.TrackingUID) == ("kidney_left", "1.2.3")
    assert item.SegmentAlgorithmName == "grow"
    assert item.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName == "grow"
    assert item.SegmentDescription == "drawn twice"


def test_more_segments_than_can_be_counted_are_refused(parts):
    layout, target = parts
    content = Content(frames_of("BINARY"), [(MEANINGS[0], 1)] * 65536)
    with pytest.raises(ExportError) as refused:
        segmentation_dataset(content, layout, target, NewSeries("SEG"))
    assert refused.value.reason == "too-many-segments"


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_indices_count_from_one_without_the_planes_that_are_empty(kind):
    array = np.zeros((6, 3, 5), np.uint8)
    array[2], array[5, 0, 0] = 1, 2
    target = StudyForm(patient_name="A", patient_id="7").target()
    grid = on_grid([made_up(array, role="labels")], target, own=True, progress=no_progress)
    frames = encode(kind, lambda k: [array[k]], 6, (3, 5), [1, 2], every=False,
                    progress=no_progress)  # fmt: skip
    content = Content(frames, [(MEANINGS[0], 1), (MEANINGS[1], 2)])
    made = segmentation_dataset(content, layout_in_patient(grid, ()), target, NewSeries("SEG"))
    places = {}
    for frame in made.PerFrameFunctionalGroupsSequence:
        position = tuple(frame.PlanePositionSequence[0].ImagePositionPatient)
        index = frame.FrameContentSequence[0].DimensionIndexValues
        places[position] = index[-1] if kind == "BINARY" else index
    assert sorted(places.values()) == [1, 2]
