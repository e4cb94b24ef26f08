"""What is made of images compressed with loss, or with burned-in text, says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from tests.database.conftest import write_series
from tests.export.sources import errors_of, made_up, of_data

from napari_dicomdb import Database
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.deidentification.pixels import burned_in
from napari_dicomdb.export.pixel_history import burned_in_annotation, refuse_burned_in, say_loss
from napari_dicomdb.export.registry import examine_for_export
from napari_dicomdb.export.results import write_results
from napari_dicomdb.progress import no_progress

LOSSY = {
    "LossyImageCompression": "01",
    "LossyImageCompressionRatio": "12.5",
    "LossyImageCompressionMethod": "ISO_10918_1",
}


def images(folder: Path, **values: object):
    with Database.in_memory() as database:
        write_series(folder, 3, 1, **values)
        return of_data(database, folder)


def test_every_object_made_of_such_images_says_so(tmp_path: Path, program) -> None:
    # Every one said that nothing was burned in: an anonymised copy of it kept the name.
    frame = {"FrameOfReferenceUID": "1.2.3"}
    source, target = images(tmp_path / "in", BurnedInAnnotation="YES", **LOSSY, **frame)
    labels = replace(source, role="labels", array=np.ones(source.shape, np.uint8))
    ways = {
        str(one.options.get("form") or one.options.get("type") or one.kind): one
        for one in (*examine_for_export(source), *examine_for_export(labels))
    }
    for form in ("enhanced", "parametric-map"):  # which must not have any
        way = ways.pop(form)
        with pytest.raises(ExportError) as refused:
            way.foresee(target)
        assert refused.value.reason == "burned-in"
        with pytest.raises(ExportError) as refused:
            way.write(target, tmp_path, progress=no_progress)
        assert refused.value.reason == "burned-in"
    del ways["LABELMAP"]  # which dciodvfy does not know
    assert {"classic", "secondary-capture", "multi-frame", "BINARY"} == set(ways)
    report = write_results(None, list(ways.values()), target, folder=tmp_path / "out")
    for path in report.files:
        made = pydicom.dcmread(path)
        assert (made.LossyImageCompression, made.LossyImageCompressionRatio) == ("01", 12.5)
        assert made.LossyImageCompressionMethod == "ISO_10918_1"
        assert errors_of(program, path) == []
        if made.Modality != "SEG":
            assert made.BurnedInAnnotation == "YES"
            assert burned_in(made)


def test_a_loss_is_told_where_no_text_may_be(tmp_path: Path, program) -> None:
    source, target = images(tmp_path / "in", FrameOfReferenceUID="1.2.3", **LOSSY)
    ways = [one for one in examine_for_export(source) if one.kind == "parametric-map"]
    ways += [one for one in examine_for_export(source) if one.options.get("form") == "enhanced"]
    report = write_results(None, ways, target, folder=tmp_path / "out")
    assert len(report.files) == 2
    for path in report.files:
        made = pydicom.dcmread(path)
        assert (made.LossyImageCompression, made.BurnedInAnnotation) == ("01", "NO")
        assert errors_of(program, path) == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "NO"),
        ({"BurnedInAnnotation": "NO", "Modality": "US"}, "NO"),
        ({"Modality": "US"}, ""),
        ({"BurnedInAnnotation": "YES"}, "YES"),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, ""),
    ],
)
def test_what_images_say_of_burned_in_text(values: dict, said: str, tmp_path: Path) -> None:
    source, target = images(tmp_path, **values)
    records = list(target.instances.values())
    assert burned_in_annotation(source, records) == said
    for record in records:
        record.path.unlink()
    assert burned_in_annotation(source, records) in (said, "NO")


def test_what_was_computed_has_no_text_and_of_pictures_nobody_knows() -> None:
    assert burned_in_annotation(made_up(np.zeros((2, 3, 4))), []) == "NO"
    assert burned_in_annotation(made_up(np.zeros((2, 3, 4)), geometry=None), []) == ""
    assert burned_in_annotation(made_up(np.zeros((2, 3, 4, 3), "u1"), is_rgb=True), []) == ""


def test_a_header_that_says_yes_in_small_letters_says_it_to_all() -> None:
    records: list = [{"BurnedInAnnotation": "yes "}]
    assert burned_in_annotation(made_up(np.zeros((2, 3, 4))), records) == "YES"
    with pytest.raises(ExportError, match="burned"):
        refuse_burned_in(records)


def test_loss_of_the_transfer_syntax_counts_too(tmp_path: Path) -> None:
    _, target = images(tmp_path)
    record = next(iter(target.instances.values()))
    baseline = replace(record, transfer_syntax_uid="1.2.840.10008.1.2.4.50", file_size=8)
    made = Dataset()
    say_loss(made, [record, baseline])
    assert made.LossyImageCompression == "01"
    assert made.LossyImageCompressionRatio == 4  # 32 bytes in 8
    assert made.LossyImageCompressionMethod == "ISO_10918_1"
    made = Dataset()
    say_loss(made, [replace(baseline, transfer_syntax_uid="1.2.840.10008.1.2.4.102.1")])
    assert made.LossyImageCompressionMethod == "ISO_14496_10"  # a video in fragments
    made = Dataset()
    say_loss(made, [record])
    assert "LossyImageCompression" not in made
    say_loss(made, [], required=True)
    assert made.LossyImageCompression == "00"
