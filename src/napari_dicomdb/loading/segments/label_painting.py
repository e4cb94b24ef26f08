"""Frames of segments painted into labels: as few arrays as overlapping segments allow."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.pixels import PixelDescription, read_frame
from napari_dicomdb.errors import LoadError, PixelError
from napari_dicomdb.loading.reading import ReadProblems, thread_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.loading.frames import FrameSet
    from napari_dicomdb.progress import Progress

__all__ = ["Painted", "StoredFrames", "paint_label_map", "paint_segments"]

_MOST_BITS = 16
_AHEAD = 32  # frames read before they are painted


class StoredFrames:
    """Reads the frames of a segmentation as they are stored.

    Parameters
    ----------
    frames : FrameSet
    refused : mapping of str to Exception
        By SOPInstanceUID: what is raised instead of reading (see `verify`).
    """

    def __init__(self, frames: FrameSet, refused: Mapping[str, Exception]) -> None:
        self.frames = frames
        self.problems = ReadProblems()
        self._refused = dict(refused)
        try:
            self.descriptions = [PixelDescription.from_record(i) for i in frames.instances]
        except PixelError as error:
            raise LoadError(str(error), reason=error.reason) from error
        bits = max(d.bits_allocated for d in self.descriptions)
        if bits > _MOST_BITS:
            text = f"frames of a segmentation have 1, 8 or 16 bits, not {bits}"
            raise LoadError(text, reason="bad-header")
        # Not `frame_shape`, which is that of colours where a label map has a palette.
        shapes = {(d.rows, d.columns, d.samples) for d in self.descriptions}
        rows, columns, samples = next(iter(shapes))
        if len(shapes) != 1 or samples != 1:
            raise LoadError(
                f"frames of a segmentation must have one matrix of one sample: {sorted(shapes)}",
                reason="mixed-matrix",
            )
        self.frame_shape: tuple[int, int] = (rows, columns)

    def __len__(self) -> int:
        return len(self.frames)

    def read(self, index: int) -> NDArray[Any]:
        """Read frame `index` as stored.

        Raises
        ------
        PixelError, OSError
            If it cannot be read.
        """
        owner = int(self.frames.owner[index])
        record = self.frames.instances[owner]
        if error := self._refused.get(record.uid):
            raise error
        notes: list[tuple[str, str]] = []
        number = int(self.frames.number[index])
        cells = read_frame(
            record.path, self.descriptions[owner], number, rgb=False, problems=notes
        )
        for reason, text in notes:
            lost = reason == "truncated-pixels"
            self.problems.note(reason, text, self.frames.label(index), lost=lost)
        return cells

    def each(self, order: Sequence[int]) -> Iterator[tuple[int, NDArray[Any] | None]]:
        """Yield the frames at `order`, None for what cannot be read; that is noted.

        Raises
        ------
        LoadError
            If not one can be read.
        """
        failed = 0
        with ThreadPoolExecutor(thread_count(), thread_name_prefix="dicomdb-seg") as pool:
            for start in range(0, len(order), _AHEAD):
                part = order[start : start + _AHEAD]
                for index, found in zip(part, pool.map(self._try, part), strict=True):
                    if isinstance(found, Exception):
                        failed += 1
                        self._note(index, found)
                        if failed == len(order):
                            raise LoadError(
                                f"no frame can be read: {found}",
                                reason=getattr(found, "reason", None),
                            ) from found
                        yield index, None
                    else:
                        yield index, found

    def _try(self, index: int) -> NDArray[Any] | Exception:
        try:
            return self.read(index)
        except (PixelError, OSError) as error:
            return error

    def _note(self, index: int, error: Exception) -> None:
        path = self.frames.instance(index).path
        text = str(error).removeprefix(f"{path}: ")
        reason = getattr(error, "reason", None) or "unreadable-file"
        self.problems.note(str(reason), f"{text}; left empty", self.frames.label(index))


@dataclass(eq=False)
class Painted:
    """Labels of a segmentation.

    Parameters
    ----------
    arrays : list of (S, R, C) ndarray of unsigned int
        One for each group of segments that do not overlap.
    groups : list of list of int
        Segment numbers in each array, ascending.
    counts : Counter
        Voxels of each segment number.
    """

    arrays: list[NDArray[Any]]
    groups: list[list[int]]
    counts: Counter[int] = field(default_factory=Counter)


def paint_segments(
    stored: StoredFrames,
    numbers: Sequence[int],
    values: Mapping[int, int],
    places: NDArray[np.intp],
    shape: tuple[int, int, int],
    *,
    least: float = 1,
    chosen: Sequence[int] | None = None,
    progress: Progress,
) -> Painted:
    """Paint frames that each belong to one segment.

    Segments are taken by number, and each goes into the first array where it covers
    no voxel of another one (reference/seg.md, SEG-3).

    Parameters
    ----------
    stored : StoredFrames
    numbers : sequence of int
        Segment number of each frame.
    values : mapping of int to int
        What stands for each number in the labels.
    places : (N, 3) ndarray of int
        Slice, first row, first column of each frame.
    shape : tuple of 3 int
        Of the labels.
    least : float
        Stored value from which on a pixel is in the segment.
    chosen : sequence of int, optional
        The frames to paint; all by default.
    progress : Progress
    """
    dtype = _dtype(values.values())
    result = Painted([], [])
    taken: list[dict[int, NDArray[np.uint8]]] = []  # occupied pixels, packed, by slice
    wanted = list(range(len(numbers)) if chosen is None else chosen)
    order = sorted(wanted, key=lambda k: (numbers[k], int(places[k, 0])))
    local, low = _common_raster(places[wanted], stored.frame_shape)
    pieces: dict[int, NDArray[np.uint8]] = {}
    reading = stored.each(order)
    progress(0, len(order), "Reading segments")
    for done, (index, cells) in enumerate(reading, 1):
        number, k = int(numbers[index]), int(places[index, 0])
        if cells is not None:
            packed = _packed(cells >= least, places[index, 1:] - low, local)
            pieces[k] = pieces[k] | packed if k in pieces else packed
        last = done == len(order) or int(numbers[order[done]]) != number
        if last:
            _settle(result, taken, pieces, number, values[number], local, low, shape, dtype)
            pieces = {}
            progress(done, len(order), "Reading segments")
    if not result.arrays:
        result.arrays.append(np.zeros(shape, dtype))
        result.groups.append([])
    return result


def _settle(
    result: Painted,
    taken: list[dict[int, NDArray[np.uint8]]],
    pieces: dict[int, NDArray[np.uint8]],
    number: int,
    value: int,
    local: tuple[int, int],
    low: NDArray[np.intp],
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
) -> None:
    """Paint one whole segment into the first array that has room for it."""
    group = next((g for g, occupied in enumerate(taken) if _is_free(occupied, pieces)), None)
    if group is None:
        group = len(taken)
        taken.append({})
        result.arrays.append(np.zeros(shape, dtype))
        result.groups.append([])
    result.groups[group].append(number)
    occupied = taken[group]
    rows = slice(int(low[0]), int(low[0]) + local[0])
    columns = slice(int(low[1]), int(low[1]) + local[1])
    for k, piece in pieces.items():
        if not piece.any():
            continue
        mask = np.unpackbits(piece, count=local[0] * local[1]).reshape(local)
        result.counts[number] += int(np.count_nonzero(mask))
        # No voxel of it is taken: adding is writing.
        result.arrays[group][k, rows, columns] += mask * dtype.type(value)
        occupied[k] = occupied[k] | piece if k in occupied else piece


def _is_free(
    occupied: Mapping[int, NDArray[np.uint8]], pieces: Mapping[int, NDArray[np.uint8]]
) -> bool:
    return not any((occupied[k] & p).any() for k, p in pieces.items() if k in occupied)


def _common_raster(
    places: NDArray[np.intp], frame_shape: tuple[int, int]
) -> tuple[tuple[int, int], NDArray[np.intp]]:
    """Return shape and first row and column of what all frames cover in the plane."""
    if not len(places):
        return frame_shape, np.zeros(2, np.intp)
    low = places[:, 1:].min(axis=0)
    extent = places[:, 1:].max(axis=0) - low
    return (int(extent[0]) + frame_shape[0], int(extent[1]) + frame_shape[1]), low


def _packed(
    mask: NDArray[np.bool_], place: NDArray[np.intp], local: tuple[int, int]
) -> NDArray[np.uint8]:
    if mask.shape == local:
        return np.packbits(mask)
    whole = np.zeros(local, np.bool_)
    row, column = int(place[0]), int(place[1])
    whole[row : row + mask.shape[0], column : column + mask.shape[1]] = mask
    return np.packbits(whole)


def paint_label_map(
    stored: StoredFrames,
    values: Mapping[int, int],
    background: int,
    places: NDArray[np.intp],
    shape: tuple[int, int, int],
    *,
    progress: Progress,
) -> Painted:
    """Paint frames whose values are numbers of segments; see `paint_segments`.

    Parameters
    ----------
    background : int
        Stored value that is no segment.
    """
    bits = max(d.bits_stored for d in stored.descriptions)
    # Values that no segment describes stay as they are, as far as they are free.
    table = np.arange(1 << bits)
    free = (1 << bits) - 1
    free += free in values or free in values.values()
    storable = {n: v for n, v in values.items() if 0 <= n < len(table)}
    for number in set(values.values()) - set(values):
        if number < len(table):
            table[number] = free
    for number, value in storable.items():
        table[number] = value
    if 0 <= background < len(table):
        table[background] = 0
    same = np.array_equal(table, np.arange(1 << bits))
    high = max([0, *values.values()])
    dtype = np.dtype(np.uint8 if bits <= 8 and int(table.max()) < 256 else np.uint16)
    dtype = max(dtype, _dtype([high]), key=lambda one: one.itemsize)
    array = np.zeros(shape, dtype)
    counted: NDArray[np.int64] = np.zeros(1 << bits, np.int64)
    rows, columns = stored.frame_shape
    seen: set[tuple[int, int, int]] = set()
    progress(0, len(stored), "Reading labels")
    for done, (index, cells) in enumerate(stored.each(range(len(stored))), 1):
        if cells is None:
            continue
        k, row, column = places[index].tolist()
        counted += np.bincount(cells.reshape(-1), minlength=1 << bits)
        painted = cells if same else table[cells]
        part = array[k, row : row + rows, column : column + columns]
        if (k, row, column) in seen:  # nothing tells both frames apart: what either has
            np.copyto(part, painted, where=painted != 0)
        else:
            part[...] = painted
            seen.add((k, row, column))
        if done % _AHEAD == 0 or done == len(stored):
            progress(done, len(stored), "Reading labels")
    counts = Counter({int(n): int(counted[n]) for n in np.flatnonzero(counted) if n != background})
    return Painted([array], [sorted(set(counts) | set(values))], counts)


def _dtype(values: Any) -> np.dtype[Any]:
    highest = max(values, default=0)
    return np.dtype(np.uint8 if highest < 256 else np.uint16 if highest < 65536 else np.int32)
