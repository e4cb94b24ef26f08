from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from pydicom.data import get_testdata_file

from napari_dicomdb.dicom.ultrasound import regions_of
from napari_dicomdb.loading import examine, image_annotations

PLAIN = {"ImageOrientationPatient": None, "PixelSpacing": None}


def add_plane(ds, mask, group=0x6000, **more):
    ds.add_new((group, 0x10), "US", mask.shape[-2])
    ds.add_new((group, 0x11), "US", mask.shape[-1])
    ds.add_new((group, 0x40), "CS", "G")
    ds.add_new((group, 0x50), "SS", [1, 1])
    packed = np.packbits(mask.ravel(), bitorder="little").tobytes()
    ds.add_new((group, 0x3000), "OW", packed + b"\0" * (len(packed) % 2))


def test_overlays_of_slices_follow_the_slices(series, records):
    masks = np.random.default_rng(1).random((3, 6, 5)) < 0.5
    for z, mask in zip((30, 10, 20), masks, strict=True):
        ds = series.header(ImagePositionPatient=[0, 0, z])
        add_plane(ds, mask)
        series.write(ds, np.full((6, 5), z, np.int16))
    volume = examine(records(series.paths))[0].load()
    (found,) = volume.meta["annotations"]
    assert (found.kind, found.name) == ("labels", "overlays")
    assert found.data.shape == volume.shape
    assert np.array_equal(np.asarray(found.data) > 0, masks[[1, 2, 0]])
    assert found.features["label"] == ["graphics 6000"]


def test_headers_are_read_when_somebody_looks(series, records, monkeypatch):
    ds = series.header(**PLAIN, Modality="OT")
    add_plane(ds, np.ones((6, 5), bool), 0x6002)
    series.write(ds, np.zeros((6, 5), np.uint8))
    plain = series.write(series.header(**PLAIN, Modality="OT"), np.zeros((6, 5), np.uint8))
    opened = []
    header = image_annotations._header
    monkeypatch.setattr(
        image_annotations, "_header", lambda path: opened.append(path) or header(path)
    )
    volume = examine(records(series.paths))[0].load()
    (found,) = volume.meta["annotations"]
    assert opened == [series.paths[0]]  # the names of the planes
    labels = np.asarray(found.data)
    assert plain not in opened
    assert (labels[0] == 2).all()
    assert not labels[1].any()


def test_planes_embedded_in_unused_bits(series, records):
    mask = np.random.default_rng(2).random((6, 5)) < 0.5
    ds = series.header(**PLAIN, Modality="DX", BitsStored=12)
    for element, vr, value in ((0x10, "US", 6), (0x11, "US", 5), (0x100, "US", 16)):
        ds.add_new((0x6000, element), vr, value)
    ds.add_new((0x6000, 0x102), "US", 13)
    pixels = np.arange(30, dtype=np.uint16).reshape(6, 5)
    series.write(ds, pixels | (mask.astype(np.uint16) << 13))
    volume = examine(records(series.paths))[0].load()
    assert np.array_equal(volume.numpy(), pixels)
    assert np.array_equal(np.asarray(volume.meta["annotations"][0].data) == 1, mask)


def test_a_shutter_lies_over_every_frame(series, records):
    ds = series.header(
        **PLAIN,
        Modality="XA",
        NumberOfFrames=3,
        ShutterShape="RECTANGULAR",
        ShutterLeftVerticalEdge=2,
        ShutterRightVerticalEdge=4,
        ShutterUpperHorizontalEdge=1,
        ShutterLowerHorizontalEdge=6,
    )
    series.write(ds, np.zeros((3, 6, 5), np.uint8))
    (found,) = examine(records(series.paths))[0].load().meta["annotations"]
    assert found.name == "shutter"
    assert np.asarray(found.data).tolist() == [[[1, 0, 0, 0, 1]] * 6] * 3


def test_regions_are_polygons_around_their_pixels(records):
    path = Path(get_testdata_file("examples_palette.dcm"))
    record = records([path])[0]
    volume = examine([record])[0].load()
    (found,) = volume.meta["annotations"]
    first = pydicom.dcmread(path).SequenceOfUltrasoundRegions[0]
    assert found.kind == "shapes"
    assert found.data[0].min(axis=0).tolist() == [
        first.RegionLocationMinY0 - 0.5,
        first.RegionLocationMinX0 - 0.5,
    ]
    assert len(found.data) == len(regions_of(record.values)) == 2
    assert found.features["row_unit"][0] == "cm"
    assert found.features["row_delta"][0] == first.PhysicalDeltaY


def test_what_is_resampled_has_none(series, records):
    for z in (0, 1, 2, 4, 5, 6):
        ds = series.header(ImagePositionPatient=[0, 0, z])
        add_plane(ds, np.ones((6, 5), bool))
        series.write(ds, np.full((6, 5), z, np.int16))
    for one in examine(records(series.paths)):
        found = one.load().meta["annotations"]
        assert bool(found) is (one.options["remedy"] not in ("fill", "resample")), one.options


def test_a_file_that_is_gone_draws_nothing(series, records):
    ds = series.header(**PLAIN, Modality="OT")
    add_plane(ds, np.ones((6, 5), bool))
    path = series.write(ds, np.zeros((6, 5), np.uint8))
    volume = examine(records([path]))[0].load(lazy=False)
    path.unlink()
    (found,) = volume.meta["annotations"]
    assert np.asarray(found.data).shape == (6, 5)


def test_layers_are_off_and_on_the_grid_of_the_image(records):
    path = Path(get_testdata_file("examples_overlay.dcm"))
    best = examine(records([path]))[0]
    (data, image, _), (marks, overlay, kind) = best.to_layers()
    assert kind == "labels"
    assert overlay["visible"] is False
    assert marks.shape == data.shape
    for key in ("scale", "translate", "units", "axis_labels"):
        assert overlay[key] == image[key]
    assert np.array_equal(overlay["affine"], image["affine"])
