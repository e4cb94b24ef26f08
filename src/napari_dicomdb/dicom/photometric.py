"""Colour: YBR to RGB, uncompressed 4:2:2, palettes (PS3.3 Sections C.7.6.3, C.7.9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_dicomdb.errors import PixelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

    from napari_dicomdb.dicom.bits import Array

__all__ = ["Palette", "expand_segments", "palette_from_dataset", "to_rgb", "upsample_422"]

# Rows: R, G, B from Y, Cb, Cr (PS3.3 Section C.7.6.3.1.2).
_FULL = np.array(
    [[1.0, 0.0, 1.402], [1.0, -0.114 * 1.772 / 0.587, -0.299 * 1.402 / 0.587], [1.0, 1.772, 0.0]],
    np.float32,
)
# ITU-R BT.601 studio range: Y 16 to 235, Cb and Cr 16 to 240 of 8 bits.
_PARTIAL = _FULL * np.array([255 / 219, 255 / 224, 255 / 224], np.float32)


def to_rgb(samples: Array, photometric: str, bits_stored: int) -> Array:
    """RGB from three samples a pixel, of the same type.

    Parameters
    ----------
    samples : (..., 3) ndarray of unsigned int
        Colour by pixel.
    photometric : str
        PhotometricInterpretation of `samples`.
    bits_stored : int
        BitsStored: where the neutral chroma lies.

    Returns
    -------
    (..., 3) ndarray
        `samples` itself when it is RGB already.

    Raises
    ------
    PixelError
        If `photometric` is a colour space that DICOM has retired (HSV, CMYK ...).
    """
    if photometric in ("YBR_FULL", "YBR_FULL_422"):
        matrix, black = _FULL, 0.0
    elif photometric in ("YBR_PARTIAL_422", "YBR_PARTIAL_420"):
        matrix, black = _PARTIAL, float(16 << max(bits_stored - 8, 0))
    elif photometric in ("HSV", "CMYK", "ARGB"):
        raise PixelError(f"PhotometricInterpretation {photometric} is retired and not supported")
    else:
        # RGB; YBR_ICT and YBR_RCT come as RGB from the decoder.
        return samples
    neutral = float(1 << (bits_stored - 1))
    centred = samples.astype(np.float32)
    centred -= np.array([black, neutral, neutral], np.float32)
    colours = centred @ matrix.T
    np.rint(colours, out=colours)
    np.clip(colours, 0, (1 << bits_stored) - 1, out=colours)
    return colours.astype(samples.dtype)


def upsample_422(cells: Array, rows: int, columns: int) -> Array:
    """Three samples a pixel from Y1 Y2 Cb Cr groups, chroma repeated.

    Parameters
    ----------
    cells : (2 * rows * columns,) ndarray
        One frame of uncompressed YBR_FULL_422.
    rows, columns : int
        Size of the frame; columns are even.

    Returns
    -------
    (rows, columns, 3) ndarray

    Notes
    -----
    PS3.3 Section C.7.6.3.1.2.
    """
    if columns % 2:
        raise PixelError(f"YBR_FULL_422 with an odd number of columns ({columns})")
    groups = cells.reshape(rows, columns // 2, 4)
    full = np.empty((rows, columns, 3), cells.dtype)
    full[:, :, 0] = groups[:, :, :2].reshape(rows, columns)
    full[:, 0::2, 1:] = groups[:, :, 2:]
    full[:, 1::2, 1:] = groups[:, :, 2:]
    return full


@dataclass(frozen=True)
class Palette:
    """A palette colour lookup table.

    Attributes
    ----------
    first : int
        Stored value that the first entry maps; below it, the first entry.
    colours : (n, 3) ndarray of uint8
        Red, green, blue; above the last value, the last entry.
    """

    first: int
    colours: Array

    def apply(self, stored: Array) -> Array:
        """Colours of stored values: (...) of int to (..., 3) of uint8."""
        last = len(self.colours) - 1
        if stored.dtype.itemsize == 1 or stored.size == 0:
            lowest, highest = np.iinfo(stored.dtype).min, np.iinfo(stored.dtype).max
        else:
            lowest, highest = int(stored.min()), int(stored.max())
        if lowest >= self.first and highest <= self.first + last and self.first == 0:
            place = stored
        else:
            # int64: a signed first value and 32-bit pixels do not overflow it.
            place = np.clip(stored.astype(np.int64) - self.first, 0, last)
        return np.take(self.colours, place, axis=0)


_COLOURS = ("Red", "Green", "Blue")


def palette_from_dataset(dataset: Dataset) -> Palette:
    """Read the palette of an image.

    Parameters
    ----------
    dataset : pydicom.Dataset
        With the Palette Color Lookup Table module, segmented or not.

    Returns
    -------
    Palette

    Raises
    ------
    PixelError
        If a table or its descriptor is missing or cannot be used.

    Notes
    -----
    PS3.3 Sections C.7.6.3.1.5 and C.7.9.
    """
    big = dataset.original_encoding[1] is False
    tables, firsts = [], []
    for colour in _COLOURS:
        descriptor = dataset.get(f"{colour}PaletteColorLookupTableDescriptor")
        if descriptor is None or len(descriptor) != 3:
            raise PixelError(
                f"{colour}PaletteColorLookupTableDescriptor is missing or not 3 values"
            )
        count, first, bits = (int(value) for value in descriptor)
        count = count % 65536 or 65536
        if bits not in (8, 16):
            raise PixelError(f"palette entries of {bits} bits: 8 or 16 are allowed")
        plain = dataset.get(f"{colour}PaletteColorLookupTableData")
        segmented = dataset.get(f"Segmented{colour}PaletteColorLookupTableData")
        if plain:
            entries = _entries(bytes(plain), count, bits, big)
        elif segmented:
            raw = bytes(segmented)
            kind = f"{'>' if big else '<'}u2" if bits == 16 else "u1"
            words = np.frombuffer(raw[: len(raw) // 2 * 2], kind)
            entries = np.array(expand_segments(words.tolist(), bits), np.uint16)
        else:
            raise PixelError(f"{colour}PaletteColorLookupTableData is missing or empty")
        if len(entries) == 0:
            raise PixelError(f"{colour}PaletteColorLookupTableData has no entries")
        if len(entries) < count:
            entries = np.pad(entries, (0, count - len(entries)), mode="edge")
        tables.append(entries[:count])
        firsts.append(first)
        deep = bits == 16
    length = max(len(table) for table in tables)
    colours = np.stack(
        [np.pad(table, (0, length - len(table)), mode="edge") for table in tables], axis=-1
    )
    if deep and colours.max() > 255:
        # Some writers declare 16 bits and fill 8: those stay as they are.
        colours >>= 8
    first = firsts[0]
    if dataset.get("PixelRepresentation", 0) == 1 and first > 32767:
        first -= 65536  # written as US instead of SS
    return Palette(first, np.minimum(colours, 255).astype(np.uint8))


def _entries(raw: bytes, count: int, bits: int, big: bool) -> Array:
    kind = f"{'>' if big else '<'}u2"
    if bits == 8 and len(raw) < 2 * count:
        octets = np.frombuffer(raw, np.uint8)
        if big and len(octets) % 2 == 0:
            octets = octets.reshape(-1, 2)[:, ::-1].ravel()
        return octets.astype(np.uint16)
    return np.frombuffer(raw[: len(raw) // 2 * 2], kind).astype(np.uint16)


def expand_segments(words: Sequence[int], bits: int = 16) -> list[int]:
    """Entries of a segmented lookup table.

    Parameters
    ----------
    words : sequence of int
        Segments: opcode, length, values.
    bits : int
        Of one of `words`: 8 or 16. The offset of an indirect segment takes
        four octets or two words, and counts octets.

    Returns
    -------
    list of int

    Raises
    ------
    PixelError
        If an opcode is unknown, or an indirect segment points at no plain one.

    Examples
    --------
    A discrete segment of two entries, then a line of three up to 40:

    >>> expand_segments([0, 2, 5, 10, 1, 3, 40])
    [5, 10, 20, 30, 40]

    Notes
    -----
    PS3.3 Section C.7.9.2.
    """
    entries: list[int] = []
    starts: set[int] = set()
    place = 0
    while place + 1 < len(words):  # one may be left over: padding
        starts.add(place)
        if words[place] != 2:
            place = _expand_one(words, place, entries)
            continue
        count, parts = words[place + 1], words[place + 2 : place + 2 + (4 if bits == 8 else 2)]
        target = sum(part << (bits * order) for order, part in enumerate(parts))
        if bits == 16 and (target % 2 or target // 2 in starts):
            # In octets as the standard says; some writers count words.
            target = target // 2 if target % 2 == 0 else target
        if target not in starts:
            raise PixelError("indirect palette segment does not point at an earlier segment")
        for _ in range(count):
            target = _expand_one(words, target, entries)
        place += 2 + len(parts)
    return entries


def _expand_one(words: Sequence[int], place: int, entries: list[int]) -> int:
    opcode, length = words[place], words[place + 1]
    if len(entries) + length > 65536:
        raise PixelError("segmented palette has more than 65536 entries")
    if opcode == 0:
        entries.extend(words[place + 2 : place + 2 + length])
        return place + 2 + length
    if opcode != 1:
        raise PixelError(f"palette segment with opcode {opcode}")
    if not entries or place + 2 >= len(words):
        raise PixelError("linear palette segment without a start or an end")
    ramp = np.linspace(entries[-1], words[place + 2], length + 1)[1:]
    entries.extend(int(value) for value in np.rint(ramp))
    return place + 3
