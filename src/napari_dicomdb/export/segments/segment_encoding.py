"""Labels as the frames of a segmentation: one plane at a time, packed as it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.images.pixel_encoding import COMPRESSIONS, encoded_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray
    from pydicom import Dataset

    from napari_dicomdb.progress import Progress

__all__ = ["MAXIMUM", "Frames", "compressed", "encode", "values_in"]

MAXIMUM = 255
"""MaximumFractionalValue: what stands for 1."""

_MOST_BYTES = 2**32 - 2  # PS3.5: what a length of 32 bits can say
_FEW = 1 << 16
_BLOCK = 1 << 22  # pixels looked at at once


@dataclass(eq=False)
class Frames:
    """What is to be written of all planes.

    Parameters
    ----------
    kind : str
        "BINARY", "LABELMAP" or "FRACTIONAL".
    shape : tuple of 2 int
        Rows, columns.
    by_place : dict
        Bytes by (label, plane); of a label map all are of label 0. A binary frame is
        packed to whole bytes here.
    present : set of int
        Labels that have a voxel.
    """

    kind: str
    shape: tuple[int, int]
    by_place: dict[tuple[int, int], bytes] = field(default_factory=dict, repr=False)
    present: set[int] = field(default_factory=set)
    overlap: bool = False
    _size: int = 0

    def add(self, label: int, plane: int, data: bytes) -> None:
        """Keep a frame.

        Raises
        ------
        ExportError
            "too-large": more than one object can hold.
        """
        self._size += len(data)
        if self._size > _MOST_BYTES:
            raise ExportError(
                "it is larger than the 4 GB that one object can hold: write fewer segments at "
                "a time",
                reason="too-large",
            )
        self.by_place[label, plane] = data

    def pixel_data(self, order: list[tuple[int, int]]) -> bytes:
        """Return the frames one after the other, padded to an even length."""
        pixels = self.shape[0] * self.shape[1]
        if self.kind == "BINARY" and pixels % 8:
            # Frames are packed without gaps (PS3.5 Section 8.1.1).
            whole = [np.frombuffer(self.by_place[at], np.uint8) for at in order]
            bits = [np.unpackbits(one, count=pixels, bitorder="little") for one in whole]
            data = np.packbits(np.concatenate(bits), bitorder="little").tobytes()
        else:
            data = b"".join(self.by_place[at] for at in order)
        return data + b"\0" * (len(data) % 2)


def encode(
    kind: str,
    planes: Callable[[int], list[NDArray[Any]]],
    count: int,
    shape: tuple[int, int],
    labels: Collection[int],
    *,
    every: bool,
    progress: Progress,
    among: tuple[int, int] = (0, 1),
) -> Frames:
    """Read every plane once and pack what is labelled on it.

    Parameters
    ----------
    kind : str
    planes : callable
        From the number of a plane to (R, C) arrays: labels, of which a pixel may have
        several; or, for "FRACTIONAL", fractions of the labels 1, 2, ...
    count : int
        Number of planes.
    shape : tuple of 2 int
        Rows, columns.
    labels : collection of int
        Those to write.
    every : bool
        Whether frames without a voxel are kept: of all planes of each label.
    among : tuple of 2 int
        Which of how many objects this is, for `progress`.

    Raises
    ------
    ExportError
        See `Frames.add`.
    """
    found = Frames(kind, shape)
    wanted = sorted(labels)
    dtype = np.dtype("u1" if max(wanted, default=0) < 256 else "<u2")
    for k in range(count):
        progress(among[0] * count + k, among[1] * count, "Encoding")
        arrays = planes(k)
        if kind == "FRACTIONAL":
            _add_fractions(found, k, arrays, wanted, every=every)
        elif kind == "LABELMAP":
            _add_numbers(found, k, arrays[0], wanted, dtype, every=every)
        else:
            _add_masks(found, k, arrays, wanted, every=every)
    return found


def compressed(dataset: Dataset, compression: str) -> str:
    """Compress the frames of a segmentation, and return its transfer syntax UID.

    Parameters
    ----------
    dataset : Dataset
        With native pixels; changed in place.
    compression : str
        "none", "deflated", or, of frames of bytes, "rle".

    Raises
    ------
    ExportError
        "bad-option": no such compression of these frames.
    MissingLibraryError
        If the library that compresses is not installed.
    """
    from pydicom.encaps import encapsulate

    bits = int(dataset.BitsAllocated)
    if compression not in ("none", "deflated", "rle") or (compression == "rle" and bits == 1):
        raise ExportError(
            f"no compression {compression!r} of a {dataset.SegmentationType} segmentation",
            reason="bad-option",
        )
    if compression == "rle":
        shape = (int(dataset.NumberOfFrames), int(dataset.Rows), int(dataset.Columns))
        dtype = np.dtype("<u2" if bits == 16 else "u1")
        frames = np.frombuffer(dataset.PixelData, dtype, count=int(np.prod(shape))).reshape(shape)
        encoded = encapsulate([encoded_frame(frame, compression) for frame in frames])
        dataset.add_new("PixelData", "OB", encoded)
        dataset["PixelData"].is_undefined_length = True
    return COMPRESSIONS[compression]


def values_in(plane: NDArray[Any]) -> list[int]:
    """Return the labels on a plane, ascending, without 0."""
    if plane.dtype == bool:
        return [1] if plane.any() else []
    if plane.size > _BLOCK and plane.ndim == 2 and len(plane) > 1:
        step = max(_BLOCK // max(plane.shape[1], 1), 1)
        blocks = (values_in(plane[k : k + step]) for k in range(0, len(plane), step))
        return sorted(set().union(*blocks))
    if plane.dtype.kind == "u" and plane.dtype.itemsize == 1:
        return [int(v) for v in np.flatnonzero(np.bincount(plane.ravel(), minlength=1)) if v]
    highest, lowest = int(plane.max(initial=0)), int(plane.min(initial=0))
    if lowest == highest == 0:
        return []
    if lowest >= 0 and highest < _FEW:
        counts = np.bincount(plane.ravel().astype(np.intp, copy=False))
        return [int(v) for v in np.flatnonzero(counts) if v]
    return [int(v) for v in np.unique(plane) if v]


def _add_fractions(
    found: Frames, k: int, arrays: list[NDArray[Any]], labels: list[int], *, every: bool
) -> None:
    any_before = None
    for label, array in zip(labels, arrays, strict=True):
        # Of float16 the product has too few digits.
        exact = np.nan_to_num(array.astype(np.promote_types(array.dtype, np.float32), copy=False))
        stored = np.rint(np.clip(exact, 0, 1) * MAXIMUM).astype(np.uint8)
        some = stored > 0
        if some.any():
            found.present.add(label)
            found.overlap |= any_before is not None and bool((some & any_before).any())
            any_before = some if any_before is None else any_before | some
        elif not every:
            continue
        found.add(label, k, stored.tobytes())


def _add_numbers(
    found: Frames,
    k: int,
    plane: NDArray[Any],
    labels: list[int],
    dtype: np.dtype[Any],
    *,
    every: bool,
) -> None:
    there = values_in(plane)
    wanted = set(labels)
    if not set(there) <= wanted:
        plane = np.where(np.isin(plane, labels), plane, 0)
        there = [v for v in there if v in wanted]
    if there or every:
        found.present |= set(there)
        found.add(0, k, plane.astype(dtype).tobytes())


def _add_masks(
    found: Frames, k: int, arrays: list[NDArray[Any]], labels: list[int], *, every: bool
) -> None:
    there = [values_in(array) for array in arrays]
    on_plane = set().union(*there)
    several = len(arrays) > 1
    labelled: NDArray[Any] | None = None
    for label in labels:
        if label not in on_plane:
            if every:
                found.add(label, k, bytes(-(-found.shape[0] * found.shape[1] // 8)))
            continue
        masks = [a == label for a, some in zip(arrays, there, strict=True) if label in some]
        mask = masks[0] if len(masks) == 1 else np.any(masks, axis=0)
        found.present.add(label)
        found.add(label, k, np.packbits(mask, bitorder="little").tobytes())
        if several and not found.overlap:
            found.overlap = labelled is not None and bool((mask & labelled).any())
            labelled = mask if labelled is None else labelled | mask
