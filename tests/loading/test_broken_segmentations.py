"""Segmentations that are broken: a finding or a reason, never a traceback."""

from __future__ import annotations

import random

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from napari_dicomdb.dicom.findings import FindingCode
from napari_dicomdb.errors import DicomDbError, LoadError
from napari_dicomdb.loading.loaders.segmentation import SegmentationLoader
from napari_dicomdb.viewer.layers import volume_to_layers

LABELS = np.random.default_rng(1).integers(0, 4, (4, 6, 5)).astype(np.uint8)
TOP = (
    ("SegmentationType", ("", "LABELMAP", "FRACTIONAL", "XX")),
    ("NumberOfFrames", (0, -1, 3, 2**31 - 1)),
    ("Rows", (0, 1, 65535)),
    ("Columns", (0, 4)),
    ("BitsAllocated", (0, 1, 8, 16)),
    ("BitsStored", (0, 1, 16)),
    ("SamplesPerPixel", (0, 3)),
    ("FrameOfReferenceUID", ("", "abc")),
    ("MaximumFractionalValue", (0, 1)),
    ("PixelPaddingValue", (0, 2, 65535)),
    ("TotalPixelMatrixRows", (1, 9, 2**31)),
    ("TotalPixelMatrixColumns", (1, 9, 2**31)),
    ("SegmentSequence", ([], [Dataset()])),
    ("DimensionIndexSequence", ([], [Dataset()])),
    ("ReferencedSeriesSequence", ([],)),
    ("PerFrameFunctionalGroupsSequence", ([], [Dataset()])),
    ("SharedFunctionalGroupsSequence", ([], [Dataset()])),
)
FRAME = (
    ("PlanePositionSequence", "ImagePositionPatient", ([0] * 3, [1e300] * 3, [1e9] * 3, [1, 2])),
    ("SegmentIdentificationSequence", "ReferencedSegmentNumber", (0, 77, 65535, [2, 3])),
    ("FrameContentSequence", "DimensionIndexValues", ([1], [9, 9, 9, 9], [0, 0])),
)
SHARED = (
    ("PixelMeasuresSequence", "PixelSpacing", ([0, 0], [-1, 1], [1e-300, 1e300], [1])),
    ("PixelMeasuresSequence", "SpacingBetweenSlices", (0, -3, 1e-9)),
    ("PlaneOrientationSequence", "ImageOrientationPatient", ([0] * 6, [1, 2, 3, 4, 5, 6], [1])),
)


@pytest.fixture
def kinds(series, segmentation):
    """Files of the three kinds."""
    sources = series.axial([0, 3, 6, 9])
    fractions = np.stack([(n == LABELS) * 0.7 for n in (1, 2, 3)], axis=-1).astype(np.float32)
    return [
        segmentation(sources, fractions if kind == "FRACTIONAL" else LABELS, kind)
        for kind in ("BINARY", "LABELMAP", "FRACTIONAL")
    ]


def one_of(rnd, groups, owner):
    name, keyword, values = rnd.choice(groups)
    if name in owner and len(owner[name].value):
        setattr(owner[name].value[0], keyword, rnd.choice(values))


def broken(path, rnd):
    """Return the bytes of a file with one to three faults."""
    header = pydicom.dcmread(path)
    for _ in range(rnd.randint(1, 3)):
        turn = rnd.random()
        if turn < 0.5:
            keyword, values = rnd.choice(TOP)
            if keyword == "PixelPaddingValue":
                header.add_new(keyword, "US", rnd.choice(values))
            else:
                setattr(header, keyword, rnd.choice(values))
        elif turn < 0.7 and len(header.get("PerFrameFunctionalGroupsSequence") or ()):
            one_of(rnd, FRAME, rnd.choice(list(header.PerFrameFunctionalGroupsSequence)))
        elif turn < 0.85 and len(header.get("SharedFunctionalGroupsSequence") or ()):
            one_of(rnd, SHARED, header.SharedFunctionalGroupsSequence[0])
        else:
            data = header.PixelData
            header.PixelData = rnd.choice([b"", data[: len(data) // 4 * 2], data + bytes(50)])
    header.save_as(path)
    if rnd.random() < 0.15:
        whole = path.read_bytes()
        path.write_bytes(whole[: rnd.randrange(len(whole) // 2, len(whole))])


@pytest.mark.filterwarnings("ignore")  # pydicom warns of the values that are written here
def test_nothing_but_reasons(kinds, records):
    rnd = random.Random(6)
    loader = SegmentationLoader()
    stored = {path: path.read_bytes() for path in kinds}
    opened = 0
    for number in range(75):
        path = kinds[number % 3]
        path.write_bytes(stored[path])
        broken(path, rnd)
        try:
            offers = loader.examine(records([path]))
        except DicomDbError as error:
            pytest.fail(f"examining must not refuse: {error}")
        for offer in offers:
            try:
                volume = offer.load(lazy=False)
            except DicomDbError as error:
                assert error.reason
                continue
            assert volume_to_layers(volume)
            opened += 1
    assert opened > 30


def changed(path, change, records):
    header = pydicom.dcmread(path)
    change(header)
    header.save_as(path)
    (offer, *_) = SegmentationLoader().examine(records([path]))
    return offer


def test_frames_beyond_any_patient_are_shown_in_their_order(kinds, records):
    def change(header):
        place = header.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0]
        place.ImagePositionPatient = [1e9, 1e9, 1e9]

    offer = changed(kinds[0], change, records)
    assert FindingCode.NO_GEOMETRY in {f.code for f in offer.findings}
    assert offer.load().array.any()


def test_axes_of_no_length_are_no_place(kinds, records):
    def change(header):
        shared = header.SharedFunctionalGroupsSequence[0]
        shared.PlaneOrientationSequence[0].ImageOrientationPatient = [1, 2, 3, 4, 5, 6]

    offer = changed(kinds[0], change, records)
    (finding,) = [f for f in offer.findings if f.code == FindingCode.NO_GEOMETRY]
    assert "3.742" in finding.text


def test_a_matrix_that_is_claimed_is_not_believed(kinds, records):
    def change(header):
        header.TotalPixelMatrixRows, header.TotalPixelMatrixColumns = 2**31, 5

    offer = changed(kinds[0], change, records)
    assert offer.shape[-2] <= 1 << 20
    assert any("claimed" in f.text for f in offer.findings)
    assert offer.load().array.shape == offer.shape


def test_what_does_not_fit_into_memory_has_a_reason(kinds, records, monkeypatch):
    offer = SegmentationLoader().examine(records([kinds[2]]))[0]
    from napari_dicomdb.loading.lazy import LazyArray

    def full(*_args, **_how):
        raise MemoryError

    monkeypatch.setattr(LazyArray, "__array__", full)
    with pytest.raises(LoadError, match="do not fit into memory") as refused:
        offer.load(lazy=False)
    assert refused.value.reason == "too-large"


def test_a_label_map_of_fewer_bits_than_its_segments_need(kinds, records):
    def change(header):
        header.SegmentSequence[-1].SegmentNumber = 65535

    volume = changed(kinds[1], change, records).load()
    labels = [segment.number for segment in volume.meta["segments"][0]]
    assert {1, 2, 3, 65535} <= set(labels)
    values = {s.value: s.number for s in volume.meta["segments"][0]}
    found = np.vectorize(lambda one: values.get(one, 0))(volume.array)
    assert np.array_equal(found, LABELS) or np.array_equal(found[::-1], LABELS)
