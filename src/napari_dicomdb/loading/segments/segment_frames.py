"""Frames of segmentations as lazy arrays: fractions, one plane a segment; tiles of slides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.loading.array_shape import ArrayShape
from napari_dicomdb.loading.lazy import LazyArray
from napari_dicomdb.loading.tiles import TiledArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.dicom.findings import Finding
    from napari_dicomdb.loading.segments.label_painting import StoredFrames

__all__ = ["MappedFrames", "MergedTiles", "fractions_of", "tiles_of"]


class MappedFrames:
    """Stored frames as other values, each put at its place in a plane.

    Parameters
    ----------
    stored : StoredFrames
    dtype : numpy.dtype
        Of the values.
    table : (N,) ndarray, optional
        The value for each stored one.
    scale : float
        What stored values are multiplied by where there is no table.
    starts : (N, 2) ndarray of int, optional
        First row and column of each frame in the plane.
    plane : tuple of 2 int, optional
        Rows and columns of the plane; those of the frames by default.
    """

    def __init__(
        self,
        stored: StoredFrames,
        dtype: np.dtype[Any],
        *,
        table: NDArray[Any] | None = None,
        scale: float = 1.0,
        starts: NDArray[np.intp] | None = None,
        plane: tuple[int, int] | None = None,
    ) -> None:
        self.stored = stored
        self.dtype = dtype
        self.fill = 0.0
        self.problems = stored.problems
        self.frame_shape: tuple[int, ...] = plane or stored.frame_shape
        self._table, self._scale = table, scale
        self._starts = np.zeros((len(stored), 2), np.intp) if starts is None else starts

    def __len__(self) -> int:
        return len(self.stored)

    def read(self, index: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Read frame `index` (into `out`).

        Raises
        ------
        PixelError, OSError
            If it cannot be read.
        """
        cells = self.stored.read(index)
        if out is None:
            out = np.empty(self.frame_shape, self.dtype)
        if cells.shape != self.frame_shape:
            out[...] = 0
        row, column = self._starts[index].tolist()
        part = out[row : row + cells.shape[0], column : column + cells.shape[1]]
        if self._table is not None:
            part[...] = self._table[cells]
        else:
            np.multiply(cells, self.dtype.type(self._scale), out=part, casting="unsafe")
        return out


def fractions_of(
    stored: StoredFrames,
    numbers: Sequence[int],
    order: Sequence[int],
    places: NDArray[np.intp],
    shape: tuple[int, int, int],
    maximum: float,
    *,
    turns: NDArray[np.intp] | None = None,
) -> LazyArray:
    """Return fractions, 0 to 1, of each segment: (segments, [times,] slices, rows, columns).

    Parameters
    ----------
    stored : StoredFrames
    numbers : sequence of int
        Segment number of each frame.
    order : sequence of int
        Segment numbers along the first axis.
    places : (N, 3) ndarray of int
        Slice, first row, first column of each frame.
    shape : tuple of 3 int
        Of the volume.
    maximum : float
        The stored value that is 1.
    turns : (N,) ndarray of int, optional
        Time of each frame, where there are several.
    """
    frames = MappedFrames(
        stored,
        np.dtype(np.float32),
        scale=1.0 / maximum,
        starts=places[:, 1:],
        plane=shape[1:],
    )
    times = () if turns is None else (int(turns.max()) + 1,)
    index = np.full((len(order), *times, shape[0]), -1, np.intp)
    row = {number: k for k, number in enumerate(order)}
    for frame, number in enumerate(numbers):
        turn = () if turns is None else (int(turns[frame]),)
        index[(row[number], *turn, int(places[frame, 0]))] = frame
    return LazyArray(frames, index)


def tiles_of(
    frames: MappedFrames, plane: NDArray[np.intp], places: NDArray[np.intp], size: tuple[int, ...]
) -> TiledArray:
    """Return tiles as an image that is read where it is looked at.

    Parameters
    ----------
    frames : MappedFrames
        The tiles.
    plane : (N,) ndarray of int
        Which plane of the first axis each belongs to.
    places : (N, 2) ndarray of int
        First row and column of each.
    size : tuple of 3 int
        Planes, rows, columns.
    """
    place = np.column_stack([plane, places]).astype(np.intp)
    return TiledArray(LazyArray(frames), place, size[:1], size[1], size[2])


class MergedTiles(ArrayShape):
    """Planes of segments as one image of labels; where they overlap, the first is seen.

    Parameters
    ----------
    tiles : TiledArray
        (segments, rows, columns), not 0 inside.
    values : sequence of int
        What stands for each segment.
    """

    def __init__(self, tiles: TiledArray, values: Sequence[int]) -> None:
        self._planes = [tiles.plane(k) for k in range(len(values))]
        self._values = values
        self.dtype = np.dtype(np.uint8 if max(values, default=0) < 256 else np.uint16)
        self.shape: tuple[int, ...] = tuple(tiles.shape[1:])

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What went wrong with the tiles read so far."""
        return self._planes[0].findings

    def __getitem__(self, key: Any) -> NDArray[Any]:
        merged: NDArray[Any] | None = None
        for plane, value in zip(self._planes, self._values, strict=True):
            inside = np.asarray(plane[key]) != 0
            if merged is None:
                merged = np.zeros(inside.shape, self.dtype)
            merged[inside & (merged == 0)] = value
        assert merged is not None  # there is a segment
        return merged

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a lazy array is read into a new array: copy=False is impossible")
        whole = self[:, :]
        return whole if dtype is None else whole.astype(dtype)
