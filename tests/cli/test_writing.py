"""The verb write: NIfTI and NRRD become objects of a study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom
import nibabel
import nrrd
import numpy as np
import pydicom
import pytest


@pytest.fixture
def result(dicomdb: Callable[..., Any], reference_data: Path, tmp_path: Path) -> tuple[Path, str]:
    """A CT in a database, and its volume, doubled, as NIfTI."""
    dicomdb("import", reference_data / "rt_dvh_slicerrt" / "ct")
    (series,) = dicomdb("ls", "--json").json
    dicomdb("convert", series["uid"], "--to", tmp_path / "ct.nii.gz")
    image = nibabel.load(tmp_path / "ct.nii.gz")
    doubled = np.asarray(image.dataobj).astype(np.int16) // 2
    nibabel.save(
        nibabel.Nifti1Image(doubled, image.affine, image.header), tmp_path / "half.nii.gz"
    )
    (study,) = dicomdb("ls", "studies", "--json").json
    return tmp_path / "half.nii.gz", study["uid"]


def test_images_into_a_folder_and_the_database(
    dicomdb: Callable[..., Any], result: tuple[Path, str], tmp_path: Path
) -> None:
    path, study = result
    outcome = dicomdb("write", path, "--study", study, "--as", "image", "--into-db",
                      "--to", tmp_path / "out", "--description", "Halved", "--json")  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert outcome.json["imported"] == len(outcome.json["files"]) == 92
    header = pydicom.dcmread(outcome.json["files"][0])
    assert (header.Modality, header.SeriesDescription) == ("CT", "Halved")
    assert header.StudyInstanceUID == study
    assert len(header.SourceImageSequence) == 1
    found = {s["description"]: s for s in dicomdb("ls", "--json").json}
    assert found["Halved"]["instance_count"] == 92
    back = tmp_path / "back.nii.gz"
    assert dicomdb("convert", found["Halved"]["uid"], "--to", back).code == 0
    one, two = nibabel.load(path), nibabel.load(back)
    np.testing.assert_allclose(one.affine, two.affine, atol=1e-4)
    np.testing.assert_array_equal(np.asarray(one.dataobj), np.asarray(two.dataobj))


@pytest.mark.parametrize("form", ["enhanced", "secondary-capture", "multi-frame"])
def test_other_forms(
    dicomdb: Callable[..., Any], result: tuple[Path, str], tmp_path: Path, form: str
) -> None:
    path, study = result
    outcome = dicomdb("write", path, "--study", study, "--to", tmp_path / "out", "--form", form,
                      "--set", "compression=rle")  # fmt: skip
    assert outcome.code == 0, outcome.err
    files = list((tmp_path / "out").rglob("*.dcm"))
    assert len(files) == (92 if form == "secondary-capture" else 1)
    assert pydicom.dcmread(files[0]).file_meta.TransferSyntaxUID.is_encapsulated
    assert "written" in outcome.out


def test_told_before_anything_is_written(
    dicomdb: Callable[..., Any], result: tuple[Path, str], tmp_path: Path
) -> None:
    path, study = result
    outcome = dicomdb("write", path, "--study", study, "--dry-run", "--json")
    assert [one["exporter"] for one in outcome.json] == ["image"] * 4
    assert [one["is_chosen"] for one in outcome.json] == [True, False, False, False]
    # What stands against it is said now, not only when it is written in earnest.
    (tmp_path / "taken").write_text("")
    taken = dicomdb("write", path, "--study", study, "--dry-run", "--to", tmp_path / "taken")
    assert (taken.code, "file-exists" in taken.err) == (1, True)
    assert "this is what is written" in taken.out
    assert "--set compression=" in dicomdb("write", path, "--study", study, "--dry-run").out
    to = ("--to", tmp_path / "out")
    for words, code, text in (
        ((path, "--study", study), 2, "say where"),
        ((path, "--study", study, "--as", "mesh", *to), 2, "--as takes"),
        ((path, "--study", study, "--as", "seg", "--form", "classic", *to), 2, "--form goes"),
        ((path, "--study", "1.2.3", *to), 1, "study-gone"),
        ((path, "--study", study, "--source", "1.2.3", *to), 1, "not-found"),
        ((path, "--study", study, "--form", "film", *to), 2, "--form takes"),
        ((path, "--study", study, "--set", "taste=sweet", *to), 1, "bad-option"),
        ((path, "--study", study, "--set", "compression=jpeg", *to), 1, "bad-option"),
        ((path, "--study", study, "--set", "series_number=first", *to), 1, "bad-option"),
        ((path, "--study", study, "--set", "series_number=9999999999", *to), 1, "bad-option"),
        ((path, "--study", study, "--description", "x" * 65, *to), 1, "bad-value"),
        ((tmp_path / "gone.nii", "--study", study, *to), 1, "unreadable"),
    ):
        outcome = dicomdb("write", *words)
        assert (outcome.code, text in outcome.err) == (code, True), outcome.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["classic", "enhanced", "multi-frame"])
def test_the_number_of_the_series(
    dicomdb: Callable[..., Any], result: tuple[Path, str], tmp_path: Path, form: str
) -> None:
    path, study = result
    words = ("write", path, "--study", study, "--form", form, "--into-db")
    assert "--set series_number=INT" in dicomdb(*words, "--dry-run").out
    outcome = dicomdb(*words, "--set", "series_number=4711", "--json")
    assert outcome.code == 0, outcome.err
    assert "note:" not in outcome.err
    # One that is taken is not taken twice, and that is said.
    again = dicomdb(*words, "--set", "series_number=4711", "--json")
    assert "the study has a series 4711" in again.err
    numbers = [one["number"] for one in dicomdb("ls", "--json").json]
    assert sorted(numbers)[1:] == [4711, 4712]


def test_what_must_be_answered_is_told_with_the_option_that_answers(
    dicomdb: Callable[..., Any], result: tuple[Path, str], tmp_path: Path
) -> None:
    path, study = result
    image = nibabel.load(path)
    sheared = np.eye(4)
    sheared[0, 1] = 0.2
    data = np.asarray(image.dataobj)[:20, :20, :3]
    nibabel.save(nibabel.Nifti1Image(data, image.affine @ sheared), tmp_path / "s.nii")
    words = ("write", tmp_path / "s.nii", "--study", study)
    for extra in (("--to", tmp_path / "out"), ("--dry-run",)):
        refused = dicomdb(*words, *extra)
        assert refused.code == 1
        assert "--set geometry=resample" in refused.err
        assert not (tmp_path / "out").exists()
    written = dicomdb(*words, "--to", tmp_path / "out", "--set", "geometry=resample")
    assert written.code == 0, written.err


def test_fractions_of_another_program(
    dicomdb: Callable[..., Any], result: tuple[Path, str], tmp_path: Path
) -> None:
    path, study = result
    image = nibabel.load(path)
    shares = np.zeros(image.shape, np.float32)
    shares[10:20, 10:30, 40] = np.linspace(0, 1, 200, dtype=np.float32).reshape(10, 20)
    nibabel.save(nibabel.Nifti1Image(shares, image.affine), tmp_path / "p.nii.gz")
    words = ("write", tmp_path / "p.nii.gz", "--study", study, "--as", "seg")
    refused = dicomdb(*words, "--to", tmp_path / "out")
    assert (refused.code, "type=FRACTIONAL" in refused.err) == (1, True)
    written = dicomdb(*words, "--to", tmp_path / "out", "--set", "type=FRACTIONAL", "--json")
    assert written.code == 0, written.err
    made = highdicom.seg.segread(written.json["files"][0])
    assert made.SegmentationType == "FRACTIONAL"
    assert made.pixel_array.max() / made.MaximumFractionalValue == 1
    expected = np.sort(shares[shares > 0])
    got = np.sort(made.pixel_array[made.pixel_array > 0]) / made.MaximumFractionalValue
    np.testing.assert_allclose(got, expected[-got.size :], atol=1 / 510 + 1e-6)


@pytest.fixture
def labels(
    dicomdb: Callable[..., Any], reference_data: Path, tmp_path: Path
) -> tuple[Path, str, Any]:
    """Three slices of a CT in a database, and labels of them as 3D Slicer keeps them."""
    dicomdb("import", reference_data / "seg" / "ct-3slice")
    (study,) = dicomdb("ls", "studies", "--json").json
    array, header = nrrd.read(str(reference_data / "seg" / "liver_seg.nrrd"))
    array[:40, :30, 1] = 7
    header |= {
        "Segment0_LabelValue": "1", "Segment0_Name": "liver", "Segment0_Color": "1 0 0",
        "Segment1_LabelValue": "7", "Segment1_Name": "Thing",
        "Segment1_Tags": "TerminologyEntry:x~SCT^123037004^Anatomical Structure~SCT^64033007"
        "^Kidney~SCT^7771000^Left~x~^^~^^|",
    }  # fmt: skip
    path = tmp_path / "drawn.seg.nrrd"
    nrrd.write(str(path), array, header)
    return path, study["uid"], array.T


def test_a_segmentation_of_slicer(
    dicomdb: Callable[..., Any], labels: tuple[Path, str, Any], tmp_path: Path
) -> None:
    path, study, array = labels
    outcome = dicomdb("write", path, "--study", study, "--as", "seg", "--into-db",
                      "--to", tmp_path / "out", "--description", "Organs",
                      "--set", "algorithm_type=AUTOMATIC", "--set", "algorithm_name=net 5",
                      "--set", "label=ORGANS", "--set", "creator=Doe^Jane", "--json")  # fmt: skip
    assert outcome.code == 0, outcome.err
    (file,) = outcome.json["files"]
    seg = pydicom.dcmread(file)
    assert (seg.ContentLabel, str(seg.ContentCreatorName)) == ("ORGANS", "Doe^Jane")
    liver, kidney = seg.SegmentSequence
    assert (liver.SegmentLabel, liver.SegmentAlgorithmName) == ("liver", "net 5")
    assert liver.SegmentAlgorithmType == "AUTOMATIC"
    assert liver.RecommendedDisplayCIELabValue == pytest.approx([34886, 53484, 50172], abs=20)
    kind = kidney.SegmentedPropertyTypeCodeSequence[0]
    assert kind.CodeValue == "64033007"
    assert kind.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning == "Left"
    theirs = highdicom.seg.segread(file).get_volume(combine_segments=True)
    there = theirs.array if theirs.affine[2, 0] > 0 else theirs.array[::-1]
    used = array[array.any(axis=(1, 2))]
    np.testing.assert_array_equal(there, np.select([used == 1, used == 7], [1, 2]))
    (series,) = (s for s in dicomdb("ls", "--json").json if s["modality"] == "SEG")
    assert (series["description"], series["study_uid"]) == ("Organs", study)


def test_segmentations_by_type_names_and_segments(
    dicomdb: Callable[..., Any], labels: tuple[Path, str, Any], tmp_path: Path
) -> None:
    path, study, _ = labels
    names = tmp_path / "names.json"
    names.write_text('{"labels": {"background": 0, "spleen": 1, "lost": 9}}')
    words = ("write", path, "--study", study, "--as", "seg", "--to", tmp_path / "out")
    outcome = dicomdb(*words, "--names", names, "--set", "type=LABELMAP", "--set",
                      'segments=[{"value": 7, "description": "seen"}]', "--json")  # fmt: skip
    assert outcome.code == 0, outcome.err
    seg = pydicom.dcmread(outcome.json["files"][0])
    told = {int(s.SegmentNumber): s for s in seg.SegmentSequence}
    assert set(told) == {0, 1, 7}
    assert told[1].SegmentLabel == "spleen"
    assert told[1].SegmentedPropertyTypeCodeSequence[0].CodeValue == "78961009"
    assert told[7].SegmentDescription == "seen"
    for extra, text in (
        (("--set", "type=FRACTIONAL"), "bad-option"),
        (("--set", "segments=[{"), "bad-option"),
        (("--set", 'segments=[{"value": 7, "label": ""}]'), "bad-value"),
        (("--set", "label=lower case"), "bad-value"),
        (("--set", "grid=round"), "bad-option"),
        (("--names", path), "unreadable"),
    ):
        outcome = dicomdb(*words, *extra)
        assert (outcome.code, text in outcome.err) == (1, True), outcome.err
    outcome = dicomdb(*words[:4], "--names", names, "--to", tmp_path / "out")
    assert (outcome.code, "--names goes" in outcome.err) == (2, True)
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_what_becomes_of_labels_is_told_before(
    dicomdb: Callable[..., Any], labels: tuple[Path, str, Any], tmp_path: Path
) -> None:
    path, study, array = labels
    coarse = tmp_path / "coarse.nii.gz"
    _, header = nrrd.read(str(path))
    affine = np.diag([-2.0, -2.0, 1.0, 1.0])
    affine[:3, 3] = header["space origin"] * (-1, -1, 1)
    nibabel.save(nibabel.Nifti1Image(array.T[::2, ::2].astype(np.uint8), affine), coarse)
    words = ("write", coarse, "--study", study, "--as", "seg")
    (first, *_) = dicomdb(*words, "--dry-run", "--json").json
    assert any("nearest voxel" in text for text in first["foreseen"])
    assert "nearest voxel" in dicomdb(*words, "--dry-run").out
    outcome = dicomdb(*words, "--to", tmp_path / "out")
    assert (outcome.code, "nearest voxel" in outcome.out) == (0, True), outcome.err
    for values, text in ((0 * array, "nothing is labelled"), (array / 2, "no-labels")):
        bad = tmp_path / "bad.nii"
        nibabel.save(nibabel.Nifti1Image(values.T.astype(np.float32), affine), bad)
        outcome = dicomdb("write", bad, "--study", study, "--as", "seg", "--to", tmp_path / "no")
        assert (outcome.code, text in outcome.err) == (1, True), outcome.err
    assert not (tmp_path / "no").exists()


def test_overlapping_segments_of_slicer_are_one_object(
    dicomdb: Callable[..., Any], labels: tuple[Path, str, Any], tmp_path: Path
) -> None:
    path, study, array = labels
    _, header = nrrd.read(str(path))
    second = np.zeros_like(array)
    second[1, 10:200, 10:200] = 1
    for key in [key for key in header if key.startswith("Segment")]:
        del header[key]
    header |= {
        "dimension": 4, "sizes": [2, *array.T.shape], "kinds": ["list", *["domain"] * 3],
        "space directions": np.vstack([[np.nan] * 3, header["space directions"]]),
        "Segment0_LabelValue": "1", "Segment0_Layer": "0", "Segment0_Name": "liver",
        "Segment1_LabelValue": "7", "Segment1_Layer": "0", "Segment1_Name": "kidney",
        "Segment2_LabelValue": "1", "Segment2_Layer": "1", "Segment2_Name": "tumor",
    }  # fmt: skip
    layered = tmp_path / "layers.seg.nrrd"
    nrrd.write(str(layered), np.stack([array.T, second.T]), header)
    outcome = dicomdb("write", layered, "--study", study, "--as", "seg", "--to",
                      tmp_path / "out", "--json")  # fmt: skip
    assert outcome.code == 0, outcome.err
    seg = highdicom.seg.segread(outcome.json["files"][0])
    assert [seg.get_segment_description(k).segment_label for k in (1, 2, 3)] == [
        "liver", "kidney", "tumor",
    ]  # fmt: skip
    assert seg.SegmentsOverlap == "YES"
    volume = seg.get_volume(combine_segments=False)
    masks = volume.array if volume.affine[2, 0] > 0 else volume.array[::-1]
    counts = masks.sum(axis=(0, 1, 2))
    assert counts.tolist() == [(array == 1).sum(), (array == 7).sum(), second.sum()]
