"""Segmentations of whole slides: where their tiles lie, read at once or where looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.loading.segments.label_painting import Painted, paint_segments
from napari_dicomdb.loading.segments.segment_frames import MappedFrames, MergedTiles, tiles_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from napari_dicomdb.loading.segments.label_painting import StoredFrames
    from napari_dicomdb.loading.slides import SlideImage
    from napari_dicomdb.progress import Progress

__all__ = ["is_small", "lazy_labels", "painted_labels", "tile_segments", "within_reason"]

_SMALL = 1 << 26  # pixels of all tiles that are read at once
_LARGE = 1 << 28  # pixels of an image that is held in memory
_MOST = 1 << 20  # rows or columns of a slide; more is believed where there are tiles only


def is_small(image: SlideImage) -> bool:
    """Return whether all tiles are read at once, so that overlaps are decided by data."""
    rows, columns = image.instances[0].rows, image.instances[0].columns
    enough = len(image.frames) * rows * columns <= _SMALL
    return enough and image.rows * image.columns <= _LARGE


def within_reason(image: SlideImage) -> SlideImage:
    """Return `image`, with the size of what its tiles cover where it claims nonsense."""
    if max(image.rows, image.columns) <= _MOST:
        return image
    first = image.instances[0]
    inside = image.place[(image.place[:, 2:] < _MOST).all(axis=1)]
    low = inside[:, 2:].max(axis=0) if len(inside) else np.zeros(2, np.intp)
    text = f"{image.columns} x {image.rows} pixels are claimed: shown is what tiles are there for"
    finding = Finding(FindingCode.BAD_HEADER_VALUE, Severity.WARNING, text)
    return replace(
        image,
        rows=min(image.rows, max(int(low[0]), 0) + first.rows),
        columns=min(image.columns, max(int(low[1]), 0) + first.columns),
        findings=(*image.findings, finding),
    )


def tile_segments(
    image: SlideImage, described: Sequence[int]
) -> tuple[list[int], NDArray[np.intp]]:
    """Return segment number, and first row and column, of each tile.

    Parameters
    ----------
    image : SlideImage
    described : sequence of int
        Segment numbers in the order of SegmentSequence.

    Notes
    -----
    Of TILED_FULL the segments come one after the other, each with all its tiles
    (PS3.3 Section C.7.6.17.3).
    """
    frames = image.frames
    said = frames.values("ReferencedSegmentNumber")
    tops = frames.values("RowPositionInTotalImagePixelMatrix")
    lefts = frames.values("ColumnPositionInTotalImagePixelMatrix")
    told = all(isinstance(v, int) for v in (*tops, *lefts))
    first = frames.instances[0]
    across = -(-image.columns // first.columns)
    each = across * -(-image.rows // first.rows)
    number = np.arange(len(frames))
    if told:
        places = np.column_stack([tops, lefts]).astype(np.intp) - 1
    else:
        at = number % each
        places = np.column_stack([at // across * first.rows, at % across * first.columns])
    numbers = []
    for k, one in enumerate(said):
        turn = k // each
        other = described[turn] if turn < len(described) else turn + 1
        numbers.append(int(one) if isinstance(one, int) else other)
    return numbers, places.astype(np.intp)


def painted_labels(
    stored: StoredFrames,
    image: SlideImage,
    numbers: Sequence[int],
    values: Mapping[int, int],
    places: NDArray[np.intp],
    *,
    least: float,
    progress: Progress,
) -> Painted:
    """Paint all tiles; overlapping segments go into arrays of their own, (1, rows, columns)."""
    frame = np.array(stored.frame_shape)
    matrix = np.array([image.rows, image.columns])
    # What touches no pixel of the matrix is no part of it.
    chosen = np.flatnonzero(((places + frame > 0) & (places < matrix)).all(axis=1))
    inside = places[chosen]
    # The last tiles may reach beyond the matrix.
    low = np.minimum(inside.min(axis=0, initial=0), 0)
    high = np.maximum((inside + frame).max(axis=0, initial=0), matrix)
    extent = high - low
    where = np.column_stack([np.zeros(len(places), np.intp), places - low])
    painted = paint_segments(
        stored,
        numbers,
        values,
        where,
        (1, int(extent[0]), int(extent[1])),
        least=least,
        chosen=chosen.tolist(),
        progress=progress,
    )
    top, left = (-low).tolist()
    painted.arrays = [
        one[:, top : top + image.rows, left : left + image.columns] for one in painted.arrays
    ]
    return painted


def lazy_labels(
    stored: StoredFrames,
    image: SlideImage,
    numbers: Sequence[int],
    values: Mapping[int, int],
    places: NDArray[np.intp],
    *,
    least: float,
) -> MergedTiles:
    """Return (rows, columns) labels that read tiles where they are looked at."""
    order = sorted(set(numbers))
    plane = np.searchsorted(order, numbers)
    top = 1 << max(d.bits_allocated for d in stored.descriptions)
    inside: NDArray[Any] = (np.arange(top) >= least).astype(np.uint8)
    frames = MappedFrames(stored, np.dtype(np.uint8), table=inside)
    size = (len(order), image.rows, image.columns)
    return MergedTiles(tiles_of(frames, plane, places, size), [values[n] for n in order])
