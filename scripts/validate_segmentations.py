"""The acceptance points of segmentations (SEG-1 to SEG-16), measured on ``data/seg``."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import highdicom
import nrrd
import numpy as np
import pydicom
from peer_comparison import Placed, compare
from peer_readings import error_lines, program, run, without_folders

from napari_dicomdb import Database
from napari_dicomdb import examine as examine_paths
from napari_dicomdb.dicom.display_colours import cielab_to_rgb, rgb_to_cielab
from napari_dicomdb.errors import DicomDbError, ExportError
from napari_dicomdb.export import terminology
from napari_dicomdb.export.registry import examine_for_export
from napari_dicomdb.export.results import write_results
from napari_dicomdb.export.source import ExportSource, Label
from napari_dicomdb.export.study import StudyForm, StudyTarget
from napari_dicomdb.loading.volume import VolumeGeometry

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dicomdb import Volume

DIMS = ("slice", "row", "column")
COLOURS = {
    (221, 130, 101): (41661, 41167, 40792),
    (255, 0, 0): (34886, 53484, 50172),
    (128, 174, 128): (43803, 26565, 37722),
}
FEATURES = [
    "number",
    "name",
    "description",
    "algorithm_type",
    "algorithm_name",
    "category",
    "category_code",
    "type",
    "type_code",
    "type_modifier",
    "region",
    "region_modifier",
    "tracking_id",
    "tracking_uid",
    "colour",
    "voxels",
    "volume_ml",
]


@dataclass
class Point:
    """One acceptance point: what was measured, and whether it is met."""

    number: str
    what: str
    met: bool
    text: str
    but: bool = False

    @property
    def failed(self) -> bool:
        """Whether it is not met."""
        return not self.met


class Bench:
    """The CT of data/seg, a place for files, and short ways to write and read."""

    def __init__(self, root: Path, folder: Path, database: Database) -> None:
        self.root, self.data, self.folder = root, root / "seg", folder
        database.import_paths([self.data / "ct-3slice"], workers=0)
        (series,) = database.series()
        self.images = sorted((self.data / "ct-3slice").iterdir())
        self.volume = database.load(series, lazy=False)
        self.target = StudyTarget.of_study(
            database, series.study_uid, self.volume.meta["instance_uids"]
        )

    def labels(self, array: np.ndarray, geometry: VolumeGeometry | None = None) -> ExportSource:
        """Make labels on the CT, or elsewhere."""
        names = {v: Label(v, f"Label {v}") for v in map(int, np.unique(array)) if v}
        return ExportSource(
            "Labels", array, DIMS, "labels", geometry or self.volume.geometry, labels=names,
            references=tuple(self.volume.meta["instance_uids"]),
        )  # fmt: skip

    def offer(self, source: ExportSource, kind: str) -> Any:
        """Return the offer of one type."""
        for one in examine_for_export(source):
            if one.options.get("type") == kind:
                return one
        raise ExportError(f"{kind} is not offered", reason="not-offered")

    def write(self, source: ExportSource, kind: str, **options: Any) -> Path:
        """Write one type to the study of the CT."""
        one = self.offer(source, kind).with_options(**options)
        (path,) = write_results(None, [one], self.target, folder=self.folder).files
        return Path(path)

    def read(self, *paths: Path) -> Volume:
        """Open the first file, beside others, as we offer it first."""
        return self.offers(*paths)[0].load(lazy=False)

    def offers(self, *paths: Path) -> list[Any]:
        """Return the ways to open the first file, beside others."""
        return [
            o
            for o in examine_paths(*paths)
            if "segment" in o.kind or str(o.instances[0].path) == str(paths[0])
        ]

    def answer(self, name: str) -> np.ndarray:
        """Return the labels of an NRRD of data/seg."""
        return nrrd.read(str(self.data / name))[0].T


def _blocks(shape: tuple[int, ...]) -> np.ndarray:
    array = np.zeros(shape, np.uint8)
    array[0:2, 100:200, 100:220] = 1
    array[1:, 300:350, 200:220] = 7
    return array


def seg_1(b: Bench) -> tuple[bool, str]:
    pairs = {
        "liver.dcm": "liver_seg.nrrd",
        "23x38x3/seg/label.seg": "23x38x3/nrrd/label.nrrd",
        "24x38x3/seg/label.seg": "24x38x3/nrrd/label.nrrd",
        "sparse-labelmap-noppv.dcm": "sparse_labelmap_noppv_seg.nrrd",
    }
    same = [np.array_equal(b.read(b.data / k).numpy(), b.answer(v)) for k, v in pairs.items()]
    deflated, rle = b.folder / "deflated.dcm", b.folder / "rle.dcm"
    run(program("dcmconv"), "+td", b.data / "liver.dcm", deflated)
    same.append(np.array_equal(b.read(deflated).numpy(), b.answer("liver_seg.nrrd")))
    run(program("dcmcrle"), b.data / "sparse-labelmap-noppv.dcm", rle)
    same.append(np.array_equal(b.read(rle).numpy(), b.answer("sparse_labelmap_noppv_seg.nrrd")))
    shares = np.zeros(b.volume.shape, np.float32)
    shares[1, 5:50, 9:70] = np.linspace(0, 1, 61)
    path = b.write(replace(b.labels(shares), role="image", labels={}), "FRACTIONAL")
    read = b.read(path, *b.images).numpy().reshape(shares.shape)
    same.append(bool(np.abs(read - shares).max() <= 1 / 510 + 1e-7))
    return all(same), (
        f"{sum(same)} of {len(same)} equal to their NRRDs: binary, of 23 columns (not whole "
        "bytes), label map, binary deflated, label map in RLE (both by DCMTK), fractional"
    )


def seg_2(b: Bench) -> tuple[bool, str]:
    shares = np.zeros((2, *b.volume.shape), np.float32)
    shares[0, 1, 5:50, 9:70], shares[1, 0, 7:90, 9:70] = 0.75, 0.25
    source = replace(
        b.labels(shares[0]), array=shares, dims=("segment", *DIMS), role="image", labels={}
    )
    offers = b.offers(b.write(source, "FRACTIONAL"), *b.images)
    kinds = [o.kind for o in offers]
    volume = offers[0].load(lazy=False)
    (labels,) = [o for o in offers if not o.selected and "fraction" not in o.kind][:1]
    painted = labels.load(lazy=False).numpy()
    met = volume.shape[0] == 2 and volume.dtype.kind == "f" and set(np.unique(painted)) == {0, 1}
    return met, (
        f"fractional: offers {', '.join(kinds)}; {volume.dims[0]} times 2 of {volume.dtype}, and "
        f"labels from 0.5: values {np.unique(painted).tolist()}"
    )


def seg_3(b: Bench) -> tuple[bool, str]:
    volume = b.read(b.data / "partial_overlaps.dcm")
    groups = [[s.number for s in group] for group in volume.meta["segments"]]
    same = [
        np.array_equal(volume.numpy()[k], b.answer(f"partial_overlaps-{k + 1}.nrrd"))
        for k in range(len(groups))
    ]
    return groups == [[1, 4, 5], [2], [3]] and all(same), (
        f"partial_overlaps.dcm: groups {groups}, {sum(same)} of 3 equal to their NRRDs"
    )


def seg_4(b: Bench) -> tuple[bool, str]:
    array = np.zeros(b.volume.shape, np.uint8)
    array[2, 9:40, 9:40] = 1
    path = b.write(b.labels(array), "BINARY")
    alone, on_image = b.read(path), b.read(path, *b.images)
    met = alone.shape[-3] == 1 and np.array_equal(on_image.numpy(), array)
    return met, (
        f"one frame: alone {'×'.join(map(str, alone.shape))}, on the grid of its image "
        f"{'×'.join(map(str, on_image.shape))}, {'every voxel' if met else 'NOT all'} in its place"
    )


def seg_5(b: Bench) -> tuple[bool, str]:
    path = b.write(b.labels(_blocks(b.volume.shape)), "BINARY")
    ours = b.read(path, *b.images).geometry.affine
    judge = highdicom.seg.segread(path).get_volume(combine_segments=True).affine
    off = float(np.abs(ours - b.volume.geometry.affine).max())
    other = bool(ours[:3, 0] @ judge[:3, 0] < 0)
    return off < 1e-4, (
        f"affine of the labels and of the image differ by {off:.0e} mm (highdicom's slices run "
        f"{'the other' if other else 'the same'} way)"
    )


def seg_6(b: Bench) -> tuple[bool, str]:
    expected = b.answer("sparse_labelmap_ppv5_seg.nrrd")
    volume = b.read(b.data / "sparse-labelmap-ppv5.dcm")
    mapped = np.select([expected == 5, expected == 0, expected == 1], [0, 2, 1])
    plain = b.read(b.data / "sparse-labelmap-noppv.dcm").numpy()
    met = np.array_equal(volume.numpy(), mapped) and np.array_equal(
        plain, b.answer("sparse_labelmap_noppv_seg.nrrd")
    )
    numbers = {s.number: s.value for group in volume.meta["segments"] for s in group}
    return met, (
        f"padding 5 is the background, segment 0 keeps its number: value by number {numbers}; "
        f"without padding as its NRRD: voxels {'equal' if met else 'DIFFER'}"
    )


def seg_7(b: Bench) -> tuple[bool, str]:
    coarse = np.zeros((3, 256, 256), np.uint8)
    coarse[:, 50:100, 50:110] = 1
    affine = b.volume.geometry.affine.copy()
    affine[:3, 1:3] *= 2
    affine[:3, 3] += (affine[:3, 1] + affine[:3, 2]) / 4
    frame = b.volume.geometry.frame_of_reference_uid
    geometry = VolumeGeometry(affine, coarse.shape, frame)
    path = b.write(b.labels(coarse, geometry), "BINARY", grid="own")
    offers = b.offers(path, *b.images)
    first = offers[0].load(lazy=False)
    own = np.abs(first.geometry.affine[:3, 1:3] - affine[:3, 1:3]).max() < 1e-4
    again = [o.load(lazy=False) for o in offers[1:]]
    on_image = [v for v in again if v.shape[-3:] == b.volume.shape]
    wanted = np.zeros(b.volume.shape, np.uint8)
    wanted[:, 100:200, 100:220] = 1
    same = bool(on_image) and np.array_equal(on_image[0].numpy(), wanted)
    return bool(own and same), (
        f"labels of twice the spacing are shown at their own place; offered on the image, too: "
        f"{'every voxel as expected' if same else 'not as expected'}"
    )


def seg_8(b: Bench) -> tuple[bool, str]:
    told, met = [], True
    with Database.in_memory() as database:
        database.import_paths([b.root / "wsi"], workers=0)
        series = database.series()[0]
        offer = next(o for o in database.examine(series) if o.kind == "whole-slide")
        slide = offer.load(lazy=True)
        array = np.zeros((1, *slide.geometry.shape[1:]), np.uint8)
        array[0, 100:900, 50:700], array[0, 1000:1100, 1000:2000] = 1, 2
        source = ExportSource.of_volume(slide)
        target = StudyTarget.of_study(database, series.study_uid, source.references)
        labels = replace(source, array=array, dims=DIMS, role="labels", is_rgb=False,
                         labels={1: Label(1, "a"), 2: Label(2, "b")}, coords={})  # fmt: skip
        for kind in ("BINARY", "LABELMAP"):
            for tiling in ("full", "sparse"):
                one = b.offer(labels, kind).with_options(tiling=tiling)
                files = write_results(None, [one], target, folder=b.folder).files
                judge = highdicom.seg.segread(files[0])
                theirs = judge.get_total_pixel_matrix(combine_segments=True)
                ours = b.read(Path(files[0])).numpy().reshape(array.shape)
                same = np.array_equal(theirs, array[0]) and np.array_equal(ours, array)
                met &= same
                told.append(f"{kind} {tiling} {judge.NumberOfFrames} tiles")
    return met, f"on a slide of {array.shape[1]}×{array.shape[2]}: {', '.join(told)}; " \
        f"read {'equal' if met else 'DIFFERENTLY'} by us and highdicom"  # fmt: skip


def seg_9(b: Bench) -> tuple[bool, str]:
    met = all(
        tuple(rgb_to_cielab(rgb)) == lab and tuple(cielab_to_rgb(lab)) == rgb
        for rgb, lab in COLOURS.items()
    )
    return met, (
        f"{len(COLOURS)} colours there and back, {'to the last digit' if met else 'NOT exactly'}"
    )


def seg_10(b: Bench) -> tuple[bool, str]:
    from napari_dicomdb.viewer.layers import volume_to_layers

    ((_, attributes, kind), *_) = volume_to_layers(b.read(b.data / "liver.dcm"))
    names = set(attributes["features"])
    missing = [name for name in FEATURES if name not in names]
    return not missing and kind == "labels", (
        f"columns of the layer's features: {', '.join(sorted(names))}"
        + (f"; missing: {', '.join(missing)}" if missing else "")
    )


def seg_11(b: Bench) -> tuple[bool, str]:
    shape, rng = (200, 512, 512), np.random.default_rng(1)
    array = np.zeros(shape, np.uint8)
    for value in range(1, 101):
        k, r, c = rng.integers(0, (176, 440, 440))
        array[k : k + 24, r : r + 60, c : c + 60] = value
    geometry = VolumeGeometry(np.diag([1.0, 0.7, 0.7, 1.0]), shape)
    source = replace(b.labels(array, geometry), references=())
    target = StudyForm(patient_name="Doe^Jane", patient_id="4711").target()
    told, met, same = [], True, True
    for kind, most in (("BINARY", 4.0), ("LABELMAP", 1.0)):
        (file,) = write_results(None, [b.offer(source, kind)], target, folder=b.folder).files
        path = Path(file)
        started = time.perf_counter()
        read = b.read(path)
        took = time.perf_counter() - started
        present = [int(v) for v in np.unique(array) if v]
        wanted = array
        if kind == "BINARY":
            wanted = np.searchsorted([0, *present], array).astype(np.uint8)
        outcome = compare(
            [wanted], geometry.affine, [Placed(read.numpy(), read.geometry.affine)], fill=0
        )
        same &= outcome.good
        frames = pydicom.dcmread(path, stop_before_pixels=True).NumberOfFrames
        met &= took <= most
        told.append(f"{kind}, {frames} frames: {took:.1f} s ({most:.0f} allowed)")
    return met and same, (
        f"200×512×512, {len(present)} segments: {'; '.join(told)}; voxels "
        f"{'equal' if same else 'DIFFER'}"
    )


def seg_12(b: Bench) -> tuple[bool, str]:
    few = b.labels(_blocks(b.volume.shape))
    many = b.labels((np.arange(np.prod(b.volume.shape)) % 23).reshape(b.volume.shape))
    large = b.labels(_blocks(b.volume.shape).astype(np.uint16) * 100)
    best = [examine_for_export(one)[0].options["type"] for one in (few, many)]
    heads = [pydicom.dcmread(b.write(one, "LABELMAP")) for one in (few, large)]
    bits = [head.BitsAllocated for head in heads]
    padding = [head.get("PixelPaddingValue") for head in heads]
    binary = pydicom.dcmread(b.write(few, "BINARY"))
    met = best == ["BINARY", "LABELMAP"] and bits == [8, 16] and padding == [0, 0]
    return met and binary.NumberOfFrames == 4, (
        f"2 segments: {best[0]}, 22: {best[1]}; label maps of {bits} bits, padding {padding}; "
        f"binary {binary.NumberOfFrames} frames (2 segments on 3 slices, empty ones left out)"
    )


def seg_13(b: Bench) -> tuple[bool, str]:
    array = _blocks(b.volume.shape)
    head = pydicom.dcmread(b.write(b.labels(array), "BINARY"))
    sources = {
        str(group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID)
        for group in head.PerFrameFunctionalGroupsSequence
    }
    refers = sources == set(b.volume.meta["instance_uids"])
    other = VolumeGeometry(b.volume.geometry.affine, b.volume.shape, "1.2.3.4")
    try:
        b.write(b.labels(array, other), "BINARY")
        refused = False
    except ExportError as error:
        refused = error.reason == "other-frame-of-reference"
    named = replace(b.labels(array), labels={v: Label(v, "x") for v in (1, 3, 7)})
    offer = b.offer(named, "BINARY")
    warned = any("no voxel" in f.text for f in offer.findings)
    return refers and refused and warned, (
        f"{len(sources)} source images referred to by frame; another frame of reference is "
        f"{'refused until confirmed' if refused else 'NOT refused'}; an empty segment is "
        f"{'told and skipped' if warned else 'NOT told'}; labels of another grid: see SEG-7"
    )


def seg_14(b: Bench) -> tuple[bool, str]:
    head = pydicom.dcmread(b.write(b.labels(_blocks(b.volume.shape)), "BINARY"))
    codes = {
        (s.SegmentedPropertyCategoryCodeSequence[0].CodeValue,
         s.SegmentedPropertyTypeCodeSequence[0].CodeValue) for s in head.SegmentSequence
    }  # fmt: skip
    found = terminology.search_terms("kidney", terminology.types())
    liver = terminology.suggest("liver").type
    met = codes == {("85756007", "85756007")} and liver.value == "10200004" and bool(found)
    return met, (
        f"default {sorted(codes)}; {len(terminology.categories())} categories, "
        f"{len(terminology.types())} types to search; 'liver' suggests {liver}"
    )


def seg_16(b: Bench) -> tuple[bool, str]:
    first, second = np.zeros((2, *b.volume.shape), np.uint8)
    first[:, 50:100, 50:100], second[:, 80:140, 80:140] = 1, 2
    source = replace(b.labels(first), together=(b.labels(second),))
    path = b.write(source, "BINARY")
    read = b.read(path, *b.images).numpy()
    met = read.shape == (2, *b.volume.shape) and np.array_equal(read > 0, [first > 0, second > 0])
    errors = error_lines(path)
    return met and not errors, (
        f"two overlapping layers in one binary object, read back {'apart' if met else 'WRONGLY'}, "
        f"{len(errors)} Error lines; fractions: see SEG-1"
    )


POINTS: tuple[tuple[str, str, Callable[[Bench], tuple[bool, str]]], ...] = (
    ("SEG-1", "all types", seg_1),
    ("SEG-2", "fractions as images, labels from a threshold", seg_2),
    ("SEG-3", "overlaps in as few layers as possible", seg_3),
    ("SEG-4", "sparse frames", seg_4),
    ("SEG-5", "order of slices", seg_5),
    ("SEG-6", "what is background", seg_6),
    ("SEG-7", "another grid", seg_7),
    ("SEG-8", "tiles of slides", seg_8),
    ("SEG-9", "colours", seg_9),
    ("SEG-10", "features of segments", seg_10),
    ("SEG-11", "speed", seg_11),
    ("SEG-12", "which type", seg_12),
    ("SEG-13", "references", seg_13),
    ("SEG-14", "terminology", seg_14),
    ("SEG-16", "overlapping layers", seg_16),
)


def validate(root: Path) -> list[Point]:
    """Measure all points."""
    points = []
    with tempfile.TemporaryDirectory() as place, Database.in_memory() as database:
        bench = Bench(root, Path(place), database)
        for number, what, measure in POINTS:
            try:
                met, text = measure(bench)
            except DicomDbError as error:
                met, text = False, without_folders(str(error))
            points.append(Point(number, what, met, text))
    return points


def section(points: list[Point], rows: list[Any]) -> str:
    """Return the section of the page; SEG-15 is what the tables above say."""
    written = [r for r in rows if r.form in ("BINARY", "LABELMAP", "FRACTIONAL") and r.outcomes]
    good = all(not row.failed for row in written)
    read = {
        peer: sum(row.outcomes[peer].good for row in written)
        for peer in ("us", "highdicom", "dcmqi")
    }
    clean = sum(not row.new_errors for row in written)
    told = ", ".join(f"{peer} {count}" for peer, count in read.items())
    text = (
        f"of {len(written)} segmentations above, read as written by {told}; without a new Error "
        f"line {clean} (the notes there say why not the others)"
    )
    whole = min(*read.values(), clean) == len(written)
    shown = [*points, Point("SEG-15", "round trip", good, text, but=not whole)]
    shown.sort(key=lambda point: int(point.number.partition("-")[2]))
    lines = [
        "## Acceptance points of segmentations",
        "",
        "Measured on `data/seg` (and a slide of `data/wsi`), against the label maps that the",
        "segmentations were made from and highdicom.",
        "",
        "| verdict | point | | measured |",
        "|---|---|---|---|",
    ]
    for point in shown:
        verdict = ("met, but" if point.but else "**met**") if point.met else "**FAILS**"
        lines.append(f"| {verdict} | {point.number} | {point.what} | {point.text} |")
    return "\n".join([*lines, ""])
