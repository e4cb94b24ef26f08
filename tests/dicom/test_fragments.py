"""Frames of encapsulated data, with and without offset tables, whole and damaged."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames

from napari_dicomdb.dicom.fragments import (
    clear_frame_indexes,
    frame_index,
    read_encoded_frame,
)
from napari_dicomdb.errors import PixelError

DELIMITER = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
JPEG_FRAMES = [b"\xff\xd8" + bytes([k]) * (40 + 2 * k) + b"\xff\xd9" for k in range(5)]


@pytest.fixture(autouse=True)
def fresh_cache():
    clear_frame_indexes()
    yield
    clear_frame_indexes()


def frames_of(value, count, before=b"x" * 200):
    data = before + value + DELIMITER
    file = io.BytesIO(data)
    index = frame_index(file, "f.dcm", len(data), 1, len(before), count)
    return [read_encoded_frame(file, index, k, len(data)) for k in range(count)], index


@pytest.mark.parametrize("has_table", [True, False])
@pytest.mark.parametrize("fragments", [1, 3])
def test_frames_agree_with_pydicom(has_table, fragments):
    value = encapsulate(JPEG_FRAMES, fragments_per_frame=fragments, has_bot=has_table)
    got, index = frames_of(value, 5)
    assert got == list(generate_frames(value, number_of_frames=5))
    assert index.problems == []
    assert bool(index.starts) == has_table


def test_one_frame_of_many_fragments():
    value = encapsulate(JPEG_FRAMES[:1], fragments_per_frame=4, has_bot=False)
    (got,), _ = frames_of(value, 1)
    assert got == JPEG_FRAMES[0]


def test_extended_offset_table_is_found_before_the_pixels():
    value, offsets, lengths = encapsulate_extended(JPEG_FRAMES)

    def long_element(element, vr, body):
        return struct.pack("<HH2sHI", 0x7FE0, element, vr, 0, len(body)) + body

    before = b"x" * 200 + long_element(1, b"OV", offsets) + long_element(2, b"OV", lengths)
    before += struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF)
    got, index = frames_of(value, 5, before)
    assert got == JPEG_FRAMES
    assert len(index.starts) == 5


def test_a_wrong_offset_table_is_not_believed():
    value = bytearray(encapsulate(JPEG_FRAMES, has_bot=True))
    value[8 + 16 : 8 + 20] = struct.pack("<I", 7)  # offset of the last frame
    got, index = frames_of(bytes(value), 5)
    assert got == JPEG_FRAMES
    assert [code for code, _ in index.problems] == ["bad-offset-table"]


def test_fragments_that_do_not_divide_into_frames_are_reported():
    value = encapsulate([b"abcd", b"efgh", b"ijkl"], has_bot=False)
    got, index = frames_of(value, 2)
    assert got == [b"abcd", b"efgh"]
    assert [code for code, _ in index.problems] == ["fragments-mismatch"]


def test_a_truncated_frame_gives_what_exists():
    value = encapsulate(JPEG_FRAMES, has_bot=False)
    data = b"x" * 200 + value[:-20]
    file = io.BytesIO(data)
    index = frame_index(file, "f.dcm", len(data), 1, 200, 5)
    last = read_encoded_frame(file, index, 4, len(data))
    assert JPEG_FRAMES[4].startswith(last)
    assert 0 < len(last) < len(JPEG_FRAMES[4])
    assert [code for code, _ in index.problems] == ["truncated-pixels"]


def test_frames_after_the_end_are_empty():
    value = encapsulate(JPEG_FRAMES[:3], has_bot=False)
    got, _ = frames_of(value, 5)
    assert got == [*JPEG_FRAMES[:3], b"", b""]


def test_no_item_where_fragments_should_be():
    with pytest.raises(PixelError, match=r"f\.dcm"):
        frames_of(b"no fragments here at all", 1)
    with pytest.raises(PixelError, match="ends"):
        frame_index(io.BytesIO(struct.pack("<HHI", 0xFFFE, 0xE000, 0)), "f.dcm", 8, 1, 0, 1)


def test_junk_between_fragments_ends_the_walk():
    value = encapsulate(JPEG_FRAMES[:2], has_bot=False) + b"junkjunk" * 4
    got, index = frames_of(value, 3)
    assert got[:2] == JPEG_FRAMES[:2]
    assert "bad-fragment" in [code for code, _ in index.problems]


class CountingFile(io.BytesIO):
    reads = 0

    def read(self, *args):
        self.reads += 1
        return super().read(*args)


def test_the_table_is_made_once_and_a_frame_costs_the_same_wherever_it_is():
    frames = [np.random.default_rng(k).bytes(20) for k in range(1000)]
    for has_table in (True, False):
        clear_frame_indexes()
        value = encapsulate(frames, has_bot=has_table)
        file = CountingFile(value)
        index = frame_index(file, "many.dcm", len(value), 1, 0, 1000)
        file.reads = 0
        assert frame_index(file, "many.dcm", len(value), 1, 0, 1000) is index
        assert read_encoded_frame(file, index, 900, len(value)) == frames[900]
        assert file.reads <= 3
        # Another version of the file is another table.
        assert frame_index(file, "many.dcm", len(value), 2, 0, 1000) is not index
