"""The data set of a segmentation: modules of the target, what highdicom is not told."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from tests.export.sources import made_up

from napari_dicomdb.errors import ExportError, MissingLibraryError
from napari_dicomdb.export.segment_grids import on_grid
from napari_dicomdb.export.segment_meanings import meaning_of
from napari_dicomdb.export.segmentation_object import (
    Content,
    as_numbers,
    has_highdicom,
    segmentation_dataset,
)
from napari_dicomdb.export.source import Label
from napari_dicomdb.export.study import NewSeries, StudyForm
from napari_dicomdb.progress import no_progress


@pytest.fixture
def parts():
    array = np.ones((2, 3, 4), np.uint8)
    target = StudyForm(patient_name="Müller^Åsa", patient_id="7", study_id="5").target()
    source = made_up(array, role="labels")
    return on_grid([source], target, own=True, progress=no_progress), target, array


def test_patient_study_and_series_are_ours(parts):
    grid, target, array = parts
    content = Content("BINARY", array, [meaning_of(Label(1, "liver"))], creator="Doe^Jane")
    series = NewSeries("SEG", "Mine", 12)
    made = segmentation_dataset(content, grid, target, series, "1.2.3")
    assert (str(made.PatientName), made.StudyID, made.SeriesNumber) == ("Müller^Åsa", "5", 12)
    assert (made.SeriesInstanceUID, made.FrameOfReferenceUID) == (series.uid, "1.2.3")
    assert made.ContentCreatorName == "Doe^Jane"
    assert made.SegmentsOverlap == "NO"
    assert has_highdicom()


def test_what_highdicom_refuses_is_told(parts):
    grid, target, array = parts
    content = Content("BINARY", array * 2, [meaning_of(Label(1, "liver"))])
    with pytest.raises(ExportError) as refused:
        segmentation_dataset(content, grid, target, NewSeries("SEG"), "")
    assert refused.value.reason == "bad-value"


def test_without_highdicom_the_remedy_is_named(parts, monkeypatch):
    grid, target, array = parts
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(MissingLibraryError, match="export"):
        segmentation_dataset(Content("BINARY", array, []), grid, target, NewSeries("SEG"), "")


def test_the_smallest_type_of_numbers():
    assert as_numbers(np.array([0, 255])).dtype == np.uint8
    assert as_numbers(np.array([0, 256])).dtype == np.uint16
