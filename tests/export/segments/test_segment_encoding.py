"""Planes of labels as packed frames: against numpy's own packing, each pixel by itself."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.errors import Cancelled, ExportError
from napari_dicomdb.export.segments import segment_encoding
from napari_dicomdb.export.segments.segment_encoding import encode, values_in
from napari_dicomdb.progress import no_progress

LABELS = np.random.default_rng(6).integers(0, 4, (5, 3, 7))


def of(kind, planes, labels, *, every=False, shape=(3, 7)):
    return encode(kind, planes, 5, shape, labels, every=every, progress=no_progress)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint16, np.int32])
def test_bits_go_on_from_frame_to_frame(dtype):
    frames = of("BINARY", lambda k: [LABELS[k].astype(dtype)], [1, 2, 3])
    order = sorted(frames.by_place)
    stored = np.frombuffer(frames.pixel_data(order), np.uint8)
    bits = np.unpackbits(stored, bitorder="little")[: len(order) * 21].reshape(-1, 3, 7)
    for (label, plane), frame in zip(order, bits, strict=True):
        assert np.array_equal(frame, LABELS[plane] == label)
    assert len(stored) % 2 == 0
    assert frames.present == {1, 2, 3}
    assert not frames.overlap


def test_label_maps_take_as_few_bytes_as_they_can():
    narrow = of("LABELMAP", lambda k: [LABELS[k]], [1, 3])
    wide = of("LABELMAP", lambda k: [LABELS[k] * 300], [300, 600, 900])
    kept = np.where(np.isin(LABELS, [1, 3]), LABELS, 0)
    assert narrow.pixel_data(sorted(narrow.by_place))[:105] == kept.astype(np.uint8).tobytes()
    assert wide.pixel_data(sorted(wide.by_place)) == (LABELS * 300).astype("<u2").tobytes()
    assert narrow.present == {1, 3}


def test_fractions_are_rounded_and_cut():
    values = np.array([[-0.1, 0.001, 0.5], [1.0, 1.2, np.nan]])
    planes = [np.zeros((2, 3)), values]
    frames = of("FRACTIONAL", lambda k: [planes[k % 2]], [1], shape=(2, 3))
    assert sorted(frames.by_place) == [(1, 1), (1, 3)]
    assert list(frames.by_place[1, 1]) == [0, 0, 128, 255, 255, 0]


def test_a_voxel_may_have_several_labels():
    one, two = LABELS == 1, np.ones(LABELS.shape, bool) * 2
    frames = of("BINARY", lambda k: [one[k].astype(np.uint8), two[k]], [1, 2])
    assert frames.overlap
    apart = of("BINARY", lambda k: [one[k], 2 * (LABELS[k] == 2)], [1, 2])
    assert not apart.overlap


def test_empty_frames_are_kept_where_their_order_tells_the_place():
    frames = of("BINARY", lambda k: [np.where(k == 2, 1, np.zeros((3, 7), int))], [1, 2],
                every=True)  # fmt: skip
    assert sorted(frames.by_place) == [(n, k) for n in (1, 2) for k in range(5)]
    assert frames.present == {1}


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint32, np.int64])
def test_which_labels_are_on_a_plane(dtype):
    plane = np.array([[0, 1], [1, 0]], dtype)
    assert values_in(plane) == [1]
    assert values_in(np.zeros((2, 2), dtype)) == []
    if dtype == np.int64:
        assert values_in(np.array([[-3, 0], [70000, 2]])) == [-3, 2, 70000]


def test_it_can_be_cancelled_and_has_a_limit(monkeypatch):
    def cancel(done, total, text):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        encode("BINARY", lambda k: [LABELS[k]], 5, (3, 7), [1], every=False, progress=cancel)
    monkeypatch.setattr(segment_encoding, "_MOST_BYTES", 8)
    with pytest.raises(ExportError) as refused:
        of("BINARY", lambda k: [LABELS[k]], [1, 2, 3])
    assert refused.value.reason == "too-large"


def test_fractions_of_16_bits_are_as_exact_as_others():
    # Multiplied in float16 they were off by more than half a step.
    shares = np.linspace(0, 1, 2048, dtype=np.float16).reshape(32, 64)
    found = encode(
        "FRACTIONAL", lambda k: [shares], 1, (32, 64), [1], every=False, progress=no_progress
    )
    back = np.frombuffer(found.by_place[1, 0], np.uint8).reshape(32, 64) / 255
    assert np.abs(back - shares.astype(float)).max() <= 1 / 510
