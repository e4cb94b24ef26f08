"""Large images that are stored as tiles, read where they are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.loading.array_shape import ArrayShape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_dicomdb.dicom.findings import Finding
    from napari_dicomdb.loading.lazy import LazyArray

__all__ = ["TiledArray"]

_AT_ONCE = 64  # tiles decoded before they are pasted: bounds what is held beside the result


class TiledArray(ArrayShape):
    """One image of many tiles, as an array.

    Parameters
    ----------
    tiles : LazyArray
        (N, rows, columns) or (N, rows, columns, 3): what reads and keeps tiles.
    place : (N, 3) ndarray of int
        For each tile which plane it belongs to (counted through all leading
        axes), and row and column of its first pixel, from 0.
    leading : tuple of int
        Shape of the axes before (row, column); () for one plane.
    rows, columns : int
        Of the image; what tiles have beyond is cut off.
    background : float
        Where there is no tile.
    """

    def __init__(
        self,
        tiles: LazyArray,
        place: NDArray[np.intp],
        leading: tuple[int, ...],
        rows: int,
        columns: int,
        background: float = 0,
    ) -> None:
        self._tiles = tiles
        self._place = place
        self._background = background
        self._planes = np.arange(int(np.prod(leading, dtype=np.intp))).reshape(leading)
        self._members = [np.flatnonzero(place[:, 0] == k) for k in range(self._planes.size)]
        self._tops, self._lefts = place[:, 1], place[:, 2]
        self._tile_rows, self._tile_columns = tiles.shape[1:3]
        self.dtype = tiles.dtype
        self.shape: tuple[int, ...] = (*leading, rows, columns, *tiles.shape[3:])

    def plane(self, number: int) -> TiledArray:
        """Return plane `number` of the first axis, as lazy as all; tiles are shared."""
        lead = self._planes.ndim
        if lead == 0:
            raise IndexError("there is one plane only")
        chosen = self._planes[number]
        place = self._place.copy()
        inside = np.isin(place[:, 0], chosen)
        place[:, 0] = np.where(inside, place[:, 0] - chosen.min(), -1)
        rows, columns = self.shape[lead : lead + 2]
        return TiledArray(
            self._tiles, place, chosen.shape, rows, columns, background=self._background
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What went wrong with the tiles read so far."""
        return self._tiles.findings

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a tiled array has no memory to share: it must be read")
        values = self[...]
        return values if dtype is None else values.astype(dtype, copy=False)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        keys = self._split(key)
        lead = self._planes.ndim
        planes = np.asarray(self._planes[keys[:lead]])
        rows = _positions(keys[lead], self.shape[lead])
        columns = _positions(keys[lead + 1], self.shape[lead + 1])
        colour = self.shape[lead + 2 :]
        shape = (planes.size, rows.size, columns.size, *colour)
        result = np.full(shape, self._background, self.dtype)
        if result.size:
            for out, plane in zip(result, planes.reshape(-1).tolist(), strict=True):
                self._paste(out, plane, rows.reshape(-1), columns.reshape(-1))
        result = result.reshape((*planes.shape, *rows.shape, *columns.shape, *colour))
        inside = keys[lead + 2 :]
        return result[(..., *inside)] if inside else result

    def _paste(
        self,
        out: NDArray[Any],
        plane: int,
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
    ) -> None:
        """Put the pixels at `rows` and `columns` of one plane into `out`."""
        wanted = self._members[plane]
        tops, lefts = self._tops[wanted], self._lefts[wanted]
        seen = (tops <= rows.max()) & (tops + self._tile_rows > rows.min())
        seen &= (lefts <= columns.max()) & (lefts + self._tile_columns > columns.min())
        wanted = wanted[seen]
        for start in range(0, len(wanted), _AT_ONCE):
            chosen = wanted[start : start + _AT_ONCE]
            for number, tile in zip(chosen.tolist(), self._read(chosen), strict=True):
                down = rows - self._tops[number]
                across = columns - self._lefts[number]
                r = np.flatnonzero((down >= 0) & (down < self._tile_rows))
                c = np.flatnonzero((across >= 0) & (across < self._tile_columns))
                if r.size and c.size:
                    inner = tile[_run(down[r])][:, _run(across[c])]
                    out[_crossing(r, c)] = inner

    def _read(self, chosen: NDArray[np.intp]) -> Iterator[NDArray[Any]]:
        # An index of several reads them in threads.
        yield from self._tiles[chosen.tolist()]

    def _split(self, key: Any) -> tuple[Any, ...]:
        """Return one index an axis."""
        parts = key if isinstance(key, tuple) else (key,)
        if any(part is None for part in parts):
            raise IndexError("a tiled array takes numbers, slices, lists and ... as indices")
        dots = [i for i, part in enumerate(parts) if part is Ellipsis]
        if len(dots) > 1:
            raise IndexError("an index can only have a single ellipsis ('...')")
        if len(parts) - len(dots) > self.ndim:
            raise IndexError(f"too many indices: the array has {self.ndim} axes, not {len(parts)}")
        fill = (slice(None),) * (self.ndim - len(parts) + len(dots))
        at = dots[0] if dots else len(parts)
        return (*parts[:at], *fill, *parts[at + len(dots) :])


def _positions(key: Any, length: int) -> NDArray[np.intp]:
    """Positions along an axis that `key` asks for; of no dimension for a single one."""
    return np.asarray(np.arange(length)[key])


def _run(indices: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    """Return a slice where indices follow each other: it copies faster."""
    first, count = int(indices[0]), len(indices)
    if int(indices[-1]) - first == count - 1 and (np.diff(indices) == 1).all():
        return slice(first, first + count)
    return indices


def _crossing(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> tuple[Any, Any]:
    r, c = _run(rows), _run(columns)
    if isinstance(r, slice) or isinstance(c, slice):
        return r, c
    return np.ix_(rows, columns)  # type: ignore[return-value]
