"""Unpacking and sign extension against the plainest formula, one value at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dicomdb.dicom.bits import container_dtype, keep_stored_bits, swap_words, unpack


def plain_unpack(packed: bytes, bits: int, count: int, skip: int) -> list[int]:
    number = int.from_bytes(packed, "little") >> skip
    return [(number >> (bits * i)) & ((1 << bits) - 1) for i in range(count)]


def plain_stored(cell: int, bits_stored: int, high_bit: int, signed: bool) -> int:
    value = (cell >> (high_bit + 1 - bits_stored)) & ((1 << bits_stored) - 1)
    if signed and value >= 1 << (bits_stored - 1):
        value -= 1 << bits_stored
    return value


@given(
    packed=st.binary(min_size=8, max_size=64),
    bits=st.integers(1, 33),
    skip=st.integers(0, 7),
)
def test_unpack_agrees_with_arithmetic_on_one_big_number(packed, bits, skip):
    count = (8 * len(packed) - skip) // bits
    got = unpack(packed, bits, count, skip=skip)
    assert got.tolist() == plain_unpack(packed, bits, count, skip)


def test_twelve_bits_lie_as_annex_d_draws_them():
    # Two cells, 0xABC and 0x123, in three bytes.
    assert unpack(bytes([0xBC, 0x3A, 0x12]), 12, 2).tolist() == [0xABC, 0x123]


@st.composite
def stored_cells(draw):
    size = draw(st.sampled_from([1, 2, 4, 8]))
    bits_stored = draw(st.integers(1, 8 * size))
    high_bit = draw(st.integers(bits_stored - 1, 8 * size - 1))
    cells = draw(st.lists(st.integers(0, (1 << 8 * size) - 1), min_size=1, max_size=20))
    return size, bits_stored, high_bit, cells, draw(st.booleans())


@given(stored_cells())
def test_stored_bits_agree_with_the_definition(case):
    size, bits_stored, high_bit, cells, signed = case
    array = np.array(cells, f"u{size}").view(f"{'i' if signed else 'u'}{size}")
    keep_stored_bits(array, bits_stored, high_bit)
    assert array.tolist() == [plain_stored(c, bits_stored, high_bit, signed) for c in cells]


def test_right_values_are_left_alone():
    array = np.array([[-5, 7], [0, 2047]], np.int16)
    array.flags.writeable = False
    keep_stored_bits(array, 12, 11)
    assert array.tolist() == [[-5, 7], [0, 2047]]


@pytest.mark.parametrize(
    ("bits", "signed", "name"),
    [(1, True, "uint8"), (8, True, "int8"), (12, False, "uint16"), (24, True, "int32")],
)
def test_container(bits, signed, name):
    assert container_dtype(bits, signed).name == name


def test_more_than_64_bits_are_refused():
    with pytest.raises(ValueError, match="65"):
        container_dtype(65, signed=False)


def test_words_are_swapped():
    assert swap_words(b"\x01\x02\x03\x04") == b"\x02\x01\x04\x03"
