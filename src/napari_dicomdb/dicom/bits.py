"""Bits of stored values: unpacking, HighBit, sign extension (PS3.5 Section 8.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy.typing as npt

    Array: TypeAlias = npt.NDArray[Any]

__all__ = ["container_dtype", "keep_stored_bits", "swap_words", "unpack"]


def container_dtype(bits_allocated: int, signed: bool) -> np.dtype[Any]:
    """Smallest numpy integer type, native byte order, that holds one cell.

    Parameters
    ----------
    bits_allocated : int
        BitsAllocated, 1 to 64.
    signed : bool
        PixelRepresentation is 1.

    Returns
    -------
    numpy.dtype

    Examples
    --------
    >>> container_dtype(12, signed=True)
    dtype('int16')
    """
    for size in (1, 2, 4, 8):
        if bits_allocated <= 8 * size:
            return np.dtype(f"{'i' if signed and bits_allocated > 1 else 'u'}{size}")
    raise ValueError(f"BitsAllocated {bits_allocated} is more than 64")


def keep_stored_bits(cells: Array, bits_stored: int, high_bit: int) -> None:
    """Reduce cells, in place, to the values they store.

    Bits outside BitsStored (embedded overlays, junk) go, and the sign is
    extended where the array is signed. What is already right is only looked
    at, which costs a tenth of reading it.

    Parameters
    ----------
    cells : ndarray of int
        As in the file, native byte order.
    bits_stored : int
        BitsStored.
    high_bit : int
        HighBit: position of the most significant stored bit.
    """
    width = 8 * cells.dtype.itemsize
    if bits_stored >= width or cells.size == 0:
        return
    signed = cells.dtype.kind == "i"
    shift = high_bit + 1 - bits_stored
    if shift > 0:
        unsigned = cells.view(f"u{cells.dtype.itemsize}")
        np.right_shift(unsigned, unsigned.dtype.type(shift), out=unsigned)
    if signed:
        limit = 1 << (bits_stored - 1)
        if int(cells.max()) >= limit or int(cells.min()) < -limit:
            free = cells.dtype.type(width - bits_stored)
            np.left_shift(cells, free, out=cells)
            np.right_shift(cells, free, out=cells)
    else:
        mask = (1 << bits_stored) - 1
        if int(cells.max()) > mask:
            np.bitwise_and(cells, cells.dtype.type(mask), out=cells)


def unpack(
    packed: bytes | bytearray | memoryview, bits: int, count: int, *, skip: int = 0
) -> Array:
    """Cells of any number of bits that lie without gaps, least significant bit first.

    Parameters
    ----------
    packed : bytes-like
        Little endian: the first cell's lowest bit is bit 0 of the first byte.
    bits : int
        Bits of a cell (1 for segmentations, 12 for old film scanners).
    count : int
        How many cells to return.
    skip : int
        Bits to pass over first: a 1-bit frame need not start on a byte.

    Returns
    -------
    (count,) ndarray of unsigned int

    Notes
    -----
    PS3.5 Section 8.1.1 and Annex D.
    """
    octets = np.frombuffer(packed, np.uint8)
    stream = np.unpackbits(octets, bitorder="little")[skip : skip + bits * count]
    if bits == 1:
        return stream
    dtype = container_dtype(bits, signed=False)
    cells = np.zeros(count, dtype)
    planes = stream.reshape(count, bits)
    for position in range(bits):
        cells |= planes[:, position].astype(dtype) << dtype.type(position)
    return cells


def swap_words(octets: bytes | bytearray | memoryview) -> bytes:
    """Exchange the two bytes of each 16-bit word (8-bit data written as OW, big endian)."""
    return np.frombuffer(octets, "<u2").byteswap().tobytes()
