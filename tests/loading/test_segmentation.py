"""Segmentations of all types, against the label maps they were made from and highdicom."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import highdicom
import nrrd
import numpy as np
import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb import examine as examine_paths
from napari_dicomdb.dicom.findings import FindingCode
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading import examine

BLOCK = np.s_[1:3, 1:4, 1:3]


def answer(path: Path) -> np.ndarray:
    """Labels of an NRRD as (slice, row, column)."""
    return nrrd.read(str(path))[0].T


def test_overlapping_segments_make_as_few_arrays_as_slicer(reference_data):
    folder = reference_data / "seg"
    (best, *others) = examine_paths(folder / "partial_overlaps.dcm")
    assert (best.kind, best.selected, others) == ("segmentation", True, [])
    volume = best.load()
    numbers = [[s.number for s in group] for group in volume.meta["segments"]]
    assert numbers == [[1, 4, 5], [2], [3]]
    assert volume.dims == ("group", "slice", "row", "column")
    for k in range(3):
        expected = answer(folder / f"partial_overlaps-{k + 1}.nrrd")
        assert np.array_equal(volume.array[k], expected)
    assert volume.coords["group"].values == ("GREEN, LIGHT_BLUE, DARK_BLUE", "ORANGE", "PURPLE")


@pytest.mark.parametrize(
    ("file", "expected"),
    [("liver.dcm", "liver_seg.nrrd"),
     ("sparse-labelmap-noppv.dcm", "sparse_labelmap_noppv_seg.nrrd"),
     ("23x38x3/seg/label.seg", "23x38x3/nrrd/label.nrrd"),
     ("24x38x3/seg/label.seg", "24x38x3/nrrd/label.nrrd")],
)  # fmt: skip
def test_labels_are_those_it_was_made_from(reference_data, records, file, expected):
    (best,) = examine(records([reference_data / "seg" / file]))
    volume = best.load()
    told = json.loads((reference_data / "seg" / "expected_labels.json").read_text())
    labels = answer(reference_data / "seg" / expected)
    assert np.array_equal(volume.array, labels)
    assert best.shape == volume.shape == labels.shape
    facts = told.get(f"pub_seg/{expected}")
    if facts:
        assert volume.geometry.affine[:3, 3] == pytest.approx(facts["origin_lps"], abs=1e-3)
        assert volume.geometry.spacing[::-1] == pytest.approx(facts["spacing"], abs=1e-4)


def test_zero_may_be_a_segment_and_padding_the_background(reference_data, records):
    folder = reference_data / "seg"
    (best,) = examine(records([folder / "sparse-labelmap-ppv5.dcm"]))
    volume = best.load()
    expected = answer(folder / "sparse_labelmap_ppv5_seg.nrrd")
    # The answer keeps the stored numbers: 5 is the background, and 0 a described segment.
    mapped = np.select([expected == 5, expected == 0, expected == 1], [0, 2, 1])
    assert np.array_equal(volume.array, mapped)
    ((first, second),) = volume.meta["segments"]
    assert (first.number, first.value, first.label) == (0, 2, "Background")
    assert (second.number, second.value) == (1, 1)
    assert volume.meta["segment_voxels"] == {0: 1194, 1: 630}


def test_labels_are_on_the_grid_of_their_image_where_it_is_there(series, segmentation, tmp_path):
    sources = series.axial([0, 3, 6, 9, 12])
    pixels = np.zeros((5, 6, 5), np.uint8)
    pixels[BLOCK] = 1
    path = segmentation(sources, pixels, "BINARY")
    with Database.open(tmp_path / "db") as database:
        database.import_paths([path])
        alone = database.load(str(pydicom.dcmread(path).SeriesInstanceUID))
        assert np.array_equal(alone.array, pixels[1:3])
        database.import_paths(sources)
        volume = database.load(str(pydicom.dcmread(path).SeriesInstanceUID))
        image = database.load(series.series)
    assert np.array_equal(volume.array, pixels)
    assert volume.geometry.affine == pytest.approx(image.geometry.affine)
    assert volume.meta["references"] == image.meta["instance_uids"]
    assert volume.meta["reference_series_uid"] == series.series
    # Without a database the paths themselves are the index.
    (found,) = [one for one in examine_paths(path, *sources) if one.kind == "segmentation"]
    assert np.array_equal(found.load().array, pixels)
    assert found.referenced_uids == (series.series,)


@pytest.mark.parametrize("known", [True, False])
def test_the_image_is_found_though_no_series_is_named(series, another_series, segmentation, known):
    sources, other = series.axial([0, 3, 6, 9, 12]), another_series()
    pixels = np.zeros((5, 6, 5), np.uint8)
    pixels[BLOCK] = 1
    path = segmentation(sources, pixels, "BINARY")
    header = pydicom.dcmread(path)
    del header.ReferencedSeriesSequence
    if not known:
        for group in header.PerFrameFunctionalGroupsSequence:
            group.pop("DerivationImageSequence", None)
    header.save_as(path)
    frame = str(header.FrameOfReferenceUID)
    # Another image of the same frame of reference and another grid comes first.
    beside = [other.slice((0.5, 0, z), FrameOfReferenceUID=frame) for z in (0, 3, 6)]
    found = examine_paths(path, *beside, *sources)
    (best,) = [one for one in found if one.kind == "segmentation" and one.selected]
    volume = best.load()
    assert best.referenced_uids == (frame,)
    assert np.array_equal(volume.array, pixels)
    assert volume.meta["reference_series_uid"] == series.series


def test_an_image_of_another_grid_leaves_the_labels_where_they_are(series, segmentation, records):
    sources = series.axial([0, 3, 6])
    pixels = np.ones((3, 6, 5), np.uint8)
    path = segmentation(sources, pixels, "BINARY")
    moved = [pydicom.dcmread(p) for p in sources]
    for k, one in enumerate(moved):
        one.ImagePositionPatient[0] = -9.8
        one.save_as(sources[k])
    found, other = [one for one in examine_paths(path, *sources) if one.kind == "segmentation"]
    volume = found.load()
    assert volume.meta["reference_series_uid"] == ""
    assert volume.geometry.affine[:3, 3] == pytest.approx([-10, -20, 0])
    assert np.array_equal(volume.array, pixels)
    # They can be taken on its voxels, though.
    assert (found.selected, other.selected) == (True, False)
    assert other.name.endswith("on the voxels of 4: Thorax")
    taken = other.load()
    assert taken.shape == other.shape == (3, 6, 5)
    assert taken.geometry.affine[:3, 3] == pytest.approx([-9.8, -20, 0])
    assert np.array_equal(taken.array, pixels)
    assert taken.meta["reference_series_uid"] == series.series
    assert FindingCode.RESAMPLED in {f.code for f in taken.findings}


def test_labels_of_uneven_slices_lie_on_the_image_where_they_belong(series, segmentation):
    """The image is shown on an even grid, and so are they when asked for."""
    sources = series.axial([0, 3, 7.7, 10, 13])
    pixels = np.zeros((5, 6, 5), np.uint8)
    pixels[2, 2:4, 1:3] = 1
    found = examine_paths(segmentation(sources, pixels, "BINARY"), *sources)
    (image,) = [one for one in found if one.kind == "scalar-volume" and one.selected]
    (taken,) = [one for one in found if one.kind == "segmentation" and not one.selected]
    volume, below = taken.load(), image.load()
    assert volume.shape == below.shape
    assert np.allclose(volume.geometry.affine, below.geometry.affine)
    heights = below.geometry.affine[2, 3] + (
        below.geometry.affine[2, 0] * np.flatnonzero(volume.array.any(axis=(1, 2)))
    )
    # Its slice reaches half-way to the neighbours.
    assert np.abs(heights - 7.7).max() <= 2.35
    assert np.abs(heights - 7.7).min() < 1.5
    count = int(volume.array.any(axis=(1, 2)).sum())
    assert volume.meta["segment_voxels"] == {1: 4 * count}


def test_an_image_of_another_frame_of_reference_is_offered_with_a_warning(
    series, another_series, segmentation
):
    sources = series.axial([0, 3, 6])
    path = segmentation(sources, np.ones((3, 6, 5), np.uint8), "BINARY")
    image = another_series()
    image.series = series.series
    moved = image.axial([0, 3, 6])
    found = examine_paths(path, *moved)
    (taken,) = [one for one in found if one.kind == "segmentation" and not one.selected]
    codes = {f.code for f in taken.load().findings}
    assert FindingCode.OTHER_FRAME_OF_REFERENCE in codes


def test_fractions_are_one_plane_a_segment(series, segmentation, records):
    sources = series.axial([0, 3, 6, 9])
    pixels = np.zeros((4, 6, 5, 2), np.float32)
    pixels[1:3, 2, 2, 0] = 0.25
    pixels[0, 3, 3, 1] = 1.0
    path = segmentation(sources, pixels, "FRACTIONAL", max_fractional_value=200)
    best, other = examine(records([path]))
    assert (best.kind, best.shape) == ("fractional-segmentation", (2, 3, 6, 5))
    volume = best.load()
    assert volume.dims == ("segment", "slice", "row", "column")
    assert volume.numpy() == pytest.approx(np.moveaxis(pixels, 3, 0)[:, :3], abs=1 / 400)
    assert volume.meta["quantity"] == "Probability"
    assert (other.kind, other.selected) == ("segmentation", False)
    labels = other.load().numpy()
    assert np.array_equal(labels, np.where(pixels[:3, ..., 1] >= 0.5, 2, 0))


@pytest.mark.parametrize("bits", [8, 16])
def test_label_maps_of_both_widths(series, segmentation, records, bits):
    sources = series.axial([0, 3])
    high = 7 if bits == 8 else 700
    pixels = np.zeros((2, 6, 5), np.uint16)
    pixels[0, 1], pixels[1, 2] = 3, high
    path = segmentation(sources, pixels, "LABELMAP", numbers=[3, high])
    assert pydicom.dcmread(path).BitsAllocated == bits
    (best,) = examine(records([path]))
    volume = best.load()
    assert np.array_equal(volume.array, pixels)
    assert volume.dtype == f"u{bits // 8}"


def test_segments_of_label_maps_are_counted_by_their_header(
    series, segmentation, records, tmp_path
):
    # An index keeps no SegmentSequence: nothing was counted.
    pixels = np.zeros((1, 6, 5), np.uint8)
    pixels[0, 1], pixels[0, 2] = 1, 2
    path = segmentation(series.axial([0]), pixels, "LABELMAP", numbers=[1, 2])
    listed = pydicom.dcmread(path).SegmentSequence
    assert [one.SegmentNumber for one in listed] == [0, 1, 2]  # the first is the background
    known = records([path])
    assert examine(known)[0].parts == "2 segments"
    with Database.open(tmp_path / "db") as database:
        database.import_paths([path], workers=0)
        (found,) = database.series()
        database.examine(found)
        path.unlink()  # it is kept, and not read again
        (way,) = database.loadables(found)
        assert way.parts == "2 segments"
    (gone,) = examine([replace(known[0], path=tmp_path / "gone.dcm")])
    assert gone.parts == ""


@pytest.mark.parametrize("high", [3, 700])
def test_label_maps_with_a_palette_are_labels_in_its_colours(series, segmentation, records, high):
    table = np.random.default_rng(3).integers(0, 256, (high + 1, 3)).astype(np.uint16) * 257
    colours = highdicom.PaletteColorLUTTransformation.from_combined_lut(table)
    pixels = np.zeros((2, 6, 5), np.uint16)
    pixels[0, 1], pixels[1, 2] = 1, high
    path = segmentation(series.axial([0, 3]), pixels, "LABELMAP", numbers=[1, high],
                        palette_color_lut_transformation=colours)  # fmt: skip
    assert pydicom.dcmread(path).PhotometricInterpretation == "PALETTE COLOR"
    (best,) = examine(records([path]))
    volume = best.load()
    assert (volume.dims, volume.is_rgb) == (("slice", "row", "column"), False)
    assert np.array_equal(volume.numpy(), pixels)
    found = {one.value: one.colour for one in volume.meta["segments"][0]}
    assert found == {k: tuple(table[k] // 257) for k in (1, high)}


def test_what_no_segment_describes_is_shown_all_the_same(series, segmentation, records):
    sources = series.axial([0])

    def forget(seg):
        seg.SegmentSequence = [one for one in seg.SegmentSequence if one.SegmentNumber != 2]

    pixels = np.zeros((1, 6, 5), np.uint8)
    pixels[0, 1], pixels[0, 2] = 1, 2
    for kind in ("BINARY", "LABELMAP"):
        path = segmentation(sources, pixels, kind, changes=forget)
        (best,) = examine(records([path]))
        volume = best.load()
        assert np.array_equal(volume.array, pixels)
        assert [s.label for s in volume.meta["segments"][0]] == ["Segment 1", "Segment 2"]


def test_deflated_and_rle_segments(series, segmentation, records, tmp_path):
    sources = series.axial([0, 3, 6])
    pixels = np.zeros((3, 6, 5), np.uint8)
    pixels[BLOCK] = 1
    path = segmentation(sources, pixels, "BINARY")
    ds = pydicom.dcmread(path)
    ds.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    ds.save_as(tmp_path / "deflated.dcm")
    (best,) = examine(records([tmp_path / "deflated.dcm"]))
    assert np.array_equal(best.load().array, pixels[1:3])
    path = segmentation(sources, pixels, "LABELMAP",
                        transfer_syntax_uid=pydicom.uid.RLELossless)  # fmt: skip
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == pydicom.uid.RLELossless
    (best,) = examine(records([path]))
    assert np.array_equal(best.load().array, pixels[1:3])


def test_same_as_highdicom(series, segmentation, records):
    sources = series.axial(range(0, 24, 3))
    pixels = np.random.default_rng(5).integers(0, 5, (8, 6, 5)).astype(np.uint8)
    path = segmentation(sources, pixels, "BINARY")
    (best,) = examine(records([path]))
    judge = highdicom.seg.segread(path).get_volume(combine_segments=True)
    found = best.load()
    assert np.array_equal(found.array, pixels)
    assert np.array_equal(np.sort(found.array, axis=None), np.sort(judge.array, axis=None))


def test_uneven_frames_load_and_say_so(series, segmentation, records):
    sources = series.axial([0, 3, 7.7])
    pixels = np.ones((3, 6, 5), np.uint8)
    path = segmentation(sources, pixels, "BINARY")
    (best,) = examine(records([path]))
    assert FindingCode.UNEVEN_SPACING in {f.code for f in best.findings}
    volume = best.load()
    assert volume.array.shape == (3, 6, 5)
    assert not volume.geometry.is_regular


def test_a_file_that_is_gone_is_refused(series, segmentation, records):
    path = segmentation(series.axial([0]), np.ones((1, 6, 5), np.uint8), "BINARY")
    (best,) = examine(records([path]))
    path.unlink()
    with pytest.raises(LoadError) as refused:
        best.load()
    assert refused.value.reason == "file-missing"


def test_frames_that_break_off_are_told(series, segmentation, records):
    path = segmentation(series.axial([0, 3]), np.ones((2, 6, 5), np.uint8), "BINARY")
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    (best,) = examine(records([path]))
    assert FindingCode.TRUNCATED_PIXELS in {f.code for f in best.findings}
    volume = best.load()
    assert int(volume.array.sum()) == 24  # three of eight bytes are there
    assert FindingCode.TRUNCATED_PIXELS in {f.code for f in volume.findings}


@pytest.mark.parametrize("way", ["rle", "deflate"])
def test_compressed_binary_frames_begin_at_whole_bytes(
    series, segmentation, records, tmp_path, way
):
    pixels = np.random.default_rng(1).integers(0, 2, (3, 6, 5)).astype(np.uint8)
    path = segmentation(series.axial([0, 3, 6]), pixels, "BINARY", omit_empty_frames=False)
    ds = pydicom.dcmread(path)
    bits = np.unpackbits(np.frombuffer(ds.PixelData, np.uint8), bitorder="little")
    frames = []
    for k in range(3):
        octets = np.packbits(bits[30 * k : 30 * k + 30], bitorder="little").tobytes()
        if way == "rle":
            runs = bytes([len(octets) - 1]) + octets
            frame = struct.pack("<16I", 1, 64, *[0] * 14) + runs
        else:
            packer = zlib.compressobj(wbits=-15)
            frame = packer.compress(octets) + packer.flush()
        frames.append(frame + b"\0" * (len(frame) % 2))
    # pydicom 3.0 does not know Deflated Image Frame Compression: its UID is put in afterwards.
    uid = "1.2.840.10008.1.2.5" if way == "rle" else "1.2.840.10008.1.2.4.80"
    ds.file_meta.TransferSyntaxUID = pydicom.uid.UID(uid)
    ds.PixelData = pydicom.encaps.encapsulate(frames)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    with open(tmp_path / "packed.dcm", "wb") as file:
        pydicom.dcmwrite(file, ds, implicit_vr=False, little_endian=True)
    content = (tmp_path / "packed.dcm").read_bytes()
    content = content.replace(b"1.2.840.10008.1.2.4.80", b"1.2.840.10008.1.2.8.1\0")
    (tmp_path / "packed.dcm").write_bytes(content)
    (best,) = examine(records([tmp_path / "packed.dcm"]))
    assert np.array_equal(best.load().array, pixels)
