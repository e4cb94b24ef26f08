"""Labels written as segmentations, read back by us, highdicom and dcmqi; dciodvfy's word."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import highdicom
import nrrd
import numpy as np
import pydicom
import pytest
from tests.export.sources import DIMS, errors_of, made_up, oblique

from napari_dicomdb import Database
from napari_dicomdb import examine as examine_paths
from napari_dicomdb.errors import ExportError, NotFoundError
from napari_dicomdb.export.registry import examine_for_export
from napari_dicomdb.export.results import write_results
from napari_dicomdb.export.source import ExportSource, Label
from napari_dicomdb.export.study import StudyForm, StudyTarget
from napari_dicomdb.loading.volume import VolumeGeometry
from napari_dicomdb.progress import no_progress

NAMES = {1: Label(1, "liver", (1, 0, 0)), 7: Label(7, "kidney_left", (0, 0.5, 0))}


@pytest.fixture
def ct(reference_data):
    """Three slices of a CT: the database, its volume, the target."""
    with Database.in_memory() as database:
        database.import_paths([reference_data / "seg" / "ct-3slice"])
        volume = database.load(database.series()[0].uid)
        target = StudyTarget.of_study(
            database, database.series()[0].study_uid, volume.meta["instance_uids"]
        )
        yield database, volume, target


def labels_on(volume) -> ExportSource:
    array = np.zeros(volume.shape, np.uint8)
    array[0:2, 100:200, 100:220] = 1
    array[1:, 300:350, 200:220] = 7
    return ExportSource(
        "Drawn", array, DIMS, "labels", volume.geometry, labels=NAMES,
        references=tuple(volume.meta["instance_uids"]),
    )  # fmt: skip


def offer_of(source, kind, **options):
    offers = [o for o in examine_for_export(source) if o.options.get("type") == kind]
    return offers[0].with_options(**options)


def write(offer, target, tmp_path) -> Path:
    folder = tmp_path / f"out-{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    (path,) = offer.write(target, folder, progress=no_progress)
    return path


def read_back(path: Path, *images: Path):
    offers = [one for one in examine_paths(path, *images) if one.selected]
    (found,) = [one for one in offers if one.kind.endswith("segmentation")]
    return found.load()


def dcmqi(path: Path, folder: Path) -> tuple[np.ndarray, dict, dict]:
    """Labels as dcmqi's segimage2itkimage merges them, with header and meta information."""
    program = shutil.which("segimage2itkimage", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("dcmqi is not installed")
    folder.mkdir()
    subprocess.run(
        [program, "--inputDICOM", path, "--outputDirectory", folder, "-t", "nrrd",
         "--mergeSegments", "-p", "seg"],
        check=True, capture_output=True,
    )  # fmt: skip
    (image,) = folder.glob("*.nrrd")
    labels, header = nrrd.read(str(image))
    (meta,) = folder.glob("*.json")
    return labels.T, header, json.loads(meta.read_text())


def test_few_segments_are_binary_and_many_a_label_map(ct):
    _, volume, _ = ct
    source = labels_on(volume)
    first, second = examine_for_export(source)
    assert [first.options["type"], second.options["type"]] == ["BINARY", "LABELMAP"]
    assert "numbered from 1" in first.losses[0]
    many = source.with_array(
        (np.arange(np.prod(volume.shape)).reshape(volume.shape) % 22).astype(np.uint8),
        volume.geometry,
    )
    assert examine_for_export(many)[0].options["type"] == "LABELMAP"


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_the_same_labels_are_read_by_all(ct, tmp_path, program, reference_data, kind):
    _, volume, target = ct
    source = labels_on(volume)
    path = write(offer_of(source, kind), target, tmp_path)
    expected = source.numpy()
    if kind == "BINARY":
        expected = np.select([expected == 1, expected == 7], [1, 2])
        assert errors_of(program, path) == []
    ours = read_back(path, reference_data / "seg" / "ct-3slice")
    assert np.array_equal(ours.array, expected)
    assert ours.geometry.affine == pytest.approx(volume.geometry.affine, abs=1e-4)
    assert ours.meta["references"] == volume.meta["instance_uids"]
    # highdicom stacks in an order of its own: positions say which slice is which.
    judge = highdicom.seg.segread(path).get_volume(combine_segments=True)
    rows = np.linalg.solve(ours.geometry.affine, judge.affine[:, [0, 1, 2, 3]])
    assert np.abs(rows - np.rint(rows)).max() < 1e-3
    there = judge.array if rows[0, 0] > 0 else judge.array[::-1]
    first = round(float(min(rows[0, 3], rows[0, 3] + rows[0, 0] * (len(there) - 1))))
    assert np.array_equal(there, expected[first : first + len(there)])
    theirs, header, told = dcmqi(path, tmp_path / "dcmqi")
    assert np.array_equal(theirs, expected)
    assert header["space origin"] == pytest.approx(volume.geometry.affine[:3, 3], abs=1e-4)
    spacing = np.linalg.norm(header["space directions"], axis=1)
    assert spacing == pytest.approx(volume.geometry.spacing[::-1], abs=1e-4)
    named = {one["SegmentLabel"] for group in told["segmentAttributes"] for one in group}
    assert {"liver", "kidney_left"} <= named


def test_codes_colours_references_and_tracking(ct, tmp_path):
    _, volume, target = ct
    offer = offer_of(
        labels_on(volume),
        "BINARY",
        segments={
            1: {"tracking_id": "lesion 1", "description": "seen twice"},
            7: {"label": "spleen", "algorithm_type": "AUTOMATIC", "algorithm_name": "net 3"},
        },
    )
    seg = pydicom.dcmread(write(offer, target, tmp_path))
    first, second = seg.SegmentSequence
    assert first.SegmentedPropertyTypeCodeSequence[0].CodeValue == "10200004"
    assert first.SegmentedPropertyCategoryCodeSequence[0].CodeMeaning == "Anatomical Structure"
    assert first.RecommendedDisplayCIELabValue == pytest.approx([34886, 53484, 50172], abs=20)
    assert (first.TrackingID, first.SegmentDescription) == ("lesion 1", "seen twice")
    assert first.TrackingUID.startswith("2.25.")
    assert (second.SegmentLabel, second.SegmentAlgorithmType) == ("spleen", "AUTOMATIC")
    assert second.SegmentAlgorithmName == "net 3"
    assert second.SegmentedPropertyTypeCodeSequence[0].CodeValue == "78961009"
    uids = {
        groups.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        for groups in seg.PerFrameFunctionalGroupsSequence
    }
    assert uids == set(volume.meta["instance_uids"])
    assert (seg.Manufacturer, seg.SpecificCharacterSet) == ("napari-dicomdb", "ISO_IR 192")
    assert seg.FrameOfReferenceUID == volume.geometry.frame_of_reference_uid
    assert seg.StudyInstanceUID == target.study_uid
    assert len(seg.PerFrameFunctionalGroupsSequence) == 4  # empty frames are left out


def test_a_side_is_a_modifier_of_the_type(ct, tmp_path):
    _, volume, target = ct
    seg = pydicom.dcmread(write(offer_of(labels_on(volume), "LABELMAP"), target, tmp_path))
    kidney = next(s for s in seg.SegmentSequence if s.SegmentNumber == 7)
    kind = kidney.SegmentedPropertyTypeCodeSequence[0]
    assert kind.CodeMeaning == "Kidney"
    assert kind.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning == "Left"
    assert seg.PixelPaddingValue == 0
    assert seg.BitsAllocated == 8


def test_ours_to_ours_keeps_everything(ct, tmp_path, reference_data):
    _, _, target = ct
    data = reference_data / "seg"
    (found,) = examine_paths(data / "liver.dcm")
    volume = found.load()
    source = ExportSource.of_volume(volume, role="labels")
    again = read_back(write(offer_of(source, "BINARY"), target, tmp_path), data / "ct-3slice")
    assert np.array_equal(again.array, volume.array)
    ((before,), (after,)) = (v.meta["segments"][0] for v in (volume, again))
    assert before.features() == after.features()


def test_labels_on_another_grid_take_the_nearest_voxel_of_the_image(ct, tmp_path):
    _, volume, target = ct
    coarse = np.zeros((3, 256, 256), np.uint8)
    coarse[1, 60:70, 80:100] = 1
    affine = volume.geometry.affine @ np.diag([1.0, 2, 2, 1])
    affine[:3, 3] += volume.geometry.affine[:3, 1] / 2 + volume.geometry.affine[:3, 2] / 2
    geometry = VolumeGeometry(affine, coarse.shape, volume.geometry.frame_of_reference_uid)
    source = ExportSource("Coarse", coarse, DIMS, "labels", geometry, labels=NAMES)
    expected = coarse.repeat(2, axis=1).repeat(2, axis=2)
    written = read_back(write(offer_of(source, "BINARY"), target, tmp_path))
    assert written.geometry.spacing == pytest.approx(volume.geometry.spacing, abs=1e-4)
    assert np.array_equal(written.array[0], expected[1])
    own = read_back(write(offer_of(source, "BINARY", grid="own"), target, tmp_path))
    assert np.array_equal(own.array[0], coarse[1])
    assert own.geometry.affine[:3, 1:3] == pytest.approx(affine[:3, 1:3], abs=1e-4)


def test_flipped_layers_land_where_they_are(ct, tmp_path, reference_data):
    _, volume, target = ct
    source = labels_on(volume)
    turned = source.numpy().transpose(1, 0, 2)[:, ::-1]
    affine = volume.geometry.affine[:, [1, 0, 2, 3]].copy()
    affine[:3, 3] += affine[:3, 1] * 2
    affine[:3, 1] *= -1
    geometry = VolumeGeometry(affine, turned.shape, volume.geometry.frame_of_reference_uid)
    path = write(offer_of(source.with_array(turned, geometry), "LABELMAP"), target, tmp_path)
    ours = read_back(path, reference_data / "seg" / "ct-3slice")
    assert np.array_equal(ours.array, source.numpy())


def test_another_frame_of_reference_must_be_confirmed(ct, tmp_path):
    _, volume, target = ct
    source = labels_on(volume)
    geometry = VolumeGeometry(volume.geometry.affine, volume.shape, "1.2.3.4")
    other = offer_of(source.with_array(source.array, geometry), "BINARY")
    with pytest.raises(ExportError) as refused:
        write(other, target, tmp_path)
    assert refused.value.reason == "other-frame-of-reference"
    path = write(other.with_options(other_frame_of_reference=True), target, tmp_path)
    written = pydicom.dcmread(path)
    assert written.FrameOfReferenceUID == volume.geometry.frame_of_reference_uid


def test_empty_segments_are_told_and_left_out(ct, tmp_path):
    _, volume, target = ct
    source = labels_on(volume)
    source.labels[9] = Label(9, "lost")
    try:
        offer = offer_of(source, "BINARY")
        assert any("no voxel" in f.text for f in offer.findings)
        assert len(pydicom.dcmread(write(offer, target, tmp_path)).SegmentSequence) == 2
        every = offer.with_options(empty="write")
        assert len(pydicom.dcmread(write(every, target, tmp_path)).SegmentSequence) == 3
    finally:
        del source.labels[9]


@pytest.mark.parametrize("lowest", [1, -5])
def test_an_image_taken_for_labels_is_told(ct, lowest):
    _, volume, _ = ct
    count = 1200 if lowest > 0 else 20
    values = np.zeros(volume.shape, np.int16)
    values.flat[:count] = np.arange(lowest, lowest + count)
    source = labels_on(volume)
    image = source.with_array(values, source.geometry)
    told = [f.text for f in offer_of(image, "BINARY").findings]
    assert any("rather those of an image" in text for text in told)
    assert not any("rather" in f.text for f in offer_of(source, "BINARY").findings)


def test_overlapping_layers_go_into_one_object(ct, tmp_path, program):
    _, volume, target = ct
    source = labels_on(volume)
    second = np.zeros(volume.shape, np.uint8)
    second[0, 150:250, 150:250] = 3
    both = replace(
        source,
        together=(ExportSource("More", second, DIMS, "labels", volume.geometry),),
    )
    (offer,) = examine_for_export(both)
    path = write(offer, target, tmp_path)
    assert errors_of(program, path) == []
    written = read_back(path)
    assert [[s.number for s in g] for g in written.meta["segments"]] == [[1, 3], [2]]
    assert pydicom.dcmread(path).SegmentsOverlap == "YES"
    assert np.array_equal(written.array[1, 0] == 2, second[0] == 3)


def test_labels_that_several_layers_have(ct, tmp_path):
    # "liver" of one layer and "spleen" of another became one segment, the liver.
    array = np.zeros((2, 4, 4), np.uint8)
    array[0, 0, 0] = 1
    other = np.rot90(array, 2, (1, 2))
    liver = made_up(array, role="labels", labels={1: Label(1, "liver")})
    spleen = made_up(other, role="labels", labels={1: Label(1, "spleen")})
    (offer,) = examine_for_export(replace(liver, together=(spleen,)))
    assert "1 is 'liver' in one layer and 'spleen' in another" in offer.refusal
    for second in (replace(spleen, labels={}), replace(liver, array=other)):
        (offer,) = examine_for_export(replace(liver, together=(second,)))
        assert not offer.refusal
        assert "are in several layers" in offer.findings[-1].text


def test_fractions(ct, tmp_path, program):
    _, volume, target = ct
    array = np.zeros((2, *volume.shape), np.float32)
    array[0, 1, 5:9, 5:9], array[1, 2, 3] = 0.3, 1.0
    source = ExportSource("Probability", array, ("segment", *DIMS), "image", volume.geometry)
    path = write(offer_of(source, "FRACTIONAL"), target, tmp_path)
    assert errors_of(program, path) == []
    written = read_back(path)
    assert written.numpy() == pytest.approx(array[:, 1:], abs=1 / 400)


def test_without_any_image(tmp_path, program):
    array = np.zeros((5, 6, 7), np.uint8)
    array[1:4, 2:5, 2:6] = 1
    source = made_up(array, role="labels", labels={1: Label(1, "heart")})
    target = StudyForm(patient_name="Doe^Jane", patient_id="7").target()
    path = write(offer_of(source, "BINARY"), target, tmp_path)
    assert errors_of(program, path) == []
    written = read_back(path)
    assert np.array_equal(written.array, array[1:4])
    first = oblique() @ (1, 0, 0, 1)
    assert written.geometry.affine[:3, 3] == pytest.approx(first[:3], abs=1e-4)
    seg = pydicom.dcmread(path)
    assert "ReferencedSeriesSequence" not in seg
    assert str(seg.PatientName) == "Doe^Jane"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"array": np.zeros((2, 3, 4), np.uint8)}, "nothing is labelled"),
        ({"array": np.zeros((2, 3, 4)) + 0.5}, "no whole numbers"),
        ({"geometry": None}, "needs a place"),
    ],
)
def test_what_cannot_be_written_is_told_before(changes, words):
    array = changes.pop("array", np.ones((2, 3, 4), np.uint8))
    source = made_up(array, role="labels", **changes)
    assert all(words in offer.refusal for offer in examine_for_export(source))
    with pytest.raises(ExportError) as refused:
        examine_for_export(source)[0].check()
    assert refused.value.reason == "cannot-be-written"


def test_images_of_other_values_are_none(ct):
    _, volume, _ = ct
    kinds = {o.kind for o in examine_for_export(ExportSource.of_volume(volume))}
    assert "segmentation" not in kinds


@pytest.mark.parametrize(
    "options", [{"label": "lower case"}, {"description": "x" * 70}, {"segments": {1: {"oops": 1}}}]
)
def test_values_that_do_not_fit_are_refused(ct, tmp_path, options):
    _, volume, target = ct
    with pytest.raises(ExportError) as refused:
        write(offer_of(labels_on(volume), "BINARY", **options), target, tmp_path)
    assert refused.value.reason == "bad-value"


def test_labels_of_any_number_are_written_one_by_one(ct, tmp_path):
    _, volume, target = ct
    array = np.zeros(volume.shape, np.int64)
    array[0, :9], array[1, :9], array[2, :9] = -3, 70000, 5
    source = labels_on(volume).with_array(array, volume.geometry)
    binary, label_map = sorted(examine_for_export(source), key=lambda o: o.options["type"])
    assert "beyond 1 to 65535" in label_map.refusal
    assert any("numbered from 1" in loss for loss in binary.losses)
    written = read_back(
        write(binary, target, tmp_path), Path(volume.meta["source_paths"][0]).parent
    )
    expected = np.select([array == -3, array == 5, array == 70000], [1, 2, 3])
    assert np.array_equal(written.array[written.array > 0], expected[expected > 0])


def test_names_that_no_segment_can_have_are_cut_and_that_is_said(ct, tmp_path):
    _, volume, target = ct
    names = {1: Label(1, "x" * 70), 7: Label(7, "a\\b\nc\ud800 🧠 肝")}
    source = labels_on(volume)
    source = ExportSource("Drawn", source.array, DIMS, "labels", volume.geometry, labels=names)
    offer = offer_of(source, "BINARY")
    assert any("2 names" in loss for loss in offer.losses)
    seg = pydicom.dcmread(write(offer, target, tmp_path))
    assert [s.SegmentLabel for s in seg.SegmentSequence] == ["x" * 64, "a/b c? 🧠 肝"]


def test_probabilities_a_little_beyond_are_cut_and_that_is_said(ct, tmp_path):
    _, volume, target = ct
    array = np.zeros(volume.shape, np.float32)
    array[1, :4], array[1, 4:8], array[0, 0, 0] = 1.01, 0.5, np.nan
    source = ExportSource("P", array, DIMS, "image", volume.geometry)
    offer = offer_of(source, "FRACTIONAL")
    assert any("values from 0 to 1.01" in loss for loss in offer.losses)
    assert any("no number" in loss for loss in offer.losses)
    assert any("1/510" in loss for loss in offer.losses)
    written = read_back(write(offer, target, tmp_path))
    assert written.numpy().max() == 1
    assert np.abs(written.numpy()[..., 4:8, :] - 0.5).max() < 1 / 509
    for other in (array * 100, array - 1, np.where(array > 1, np.inf, array)):
        values = ExportSource("P", np.asarray(other), DIMS, "image", volume.geometry)
        assert "segmentation" not in {o.kind for o in examine_for_export(values)}


def test_several_fractions_on_any_axis_but_time(ct, tmp_path):
    _, volume, target = ct
    array = np.zeros((2, *volume.shape), np.float32)
    array[0, 1, 5:9, 5:9], array[1, 1, 7:12, 7:12] = 0.25, 0.75
    of_classes = ExportSource("P", array, ("class", *DIMS), "image", volume.geometry)
    seg = pydicom.dcmread(write(offer_of(of_classes, "FRACTIONAL"), target, tmp_path))
    assert (len(seg.SegmentSequence), seg.SegmentsOverlap) == (2, "YES")
    in_time = ExportSource("P", array, ("time", *DIMS), "image", volume.geometry)
    assert "segmentation" not in {o.kind for o in examine_for_export(in_time)}


def test_a_study_that_was_deleted_meanwhile(reference_data, tmp_path):
    with Database.in_memory() as database:
        database.import_paths([reference_data / "seg" / "ct-3slice"], workers=0)
        series = database.series()[0]
        volume = database.load(series.uid)
        offer = offer_of(labels_on(volume), "BINARY")
        target = StudyTarget.of_study(database, series.study_uid, volume.meta["instance_uids"])
        database.remove(series=series.uid)
        with pytest.raises(NotFoundError) as gone:
            database.write(offer, series.study_uid, folder=tmp_path / "out")
        assert gone.value.reason == "study-gone"
        with pytest.raises(NotFoundError):
            write_results(database, [offer], target, into_database=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("kind", "compression"),
    [
        ("BINARY", "deflated"),
        ("LABELMAP", "deflated"),
        ("LABELMAP", "rle"),
        ("FRACTIONAL", "rle"),
        ("FRACTIONAL", "deflated"),
    ],
)
def test_compressed_segmentations_are_read_again(kind, compression, tmp_path):
    array = np.zeros((3, 20, 31), np.float32 if kind == "FRACTIONAL" else np.uint16)
    array[1:, 3:9, 4:30] = 1 if kind == "BINARY" else 0.2 if kind == "FRACTIONAL" else 300
    role = "image" if kind == "FRACTIONAL" else "labels"
    target = StudyForm(patient_id="7").target()
    offer = offer_of(made_up(array, role=role), kind, compression=compression)
    path = write(offer, target, tmp_path)
    header = pydicom.dcmread(path)
    syntax = header.file_meta.TransferSyntaxUID
    assert (syntax.is_deflated, syntax.is_encapsulated) == (
        compression == "deflated",
        compression == "rle",
    )
    plain = pydicom.dcmread(write(offer.with_options(compression="none"), target, tmp_path))
    assert np.array_equal(header.pixel_array, plain.pixel_array)
    found = read_back(path)
    assert np.count_nonzero(found.array) == np.count_nonzero(array)
    assert float(np.max(found.array)) == pytest.approx(float(array.max()), abs=1 / 510)
    with pytest.raises(ExportError, match="Compression"):
        offer_of(made_up(array, role=role), kind, compression="jpeg-ls").check()


def test_bits_have_no_rle(tmp_path):
    array = np.ones((1, 4, 5), np.uint8)
    with pytest.raises(ExportError, match="use one of none, deflated"):
        offer_of(made_up(array, role="labels"), "BINARY", compression="rle").check()


@pytest.mark.parametrize("number", [np.nan, np.inf, 0.0])
def test_a_place_that_is_none_is_refused_before(number):
    affine = oblique()
    affine[:3, 1] = number
    array = np.ones((1, 4, 5), np.uint8)
    shares = array.astype(np.float32) / 2
    for source in (made_up(array, affine, role="labels"), made_up(shares, affine)):
        offers = [o for o in examine_for_export(source) if o.kind == "segmentation"]
        assert offers
        assert all("singular" in one.refusal for one in offers)
