"""Overlay planes (60xx): graphics and regions of one bit over an image (PS3.3 Section C.9.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.bits import swap_words, unpack

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from napari_dicomdb.dicom.bits import Array

__all__ = ["OverlayPlane", "overlays_of"]

_GROUPS = range(0x6000, 0x6020, 2)
_ROWS, _COLUMNS, _FRAMES, _DESCRIPTION, _TYPE, _SUBTYPE = 0x10, 0x11, 0x15, 0x22, 0x40, 0x45
_ORIGIN, _FRAME_ORIGIN, _BITS, _BIT_POSITION, _LABEL, _DATA = (
    0x50,
    0x51,
    0x100,
    0x102,
    0x1500,
    0x3000,
)
_LARGEST = 1 << 28  # pixels of one plane: hostile headers cost no memory


@dataclass(frozen=True, eq=False)
class OverlayPlane:
    """One overlay plane of an image.

    Parameters
    ----------
    group : int
        0x6000, 0x6002, ... 0x601E.
    rows, columns : int
        Of the plane, which may be smaller or larger than the image.
    origin : tuple of 2 int
        Row and column of the image, from 0, under the plane's first pixel.
    is_roi : bool
        OverlayType R: a region of interest; else graphics.
    label, description, subtype : str
        For people; "" when absent.
    first_frame, frame_count : int
        Frames of the image, from 0, that it belongs to; a plane without
        frames of its own belongs to all (frame_count 0).
    packed : bytes
        OverlayData; empty for an embedded plane.
    bit_position : int
        Of an embedded plane (retired): its bit in the pixel cells.
    """

    group: int
    rows: int
    columns: int
    origin: tuple[int, int] = (0, 0)
    is_roi: bool = False
    label: str = ""
    description: str = ""
    subtype: str = ""
    first_frame: int = 0
    frame_count: int = 0
    packed: bytes = b""
    bit_position: int = 0

    @property
    def name(self) -> str:
        """What to call it."""
        kind = "region of interest" if self.is_roi else "graphics"
        return self.label or self.description or f"{kind} {self.group:04X}"

    @property
    def number(self) -> int:
        """Counted from 1 over the groups: the value that stands for it among others."""
        return (self.group - 0x6000) // 2 + 1

    @property
    def embedded(self) -> bool:
        """Whether it lies in unused bits of the pixel data."""
        return not self.packed

    def bits(self, frame: int, rows: int, columns: int) -> Array:
        """Cut the plane to the image.

        Parameters
        ----------
        frame : int
            Of the image, from 0.
        rows, columns : int
            Of the image.

        Returns
        -------
        (rows, columns) ndarray of bool
            False everywhere outside of the plane and its frames.
        """
        shown = np.zeros((rows, columns), np.bool_)
        own = frame - self.first_frame if self.frame_count else 0
        if own < 0 or own >= max(self.frame_count, 1) or not self.packed:
            return shown
        size = self.rows * self.columns
        first = own * size
        cells = unpack(self.packed[first // 8 : (first + size + 7) // 8], 1, size, skip=first % 8)
        plane = np.zeros(size, np.bool_)
        plane[: len(cells)] = cells != 0  # data that end early: the rest is empty
        place(plane.reshape(self.rows, self.columns), self.origin, shown)
        return shown

    def embedded_bits(self, cells: Array) -> Array:
        """Take the plane out of the cells of a frame, before they are masked."""
        unsigned = cells.view(f"u{cells.dtype.itemsize}")
        plane: Array = (unsigned >> unsigned.dtype.type(self.bit_position)) & 1 != 0
        return plane


def place(plane: Array, origin: tuple[int, int], image: Array) -> None:
    """Write `plane` into `image` at `origin`; what is outside is cut off."""
    top, left = origin
    rows, columns = image.shape
    r0, c0 = max(top, 0), max(left, 0)
    r1, c1 = min(top + plane.shape[0], rows), min(left + plane.shape[1], columns)
    if r0 < r1 and c0 < c1:
        image[r0:r1, c0:c1] = plane[r0 - top : r1 - top, c0 - left : c1 - left]


def overlays_of(dataset: Dataset) -> tuple[OverlayPlane, ...]:
    """Read the overlay planes of a data set; what cannot be used is left out.

    Parameters
    ----------
    dataset : pydicom.Dataset
        Header; the pixels may be absent.

    Notes
    -----
    A plane without OverlayData is embedded in the pixel cells at
    OverlayBitPosition (PS3.3-1998 Section C.9.2, retired).
    """
    planes = []
    for group in _GROUPS:

        def get(element: int, group: int = group) -> Any:
            tag = (group, element)
            return dataset[tag].value if tag in dataset else None

        rows, columns = _integer(get(_ROWS)), _integer(get(_COLUMNS))
        frames = _integer(get(_FRAMES))
        if not (rows > 0 and columns > 0 and rows * columns < _LARGEST):
            continue
        packed = get(_DATA)
        position = _integer(get(_BIT_POSITION))
        if not packed and not (position > 0 and _integer(get(_BITS)) in (8, 16, 32)):
            continue
        raw = bytes(packed or b"")
        if raw and not dataset.original_encoding[1]:
            raw = swap_words(raw + b"\0" * (len(raw) % 2))  # OW of a big-endian file
        origin = get(_ORIGIN)
        try:
            top, left = (int(v) - 1 for v in origin)
        except (TypeError, ValueError):
            top = left = 0
        planes.append(
            OverlayPlane(
                group,
                rows,
                columns,
                (top, left),
                str(get(_TYPE) or "").strip() == "R",
                str(get(_LABEL) or "").strip(),
                str(get(_DESCRIPTION) or "").strip(),
                str(get(_SUBTYPE) or "").strip(),
                max(_integer(get(_FRAME_ORIGIN)) - 1, 0),
                max(frames, 0),
                raw,
                max(position, 0),
            )
        )
    return tuple(planes)


def _integer(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
